/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_api_run_batches.c — events of several runs in batches, against a model in memory.
 *
 * What a run's rows hold is kept in memory while a batch is decided and written back at its end, so batches here go
 * over blocks of 64 events, change runs, repeat their own events and are refused halfway. Seeds are printed;
 * FIRN_TEST_SEED runs one alone.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/ledger/ledger.h"
#include "engine/store/run.h"
#include "format/bytes.h"
#include "test/api/runs.h"

enum {
    RUNS = 3,
    NUMBERS = 450, /* Event numbers of a run: seven blocks. */
    ROUNDS = 120,
    VERBS_MAX = 5,
    EVENTS_MAX = 150,
    SEEDS = 3
};

/* One run: 0, or what the event of this number says. */
typedef struct model_run {
    bool ended;
    unsigned said[NUMBERS];
    unsigned count;
    unsigned last;
} model_run;

typedef struct model {
    model_run runs[RUNS];
    unsigned raw;
} model;

static const char *const run_ids[RUNS] = {"R0", "R1", "R2"};
static uint64_t seed;

static unsigned draw(unsigned below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((seed >> 33) % below);
}

static void event_add(model_run *run, unsigned number, unsigned says)
{
    run->said[number] = says;
    run->count++;
    run->last = number > run->last ? number : run->last;
}

/* What the engine should do with these events: appended and duplicates, or false: all is refused. */
static bool model_append(model_run *run, const firn_run_event *events, const unsigned *says, unsigned count,
                         uint64_t *seqs, firn_run_appended *out)
{
    *out = (firn_run_appended){0};
    for (unsigned i = 0; i < count; i++) {
        unsigned number = events[i].auto_seq ? run->last + 1 : (unsigned)events[i].event_seq;

        assert_true(number < NUMBERS);
        if (run->ended || (run->said[number] != 0 && run->said[number] != says[i])) {
            return false;
        }
        seqs[i] = number;
        if (run->said[number] == 0) {
            event_add(run, number, says[i]);
            out->appended++;
        } else {
            out->duplicates++;
        }
    }
    out->event_count = run->count;
    out->last_event_seq = run->last;
    return true;
}

/* Events as a caller may give them: in order behind the last, over what is there, or anywhere. */
static unsigned draw_events(const model_run *run, firn_run_event *events, unsigned *says, char texts[][32])
{
    unsigned count = 1 + draw(EVENTS_MAX), way = draw(4), from = way == 0 ? draw(NUMBERS) : run->last + 1;
    bool mistakes = draw(4) == 0;

    if (way == 2 && run->last + count >= NUMBERS) {
        way = 3;
    }
    if (way == 1) {
        from -= draw(from < 100 ? from : 100);
    }
    for (unsigned i = 0; i < count; i++) {
        unsigned number = way == 2 ? 0 : way == 3 ? 1 + draw(NUMBERS - 1) : from + i / 2 * 2 - i / 7;

        if (way != 2 && (number == 0 || number >= NUMBERS)) {
            return i == 0 ? draw_events(run, events, says, texts) : i;
        }
        says[i] = mistakes && draw(100) == 0 ? 2 : 1;
        (void)snprintf(texts[i], sizeof texts[i], "{\"says\":%u}", says[i]);
        events[i] = (firn_run_event){
            .event_seq = number, .auto_seq = way == 2, .kind = S("k"), .payload = S(texts[i]), .timestamp = t0};
    }
    return count;
}

/* One verb, in the batch and in the model. False: the batch must be refused. */
static bool add_verb(firn_batch *batch, model *m, uint64_t *seqs, uint64_t *wanted_seqs, firn_run_appended *appended,
                     firn_run_appended *wanted, unsigned *out_count)
{
    static firn_run_event events[EVENTS_MAX];
    static unsigned says[EVENTS_MAX];
    static char texts[EVENTS_MAX][32];
    unsigned which = draw(RUNS);
    firn_error err;

    *out_count = 0;
    *wanted = *appended = (firn_run_appended){0};
    if (draw(6) == 0) {
        OK(err, firn_batch_event(batch, S("raw"), 1, S("x"), &err));
        m->raw++;
        return true;
    }
    if (draw(40) == 0) {
        bool good = !m->runs[which].ended;

        OK(err, firn_batch_run_end(batch, S(run_ids[which]), FIRN_RUN_COMPLETED, &sum0, &err));
        m->runs[which].ended = true;
        return good;
    }
    *out_count = draw_events(&m->runs[which], events, says, texts);
    OK(err, firn_batch_run_append(batch, S(run_ids[which]), events, *out_count, seqs, appended, &err));
    return model_append(&m->runs[which], events, says, *out_count, wanted_seqs, wanted);
}

/* A batch of some verbs; the model changes with it or not at all. */
static bool round_once(firn_ledger *ledger, model *m)
{
    static uint64_t seqs[VERBS_MAX][EVENTS_MAX], wanted_seqs[VERBS_MAX][EVENTS_MAX];
    firn_run_appended appended[VERBS_MAX], wanted[VERBS_MAX];
    unsigned counts[VERBS_MAX], verbs = 1 + draw(VERBS_MAX);
    bool good = true;
    model before = *m;
    firn_batch *batch;
    firn_status status;
    firn_error err;

    OK(err, firn_batch_new(ledger, &batch, &err));
    for (unsigned i = 0; i < verbs; i++) {
        good = add_verb(batch, m, seqs[i], wanted_seqs[i], &appended[i], &wanted[i], &counts[i]) && good;
    }
    status = firn_batch_commit(batch, NULL, &err);
    firn_batch_free(batch);
    if (!good) {
        assert_true(status == FIRN_EEXISTS || status == FIRN_ESTATE);
        *m = before;
        return false;
    }
    EXPECT(FIRN_OK, err, NULL, status);
    for (unsigned i = 0; i < verbs; i++) {
        assert_memory_equal(&appended[i], &wanted[i], sizeof appended[i]);
        if (counts[i] != 0) {
            assert_memory_equal(seqs[i], wanted_seqs[i], counts[i] * sizeof seqs[i][0]);
        }
    }
    return true;
}

static void check_run(firn_ledger *ledger, const char *run_id, const model_run *wanted)
{
    firn_run run = get(ledger, run_id);
    firn_view *view = view_of(ledger);
    firn_run_events *events;
    firn_run_event event;
    char text[32];
    firn_error err;

    assert_int_equal(run.event_count, wanted->count);
    assert_int_equal(run.last_event_seq, wanted->last);
    assert_int_equal(run.status != FIRN_RUN_RUNNING, wanted->ended);
    OK(err, firn_run_events_open(view, S(run_id), NULL, &events, &err));
    for (unsigned number = 0; number < NUMBERS; number++) {
        if (wanted->said[number] != 0) {
            OK(err, firn_run_events_next(events, &event, &err));
            assert_int_equal(event.event_seq, number);
            (void)snprintf(text, sizeof text, "{\"says\":%u}", wanted->said[number]);
            assert_true(is(event.payload, text));
        }
    }
    assert_int_equal(firn_run_events_next(events, &event, &err), FIRN_END);
    firn_run_events_close(events);
    firn_view_close(view);
}

static void check_all(firn_ledger *ledger, const model *m)
{
    for (int i = 0; i < RUNS; i++) {
        check_run(ledger, run_ids[i], &m->runs[i]);
    }
    assert_int_equal(api_stream(ledger, "raw").version, m->raw);
}

static void run_seed(api_world *world, unsigned number)
{
    static model m;
    unsigned done = 0, refused = 0;

    print_message("seed %u\n", number);
    seed = number * UINT64_C(0x9e3779b97f4a7c15);
    m = (model){0};
    for (int i = 0; i < RUNS; i++) {
        create(world->ledger, run_ids[i]);
    }
    for (int i = 0; i < ROUNDS; i++) {
        *(round_once(world->ledger, &m) ? &done : &refused) += 1;
        if (i % 30 == 29) {
            check_all(world->ledger, &m);
        }
    }
    assert_true(done > 10 && refused > 5);
    api_check_and_reopen(world);
    check_all(world->ledger, &m);
}

/* Whatever batches say of runs, state, answers and rows are the model's, live and replayed. */
static void test_model(void **state)
{
    const char *only = getenv("FIRN_TEST_SEED");

    if (only != NULL) {
        run_seed(*state, (unsigned)strtoul(only, NULL, 10));
        return;
    }
    for (unsigned number = 1; number <= SEEDS; number++) {
        run_seed(*state, number);
        (void)api_teardown(state);
        (void)api_setup_memory(state);
    }
}

/* The same where rows go to disk. */
static void test_model_folder(void **state)
{
    run_seed(*state, SEEDS + 1);
}

/* A number of the second block is taken by another event: the first block, written back before it, is as it was. */
static void test_refused_behind_a_block(void **state)
{
    api_world *world = *state;
    firn_run_event events[100];
    firn_run_appended appended;
    firn_error err;

    create(world->ledger, "R");
    append_ok(world->ledger, "R", 90, "other");
    for (unsigned i = 0; i < 100; i++) {
        events[i] = ev(i + 1, "k");
    }
    EXPECT(FIRN_EEXISTS, err, "append to run: event 90 of run R already exists with different content",
           firn_run_append(world->ledger, S("R"), events, 100, NULL, NULL, &err));
    assert_string_equal(ALL(world->ledger, "R"), "90");
    OK(err, frn_ledger_check(world->ledger, &err));
    events[89] = ev(90, "other");
    OK(err, firn_run_append(world->ledger, S("R"), events, 100, NULL, &appended, &err));
    assert_int_equal(appended.appended, 99);
    assert_int_equal(appended.duplicates, 1);
    assert_int_equal(appended.event_count, 100);
    api_check_and_reopen(world);
    assert_int_equal(get(world->ledger, "R").event_count, 100);
}

/* Prints stay in indexes that later versions open: each member counts, behind its size where it has one. */
static void test_print(void **state)
{
    const firn_time time = {.seconds = -7, .nanoseconds = 999999999};
    uint8_t bytes[64] = {0}, print[FRN_PRINT_SIZE], whole[FIRN_DIGEST_SIZE];
    frn_digests digests;
    frn_heap heap;
    firn_error err;

    (void)state;
    fmt_put64(bytes, 4);
    memcpy(bytes + 8, "kind", 4);
    fmt_put64(bytes + 12, (uint64_t)time.seconds);
    fmt_put64(bytes + 20, time.nanoseconds);
    fmt_put64(bytes + 28, 7);
    memcpy(bytes + 36, "payload", 7);
    OK(err, firn_digest_of((firn_slice){bytes, 43}, whole, &err));
    frn_heap_init(&heap);
    frn_digests_init(&digests, &heap);
    OK(err, frn_run_event_print(&digests, S("kind"), S("payload"), time, print, &err));
    frn_digests_done(&digests);
    assert_memory_equal(print, whole, sizeof print);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print),
        ON_BOTH(test_refused_behind_a_block),
        ON_MEMORY(test_model),
        ON_FOLDER(test_model_folder),
    };

    return cmocka_run_group_tests_name("run_batches", tests, NULL, NULL);
}
