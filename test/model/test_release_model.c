/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_release_model.c — random promotes and reads of releases, compared with a list for each name.
 *
 * A release is never taken back, so a view shows those whose seq is not above its own. The clock stands still and goes
 * back now and then: times of a name increase in any case.
 */
#include "test/model/store_world.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    NAMES = 7,
    RELEASES_MAX = 400, /* Of one name. */
    BATCH_MAX = 5,
    VIEWS = 3,
    STEPS = 250
};

/* In the order of their bytes; one is the beginning of the next. */
static const char *const names[NAMES] = {"a", "agent", "agent-a", "agent-b", "b c", "z", "\xd0\xbb"};
static const char *const labels[] = {NULL, "", "v1", "v2"};
static const char *const promoters[] = {"", "ci"};
static const char *const notes[] = {NULL, "", "first\nsecond"};
#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

typedef struct release {
    unsigned name, spec, label, by, notes;
    uint64_t seq, number;
    int64_t created_ns;
} release;

typedef struct model {
    store_world world;
    release releases[NAMES][RELEASES_MAX]; /* Number n of a name at n - 1. */
    size_t count[NAMES];
    firn_view *views[VIEWS];
    uint8_t specs[3][FIRN_DIGEST_SIZE];
} model;

static release draw_release(model *m)
{
    store_world *w = &m->world;
    release r = {.name = ROLL(w, NAMES), .spec = ROLL(w, 3), .label = ROLL(w, COUNT_OF(labels))};

    r.by = ROLL(w, COUNT_OF(promoters));
    r.notes = ROLL(w, COUNT_OF(notes));
    return r;
}

/* Appends it to the model and fills in what the ledger will say. */
static void promote(model *m, release *r)
{
    size_t count = m->count[r->name];
    int64_t before = count == 0 ? INT64_MIN : m->releases[r->name][count - 1].created_ns;

    assert_true(count < RELEASES_MAX);
    store_world_appended(&m->world, 1);
    r->seq = m->world.records;
    r->number = count + 1;
    r->created_ns = m->world.last_ns > before ? m->world.last_ns : before + 1;
    m->releases[r->name][count] = *r;
    m->count[r->name]++;
}

static firn_slice given(const char *text)
{
    return text == NULL ? (firn_slice){0} : S(text);
}

static firn_release_args args_of(const model *m, const release *r)
{
    return (firn_release_args){
        .struct_size = sizeof(firn_release_args),
        .name = S(names[r->name]),
        .spec_digest = m->specs[r->spec],
        .version_label = given(labels[r->label]),
        .promoted_by = S(promoters[r->by]),
        .notes = given(notes[r->notes]),
    };
}

static void expect_time(firn_time time, int64_t ns)
{
    assert_int_equal(time.seconds * 1000000000 + time.nanoseconds, ns);
}

static void expect_result(const firn_release_result *result, const release *r)
{
    assert_int_equal(result->release_number, r->number);
    assert_int_equal(result->seq, r->seq);
    expect_time(result->created_at, r->created_ns);
}

static void step_promote(model *m)
{
    release r = draw_release(m);
    firn_release_args args = args_of(m, &r);
    firn_release_result result;
    firn_error err;

    promote(m, &r);
    OK(err, firn_release_promote(m->world.ledger, &args, &result, &err));
    expect_result(&result, &r);
}

static void step_submit(model *m)
{
    unsigned count = 1 + ROLL(&m->world, BATCH_MAX);
    firn_release_result results[BATCH_MAX];
    firn_ticket *tickets[BATCH_MAX];
    release r[BATCH_MAX];
    firn_status status;
    firn_error err;

    for (unsigned i = 0; i < count; i++) {
        firn_release_args args;

        r[i] = draw_release(m);
        args = args_of(m, &r[i]);
        promote(m, &r[i]);
        do {
            status = firn_release_promote_submit(m->world.ledger, &args, &results[i], NULL, &tickets[i], &err);
        } while (store_world_full(status));
        OK(err, status);
    }
    for (unsigned i = 0; i < count; i++) {
        OK(err, firn_ticket_wait(tickets[i], -1, NULL, &err));
        expect_result(&results[i], &r[i]);
        firn_ticket_free(tickets[i]);
    }
}

/* Several promotes, of one name too, as one batch, which a wrong condition may refuse. */
static void step_batch(model *m)
{
    unsigned count = 1 + ROLL(&m->world, BATCH_MAX);
    bool refused = ROLL(&m->world, 4) == 0;
    firn_release_result results[BATCH_MAX];
    release r[BATCH_MAX];
    firn_batch *batch;
    firn_error err;

    OK(err, firn_batch_new(m->world.ledger, &batch, &err));
    for (unsigned i = 0; i < count; i++) {
        firn_release_args args;

        r[i] = draw_release(m);
        args = args_of(m, &r[i]);
        OK(err, firn_batch_release_promote(batch, &args, &results[i], &err));
    }
    if (refused) {
        unsigned name = ROLL(&m->world, NAMES);
        const char *stream = store_text("release:%s", names[name]);

        /* The stream of a name has one record for each of its releases. */
        OK(err, firn_batch_expect(batch, S(stream), m->count[name] + 1, &err));
        EXPECT(FIRN_ECONFLICT, err,
               store_text("commit batch: stream release:%s: expected version %zu, is at %zu", names[name],
                          m->count[name] + 1, m->count[name]),
               firn_batch_commit(batch, NULL, &err));
    } else {
        for (unsigned i = 0; i < count; i++) {
            promote(m, &r[i]);
        }
        OK(err, firn_batch_commit(batch, NULL, &err));
        for (unsigned i = 0; i < count; i++) {
            expect_result(&results[i], &r[i]);
        }
    }
    firn_batch_free(batch);
}

/* What no name or field may be, in every form. */
static void step_invalid(model *m)
{
    release r = draw_release(m);
    firn_release_args args = args_of(m, &r);
    firn_ticket *ticket;
    firn_batch *batch;
    firn_error err;
    const char *text = "promote: invalid name: a\x01";

    args.name = S("a\x01");
    if (ROLL(&m->world, 2) == 0) {
        args.name = S("a");
        args.version_label = S("\xff");
        text = "promote: invalid version_label: ";
    }
    EXPECT(FIRN_EINVAL, err, text, firn_release_promote(m->world.ledger, &args, NULL, &err));
    EXPECT(FIRN_EINVAL, err, text, firn_release_promote_submit(m->world.ledger, &args, NULL, NULL, &ticket, &err));
    OK(err, firn_batch_new(m->world.ledger, &batch, &err));
    EXPECT(FIRN_EINVAL, err, text, firn_batch_release_promote(batch, &args, NULL, &err));
    assert_int_equal(firn_batch_count(batch), 0);
    firn_batch_free(batch);
}

static bool slice_is(firn_slice slice, const char *text)
{
    return text == NULL ? slice.data == NULL
                        : slice.data != NULL && slice.size == strlen(text) &&
                              (slice.size == 0 || memcmp(slice.data, text, slice.size) == 0);
}

static void expect_release(const model *m, const firn_release *got, const release *wanted)
{
    assert_true(slice_is(got->name, names[wanted->name]));
    assert_memory_equal(got->spec_digest, m->specs[wanted->spec], FIRN_DIGEST_SIZE);
    assert_true(slice_is(got->version_label, labels[wanted->label]));
    assert_true(slice_is(got->promoted_by, promoters[wanted->by]));
    assert_true(slice_is(got->notes, notes[wanted->notes]));
    expect_time(got->created_at, wanted->created_ns);
    assert_int_equal(got->release_number, wanted->number);
    assert_int_equal(got->rollback_of, 0);
    assert_int_equal(got->rollback_from, 0);
    assert_int_equal(got->seq, wanted->seq);
}

/* Releases of a name up to a seq. */
static size_t count_at(const model *m, unsigned name, uint64_t seq)
{
    size_t count = m->count[name];

    while (count > 0 && m->releases[name][count - 1].seq > seq) {
        count--;
    }
    return count;
}

/* Current, and the history from some number down, at most limit of it. */
static void look_name(const model *m, firn_view *view, unsigned name, uint64_t before, size_t limit)
{
    size_t count = count_at(m, name, firn_view_seq(view));
    firn_buf buf = {0};
    firn_release got;
    firn_error err;

    if (count == 0) {
        assert_int_equal(firn_release_current(view, S(names[name]), &buf, &got, &err), FIRN_END);
    } else {
        OK(err, firn_release_current(view, S(names[name]), &buf, &got, &err));
        expect_release(m, &got, &m->releases[name][count - 1]);
    }
    count = before != 0 && before - 1 < count ? (size_t)before - 1 : count;
    for (; count > 0 && limit > 0; count--, limit--) {
        OK(err, firn_release_history(view, S(names[name]), before, &buf, &got, &err));
        expect_release(m, &got, &m->releases[name][count - 1]);
        before = got.release_number;
    }
    if (count == 0 && before != 1) {
        assert_int_equal(firn_release_history(view, S(names[name]), before == 0 ? 0 : 1, &buf, &got, &err), FIRN_END);
    }
    firn_buf_free(&buf);
}

/* All names that have releases, with the one in force. */
static void look_names(const model *m, firn_view *view)
{
    firn_buf buf = {0};
    firn_release got = {.name = {0}};
    firn_error err;

    for (unsigned name = 0; name < NAMES; name++) {
        size_t count = count_at(m, name, firn_view_seq(view));

        if (count > 0) {
            OK(err, firn_release_next(view, got.name, &buf, &got, &err));
            expect_release(m, &got, &m->releases[name][count - 1]);
        }
    }
    assert_int_equal(firn_release_next(view, got.name, &buf, &got, &err), FIRN_END);
    firn_buf_free(&buf);
}

static void look(void *arg, firn_ledger *ledger)
{
    model *m = arg;
    firn_view *view;
    firn_error err;

    OK(err, firn_view_open(ledger, &view, &err));
    assert_int_equal(firn_view_seq(view), m->world.records);
    for (unsigned name = 0; name < NAMES; name++) {
        look_name(m, view, name, 0, SIZE_MAX);
    }
    look_names(m, view);
    firn_view_close(view);
}

static void step_view(model *m)
{
    unsigned k = ROLL(&m->world, VIEWS);
    firn_error err;

    if (m->views[k] != NULL) {
        look_name(m, m->views[k], ROLL(&m->world, NAMES), 1 + ROLL(&m->world, 40), 1 + ROLL(&m->world, 10));
        look_names(m, m->views[k]);
    }
    firn_view_close(m->views[k]);
    OK(err, firn_view_open(m->world.ledger, &m->views[k], &err));
}

static void let_go(model *m)
{
    store_views_close(m->views, VIEWS);
}

static void step_reopen(model *m)
{
    let_go(m);
    store_world_reopen(&m->world, look, m);
}

static void step_beside(model *m)
{
    store_world_beside(&m->world, look, m);
}

static void step_check(model *m)
{
    store_world_check(&m->world);
}

/* Each step is taken below its number out of 60. */
static const struct {
    unsigned below;
    void (*take)(model *m);
} steps[] = {{1, step_reopen}, {2, step_beside},  {3, step_check},  {5, step_invalid},
             {18, step_view},  {28, step_submit}, {38, step_batch}, {60, step_promote}};

static void run(uint64_t seed, bool on_disk)
{
    model *m = calloc(1, sizeof *m);
    firn_error err;

    assert_non_null(m);
    store_world_begin(&m->world, seed, on_disk, 65536);
    for (unsigned i = 0; i < 3; i++) {
        OK(err, firn_digest_of((firn_slice){&i, sizeof i}, m->specs[i], &err));
    }
    for (int step = 0; step < STEPS; step++) {
        unsigned roll = ROLL(&m->world, 60), i = 0;

        store_world_move_clock(&m->world);
        while (roll >= steps[i].below) {
            i++;
        }
        steps[i].take(m);
        store_world_count(&m->world);
    }
    look(m, m->world.ledger);
    let_go(m);
    store_world_end(&m->world);
    free(m);
}

int main(int argc, char **argv)
{
    return store_main(argc, argv, "release_model", run);
}
