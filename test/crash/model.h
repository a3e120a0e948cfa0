/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.h — what a ledger should be: the plain list of batches submitted to it, and the answer that each call must get.
 *
 * A call is decided against everything decided before it, so the model predicts its answer at once. What is in the
 * model but not yet acknowledged may be taken back by a crash: the ledger then holds a prefix of the model's batches,
 * no shorter than `floor`, the number of batches on which answers that were given rest. model_truncate() follows it.
 */
#ifndef TEST_CRASH_MODEL_H
#define TEST_CRASH_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "test/crash/model_stores.h"

enum {
    MODEL_STREAMS = 6, /* Of events; behind them come those of runs and releases. */
    MODEL_STREAMS_ALL = MODEL_STREAMS + MODEL_RUNS + MODEL_RELEASES,
    MODEL_EVENTS_MAX = 8,
    MODEL_EXPECTS_MAX = 3,
    MODEL_SCOPES = 2,
    MODEL_KEYS = 5,
    MODEL_RECORDS_MAX = MODEL_EVENTS_MAX + MODEL_VERB_RECORDS_MAX,
    MODEL_DETAIL_ANY = 0xffff /* The store's own. */
};

typedef struct model_event {
    unsigned stream; /**< 0 … MODEL_STREAMS - 1. */
    uint32_t kind;
    size_t size;
    size_t at; /**< Its payload in the request's bytes. */
} model_event;

typedef struct model_expect {
    unsigned stream;
    uint64_t version;
} model_expect;

/** What a call asks for. Shared by the models that hold it. */
typedef struct model_request {
    unsigned refs;
    bool sets_key_age; /**< firn_key_age_set() with age_ns, and nothing below. */
    bool has_key;
    bool has_digest; /**< The caller's, else that of the events. */
    unsigned scope;
    unsigned key;
    uint64_t age_ns;
    unsigned events_count; /**< 0, and no verbs: conditions alone. */
    unsigned verbs_count;  /**< Decided behind the events. */
    unsigned expects_count;
    model_event events[MODEL_EVENTS_MAX];
    model_expect expects[MODEL_EXPECTS_MAX];
    model_verb verbs[MODEL_VERBS_MAX];
    uint8_t digest[FIRN_DIGEST_SIZE];
    uint8_t bytes[];
} model_request;

/** The answer that a call must get once all it could have seen is durable. */
typedef struct model_answer {
    firn_status status;
    uint16_t detail;
    uint32_t existing;
    uint64_t first_seq;
    uint32_t count;
    int64_t time_ns;
    size_t position; /**< Batches in the model when it had been decided, its own included. */
    bool appended;
} model_answer;

typedef struct model_batch {
    model_request *request;
    uint64_t first_seq;
    uint32_t count;
    int64_t time_ns;
} model_batch;

typedef struct model_stream {
    uint32_t id; /**< As interned: the order of first appearance; 0: never appeared. */
    uint64_t version;
    uint64_t first_seq;
    uint64_t last_seq;
} model_stream;

typedef struct model {
    model_batch *batches;
    size_t count;
    size_t capacity;
    size_t floor;
    /* What follows from the batches. */
    uint64_t key_age_ns;
    uint64_t next_seq;
    int64_t time_ns; /**< Of the last batch; 0: none. */
    unsigned streams_count;
    model_stream streams[MODEL_STREAMS_ALL];
    model_stores stores;
    size_t keys[MODEL_SCOPES][MODEL_KEYS]; /**< 1 + the batch that recorded it; 0: unknown. */
} model;

/** Of a ledger without any record. */
void model_init(model *m);
void model_done(model *m);
/** A copy of the first `count` batches; with them, floor is theirs. */
void model_fork(const model *m, size_t count, model *out_fork);

/** The name of a stream, 0 … MODEL_STREAMS_ALL - 1. */
firn_slice model_stream_name(unsigned stream);

/**
 * The records of a request when it is decided on these stores, which are changed. Their streams are those of
 * model_stream_name(). Not FIRN_OK: refused; the stores are undefined.
 */
firn_status model_records(model_stores *s, const model_request *request, model_record out_records[MODEL_RECORDS_MAX],
                          unsigned *out_count);

/** Decides a call at clock_ns. If the answer is that something is appended, it is in the model afterwards. */
model_answer model_decide(model *m, model_request *request, int64_t clock_ns);
/** A call with this answer was answered: all that it rests on must survive. */
void model_answered(model *m, const model_answer *answer);
/** Only the first `count` batches were there after a crash; all of them are durable. */
void model_truncate(model *m, size_t count);

/** The batch of a key that is in force at clock_ns, or NULL. */
const model_batch *model_key(const model *m, unsigned scope, unsigned key, int64_t clock_ns);

/** An empty request with room for bytes, held once. */
model_request *model_request_new(size_t bytes_size);
void model_request_unref(model_request *request);

#endif
