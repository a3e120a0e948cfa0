/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_model.h — runs as they should be: what a verb does to them, and how it is answered.
 *
 * Nothing of a run is ever taken back, so the model keeps the ledger's seq of everything: what a view shows is what has
 * a seq up to the view's, and a refused batch is undone by dropping what has a later one.
 */
#ifndef TEST_MODEL_RUN_MODEL_H
#define TEST_MODEL_RUN_MODEL_H

#include "test/model/store_world.h"

enum {
    NAMED = 8, /* Runs with an id of the test's; those behind got theirs from the ledger. */
    RUNS = 30,
    EVENTS_MAX = 600,
    APPEND_MAX = 5,
    VIEWS = 3
};

/* What may stand in fields; the model holds numbers of these. */
enum {
    AGENTS = 3,
    SHAS = 3,
    TAGS = 4,
    KINDS = 5,
    PAYLOADS = 5
};
extern const char *const run_agents[AGENTS];
extern const char *const run_shas[SHAS];
extern const char *const run_tags[TAGS]; /* NULL means null. */
extern const char *const run_kinds[KINDS];
extern const char *const run_payloads[PAYLOADS];
extern const firn_run_evaluation run_evaluations[2];

typedef struct event {
    uint64_t event_seq, seq;
    unsigned kind, payload;
    int32_t seconds;
} event;

typedef struct fields {
    unsigned spec, agent, sha, tags;
    int evaluation; /* -1: absent. */
} fields;

typedef struct run {
    char id[FIRN_RUN_ID_SIZE_MAX + 1];
    uint64_t create_seq, end_seq; /* 0: not there; not ended. */
    int64_t created_ns, completed_ns;
    fields fields;
    firn_run_status status;
    firn_run_summary summary;
    event events[EVENTS_MAX]; /* In the order of their seqs. */
    size_t count;
} run;

typedef struct model {
    store_world world;
    run runs[RUNS];
    unsigned runs_count;
    firn_view *views[VIEWS];
    uint8_t specs[3][FIRN_DIGEST_SIZE];
} model;

typedef enum verb_kind {
    CREATE,
    APPEND,
    END
} verb_kind;

/* One verb, what it is asked with, and what it answers. */
typedef struct verb {
    verb_kind kind;
    unsigned run;
    fields fields;
    event events[APPEND_MAX];
    bool automatic[APPEND_MAX];
    unsigned count;
    firn_run_status status;
    firn_run_summary summary;
    /* The model's answer. */
    bool created;
    uint64_t numbers[APPEND_MAX];
    firn_run_appended appended;
    /* The ledger's. */
    firn_run_created out_created;
    uint64_t out_numbers[APPEND_MAX];
    firn_run_appended out_appended;
} verb;

/** The highest number among the first count events; 0 if there is none. */
uint64_t run_last(const run *r, size_t count);
/** Events up to a seq of the ledger. */
size_t run_count_at(const run *r, uint64_t seq);
/** "run not found: …" as a text shows it, with something before it. */
const char *run_not_found(const char *before, const run *r);

/** What the verb does to the model, and how it is answered, a refusal with its text. A refusal may leave things half
    done: see run_undo(). */
firn_status run_decide(model *m, verb *v, const char **out_text);
/** Drops what has a seq above records, which was the last one at last_ns. */
void run_undo(model *m, uint64_t records, int64_t last_ns);

#endif
