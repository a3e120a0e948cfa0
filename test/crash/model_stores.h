/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model_stores.h — content, runs and releases as they should be: what a list of verbs does to them, record by record.
 *
 * All of it is small and numbered: content i has bytes of its own that never change, run i an id, release i a name, and
 * event n of a run holds what its number and the way it was asked for say.
 */
#ifndef TEST_CRASH_MODEL_STORES_H
#define TEST_CRASH_MODEL_STORES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firn.h"

enum {
    MODEL_CONTENTS = 6,
    MODEL_RUNS = 6,
    MODEL_RUN_EVENTS = 64, /* Numbers from 1. */
    MODEL_RELEASES = 2,
    MODEL_RELEASES_MAX = 160, /* Of one name. */
    MODEL_VERBS_MAX = 6,
    MODEL_APPENDS_MAX = 4, /* Events of one append. */
    MODEL_VERB_RECORDS_MAX = MODEL_VERBS_MAX * MODEL_APPENDS_MAX,
    MODEL_TEXT_SIZE = 256,
    MODEL_CHUNK_SIZE = 65536 /* content_chunk_size of every world. */
};

typedef enum model_verb_kind {
    MODEL_PUT,    /**< Of content `subject`. */
    MODEL_CREATE, /**< Of run `subject`. */
    MODEL_APPEND, /**< Of `count` events to run `subject`; from number `first` on, or 0: numbered by the ledger. */
    MODEL_END,    /**< Of run `subject`; `first` is the firn_run_status. */
    MODEL_PROMOTE /**< Of release `subject` to the digest of content `first`. */
} model_verb_kind;

typedef struct model_verb {
    model_verb_kind kind;
    unsigned subject;
    unsigned first;
    unsigned count;
} model_verb;

/** An event of a run: how it was asked for decides what it holds. */
typedef struct model_run_event {
    uint8_t there;
    uint8_t automatic; /**< Numbered by the ledger … */
    uint8_t index;     /**< … as the one with this index of its append. */
} model_run_event;

typedef struct model_run {
    bool created;
    firn_run_status status;
    unsigned count;
    unsigned last; /**< Highest number. */
    model_run_event events[MODEL_RUN_EVENTS];
} model_run;

typedef struct model_stores {
    bool contents[MODEL_CONTENTS];
    model_run runs[MODEL_RUNS];
    unsigned releases[MODEL_RELEASES];
    uint8_t released[MODEL_RELEASES][MODEL_RELEASES_MAX]; /**< Contents promoted. */
} model_stores;

/** A record that a verb appends. */
typedef struct model_record {
    uint32_t kind;
    int stream; /**< 0 … MODEL_RUNS - 1: of a run; from there on: of a release; -1: none. */
} model_record;

/**
 * What verbs do, in order, as one batch: FIRN_OK, and the stores are changed and out_records are what is appended; or
 * the refusal, and the stores are undefined.
 */
firn_status model_stores_decide(model_stores *s, const model_verb *verbs, unsigned verbs_count,
                                model_record out_records[MODEL_VERB_RECORDS_MAX], unsigned *out_count);

/** Whether the model has room for what verbs may append. */
bool model_stores_have_room(const model_stores *s, const model_verb *verbs, unsigned verbs_count);

/** The bytes of a content, and their digest; they live as long as the program. */
firn_slice model_content(unsigned content);
const uint8_t *model_digest(unsigned content);

firn_slice model_run_id(unsigned run);
firn_slice model_release_name(unsigned release);
/** "run:…" or "release:…" of a stream as in model_record. */
firn_slice model_verb_stream_name(unsigned stream);

/** What to create a run with. */
firn_run_args model_run_args(unsigned run);
/** The event with this index of an append to a run, and with this number; 0: numbered by the ledger. text holds it. */
firn_run_event model_event_of(unsigned run, unsigned number, unsigned index, char text[MODEL_TEXT_SIZE]);
firn_run_summary model_summary(unsigned run);
firn_release_args model_release_args(unsigned release, unsigned content);

#endif
