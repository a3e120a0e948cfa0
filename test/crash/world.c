/* SPDX-License-Identifier: Apache-2.0 */
/* world.c — a process on a simulated disk: open, act, close, die. */
#include "test/crash/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TRACED_IN = 64 /* One state in so many has the engine's trace made, even if nobody reads it. */
};

world_counts world_counted;

void world_init(world *w, const settings *with, disk *d, model *m, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->with = with;
    w->d = d;
    w->m = m;
    w->dice = dice_of(seed);
    w->merge_dice = dice_of(~seed);
    if (with->indexed && disk_companion_of(d) == NULL) {
        index_disk_add(d, true);
    }
    disk_controls_of(d)->no_fua = with->no_fua;
    frn_heap_init(&w->heap);
}

bool world_failed(const world *w, firn_status status, const firn_error *err)
{
    if (!w->failing || disk_counts_of(w->d)->failed == 0 ||
        (status != FIRN_EIO && status != FIRN_EPOISONED && status != FIRN_ENOSPC)) {
        return false;
    }
    if (err->status != status || err->text[0] == '\0') {
        violation("%s without a text", firn_status_name(status));
    }
    return true;
}

bool world_is_poisoned(const world *w)
{
    firn_stats stats = {.struct_size = sizeof stats};
    firn_error err;

    if (firn_stat(w->ledger, &stats, &err) != FIRN_OK) {
        violation("stat: %s", err.text);
    }
    return stats.poisoned_errno != 0;
}

static void on_trace(void *arg, const char *line)
{
    (void)arg;
    trace("engine: %s", line);
}

/* What opening made of the index that it found. */
static void check_index(world *w, index_left left, const frn_index_mark *mark, const firn_stats *stats)
{
    bool believed = left == INDEX_STATE && memcmp(mark->ledger_id, stats->ledger_id, sizeof mark->ledger_id) == 0;
    uint64_t from = believed ? mark->seq : 0;
    /* The age of keys is the first record of a ledger that is created. */
    bool created = stats->durable_seq == 1 && stats->replayed_records == 0;

    world_counted.left[left]++;
    world_counted.behind += believed && mark->seq > 0 && mark->seq < stats->durable_seq ? 1 : 0;
    trace("index: %s, mark %llu of incarnation %llu, replayed %llu", stats->index_note, (unsigned long long)mark->seq,
          (unsigned long long)mark->incarnation, (unsigned long long)stats->replayed_records);
    if (believed && mark->seq > stats->durable_seq) {
        violation("rows up to seq %llu were merged, the log ends at %llu", (unsigned long long)mark->seq,
                  (unsigned long long)stats->durable_seq);
    }
    if (stats->replayed_records != stats->durable_seq - from && !created) {
        violation("%llu records were replayed behind seq %llu, the log ends at %llu",
                  (unsigned long long)stats->replayed_records, (unsigned long long)from,
                  (unsigned long long)stats->durable_seq);
    }
    if ((stats->index_note[0] != '\0') != (left != INDEX_NOTHING && !believed)) {
        violation("an index was left as %d, the note says '%s'", (int)left, stats->index_note);
    }
    if (stats->writable != 0) {
        index_disk_opened(w->d, stats->incarnation, stats->durable_seq);
    }
}

firn_status world_open(world *w, firn_open_mode mode, firn_error *err)
{
    firn_options options = w->with->options;
    frn_ledger_seam seam = {.heap = &w->heap, .threads = false};
    firn_stats stats = {.struct_size = sizeof stats};
    frn_index_place place_of_index = {0};
    index_left left = INDEX_NOTHING;
    frn_index_mark mark;
    firn_status status;

    options.mode = mode;
    options.trace = trace_level > 0 || place.state % TRACED_IN == 0 ? on_trace : NULL;
    options.replay_records_max = mode == FIRN_OPEN_READ ? 0 : options.replay_records_max;
    w->io = disk_open_io(w->d);
    seam.io = w->io;
    if (w->with->indexed) {
        place_of_index = index_disk_place(w->d);
        seam.index_place = &place_of_index;
        left = index_disk_look(w->d, &mark);
    }
    do {
        status = frn_ledger_open_on(&seam, &options, &w->ledger, err);
    } while (status == FIRN_EBUSY && disk_land(w->d));
    if (status != FIRN_OK) {
        w->io->ops->close(w->io);
        w->io = NULL;
        return status;
    }
    if (firn_batch_new(w->ledger, &w->batch, err) != FIRN_OK || firn_stat(w->ledger, &stats, err) != FIRN_OK) {
        violation("cannot begin: %s", err->text);
    }
    trace("open: incarnation %llu, %s, durable %llu", (unsigned long long)stats.incarnation,
          stats.was_clean != 0 ? "clean" : "unclean", (unsigned long long)stats.durable_seq);
    w->incarnation = stats.incarnation;
    w->was_clean = stats.was_clean != 0;
    if (w->with->indexed && stats.damage.status == FIRN_OK) {
        check_index(w, left, &mark, &stats);
    }
    if (stats.durable_seq != stats.allocated_seq) {
        violation("just opened, durable seq %llu, allocated %llu", (unsigned long long)stats.durable_seq,
                  (unsigned long long)stats.allocated_seq);
    }
    return FIRN_OK;
}

static void drop_calls(world *w)
{
    for (size_t i = 0; i < WORLD_CALLS_MAX; i++) {
        firn_ticket_free(w->calls[i].ticket);
        w->calls[i] = (call){0};
    }
    w->live = 0;
}

void world_close(world *w)
{
    firn_status status;
    bool poisoned;
    firn_error err;

    for (size_t i = 0; i < WORLD_CALLS_MAX; i++) {
        if (w->calls[i].ticket != NULL) {
            firn_ticket_free(w->calls[i].ticket);
            w->calls[i] = (call){0};
            w->live--;
        }
    }
    firn_batch_free(w->batch);
    w->batch = NULL;
    poisoned = w->failing && world_is_poisoned(w);
    status = firn_close(w->ledger, &err);
    if (status != FIRN_OK && !world_failed(w, status, &err)) {
        violation("close: %s", err.text);
    }
    trace("close");
    w->ledger = NULL;
    if (w->live != 0) {
        violation("%u calls got no answer although the ledger was closed", w->live);
    }
    w->m->floor = status == FIRN_OK && !poisoned ? w->m->count : w->m->floor;
    w->io->ops->close(w->io);
    w->io = NULL;
    drop_calls(w);
}

void world_abandon(world *w)
{
    drop_calls(w);
    firn_batch_free(w->batch);
    w->batch = NULL;
    frn_ledger_abandon(w->ledger);
    w->ledger = NULL;
    w->io->ops->close(w->io);
    w->io = NULL;
}

void world_done(world *w)
{
    const disk_counts *counts = disk_counts_of(w->d);

    if (atomic_load(&w->heap.live) != 0) {
        violation("%lld allocations are left", (long long)atomic_load(&w->heap.live));
    }
    if (disk_handles(w->d) != 0) {
        violation("%u handles are left", disk_handles(w->d));
    }
    if (counts->misuses != 0) {
        violation("the seam was misused: %s", counts->misuse);
    }
    disk_free(w->d);
    w->d = NULL;
}

static void check_answer(world *w, const call *c, firn_status status, const firn_receipt *receipt,
                         const firn_error *err)
{
    const model_answer *want = &c->want;

    if (world_failed(w, status, err)) {
        trace("answer: %s, for a failure", firn_status_name(status));
        return;
    }
    if (status != want->status || (status < 0 && want->detail != MODEL_DETAIL_ANY && err->detail != want->detail)) {
        violation("the model wants %s (detail %u), the answer is %s: %s", firn_status_name(want->status), want->detail,
                  firn_status_name(status), status < 0 ? err->text : "");
    }
    if (status == FIRN_OK && (receipt->first_seq != want->first_seq || receipt->count != want->count ||
                              receipt->existing != want->existing)) {
        violation("the model wants seq %llu +%u existing %u, the receipt says %llu +%u existing %u",
                  (unsigned long long)want->first_seq, want->count, want->existing,
                  (unsigned long long)receipt->first_seq, receipt->count, receipt->existing);
    }
    if (status == FIRN_OK && want->count > 0 && receipt->time_ns != want->time_ns) {
        violation("the model wants time %lld, the receipt says %lld", (long long)want->time_ns,
                  (long long)receipt->time_ns);
    }
    if (status == FIRN_OK && want->appended &&
        (receipt->cursor.incarnation != w->incarnation || receipt->cursor.seq != want->first_seq + want->count - 1)) {
        violation("seq %llu +%u of incarnation %llu has the cursor %llu of incarnation %llu",
                  (unsigned long long)want->first_seq, want->count, (unsigned long long)w->incarnation,
                  (unsigned long long)receipt->cursor.seq, (unsigned long long)receipt->cursor.incarnation);
    }
    trace("answer: %s, rests on %zu batches", firn_status_name(status), want->position);
    model_answered(w->m, want);
}

static void on_done(void *arg, firn_status status, const firn_receipt *receipt, const firn_error *err)
{
    call *c = arg;
    world *w = c->world;

    if (!c->live) {
        violation("a call was answered twice");
    }
    check_answer(w, c, status, receipt, err);
    *c = (call){0};
    w->live--;
}

void world_poll(world *w)
{
    for (size_t i = 0; i < WORLD_CALLS_MAX; i++) {
        call *c = &w->calls[i];
        firn_receipt receipt;
        firn_error err;
        firn_status status;

        if (c->ticket == NULL || (status = firn_ticket_poll(c->ticket, &receipt, &err)) == FIRN_PENDING) {
            continue;
        }
        check_answer(w, c, status, &receipt, &err);
        firn_ticket_free(c->ticket);
        *c = (call){0};
        w->live--;
    }
}

static firn_slice payload(const model_request *request, const model_event *event)
{
    return (firn_slice){.data = request->bytes + event->at, .size = event->size};
}

static firn_slice short_key(unsigned number, char text[16])
{
    (void)snprintf(text, 16, "key-%u", number);
    return (firn_slice){.data = text, .size = strlen(text)};
}

/* False: an operation of the disk failed. */
static bool collect(world *w, const model_request *request)
{
    firn_status status = FIRN_OK;
    firn_error err;
    char scope[16], key[16];

    firn_batch_reset(w->batch);
    for (unsigned i = 0; status == FIRN_OK && i < request->events_count; i++) {
        const model_event *event = &request->events[i];

        status =
            firn_batch_event(w->batch, model_stream_name(event->stream), event->kind, payload(request, event), &err);
    }
    if (status == FIRN_OK) {
        status = world_collect_verbs(w, request, &err);
    }
    for (unsigned i = 0; status == FIRN_OK && i < request->expects_count; i++) {
        status = firn_batch_expect(w->batch, model_stream_name(request->expects[i].stream), request->expects[i].version,
                                   &err);
    }
    if (status == FIRN_OK && request->has_key) {
        firn_slice of = request->scope == 0 ? (firn_slice){0} : short_key(request->scope, scope);

        status = firn_batch_key(w->batch, of, short_key(request->key, key),
                                request->has_digest ? request->digest : NULL, &err);
    }
    if (status != FIRN_OK && !world_failed(w, status, &err)) {
        violation("collect a batch: %s", err.text);
    }
    return status == FIRN_OK;
}

static void count_held(world *w)
{
    firn_stats stats = {.struct_size = sizeof stats};
    uint64_t most = w->with->options.replay_records_max;

    if (w->with->indexed && most != 0 && firn_stat(w->ledger, &stats, NULL) == FIRN_OK) {
        world_counted.held += stats.delta_records > most ? 1 : 0;
    }
}

/* What a call may say at once without having been taken. */
static bool not_taken(world *w, firn_status status, const firn_error *err)
{
    if (status == FIRN_FULL) {
        count_held(w);
        return true;
    }
    if (status == FIRN_ENOSPC && disk_controls_of(w->d)->space_limited) {
        disk_controls_of(w->d)->space_limited = false;
        return true;
    }
    if (world_failed(w, status, err)) {
        return true;
    }
    if (status != FIRN_OK) {
        violation("submit: %s: %s", firn_status_name(status), status < 0 ? err->text : "");
    }
    return false;
}

static void retract(world *w, const model_answer *answer)
{
    if (answer->appended) {
        size_t keep = w->m->floor;

        model_truncate(w->m, w->m->count - 1);
        w->m->floor = keep;
    }
}

static call *free_call(world *w)
{
    for (size_t i = 0; i < WORLD_CALLS_MAX; i++) {
        if (!w->calls[i].live) {
            return &w->calls[i];
        }
    }
    return NULL;
}

void world_submit(world *w, model_request *request, bool by_ticket)
{
    firn_submit_options options = {.struct_size = sizeof options, .done = on_done};
    call *c = free_call(w);
    firn_ticket *ticket = NULL;
    firn_status status;
    firn_error err;

    if (c != NULL && collect(w, request)) {
        *c = (call){.world = w, .live = true};
        c->want = model_decide(w->m, request, disk_controls_of(w->d)->wall_ns);
        w->live++;
        options.arg = c;
        status = firn_batch_submit(w->batch, by_ticket ? NULL : &options, by_ticket ? &ticket : NULL, &err);
        trace("submit: %s, %zu batches in the model", firn_status_name(status), w->m->count);
        if (not_taken(w, status, &err)) {
            retract(w, &c->want);
            *c = (call){0};
            w->live--;
        } else if (by_ticket) {
            c->ticket = ticket;
        }
    }
    model_request_unref(request);
}

/* A call on one stream, by the short form. */
static firn_status append_short(world *w, const model_request *request, firn_receipt *receipt, firn_error *err)
{
    firn_event events[MODEL_EVENTS_MAX];
    firn_append_options options = {.struct_size = sizeof options};
    char scope[16], key[16];

    for (unsigned i = 0; i < request->events_count; i++) {
        events[i] = (firn_event){.kind = request->events[i].kind, .payload = payload(request, &request->events[i])};
    }
    if (request->expects_count > 0) {
        options.has_expected_version = 1;
        options.expected_version = request->expects[0].version;
    }
    if (request->has_key) {
        options.scope = request->scope == 0 ? (firn_slice){0} : short_key(request->scope, scope);
        options.key = short_key(request->key, key);
        options.digest = request->has_digest ? request->digest : NULL;
    }
    return firn_append(w->ledger, model_stream_name(request->events[0].stream), events, request->events_count, &options,
                       receipt, err);
}

static bool fits_short(const model_request *request)
{
    for (unsigned i = 1; i < request->events_count; i++) {
        if (request->events[i].stream != request->events[0].stream) {
            return false;
        }
    }
    return request->events_count > 0 && request->verbs_count == 0 &&
           (request->expects_count == 0 ||
            (request->expects_count == 1 && request->expects[0].stream == request->events[0].stream));
}

void world_commit(world *w, model_request *request)
{
    model_answer want;
    call c;
    firn_receipt receipt;
    firn_error err;
    firn_status status;

    if (!world_pay(w)) {
        model_request_unref(request);
        return;
    }
    want = model_decide(w->m, request, disk_controls_of(w->d)->wall_ns);
    c = (call){.world = w, .want = want};
    if (request->sets_key_age) {
        status = firn_key_age_set(w->ledger, request->age_ns, &receipt, &err);
    } else if (fits_short(request) && dice_chance(&w->dice, 2)) {
        status = append_short(w, request, &receipt, &err);
    } else if (world_fits_verb(request) && dice_chance(&w->dice, 2)) {
        status = world_call_verb(w, request, &want, &receipt, &err);
    } else if (collect(w, request)) {
        status = firn_batch_commit(w->batch, &receipt, &err);
    } else {
        retract(w, &want);
        model_request_unref(request);
        return;
    }
    if ((status == FIRN_ENOSPC || (world_failed(w, status, &err) && !world_is_poisoned(w))) &&
        not_taken(w, status, &err)) {
        retract(w, &want);
    } else {
        check_answer(w, &c, status, &receipt, &err);
    }
    model_request_unref(request);
}
