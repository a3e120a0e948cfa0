/* SPDX-License-Identifier: Apache-2.0 */
/* cases_store_read.c — content, runs and releases as a view sees them; by a writer and by a reader. */
#include <stdio.h>

#include "test/fault/made.h"
#include "test/fault/rig.h"

static void prepare_view(rig *r)
{
    if (!TRY_NEW(r, r->view, firn_view_open, r->ledger, &r->view)) {
        rig_wrong(r, "no view");
    }
}

static void content_rows(rig *r)
{
    firn_content content;
    int has;

    if (TRY_OUT(r, has, firn_content_has, r->view, made_seed_digest(0), &has) == FIRN_OK) {
        rig_answer_add(r, "has", 0, &has, sizeof has);
    }
    if (TRY_OUT(r, content, firn_content_stat, r->view, made_seed_digest(1), &content) == FIRN_OK) {
        rig_answer_add(r, "chunks", 0, &content.chunks, sizeof content.chunks);
    }
    if (TRY_OUT(r, content, firn_content_next, r->view, NULL, &content) == FIRN_OK) {
        rig_answer_add(r, "first", 0, content.digest, sizeof content.digest);
    }
    (void)TRY_REFUSED(r, FIRN_ENOTFOUND, firn_content_stat, r->view, made_digest(1, 3), &content);
}

static void content_get(rig *r)
{
    static const firn_content_read_options check = {.struct_size = sizeof check, .check_digest = 1};
    firn_buf buf = {0};

    for (unsigned i = 0; i < 2; i++) {
        if (TRY(r, firn_content_get, r->view, made_seed_digest(i), &check, &buf) == FIRN_OK) {
            rig_answer_add(r, "content", i, buf.data, buf.size);
        }
        /* Into a buffer that must grow as into one that is large enough. */
        if (TRY(r, firn_content_get, r->view, made_seed_digest(i), NULL, &buf) == FIRN_OK) {
            rig_answer_add(r, "content", i, buf.data, buf.size);
        }
    }
    firn_buf_free(&buf);
}

static void content_pieces(rig *r)
{
    static const firn_content_read_options check = {.struct_size = sizeof check, .check_digest = 1};
    static uint8_t piece[20000];
    size_t size;

    for (unsigned with = 0; with < 2; with++) {
        if (!TRY_NEW(r, r->reader, firn_content_reader_open, r->view, made_seed_digest(1), with == 0 ? NULL : &check,
                     &r->reader, NULL)) {
            continue;
        }
        for (uint64_t at = 0; at < MADE_SIZE_MAX; at += sizeof piece) {
            if (TRY_OUT(r, size, firn_content_reader_read, r->reader, at, piece, sizeof piece, &size) == FIRN_OK) {
                rig_answer_add(r, "piece", at, piece, size);
            }
        }
        firn_content_reader_close(r->reader);
        r->reader = NULL;
    }
}

static void answer_run(rig *r, const char *name, uint64_t number, const firn_run *run)
{
    rig_answer_add(r, name, number, run->run_id.data, run->run_id.size);
    rig_answer_add(r, "tags of it", number, run->tags.data, run->tags.size);
}

static void run_get(rig *r)
{
    firn_buf buf = {0};
    firn_run run;

    if (TRY_OUT(r, run, firn_run_get, r->view, made_seed_run(0), &buf, &run) == FIRN_OK) {
        answer_run(r, "run", 0, &run);
    }
    if (TRY_OUT(r, run, firn_run_get, r->view, TEXT(MADE_SEED_ENDED), &buf, &run) == FIRN_OK) {
        answer_run(r, "run", 1, &run);
    }
    (void)TRY_REFUSED(r, FIRN_ENOTFOUND, firn_run_get, r->view, TEXT("no such run"), &buf, &run);
    firn_buf_free(&buf);
}

static void walk_runs(rig *r, const char *name, const firn_run_filter *filter)
{
    uint64_t count = 0;
    firn_status status = FIRN_OK;
    firn_run run;

    if (!TRY_NEW(r, r->list, firn_run_list_open, r->view, filter, &r->list)) {
        return;
    }
    while ((status = TRY_OUT(r, run, firn_run_list_next, r->list, &run)) == FIRN_OK) {
        answer_run(r, name, run.create_seq, &run);
        count++;
    }
    if (status == FIRN_END) {
        rig_answer_add(r, name, 0, &count, sizeof count);
    }
    firn_run_list_close(r->list);
    r->list = NULL;
}

static void run_lists(rig *r)
{
    firn_run_filter of_agent = {.struct_size = sizeof of_agent, .agent_name = {"agent", 5}};
    firn_run_filter ended = {.struct_size = sizeof ended, .statuses = 1U << FIRN_RUN_COMPLETED};

    walk_runs(r, "all runs", NULL);
    walk_runs(r, "runs of an agent", &of_agent);
    walk_runs(r, "runs that ended", &ended);
}

static void walk_events(rig *r, const char *name, const firn_run_events_options *options)
{
    uint64_t count = 0;
    firn_status status = FIRN_OK;
    firn_run_event event;

    if (!TRY_NEW(r, r->events, firn_run_events_open, r->view, made_seed_run(0), options, &r->events)) {
        return;
    }
    while ((status = TRY_OUT(r, event, firn_run_events_next, r->events, &event)) == FIRN_OK) {
        rig_answer_add(r, name, event.event_seq, event.kind.data, event.kind.size);
        count++;
    }
    if (status == FIRN_END) {
        rig_answer_add(r, name, 0, &count, sizeof count);
    }
    firn_run_events_close(r->events);
    r->events = NULL;
}

static void run_events(rig *r)
{
    static const firn_run_kind kinds[] = {{.kind = {"thought", 7}}};
    firn_run_events_options back = {.struct_size = sizeof back, .reverse = 1};
    firn_run_events_options some = {.struct_size = sizeof some, .kinds = kinds, .kinds_count = 1};

    walk_events(r, "event", NULL);
    walk_events(r, "event back", &back);
    walk_events(r, "event of a kind", &some);
}

static void releases(rig *r)
{
    firn_buf buf = {0};
    firn_release release;

    if (TRY_OUT(r, release, firn_release_current, r->view, TEXT(MADE_SEED_RELEASE), &buf, &release) == FIRN_OK) {
        rig_answer_add(r, "current", 0, &release.release_number, sizeof release.release_number);
    }
    if (TRY_OUT(r, release, firn_release_history, r->view, TEXT(MADE_SEED_RELEASE), 2, &buf, &release) == FIRN_OK) {
        rig_answer_add(r, "before", 0, &release.release_number, sizeof release.release_number);
    }
    if (TRY_OUT(r, release, firn_release_next, r->view, (firn_slice){0}, &buf, &release) == FIRN_OK) {
        rig_answer_add(r, "name", 0, release.name.data, release.name.size);
    }
    firn_buf_free(&buf);
}

const fault_case store_read_cases[] = {
    {"rows of content", CASE_WRITER | CASE_READER, prepare_view, content_rows, NULL},
    {"content whole", CASE_WRITER | CASE_READER, prepare_view, content_get, NULL},
    {"content in pieces", CASE_WRITER | CASE_READER, prepare_view, content_pieces, NULL},
    {"runs", CASE_WRITER | CASE_READER, prepare_view, run_get, NULL},
    {"lists of runs", CASE_WRITER | CASE_READER, prepare_view, run_lists, NULL},
    {"events of runs", CASE_WRITER | CASE_READER, prepare_view, run_events, NULL},
    {"releases", CASE_WRITER | CASE_READER, prepare_view, releases, NULL},
    {NULL},
};
