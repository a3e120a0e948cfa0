/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world.h — a process that lives on a simulated disk: an open ledger, the model of it, and the calls that are out.
 *
 * world_act() does one thing that a host might do, chosen by dice, and checks every answer against the model.
 * world_recover() opens a disk as the next process would, and world_check() holds what is there against the model. All
 * of them end the program with a text when something is wrong: see violation().
 */
#ifndef TEST_CRASH_WORLD_H
#define TEST_CRASH_WORLD_H

#include "engine/base/heap.h"
#include "engine/ledger/ledger.h"
#include "firn.h"
#include "test/crash/index_disk.h"
#include "test/crash/model.h"
#include "test/crash/place.h"
#include "test/disk/disk.h"

enum {
    WORLD_CALLS_MAX = 96
};

/** Options of one history, from its seed. */
typedef struct settings {
    uint64_t seed;
    firn_options options;
    unsigned size_typical; /**< Bytes of most payloads, at most. */
    unsigned large_in;     /**< One payload in so many is larger than the rest of a segment, or than a segment. */
    bool indexed;          /**< The index outlives the process. */
    unsigned merge_in;     /**< One act in so many is followed by a merge. */
    bool no_fua;           /**< The device knows no write that is durable by itself. */
} settings;

settings settings_of(uint64_t seed);
/** Sets one of them: "indexed=0" and the like. False if there is no such setting. */
bool settings_change(settings *with, const char *text);
/** The changes that make a history simpler; NULL behind the last one. */
extern const char *const settings_simpler[];

struct world;

typedef struct call {
    struct world *world;
    model_answer want;
    firn_ticket *ticket; /**< NULL: by callback. */
    bool live;
} call;

typedef struct world {
    const settings *with;
    disk *d; /**< The world's own. */
    frn_io *io;
    frn_heap heap;
    firn_ledger *ledger;
    firn_batch *batch;
    model *m; /**< The caller's. */
    dice dice;
    dice merge_dice;             /**< Of its own, so that a history without an index is the same one. */
    uint64_t incarnation;        /**< Of the ledger as opened. */
    uint64_t incarnation_before; /**< Known to the model before it was opened; 0: created then. */
    bool was_clean;
    bool failing;  /**< Operations of the disk are made to fail, and calls may fail because of it. */
    unsigned live; /**< Calls without an answer. */
    call calls[WORLD_CALLS_MAX];
} world;

/** A process on disk d, which becomes the world's; nothing is opened. */
void world_init(world *w, const settings *with, disk *d, model *m, uint64_t seed);
/** Open; FIRN_EBUSY lets a dead writer's writes land first. Returns the status of the last try. */
firn_status world_open(world *w, firn_open_mode mode, firn_error *err);
/** Create on an empty disk and open. The age of keys is the ledger's first batch, which a crash may take. */
firn_status world_create(world *w, firn_error *err);
/** Close cleanly, then everything is durable. The disk stays. */
void world_close(world *w);
/** Die: nothing is written. The disk stays. */
void world_abandon(world *w);
/** Gives the disk and the heap back; nothing may be left in the heap, no handle on the disk, no misuse. */
void world_done(world *w);

/** Merges; what is merged must survive. */
void world_merge(world *w);
/** Makes room for a blocking call, which would wait for a merge that nobody makes. False: there is none. */
bool world_pay(world *w);
/** Whether a call failed because an operation of the disk did, as it was meant to. */
bool world_failed(const world *w, firn_status status, const firn_error *err);
/** Whether the ledger says that it takes nothing any more. */
bool world_is_poisoned(const world *w);

/** One thing by dice; closing and reopening only if `reopens`. */
void world_act(world *w, bool reopens);
/** Looks at tickets. */
void world_poll(world *w);

/** A call's request by dice. */
model_request *world_request(world *w);
/** Submit or commit it, and check the answer; the request is given up. */
void world_submit(world *w, model_request *request, bool by_ticket);
void world_commit(world *w, model_request *request);

/**
 * What is durable must be a prefix of the model's batches, whole, byte for byte, no shorter than the model's floor.
 * Returns the number of batches.
 */
size_t world_check_log(world *w);
/** The same of a damaged log: may end early, by a status that says why, and may be shorter than the floor. */
size_t world_check_damaged(world *w, firn_status *out_status, firn_error *err);
/** Streams and keys of a view must be those of the model's first `count` batches; the rows a replay. */
void world_check_rows(world *w, size_t count);

/** Content, runs and releases of a view must be those of the model, to the last byte. */
void world_check_stores(firn_view *view, const model_stores *want);

/** Adds the verbs of a request to the world's batch. */
firn_status world_collect_verbs(world *w, const model_request *request, firn_error *err);
/** A request of one verb and nothing else, by the verb's own call; its results are checked against the model's. */
bool world_fits_verb(const model_request *request);
firn_status world_call_verb(world *w, const model_request *request, const model_answer *want, firn_receipt *out_receipt,
                            firn_error *err);

/** What worlds came across that a sweep must reach. */
typedef struct world_counts {
    uint64_t left[4]; /**< Indexes found when a ledger was opened, by index_left. */
    uint64_t behind;  /**< Of the committed ones, those that the log had gone on from. */
    uint64_t merges;
    uint64_t held;     /**< Calls that were not taken because too much was not merged. */
    uint64_t failing;  /**< Lives with a failing disk, */
    uint64_t failed;   /**< those in which it did fail, */
    uint64_t poisoned; /**< and those in which that poisoned the ledger. */
    uint64_t damaged;  /**< States with damage laid over them, */
    uint64_t refused;  /**< those whose damage refused an open for writing, */
    uint64_t harmless; /**< and those in which it changed nothing. */
    uint64_t readers;  /**< Readers of what nobody had recovered. */
} world_counts;
extern world_counts world_counted;

#endif
