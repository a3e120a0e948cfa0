/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit.pml — a model of group commit, crash and recovery, for Spin: every interleaving of a small ledger.
 *
 * The claim, in words. Whatever somebody relied on (an acknowledgement, a refusal, what recovery showed) is there, the
 * same, after any number of power cuts and deaths of the process, at any moment, recovery included. What survives is a
 * prefix of what was submitted, each batch once. What a recovery cut never comes back. No crash of a healthy disk is
 * called damage, and one slot of the manifest is always good.
 *
 * What stands for what. A group holds one batch and takes one place of its segment; each life (incarnation) has a
 * segment of its own. Two groups are in flight at most. A write is durable by itself (direct and DSYNC), or by a sync
 * submitted after its completion; each run takes one way. A group carries the identity of its predecessor (the
 * checksum) and the durable seq that its writer knew. The manifest has two slots, each with a generation and the first
 * seq of every life; a crash while one is written spoils it.
 *
 * What is left out: several batches in a group, several segments in a life, clean closes, footers, the file `reach`, the
 * index. The crash sweep has all of them, at random; here a few things are tried in every order.
 *
 * Each PLANT_… takes one rule away; test/spin/run demands that the claim falls without it, and stands with all.
 */
#ifndef CRASHES
#define CRASHES 2
#endif
#ifndef BATCHES
#define BATCHES 4 /* Submitted at most; their identities are 1 .. BATCHES, in the order of submission. */
#endif
#define SEQS 3 /* Given out: 1 .. SEQS. */
#define IN_FLIGHT 2
#define LIVES (CRASHES + 1)
#define PLACES (LIVES * SEQS)

mtype = {
    BLANK,  /* Nothing that verifies: never written, lost, or torn. */
    FLIGHT, /* Sent, its completion not seen. */
    CACHED, /* Readable; a power cut takes or leaves it. */
    STORED, /* Durable. */
    ORPHAN  /* Sent by a dead process: it may still land, at any moment. */
};

/* Where the process is. Each step of recovery is one, and a crash may come between any two. */
mtype = { LIVE, READ, SETTLE, TEAR_FIRST, WRITE_FIRST, TEAR_SECOND, WRITE_SECOND, SHOW };

typedef slot {
    bool good;
    byte generation;
    byte lives;
    byte first[LIVES]; /* First seq of each life begun. */
};

/* The disk. */
mtype at[PLACES];
byte batch[PLACES];
byte before[PLACES]; /* The batch at the seq before; 0 none. */
byte knew[PLACES];
slot slots[2];

/* The process. `base` is the first place of its segment, which holds first_seq. */
mtype phase = LIVE;
byte base;
byte first_seq = 1;
byte allocated;
byte durable;
byte last; /* The batch at `allocated`. */
bool finished[SEQS];
bool covered[SEQS]; /* By the sync under way. */
bool syncing;
byte decided; /* A refusal was decided at this position and waits for it; 0 none. */

/* Recovery. */
byte believed;  /* Slot. */
byte target;    /* Slot that is written first. */
byte found[SEQS]; /* Place of each seq that was accepted. */

/* The world, for the claim alone. */
byte submitted;
byte promised;     /* Every seq up to here was relied on by somebody. */
byte answer[SEQS]; /* The batch of each of these, by seq - 1. */
bool cut[BATCHES]; /* By a recovery that somebody saw; by identity - 1. */
bool direct;
byte crashes;

#define READABLE(p) (at[p] == CACHED || at[p] == STORED)

/* Whether the life l owns the seq that it gave to its place k: no later life began at or before it. */
#ifdef PLANT_FORGET_LIFE
#define OWNS(l, k) true
#else
#define OWNS(l, k) (l + 1 >= slots[believed].lives || slots[believed].first[l] + k < slots[believed].first[l + 1])
#endif

/* A group that is accepted as the next, behind the last. */
#define GOOD(l, k) (OWNS(l, k) && READABLE(l * SEQS + k) && before[l * SEQS + k] == last)

inline send()
{
    p = base + allocated + 1 - first_seq;
    submitted++;
    allocated++;
    batch[p] = submitted;
    before[p] = last;
    knew[p] = durable;
    at[p] = FLIGHT;
    last = submitted
}

inline complete(place)
{
    if
    :: direct ->
        at[place] = STORED;
        finished[place - base] = true
    :: else ->
        at[place] = CACHED;
#ifdef PLANT_FINISHED_UNSYNCED
        finished[place - base] = true
#endif
    fi
}

inline begin_sync()
{
    syncing = true;
    for (k : 0 .. SEQS - 1) {
        covered[k] = (at[base + k] == CACHED)
    }
}

inline end_sync()
{
    syncing = false;
    for (k : 0 .. SEQS - 1) {
        if
        :: covered[k] ->
            at[base + k] = STORED;
            finished[k] = true
#ifdef PLANT_SYNC_COVERS_LATER
        :: !covered[k] && at[base + k] == CACHED -> finished[k] = true
#endif
        :: else -> skip
        fi;
        covered[k] = false
    }
}

/* Somebody relies on everything up to `seq`. */
inline rely(seq)
{
    do
    :: promised < seq ->
        answer[promised] = batch[base + promised + 1 - first_seq];
        promised++
    :: else -> break
    od
}

/* What a crash leaves; each open effect goes its own way. A power cut ends all doubt, a death leaves orphans. */
inline crash(power)
{
    for (p : 0 .. PLACES - 1) {
        if
        :: power && (at[p] == FLIGHT || at[p] == CACHED || at[p] == ORPHAN) ->
            if
            :: at[p] = BLANK
            :: at[p] = STORED
            fi
        :: !power && at[p] == FLIGHT ->
            if
            :: at[p] = BLANK
            :: at[p] = CACHED
            :: at[p] = ORPHAN
            fi
        :: else -> skip
        fi
    }
    for (k : 0 .. SEQS - 1) {
        finished[k] = false;
        covered[k] = false
    }
    syncing = false;
    decided = 0;
    durable = 0;
    crashes++;
    phase = READ
}

/* Follow the groups of each life in turn, each behind its true predecessor. */
inline walk()
{
    if
    :: slots[0].good && (!slots[1].good || slots[0].generation >= slots[1].generation) -> believed = 0
    :: else -> believed = 1
    fi;
    assert(slots[believed].good);
    allocated = 0;
    last = 0;
    l = 0;
    do
    :: l < slots[believed].lives ->
        k = 0;
        do
        :: k < SEQS && slots[believed].first[l] + k == allocated + 1 && GOOD(l, k) ->
            found[allocated] = l * SEQS + k;
            last = batch[l * SEQS + k];
            allocated++;
            k++
        :: else -> break
        od;
        l++
    :: else -> break
    od
}

/* No witness reaches behind the end: neither a group that its life owns, nor the first seq of a life. */
inline judge()
{
    for (l : 0 .. LIVES - 1) {
        if
        :: l < slots[believed].lives ->
            assert(slots[believed].first[l] <= allocated + 1);
            for (k : 0 .. SEQS - 1) {
                assert(!READABLE(l * SEQS + k) || !OWNS(l, k) || knew[l * SEQS + k] <= allocated)
            }
        :: else -> skip
        fi
    }
}

inline settle()
{
    for (p : 0 .. PLACES - 1) {
        if
        :: at[p] == CACHED -> at[p] = STORED
        :: else -> skip
        fi
    }
}

/* The slot `s` tells of the next life. What it held is lost from the first byte on, so a crash before this spoils it. */
inline write_slot(s)
{
    slots[s].generation = slots[believed].generation + 1;
    slots[s].lives = slots[believed].lives + 1;
    for (k : 0 .. LIVES - 1) {
        slots[s].first[k] = (k == slots[believed].lives -> allocated + 1 : slots[believed].first[k])
    }
    slots[s].good = true
}

/* The claim, at the moment at which a ledger is shown; from then on all of it is relied on. */
inline check()
{
    assert(allocated >= promised);
    for (k : 0 .. BATCHES - 1) {
        gone[k] = k < submitted
    }
    for (k : 0 .. SEQS - 1) {
        if
        :: k < allocated ->
            p = batch[found[k]];
            assert(p > (k == 0 -> 0 : answer[k - 1]));
            assert(!cut[p - 1]);
            assert(k >= promised || answer[k] == p);
            answer[k] = p;
            gone[p - 1] = false
        :: else -> skip
        fi
    }
    promised = allocated;
    for (k : 0 .. BATCHES - 1) {
        cut[k] = gone[k];
        gone[k] = false
    }
}

active proctype ledger()
{
    byte k, l, p;
    bool gone[BATCHES];

    atomic {
        for (p : 0 .. PLACES - 1) {
            at[p] = BLANK
        }
        for (k : 0 .. 1) {
            slots[k].good = true;
            slots[k].lives = 1;
            slots[k].first[0] = 1
        }
        if
        :: direct = true
        :: direct = false
        fi
    }
    do
    :: atomic { phase == LIVE && allocated < SEQS && allocated - durable < IN_FLIGHT && submitted < BATCHES -> send() }
    :: atomic { phase == LIVE && at[base] == FLIGHT -> complete(base) }
    :: atomic { phase == LIVE && at[base + 1] == FLIGHT -> complete(base + 1) }
    :: atomic { phase == LIVE && at[base + 2] == FLIGHT -> complete(base + 2) }
    :: atomic { phase == LIVE && !direct && !syncing && durable < allocated -> begin_sync() }
    :: atomic { phase == LIVE && syncing -> end_sync() }
    :: atomic { phase == LIVE && durable < allocated && finished[durable + 1 - first_seq] -> durable++ }
#ifdef PLANT_DURABLE_SKIPS
    :: atomic { phase == LIVE && durable + 1 < allocated && finished[durable + 2 - first_seq] -> durable = durable + 2 }
#endif
    :: atomic { phase == LIVE && promised < durable -> rely(durable) }
    :: atomic { phase == LIVE && decided == 0 && promised < allocated -> decided = allocated }
#ifdef PLANT_REFUSAL_EARLY
    :: atomic { phase == LIVE && decided != 0 -> rely(decided); decided = 0 }
#else
    :: atomic { phase == LIVE && decided != 0 && decided <= durable -> rely(decided); decided = 0 }
#endif

    :: atomic { crashes < CRASHES -> crash(true) }
    :: atomic { crashes < CRASHES -> crash(false) }
    :: atomic {
        crashes > 0 ->
        p = 0;
        do
        :: p < PLACES && at[p] == ORPHAN ->
            if
            :: at[p] = CACHED
            :: at[p] = BLANK
            fi;
            break
        :: p < PLACES -> p++
        :: else -> break
        od
    }

    :: atomic { phase == READ -> walk(); judge(); phase = SETTLE }
#ifdef PLANT_EXPOSE_UNSYNCED
    :: atomic { phase == SETTLE -> phase = TEAR_FIRST }
#else
    :: atomic { phase == SETTLE -> settle(); phase = TEAR_FIRST }
#endif
#ifdef PLANT_GOOD_SLOT_FIRST
    :: atomic { phase == TEAR_FIRST -> target = believed; slots[target].good = false; phase = WRITE_FIRST }
#elif defined PLANT_SLOTS_TOGETHER
    :: atomic {
        phase == TEAR_FIRST ->
        target = 1 - believed;
        slots[0].good = false;
        slots[1].good = false;
        phase = WRITE_FIRST
    }
#else
    :: atomic { phase == TEAR_FIRST -> target = 1 - believed; slots[target].good = false; phase = WRITE_FIRST }
#endif
    :: atomic { phase == WRITE_FIRST -> write_slot(target); phase = TEAR_SECOND }
    :: atomic { phase == TEAR_SECOND -> slots[1 - target].good = false; phase = WRITE_SECOND }
    :: atomic {
        phase == WRITE_SECOND ->
        slots[1 - target].generation = slots[target].generation;
        slots[1 - target].lives = slots[target].lives;
        for (k : 0 .. LIVES - 1) {
            slots[1 - target].first[k] = slots[target].first[k]
        }
        slots[1 - target].good = true;
        phase = SHOW
    }
    :: atomic {
        phase == SHOW ->
        check();
        base = (slots[target].lives - 1) * SEQS;
        first_seq = allocated + 1;
        durable = allocated;
        phase = LIVE
    }
    od
}
