/* SPDX-License-Identifier: Apache-2.0 */
/* run_model.c — runs as they should be: what a verb does to them, and how it is answered. */
#include "test/model/run_model.h"

const char *const run_agents[] = {"", "a", "test-agent"};
const char *const run_shas[] = {NULL, "", "abc123"};
const char *const run_tags[] = {"null", NULL, "{\"env\":\"test\"}", "{\"env\": \"test\"}"}; /* NULL means null. */
const char *const run_kinds[] = {"a", "b", "Custom:x", "Custom:y", ""};
const char *const run_payloads[] = {"null", "{\"a\":1}", "{\"a\": 1}", "[1,2,3]", "\"\xc5\xbc\""};
const firn_run_evaluation run_evaluations[] = {{.agent_phase = 0},
                                               {.rubric_path = {"r.md", 4}, .is_promotion_gate = 1, .agent_phase = 3}};

size_t run_count_at(const run *r, uint64_t seq)
{
    size_t count = r->count;

    while (count > 0 && r->events[count - 1].seq > seq) {
        count--;
    }
    return count;
}

uint64_t run_last(const run *r, size_t count)
{
    uint64_t last = 0;

    for (size_t i = 0; i < count; i++) {
        last = r->events[i].event_seq > last ? r->events[i].event_seq : last;
    }
    return last;
}

static const event *event_find(const run *r, uint64_t event_seq)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->events[i].event_seq == event_seq) {
            return &r->events[i];
        }
    }
    return NULL;
}

static bool fields_equal(const fields *a, const fields *b)
{
    /* Tags 0 and 1 are two ways to say null; evaluation -1 and 0 to say the default. */
    return a->spec == b->spec && a->agent == b->agent && a->sha == b->sha &&
           (a->tags == b->tags || (a->tags < 2 && b->tags < 2)) &&
           (a->evaluation == b->evaluation || (a->evaluation < 1 && b->evaluation < 1));
}

static firn_status decide_create(model *m, verb *v, const char **text)
{
    run *r = &m->runs[v->run];

    v->created = r->create_seq == 0;
    if (r->create_seq != 0) {
        *text = store_text("run %s already exists with different content", r->id);
        return fields_equal(&r->fields, &v->fields) ? FIRN_OK : FIRN_EEXISTS;
    }
    store_world_appended(&m->world, 1);
    r->create_seq = m->world.records;
    r->created_ns = m->world.last_ns;
    r->fields = v->fields;
    return FIRN_OK;
}

/* A run's id as a text of "not found" shows it: anything may have been asked for, so it is cut. */
const char *run_not_found(const char *before, const run *r)
{
    char shown[sizeof r->id];

    memcpy(shown, r->id, sizeof shown);
    shown[200] = '\0';
    return store_text("%srun not found: %s%s", before, shown, strlen(r->id) > 200 ? "..." : "");
}

static firn_status decide_running(model *m, const verb *v, const char **text)
{
    const run *r = &m->runs[v->run];

    if (r->create_seq == 0) {
        *text = run_not_found("", r);
        return FIRN_ENOTFOUND;
    }
    *text = store_text("run %s is %s, expected RUNNING", r->id, firn_run_status_name(r->status));
    return r->status == FIRN_RUN_RUNNING ? FIRN_OK : FIRN_ESTATE;
}

static firn_status decide_event(model *m, verb *v, unsigned i, const char **text)
{
    run *r = &m->runs[v->run];
    event given = v->events[i];
    const event *there;

    if (v->automatic[i]) {
        if (run_last(r, r->count) == UINT64_MAX) {
            *text = store_text("run %s has no sequence number after 18446744073709551615", r->id);
            return FIRN_ESTATE;
        }
        given.event_seq = run_last(r, r->count) + 1;
    }
    v->numbers[i] = given.event_seq;
    there = event_find(r, given.event_seq);
    if (there != NULL) {
        *text = store_text("event %llu of run %s already exists with different content",
                           (unsigned long long)given.event_seq, r->id);
        v->appended.duplicates++;
        return there->kind == given.kind && there->payload == given.payload && there->seconds == given.seconds
                   ? FIRN_OK
                   : FIRN_EEXISTS;
    }
    store_world_appended(&m->world, 1);
    given.seq = m->world.records;
    assert_true(r->count < EVENTS_MAX);
    r->events[r->count++] = given;
    v->appended.appended++;
    return FIRN_OK;
}

firn_status run_decide(model *m, verb *v, const char **text)
{
    run *r = &m->runs[v->run];
    firn_status status = v->kind == CREATE ? decide_create(m, v, text) : decide_running(m, v, text);

    if (v->kind == CREATE || status != FIRN_OK) {
        return status;
    }
    if (v->kind == END) {
        store_world_appended(&m->world, 1);
        r->end_seq = m->world.records;
        r->completed_ns = m->world.last_ns;
        r->status = v->status;
        r->summary = v->summary;
        return FIRN_OK;
    }
    v->appended = (firn_run_appended){0};
    for (unsigned i = 0; i < v->count && status == FIRN_OK; i++) {
        status = decide_event(m, v, i, text);
    }
    v->appended.event_count = r->count;
    v->appended.last_event_seq = run_last(r, r->count);
    return status;
}

void run_undo(model *m, uint64_t records, int64_t last_ns)
{
    m->world.records = records;
    m->world.last_ns = last_ns;
    for (unsigned i = 0; i < m->runs_count; i++) {
        run *r = &m->runs[i];

        while (r->count > 0 && r->events[r->count - 1].seq > records) {
            r->count--;
        }
        if (r->end_seq > records) {
            r->end_seq = 0;
            r->completed_ns = 0;
            r->status = FIRN_RUN_RUNNING;
            r->summary = (firn_run_summary){0};
        }
        r->create_seq = r->create_seq > records ? 0 : r->create_seq;
    }
}
