/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.c — one script on one place under one setting, compared with the reference as it goes and in the end.
 *
 * A run that was stopped goes on behind what is durable: with the first operation that the reference's seqs say is not
 * whole there. So what a crash took is asked for again, at the same time of the ledger's clock, and the history is the
 * same one. An operation of several batches cannot be taken up in the middle: a run that crashes does not stop within
 * one.
 */
#include "test/differ/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/api/answers.h"
#include "test/api/api.h"
#include "test/differ/perform.h"

enum {
    LIVES = 3,        /* Of a run that is killed, before the one that ends well. */
    FOLLOWED_IN = 10, /* A reader looks after one operation in so many. */
    WAIT_SECONDS = 60 /* For a reader to catch up; only a hang takes so long. */
};

#define SHIFT_NS (INT64_C(5 * 3600 + 7) * 1000000000)
#define ANSWERS_COMPARED (ANSWERS_ANY_LEDGER | ANSWERS_ANY_LIFE)

run_counts counted;

typedef struct run {
    const reference *reference;
    const script *script;
    const setting *with;
    place place;
    dice dice;
    call *calls; /* One an operation. */
    bool differs;
} run;

static void tell_difference(run *r, const char *what)
{
    char text[700];

    if (!r->differs) {
        counted.differences++;
        (void)printf("seed %llu: %s\n", (unsigned long long)r->script->seed, what);
        matrix_describe(r->with, text, sizeof text);
        (void)printf("  run        %s\n", text);
        matrix_describe(r->reference->place.with, text, sizeof text);
        (void)printf("  reference  %s\n", text);
        (void)fflush(stdout);
    }
    r->differs = true;
}

/* ---- digests ---- */

static firn_history digest_to(const run *r, firn_ledger *ledger, uint64_t last_seq)
{
    firn_history_options options = {
        .struct_size = sizeof options, .last_seq = last_seq, .without_time = r->with->other_time};
    firn_history history = {.struct_size = sizeof history};
    firn_error err;

    OK(err, firn_history_digest(ledger, &options, &history, &err));
    return history;
}

static bool same_to(const run *r, firn_ledger *ledger, uint64_t last_seq)
{
    firn_history want = digest_to(r, r->reference->place.ledger, last_seq);
    firn_history got = digest_to(r, ledger, last_seq);

    return memcmp(want.digest, got.digest, sizeof want.digest) == 0 && want.records == got.records;
}

static uint64_t durable_of(firn_ledger *ledger)
{
    firn_cursor position;

    firn_position(ledger, &position);
    return position.seq;
}

/* The first seq that is not the reference's; last_seq + 1 if all are. */
static uint64_t first_difference(const run *r, firn_ledger *ledger, uint64_t last_seq)
{
    uint64_t low = 1, high = last_seq + 1;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (same_to(r, ledger, middle)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The history up to a seq is the reference's. */
static void check_digest(run *r, firn_ledger *ledger, uint64_t last_seq, const char *when)
{
    char text[200];

    if (last_seq > 0 && !r->differs) {
        counted.digests++;
        if (!same_to(r, ledger, last_seq)) {
            (void)snprintf(text, sizeof text, "%s: the digest of seqs 1 to %llu differs", when,
                           (unsigned long long)last_seq);
            tell_difference(r, text);
        }
    }
}

/* Whatever it was that differed: where it began. */
static void tell_first_difference(const run *r)
{
    uint64_t want = durable_of(r->reference->place.ledger), got = durable_of(r->place.ledger);
    uint64_t both = want < got ? want : got, first = first_difference(r, r->place.ledger, both);

    (void)printf("  %llu records, the reference has %llu; ", (unsigned long long)got, (unsigned long long)want);
    if (first <= both) {
        (void)printf("the first that differs is seq %llu\n", (unsigned long long)first);
    } else {
        (void)printf("they are the same as far as both go\n");
    }
    (void)fflush(stdout);
}

/* ---- answers ---- */

static void check_answer(run *r, call *c)
{
    const op *o = c->op;
    char *got;

    perform_wait(c);
    if (!r->with->other_time && !r->differs) {
        got = perform_answer(c);
        counted.answers++;
        if (strcmp(got, o->answer) != 0) {
            (void)printf("operation %zu:\n  %s\n  %s\n", (size_t)(o - r->script->ops), got, o->answer);
            tell_difference(r, "an operation is answered otherwise");
        }
        free(got);
    }
    *c = (call){0};
}

static void drain(run *r)
{
    for (size_t i = 0; i < r->script->count; i++) {
        if (r->calls[i].op != NULL) {
            check_answer(r, &r->calls[i]);
        }
    }
}

static void drop(run *r)
{
    for (size_t i = 0; i < r->script->count; i++) {
        perform_drop(&r->calls[i]);
    }
}

/* Every query has the reference's answer. */
static void check_queries(run *r)
{
    firn_ledger *ledger = r->with->followed ? r->place.reader : r->place.ledger;
    const char *want = r->reference->answers, *line = want;
    char *got;
    size_t at = 0;

    if (r->with->other_time || r->differs) {
        return;
    }
    got = answers_ask(ledger, NULL, ANSWERS_COMPARED);
    counted.answers++;
    while (want[at] != '\0' && want[at] == got[at]) {
        at++;
        line = want[at - 1] == '\n' ? want + at : line;
    }
    if (want[at] != got[at]) {
        (void)printf("  %.*s\n  %.*s\n", (int)strcspn(got + (line - want), "\n"), got + (line - want),
                     (int)strcspn(line, "\n"), line);
        tell_difference(r, "a query is answered otherwise");
    }
    free(got);
}

/* ---- running ---- */

/* Performs an operation; its answer may be still to come. */
static void do_op(run *r, size_t i)
{
    const op *o = &r->script->ops[i];
    bool alone = op_is_many_batches(o) && r->with->stop != STOP_CLOSE;
    bool submits = dice_chance(&r->dice, r->with->submit_in);

    atomic_store(&r->place.clock_ns, o->clock_ns + (r->with->other_time ? SHIFT_NS : 0));
    if (alone) {
        drain(r);
    }
    counted.operations++;
    while (perform(r->place.ledger, o, submits, &r->calls[i]) == FIRN_FULL) {
        place_progress(&r->place);
    }
    if (dice_chance(&r->dice, 5)) {
        place_progress(&r->place);
    }
    if (alone || dice_chance(&r->dice, r->with->drain_in)) {
        drain(r);
    }
    if (r->place.reader != NULL && dice_chance(&r->dice, FOLLOWED_IN)) {
        check_digest(r, r->place.reader, durable_of(r->place.reader), "a reader");
    }
}

/* Stops, goes on, and returns with which operation. */
static size_t stop_and_go_on(run *r, size_t i)
{
    counted.stops++;
    if (r->with->stop == STOP_CLOSE) {
        drain(r);
        place_close(&r->place);
        place_open(&r->place);
    } else {
        size_t next;

        drop(r);
        place_crash(&r->place, &r->dice);
        place_open(&r->place);
        next = script_resume(r->script, durable_of(r->place.ledger));
        counted.redone += i - next;
        i = next;
    }
    check_digest(r, r->place.ledger, durable_of(r->place.ledger), "opened again");
    return i;
}

static void do_ops(run *r, size_t i)
{
    bool stops = r->with->stop != STOP_KILL;

    while (i < r->script->count && !r->differs) {
        do_op(r, i++);
        if (stops && dice_chance(&r->dice, r->with->stop_in)) {
            i = stop_and_go_on(r, i);
        }
    }
    drain(r);
}

/* A life that ends with SIGKILL: in another process, which performs some operations before. */
static void live_and_die(run *r)
{
    unsigned count = 1 + (unsigned)dice_roll(&r->dice, r->with->stop_in);
    uint64_t dice_seed = dice_next(&r->dice);
    pid_t child;
    int status;

    (void)fflush(stdout);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        size_t i;

        r->dice = dice_of(dice_seed);
        place_open(&r->place);
        i = script_resume(r->script, durable_of(r->place.ledger));
        check_digest(r, r->place.ledger, durable_of(r->place.ledger), "opened again");
        while (i < r->script->count && count-- > 0 && !r->differs) {
            do_op(r, i++);
        }
        if (!r->differs) {
            (void)kill(getpid(), SIGKILL);
        }
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    counted.stops++;
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
        tell_difference(r, "a life that was to be killed found a difference, or failed");
    }
}

static void do_lives(run *r)
{
    place_close(&r->place);
    for (int life = 0; life < LIVES && !r->differs; life++) {
        live_and_die(r);
    }
    place_open(&r->place);
    check_digest(r, r->place.ledger, durable_of(r->place.ledger), "opened again");
    do_ops(r, script_resume(r->script, durable_of(r->place.ledger)));
}

static void count_what_was_used(firn_ledger *ledger)
{
    firn_stats stats = {.struct_size = sizeof stats};
    firn_error err;

    OK(err, firn_stat(ledger, &stats, &err));
    counted.ring += stats.io_path == FIRN_IO_URING;
    counted.direct += stats.direct;
    counted.merges += stats.merges_count;
    counted.segments += stats.segments_count;
}

/* Closed, all of it verifies. */
static void check_verified(run *r, uint64_t last)
{
    firn_report report = {.struct_size = sizeof report};
    char text[200];

    place_close(&r->place);
    place_verify(&r->place, &report);
    if (report.findings != 0 || report.last_seq != last) {
        (void)snprintf(text, sizeof text, "firn_verify() has %llu findings and sees seq %llu last",
                       (unsigned long long)report.findings, (unsigned long long)report.last_seq);
        tell_difference(r, text);
    }
}

bool run_compare(const reference *of, const setting *with, const char *parent)
{
    const script *s = of->script;
    uint64_t last = durable_of(of->place.ledger);
    run r = {.reference = of, .script = s, .with = with, .dice = dice_of(~s->seed)};
    firn_error err;

    counted.runs++;
    r.calls = calloc(s->count, sizeof *r.calls);
    assert_non_null(r.calls);
    place_make(&r.place, with, parent, s->seed);
    if (with->stop == STOP_KILL) {
        do_lives(&r);
    } else {
        do_ops(&r, 0);
    }
    if (!r.differs && durable_of(r.place.ledger) != last) {
        tell_difference(&r, "there are more records, or fewer");
    }
    check_digest(&r, r.place.ledger, last, "in the end");
    if (r.place.reader != NULL && !r.differs && last > 0) {
        OK(err, firn_wait(r.place.reader, last - 1, INT64_C(1000000000) * WAIT_SECONDS, &err));
        check_digest(&r, r.place.reader, last, "a reader in the end");
    }
    check_queries(&r);
    if (r.differs) {
        tell_first_difference(&r);
    }
    count_what_was_used(r.place.ledger);
    drop(&r);
    check_verified(&r, last);
    place_done(&r.place);
    free(r.calls);
    return !r.differs;
}

void reference_make(reference *r, script *s, const setting *with, const char *parent)
{
    call c = {0};

    *r = (reference){.script = s};
    place_make(&r->place, with, parent, s->seed);
    for (size_t i = 0; i < s->count; i++) {
        op *o = &s->ops[i];

        atomic_store(&r->place.clock_ns, o->clock_ns);
        o->version = perform_version(r->place.ledger, o);
        assert_int_equal(perform(r->place.ledger, o, false, &c), FIRN_OK);
        o->answer = perform_answer(&c);
        o->after_seq = durable_of(r->place.ledger);
    }
    r->answers = answers_ask(r->place.ledger, NULL, ANSWERS_COMPARED);
}

void reference_done(reference *r)
{
    place_done(&r->place);
    free(r->answers);
}
