/* SPDX-License-Identifier: Apache-2.0 */
/*
 * states.h — the states in which a power cut could have left a recorded disk.
 *
 * A device that honours FLUSH and FUA owes: what was complete when a flush was asked for is there after the flush, and
 * a FUA write is there when it is complete. It owes nothing else. So beside each prefix of the log there are
 *
 * - lost: right before a flush ends, any part of the writes that it flushes is there, whole or page by page;
 * - torn: right before a FUA write ends, any part of its pages is there.
 */
#ifndef TEST_REPLAY_STATES_H
#define TEST_REPLAY_STATES_H

#include "test/replay/blocks.h"
#include "test/replay/picture.h"

typedef enum state_kind {
    STATE_PREFIX,
    STATE_LOST,
    STATE_TORN,
    STATE_KINDS
} state_kind;

typedef struct state {
    state_kind kind;
    size_t whole; /**< Blocks before this one are there; */
    size_t end;   /**< of those from `whole` to before this one some are. What is marked before it must hold. */
    uint64_t seed;
} state;

typedef struct state_list {
    state *states;
    size_t count;
} state_list;

/** In the order of `whole`; from `first` on. At most about `limit` of them, evenly taken. */
state_list states_of(const block_log *log, size_t first, uint64_t seed, size_t limit);
void states_free(state_list *list);

/** Brings a picture from block `from` to block `to`. */
void states_apply(picture *p, const block_log *log, size_t from, size_t to);

/** A picture of `base`, which is at s->whole, in state s. */
picture state_picture(const picture *base, const block_log *log, const state *s);

#endif
