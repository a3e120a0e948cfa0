/* SPDX-License-Identifier: Apache-2.0 */
/* cross.c — a batch across the stores: put, create, append, end and promote in one. */
#include "test/kill/cross.h"

#include <stdio.h>
#include <string.h>

#include "format/kinds.h"
#include "test/disk/dice.h"

enum {
    CONTENT_SIZE_MAX = 4000
};

/* Everything of one plan, in buffers of its own. */
typedef struct cross {
    uint8_t bytes[CONTENT_SIZE_MAX];
    firn_slice content;
    uint8_t digest[FIRN_DIGEST_SIZE];
    char run_id[64];
    char release[32];
    char payloads[CROSS_EVENTS][64];
    firn_run_event events[CROSS_EVENTS];
    firn_run_summary summary;
} cross;

static firn_slice text_of(const char *text)
{
    return (firn_slice){.data = text, .size = strlen(text)};
}

static firn_status cross_of(const plan *p, cross *out, firn_error *err)
{
    unsigned long long number = p->id.number;
    dice d = dice_of(p->seed ^ number << 24 ^ (uint64_t)p->id.round << 8 ^ p->id.thread);

    out->content = (firn_slice){.data = out->bytes, .size = 16 + (size_t)dice_roll(&d, CONTENT_SIZE_MAX - 16)};
    for (size_t i = 0; i < out->content.size; i++) {
        out->bytes[i] = (uint8_t)dice_next(&d);
    }
    (void)snprintf(out->run_id, sizeof out->run_id, "%u-%u-%llu", p->id.round, p->id.thread, number);
    (void)snprintf(out->release, sizeof out->release, "of thread %u", p->id.thread);
    for (unsigned i = 0; i < CROSS_EVENTS; i++) {
        (void)snprintf(out->payloads[i], sizeof out->payloads[i], "{\"number\":%llu,\"index\":%u}", number, i);
        out->events[i] = (firn_run_event){
            .auto_seq = 1,
            .kind = text_of("step"),
            .payload = text_of(out->payloads[i]),
            .timestamp = {.seconds = (int64_t)number},
        };
    }
    out->summary = (firn_run_summary){.total_events = CROSS_EVENTS, .duration_ms = number, .success = 1};
    return firn_digest_of(out->content, out->digest, err);
}

firn_status cross_collect(const plan *p, firn_batch *batch, firn_error *err)
{
    static _Thread_local cross c;
    firn_status status = cross_of(p, &c, err);
    firn_run_args run = {.struct_size = sizeof run,
                         .run_id = text_of(c.run_id),
                         .spec_digest = c.digest,
                         .agent_name = text_of("writer")};
    firn_release_args release = {.struct_size = sizeof release,
                                 .name = text_of(c.release),
                                 .spec_digest = c.digest,
                                 .version_label = text_of(c.run_id),
                                 .promoted_by = text_of("writer")};

    status = status == FIRN_OK ? firn_batch_content_put(batch, c.content, c.digest, NULL, err) : status;
    status = status == FIRN_OK ? firn_batch_run_create(batch, &run, NULL, err) : status;
    status =
        status == FIRN_OK ? firn_batch_run_append(batch, run.run_id, c.events, CROSS_EVENTS, NULL, NULL, err) : status;
    status = status == FIRN_OK ? firn_batch_run_end(batch, run.run_id, FIRN_RUN_COMPLETED, &c.summary, err) : status;
    return status == FIRN_OK ? firn_batch_release_promote(batch, &release, NULL, err) : status;
}

uint32_t cross_kind(unsigned i)
{
    static const uint32_t kinds[CROSS_RECORDS] = {FMT_KIND_CONTENT_BLOB, FMT_KIND_RUN_CREATE, FMT_KIND_RUN_EVENT,
                                                  FMT_KIND_RUN_EVENT,    FMT_KIND_RUN_END,    FMT_KIND_RELEASE_PROMOTE};

    return kinds[i];
}

static bool same(firn_slice a, firn_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static const char *events_differ(const cross *c, firn_view *view)
{
    firn_run_events *events = NULL;
    firn_run_event event;
    firn_error err;
    firn_status status = firn_run_events_open(view, text_of(c->run_id), NULL, &events, &err);
    const char *differs = NULL;

    for (unsigned i = 0; i < CROSS_EVENTS; i++) {
        status = status == FIRN_OK ? firn_run_events_next(events, &event, &err) : status;
        if (status != FIRN_OK || event.event_seq != i + 1 || !same(event.payload, c->events[i].payload)) {
            differs = "the run's events";
        }
    }
    firn_run_events_close(events);
    return differs;
}

const char *cross_differs(const plan *p, uint64_t release_number, firn_view *view)
{
    static const firn_content_read_options with_digest = {.struct_size = sizeof with_digest, .check_digest = 1};
    static cross c;
    firn_buf buf = {0};
    firn_run run;
    firn_release release;
    firn_error err;
    const char *differs = NULL;

    if (cross_of(p, &c, &err) != FIRN_OK || firn_content_get(view, c.digest, &with_digest, &buf, &err) != FIRN_OK ||
        !same((firn_slice){.data = buf.data, .size = buf.size}, c.content)) {
        differs = "its content";
    } else if (firn_run_get(view, text_of(c.run_id), &buf, &run, &err) != FIRN_OK || run.status != FIRN_RUN_COMPLETED ||
               run.event_count != CROSS_EVENTS || run.summary.duration_ms != c.summary.duration_ms) {
        differs = "its run";
    } else if (firn_release_history(view, text_of(c.release), release_number + 1, &buf, &release, &err) != FIRN_OK ||
               release.release_number != release_number ||
               memcmp(release.spec_digest, c.digest, sizeof c.digest) != 0) {
        differs = "its release";
    } else {
        differs = events_differ(&c, view);
    }
    firn_buf_free(&buf);
    return differs;
}
