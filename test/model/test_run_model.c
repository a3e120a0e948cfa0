/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run_model.c — random creations, appends, ends and reads of runs, compared with a list of what happened.
 *
 * Verbs come alone (blocking and submitted) and several in a batch; events with numbers of their own, automatic ones,
 * repeated and in conflict. Reads go through views kept over many steps, with every bound and filter.
 */
#include "test/model/run_model.h"

#include <stdio.h>
#include <stdlib.h>

#include "test/api/runs.h"

enum {
    VERBS_MAX = 4,
    STEPS = 240
};

/* ---- what is asked ---- */

static void draw_event(model *m, verb *v, unsigned i)
{
    store_world *w = &m->world;
    const run *r = &m->runs[v->run];
    unsigned how = ROLL(w, 12);
    event *e = &v->events[i];

    *e = (event){.event_seq = ROLL(w, 200),
                 .kind = ROLL(w, KINDS),
                 .payload = ROLL(w, PAYLOADS),
                 .seconds = (int32_t)ROLL(w, 3)};
    v->automatic[i] = how < 5;
    if (how == 5 && r->count > 0) {
        *e = r->events[ROLL(w, r->count)];
        e->seq = 0;
    } else if (how < 9) {
        e->event_seq = run_last(r, r->count) + i;
    } else if (how == 9 && v->run == 3) {
        e->event_seq = UINT64_MAX - ROLL(w, 2);
    }
    e->event_seq = v->automatic[i] ? 0 : e->event_seq;
}

static verb draw_verb(model *m)
{
    store_world *w = &m->world;
    verb v = {.kind = APPEND, .run = ROLL(w, m->runs_count), .count = 1 + ROLL(w, APPEND_MAX)};
    unsigned roll = ROLL(w, 12);

    if (roll < 3 && v.run < NAMED) {
        v.kind = CREATE;
        v.fields = ROLL(w, 2) == 0
                       ? m->runs[v.run].fields
                       : (fields){ROLL(w, 3), ROLL(w, AGENTS), ROLL(w, SHAS), ROLL(w, TAGS), (int)ROLL(w, 3) - 1};
    } else if (roll == 3 && ROLL(w, 2) == 0) {
        v.kind = END;
        v.status = (firn_run_status)(1 + ROLL(w, 3));
        v.summary =
            (firn_run_summary){.total_events = ROLL(w, 10), .duration_ms = ROLL(w, 1000), .success = ROLL(w, 2)};
        v.summary.has_final_state_digest = ROLL(w, 2);
        memcpy(v.summary.final_state_digest, m->specs[1], v.summary.has_final_state_digest ? FIRN_DIGEST_SIZE : 0);
    } else {
        for (unsigned i = 0; i < v.count; i++) {
            draw_event(m, &v, i);
        }
    }
    return v;
}

static firn_run_args args_of(const model *m, const verb *v)
{
    const fields *f = &v->fields;

    return (firn_run_args){
        .struct_size = sizeof(firn_run_args),
        .run_id = S(m->runs[v->run].id),
        .spec_digest = m->specs[f->spec],
        .agent_name = S(run_agents[f->agent]),
        .git_sha = run_shas[f->sha] == NULL ? (firn_slice){0} : S(run_shas[f->sha]),
        .tags = run_tags[f->tags] == NULL ? (firn_slice){0} : S(run_tags[f->tags]),
        .evaluation = f->evaluation < 0 ? NULL : &run_evaluations[f->evaluation],
    };
}

static void events_of(const verb *v, firn_run_event out[APPEND_MAX])
{
    for (unsigned i = 0; i < v->count; i++) {
        out[i] = (firn_run_event){.event_seq = v->events[i].event_seq,
                                  .auto_seq = v->automatic[i],
                                  .kind = S(run_kinds[v->events[i].kind]),
                                  .payload = S(run_payloads[v->events[i].payload]),
                                  .timestamp = {.seconds = t0.seconds + v->events[i].seconds}};
    }
}

static void expect_outputs(const verb *v)
{
    if (v->kind == CREATE) {
        assert_int_equal(v->out_created.created, v->created);
    } else if (v->kind == APPEND) {
        assert_memory_equal(v->out_numbers, v->numbers, v->count * sizeof v->numbers[0]);
        assert_memory_equal(&v->out_appended, &v->appended, sizeof v->appended);
    }
}

static firn_status submit(model *m, verb *v, firn_ticket **out_ticket, firn_error *err)
{
    firn_run_event events[APPEND_MAX];
    firn_run_args args = args_of(m, v);
    firn_slice id = S(m->runs[v->run].id);
    firn_ledger *ledger = m->world.ledger;
    firn_status status;

    events_of(v, events);
    do {
        status = v->kind == CREATE   ? firn_run_create_submit(ledger, &args, &v->out_created, NULL, out_ticket, err)
                 : v->kind == APPEND ? firn_run_append_submit(ledger, id, events, v->count, v->out_numbers,
                                                              &v->out_appended, NULL, out_ticket, err)
                                     : firn_run_end_submit(ledger, id, v->status, &v->summary, NULL, out_ticket, err);
    } while (store_world_full(status));
    return status;
}

static firn_status call(model *m, verb *v, firn_error *err)
{
    firn_run_event events[APPEND_MAX];
    firn_run_args args = args_of(m, v);
    firn_slice id = S(m->runs[v->run].id);
    firn_ledger *ledger = m->world.ledger;

    events_of(v, events);
    switch (v->kind) {
    case CREATE:
        return firn_run_create(ledger, &args, &v->out_created, err);
    case APPEND:
        return firn_run_append(ledger, id, events, v->count, v->out_numbers, &v->out_appended, err);
    default:
        return firn_run_end(ledger, id, v->status, &v->summary, err);
    }
}

static firn_status add(model *m, firn_batch *batch, verb *v, firn_error *err)
{
    firn_run_event events[APPEND_MAX];
    firn_run_args args = args_of(m, v);
    firn_slice id = S(m->runs[v->run].id);

    events_of(v, events);
    switch (v->kind) {
    case CREATE:
        return firn_batch_run_create(batch, &args, &v->out_created, err);
    case APPEND:
        return firn_batch_run_append(batch, id, events, v->count, v->out_numbers, &v->out_appended, err);
    default:
        return firn_batch_run_end(batch, id, v->status, &v->summary, err);
    }
}

/* ---- reading ---- */

static bool slice_is(firn_slice slice, const char *text)
{
    return text == NULL ? slice.data == NULL
                        : slice.data != NULL && slice.size == strlen(text) &&
                              (slice.size == 0 || memcmp(slice.data, text, slice.size) == 0);
}

static void expect_time(firn_time time, int64_t ns)
{
    assert_int_equal(time.seconds * 1000000000 + time.nanoseconds, ns);
}

static void expect_run(const model *m, const run *r, uint64_t seq, const firn_run *got)
{
    bool ended = r->end_seq != 0 && r->end_seq <= seq;
    size_t count = run_count_at(r, seq);

    assert_true(slice_is(got->run_id, r->id));
    assert_memory_equal(got->spec_digest, m->specs[r->fields.spec], FIRN_DIGEST_SIZE);
    assert_true(slice_is(got->agent_name, run_agents[r->fields.agent]));
    assert_true(slice_is(got->git_sha, run_shas[r->fields.sha]));
    assert_true(slice_is(got->tags, run_tags[r->fields.tags] == NULL ? "null" : run_tags[r->fields.tags]));
    assert_int_equal(got->has_evaluation, r->fields.evaluation >= 0);
    if (r->fields.evaluation == 1) {
        assert_true(slice_is(got->evaluation.rubric_path, "r.md"));
        assert_int_equal(got->evaluation.is_promotion_gate, 1);
        assert_int_equal(got->evaluation.agent_phase, 3);
    }
    assert_int_equal(got->status, ended ? r->status : FIRN_RUN_RUNNING);
    assert_memory_equal(&got->summary, ended ? &r->summary : &(firn_run_summary){0}, sizeof got->summary);
    expect_time(got->created_at, r->created_ns);
    expect_time(got->completed_at, ended ? r->completed_ns : 0);
    assert_int_equal(got->event_count, count);
    assert_int_equal(got->last_event_seq, run_last(r, count));
    assert_int_equal(got->create_seq, r->create_seq);
    assert_int_equal(got->end_seq, ended ? r->end_seq : 0);
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = ((const event *)a)->event_seq, y = ((const event *)b)->event_seq;

    return x < y ? -1 : x > y;
}

/* Which events a walk must give. */
static bool kind_wanted(const firn_run_events_options *options, const char *kind)
{
    for (size_t i = 0; i < options->kinds_count; i++) {
        const firn_run_kind *wanted = &options->kinds[i];

        if (strlen(kind) >= wanted->kind.size && memcmp(kind, wanted->kind.data, wanted->kind.size) == 0 &&
            (wanted->prefix != 0 || strlen(kind) == wanted->kind.size)) {
            return true;
        }
    }
    return options->kinds_count == 0;
}

static void expect_event(const firn_run_event *got, const event *wanted)
{
    assert_int_equal(got->event_seq, wanted->event_seq);
    assert_int_equal(got->auto_seq, 0);
    assert_true(slice_is(got->kind, run_kinds[wanted->kind]));
    assert_true(slice_is(got->payload, run_payloads[wanted->payload]));
    assert_int_equal(got->timestamp.seconds, t0.seconds + wanted->seconds);
    assert_int_equal(got->timestamp.nanoseconds, 0);
    assert_int_equal(got->seq, wanted->seq);
}

/* Walks at most limit events and compares each; a walk that is not cut short must end. */
static void look_events(const run *r, firn_view *view, firn_run_events_options options, size_t limit)
{
    size_t count = run_count_at(r, firn_view_seq(view)), given = 0;
    event *sorted = malloc((count + 1) * sizeof *sorted);
    firn_run_events *events;
    firn_run_event got;
    firn_error err;

    assert_non_null(sorted);
    memcpy(sorted, r->events, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_numbers);
    options.struct_size = sizeof options;
    OK(err, firn_run_events_open(view, S(r->id), &options, &events, &err));
    for (size_t i = 0; i < count && given < limit; i++) {
        const event *wanted = &sorted[options.reverse ? count - 1 - i : i];

        if (wanted->event_seq >= options.from && (!options.has_to || wanted->event_seq <= options.to) &&
            kind_wanted(&options, run_kinds[wanted->kind])) {
            OK(err, firn_run_events_next(events, &got, &err));
            expect_event(&got, wanted);
            given++;
        }
    }
    if (given < limit) {
        assert_int_equal(firn_run_events_next(events, &got, &err), FIRN_END);
    }
    firn_run_events_close(events);
    free(sorted);
}

/* A walk with bounds, kinds, direction and limit drawn; with reverse and a limit it is the tail of a run. */
static void look_some_events(model *m, const run *r, firn_view *view)
{
    static const firn_run_kind sets[] = {{{"a", 1}, 0}, {{"Custom:", 7}, 1}, {{"", 0}, 0}};
    store_world *w = &m->world;
    firn_run_events_options options = {.reverse = ROLL(w, 2), .has_to = ROLL(w, 2), .kinds = &sets[ROLL(w, 2)]};

    options.kinds_count = ROLL(w, 3) == 0 ? 1 + ROLL(w, 2) : 0;
    options.from = ROLL(w, 2) == 0 ? 0 : ROLL(w, 200);
    options.to = ROLL(w, 5) == 0 ? UINT64_MAX - 1 : ROLL(w, 200);
    look_events(r, view, options, ROLL(w, 2) == 0 ? SIZE_MAX : ROLL(w, 20));
}

static bool filter_takes(const model *m, const firn_run_filter *filter, const run *r, uint64_t seq)
{
    const char *sha = run_shas[r->fields.sha];
    firn_run_status status = r->end_seq != 0 && r->end_seq <= seq ? r->status : FIRN_RUN_RUNNING;
    int64_t from = filter->created_from.seconds * 1000000000 + filter->created_from.nanoseconds;
    int64_t to = filter->created_to.seconds * 1000000000 + filter->created_to.nanoseconds;

    return r->create_seq != 0 && r->create_seq <= seq &&
           (filter->spec_digest == NULL ||
            memcmp(filter->spec_digest, m->specs[r->fields.spec], FIRN_DIGEST_SIZE) == 0) &&
           (filter->agent_name.data == NULL || slice_is(filter->agent_name, run_agents[r->fields.agent])) &&
           (filter->git_sha.data == NULL || (sha != NULL && slice_is(filter->git_sha, sha))) &&
           (filter->statuses == 0 || (filter->statuses >> status & 1) != 0) &&
           (!filter->has_created_from || r->created_ns >= from) && (!filter->has_created_to || r->created_ns < to);
}

/* The newest run below a seq that the filter takes; NULL: none. */
static const run *list_wanted(const model *m, const firn_run_filter *filter, uint64_t below, uint64_t seq)
{
    const run *best = NULL;

    for (unsigned i = 0; i < m->runs_count; i++) {
        const run *r = &m->runs[i];

        if (r->create_seq < below && filter_takes(m, filter, r, seq) &&
            (best == NULL || r->create_seq > best->create_seq)) {
            best = r;
        }
    }
    return best;
}

/* The list in pages, each begun with the cursor of the one before. */
static void look_list(model *m, firn_view *view, firn_run_filter filter, unsigned page)
{
    char cursor[FIRN_RUN_CURSOR_SIZE] = "";
    uint64_t below = UINT64_MAX, seq = firn_view_seq(view);
    bool more = true;
    firn_run_list *list;
    firn_run got;
    firn_error err;

    filter.struct_size = sizeof filter;
    while (more) {
        filter.cursor = S(cursor);
        OK(err, firn_run_list_open(view, &filter, &list, &err));
        for (unsigned i = 0; i < page && more; i++) {
            const run *wanted = list_wanted(m, &filter, below, seq);

            more = wanted != NULL;
            if (more) {
                OK(err, firn_run_list_next(list, &got, &err));
                expect_run(m, wanted, seq, &got);
                below = wanted->create_seq;
            } else {
                assert_int_equal(firn_run_list_next(list, &got, &err), FIRN_END);
            }
        }
        firn_run_list_cursor(list, cursor);
        firn_run_list_close(list);
    }
}

static void look_some_list(model *m, firn_view *view)
{
    store_world *w = &m->world;
    firn_run_filter filter = {.statuses = ROLL(w, 2) == 0 ? 0 : ROLL(w, 16)};
    const char *sha = run_shas[ROLL(w, SHAS)], *agent = run_agents[ROLL(w, AGENTS)];

    filter.spec_digest = ROLL(w, 3) == 0 ? m->specs[ROLL(w, 3)] : NULL;
    filter.agent_name = ROLL(w, 3) == 0 ? S(agent) : (firn_slice){0};
    filter.git_sha = ROLL(w, 3) == 0 && sha != NULL ? S(sha) : (firn_slice){0};
    filter.has_created_from = ROLL(w, 4) == 0;
    filter.created_from = firn_time_of_ns(m->runs[ROLL(w, m->runs_count)].created_ns);
    filter.has_created_to = ROLL(w, 4) == 0;
    filter.created_to = firn_time_of_ns(m->runs[ROLL(w, m->runs_count)].created_ns);
    look_list(m, view, filter, 1 + ROLL(w, 6));
}

static void look_at(model *m, firn_view *view, const run *r)
{
    bool there = r->create_seq != 0 && r->create_seq <= firn_view_seq(view);
    firn_run_events *events;
    firn_buf buf = {0};
    firn_run got;
    firn_error err;

    if (!there) {
        EXPECT(FIRN_ENOTFOUND, err, run_not_found("get run: ", r), firn_run_get(view, S(r->id), &buf, &got, &err));
        EXPECT(FIRN_ENOTFOUND, err, run_not_found("read events: ", r),
               firn_run_events_open(view, S(r->id), NULL, &events, &err));
        return;
    }
    OK(err, firn_run_get(view, S(r->id), &buf, &got, &err));
    expect_run(m, r, firn_view_seq(view), &got);
    firn_buf_free(&buf);
    look_some_events(m, r, view);
}

static void look(void *arg, firn_ledger *ledger)
{
    model *m = arg;
    firn_view *view = view_of(ledger);

    assert_int_equal(firn_view_seq(view), m->world.records);
    for (unsigned i = 0; i < m->runs_count; i++) {
        look_at(m, view, &m->runs[i]);
        if (m->runs[i].create_seq != 0) {
            look_events(&m->runs[i], view, (firn_run_events_options){0}, SIZE_MAX);
        }
    }
    look_list(m, view, (firn_run_filter){0}, 7);
    firn_view_close(view);
}

/* ---- steps ---- */

/* One verb, blocking or submitted. */
static void step_verb(model *m)
{
    static const char *const whats[] = {"create run", "append to run", "end run"};
    verb v = draw_verb(m);
    uint64_t records = m->world.records;
    int64_t last_ns = m->world.last_ns;
    const char *text = "";
    char whole[1200];
    firn_ticket *ticket;
    firn_error err;
    firn_status wanted = run_decide(m, &v, &text), got;

    if (wanted != FIRN_OK) {
        run_undo(m, records, last_ns);
    }
    (void)snprintf(whole, sizeof whole, "%s: %s", whats[v.kind], text);
    if (ROLL(&m->world, 2) == 0) {
        got = call(m, &v, &err);
    } else {
        OK(err, submit(m, &v, &ticket, &err));
        got = firn_ticket_wait(ticket, -1, NULL, &err);
        firn_ticket_free(ticket);
    }
    EXPECT(wanted, err, wanted == FIRN_OK ? NULL : whole, got);
    if (wanted == FIRN_OK) {
        expect_outputs(&v);
    }
}

/* Verbs that are submitted one after the other and answered later: each sees those before it. */
static void step_pipeline(model *m)
{
    verb verbs[VERBS_MAX];
    firn_status wanted[VERBS_MAX];
    firn_ticket *tickets[VERBS_MAX];
    unsigned count = 2 + ROLL(&m->world, VERBS_MAX - 1);
    firn_error err;

    for (unsigned i = 0; i < count; i++) {
        uint64_t records = m->world.records;
        int64_t last_ns = m->world.last_ns;
        const char *text;

        verbs[i] = draw_verb(m);
        wanted[i] = run_decide(m, &verbs[i], &text);
        if (wanted[i] != FIRN_OK) {
            run_undo(m, records, last_ns);
        }
        OK(err, submit(m, &verbs[i], &tickets[i], &err));
    }
    for (unsigned i = 0; i < count; i++) {
        api_expect_at(firn_ticket_wait(tickets[i], -1, NULL, &err), wanted[i], &err, NULL, __FILE__, __LINE__);
        firn_ticket_free(tickets[i]);
        if (wanted[i] == FIRN_OK) {
            expect_outputs(&verbs[i]);
        }
    }
}

/* Several verbs as one batch: the first refusal takes back all of it. */
static void step_batch(model *m)
{
    verb verbs[VERBS_MAX];
    unsigned count = 1 + ROLL(&m->world, VERBS_MAX);
    uint64_t records = m->world.records;
    int64_t last_ns = m->world.last_ns;
    firn_status wanted = FIRN_OK;
    const char *text = "";
    char whole[1200];
    firn_batch *batch;
    firn_error err;

    OK(err, firn_batch_new(m->world.ledger, &batch, &err));
    for (unsigned i = 0; i < count; i++) {
        verbs[i] = draw_verb(m);
        OK(err, add(m, batch, &verbs[i], &err));
        if (wanted == FIRN_OK) {
            wanted = run_decide(m, &verbs[i], &text);
        }
    }
    if (wanted != FIRN_OK) {
        run_undo(m, records, last_ns);
    }
    (void)snprintf(whole, sizeof whole, "commit batch: %s", text);
    EXPECT(wanted, err, wanted == FIRN_OK ? NULL : whole, firn_batch_commit(batch, NULL, &err));
    for (unsigned i = 0; i < count && wanted == FIRN_OK; i++) {
        expect_outputs(&verbs[i]);
    }
    firn_batch_free(batch);
}

/* A run whose id the ledger makes. */
static void step_nameless(model *m)
{
    run *r = &m->runs[m->runs_count];
    verb v = {.kind = CREATE, .run = m->runs_count, .fields = {.evaluation = -1, .agent = 2}};
    firn_run_args args;
    const char *text;
    firn_error err;

    if (m->runs_count == RUNS) {
        return;
    }
    args = args_of(m, &v);
    args.run_id = (firn_slice){0};
    OK(err, firn_run_create(m->world.ledger, &args, &v.out_created, &err));
    assert_int_equal(v.out_created.run_id_size, 36);
    memcpy(r->id, v.out_created.run_id, 37);
    m->runs_count++;
    OK(err, run_decide(m, &v, &text));
    expect_outputs(&v);
}

/* What is refused without a look at the state, in every form. */
static void step_invalid(model *m)
{
    unsigned i = ROLL(&m->world, m->runs_count);
    firn_run_event bad = {.event_seq = 7, .kind = S("a"), .payload = S("{\"a\":"), .timestamp = t0};
    firn_slice id = S(m->runs[i].id);
    firn_ticket *ticket;
    firn_batch *batch;
    firn_error err;
    const char *text = "append to run: invalid JSON in payload: text ends where a value should be at byte 5";

    if (ROLL(&m->world, 2) == 0) {
        bad = (firn_run_event){.event_seq = 7, .auto_seq = 1, .kind = S("a"), .payload = S("1"), .timestamp = t0};
        text = "append to run: invalid seq: 7";
    }
    EXPECT(FIRN_EINVAL, err, text, firn_run_append(m->world.ledger, id, &bad, 1, NULL, NULL, &err));
    EXPECT(FIRN_EINVAL, err, text,
           firn_run_append_submit(m->world.ledger, id, &bad, 1, NULL, NULL, NULL, &ticket, &err));
    OK(err, firn_batch_new(m->world.ledger, &batch, &err));
    EXPECT(FIRN_EINVAL, err, text, firn_batch_run_append(batch, id, &bad, 1, NULL, NULL, &err));
    assert_int_equal(firn_batch_count(batch), 0);
    firn_batch_free(batch);
}

static void step_view(model *m)
{
    unsigned k = ROLL(&m->world, VIEWS);

    if (m->views[k] != NULL) {
        for (int i = 0; i < 3; i++) {
            look_at(m, m->views[k], &m->runs[ROLL(&m->world, m->runs_count)]);
        }
        look_some_list(m, m->views[k]);
    }
    firn_view_close(m->views[k]);
    m->views[k] = view_of(m->world.ledger);
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
} steps[] = {{1, step_reopen}, {2, step_beside},    {3, step_check},  {5, step_nameless}, {7, step_invalid},
             {16, step_view},  {26, step_pipeline}, {36, step_batch}, {60, step_verb}};

static void run_seed(uint64_t seed, bool on_disk)
{
    model *m = calloc(1, sizeof *m);
    firn_error err;

    assert_non_null(m);
    store_world_begin(&m->world, seed, on_disk, 65536);
    for (unsigned i = 0; i < 3; i++) {
        OK(err, firn_digest_of((firn_slice){&i, sizeof i}, m->specs[i], &err));
    }
    m->runs_count = NAMED;
    for (unsigned i = 0; i < NAMED; i++) {
        (void)snprintf(m->runs[i].id, sizeof m->runs[i].id, "%.*s%u",
                       i == 7   ? 254
                       : i == 6 ? 4
                                : 1,
                       i == 6 ? "\xd0\xbb\xd0\xbe" : "x", i);
        if (i == 7) {
            memset(m->runs[i].id, 'y', FIRN_RUN_ID_SIZE_MAX);
        }
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
    return store_main(argc, argv, "run_model", run_seed);
}
