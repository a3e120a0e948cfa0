/* SPDX-License-Identifier: Apache-2.0 */
/* history.c — one ledger through many kills and power cuts: what must be in it. */
#include "test/kill/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/kill/folder.h"

#include "format/kinds.h"
#include "test/kill/cross.h"

enum {
    RETRIES_BEHIND = 3, /* Keys of batches that survived, tried again, of each thread. */
    RETRIES_AHEAD = 20
};

static void *need(void *p)
{
    if (p == NULL) {
        violation("out of memory");
    }
    return p;
}

void history_init(history *h, shared *s, tally *t, uint64_t seed, const char *folder, firn_io_path io_path)
{
    /* What goes through the page cache is what a power cut takes most of. */
    static const firn_durable_method methods[] = {FIRN_DURABLE_DIRECT_DSYNC, FIRN_DURABLE_DIRECT_SYNC,
                                                  FIRN_DURABLE_BUFFERED_SYNC, FIRN_DURABLE_BUFFERED_SYNC};
    dice d = dice_of(seed);

    memset(h, 0, sizeof *h);
    h->shared = s;
    h->tally = t;
    h->seed = seed;
    h->closing = CLOSED_PERHAPS;
    (void)snprintf(h->url, sizeof h->url, "%s/ledger-%llu", folder, (unsigned long long)seed);
    h->options = (firn_options){
        .struct_size = sizeof h->options,
        .mode = FIRN_OPEN_CREATE,
        .io_path = io_path,
        .durable_method = methods[dice_roll(&d, sizeof methods / sizeof methods[0])],
        .segment_size = UINT64_C(65536) << dice_roll(&d, 4),
        .spare_segments = 1 + (uint32_t)dice_roll(&d, 3),
        .groups_in_flight_max = 1 + (uint32_t)dice_roll(&d, 4),
        .group_size_max = 65536 << dice_roll(&d, 3),
    };
    /* Merges every now and then, so that kills and cuts meet them. */
    h->options.replay_records_max = UINT64_C(64) << dice_roll(&d, 7);
    h->options.index_map_size = UINT64_C(256) << 20;
    h->threads = 1 + (unsigned)dice_roll(&d, THREADS_MAX);
    h->dice = d;
    shared_next_ledger(s);
}

static void forget_rounds(history *h)
{
    for (unsigned i = 0; i < h->pending_count; i++) {
        free(h->pending[i].acks);
    }
    h->pending_count = 0;
}

void history_done(history *h)
{
    if (atomic_load(&h->shared->troubled)) {
        violation("%s", h->shared->trouble);
    }
    for (uint64_t seq = 1; seq < SEEN_MAX; seq++) {
        h->tally->seen += atomic_load(&h->shared->seen[seq]) != 0 ? 1 : 0;
    }
    forget_rounds(h);
    free(h->known);
    h->known = NULL;
}

writer history_writer(const history *h, uint32_t round, uint64_t batches_max)
{
    return (writer){
        .shared = h->shared,
        .url = h->url,
        .options = h->options,
        .seed = h->seed,
        .round = round,
        .threads = h->threads,
        .batches_max = batches_max,
    };
}

static void check_opened(history *h, uint64_t incarnation, bool clean)
{
    bool right;

    if (clean ? h->closing == CLOSED_NOT : h->closing == CLOSED_CLEAN) {
        violation("opened %s, closed %s", clean ? "clean" : "unclean", clean ? "never" : "cleanly");
    }
    if (h->incarnation == 0) {
        right = incarnation >= 1;
    } else if (clean) {
        right = incarnation == h->incarnation || (h->opened_unseen && incarnation > h->incarnation);
    } else {
        right = incarnation > h->incarnation;
    }
    if (!right) {
        violation("opened %s in incarnation %llu after %llu", clean ? "clean" : "unclean",
                  (unsigned long long)incarnation, (unsigned long long)h->incarnation);
    }
    h->incarnation = incarnation;
    h->opened_unseen = false;
}

static void note_phase(history *h, bool acknowledged)
{
    const shared *s = h->shared;
    int phase = atomic_load(&h->shared->phase);

    if (phase == PHASE_OPENING) {
        h->closing = h->closing == CLOSED_NOT ? CLOSED_NOT : CLOSED_PERHAPS;
        h->opened_unseen = true;
        return;
    }
    if (atomic_load(&h->shared->opened_before)) {
        /* The first time it may have recovered the ledger, and closed it cleanly. */
        h->opened_unseen = true;
        h->closing = CLOSED_PERHAPS;
    }
    check_opened(h, s->incarnation, s->was_clean);
    if (phase == PHASE_OPEN) {
        h->closing = acknowledged ? CLOSED_NOT : CLOSED_PERHAPS;
    } else {
        h->closing = phase == PHASE_CLOSED && !atomic_load(&h->shared->cutting) ? CLOSED_CLEAN : CLOSED_PERHAPS;
    }
}

void history_note(history *h, uint32_t round, size_t acks_before)
{
    shared *s = h->shared;
    size_t taken = atomic_load(&s->acks_count);
    round_pending *r = &h->pending[h->pending_count++];

    if (atomic_load(&s->troubled)) {
        violation("%s", s->trouble);
    }
    *r = (round_pending){.round = round};
    taken = taken < ACKS_MAX ? taken : ACKS_MAX;
    r->acks = need(calloc(taken + 1, sizeof *r->acks));
    for (size_t i = 0; i < taken; i++) {
        if (atomic_load_explicit(&s->acks[i].done, memory_order_acquire) != 0) {
            r->acks_raced += i >= acks_before ? 1 : 0;
            memcpy(&r->acks[r->acks_count++], &s->acks[i], sizeof(ack));
        }
    }
    for (unsigned i = 0; i < THREADS_MAX; i++) {
        r->submitted[i] = atomic_load(&s->submitted[i]);
    }
    note_phase(h, r->acks_count > 0);
    h->tally->rounds++;
    h->tally->acknowledged += r->acks_count;
    h->tally->raced += r->acks_raced;
    h->tally->reads += atomic_load(&s->reads);
    h->tally->looks += atomic_load(&s->looks);
    h->tally->merges += atomic_load(&s->merges);
    h->tally->merge_ns += atomic_load(&s->merge_ns);
    h->tally->open_ns += atomic_load(&s->open_ns);
    shared_next_round(s);
}

void history_visited(history *h)
{
    h->opened_unseen = true;
    h->closing = h->closing == CLOSED_CLEAN ? CLOSED_PERHAPS : h->closing;
}

bool history_may_wait(const history *h)
{
    return h->pending_count < ROUNDS_PENDING_MAX;
}

/* Where a record stands among those of its stream. */
static void check_stream(history *h, const firn_record *record, unsigned i)
{
    const plan *p = &h->fresh;
    uint32_t all = THREADS_MAX * PLAN_STREAMS;
    unsigned cross = i - p->count;
    uint64_t version;
    unsigned at;

    if (i >= p->count && cross >= CROSS_RUN_FIRST && cross < CROSS_RUN_FIRST + CROSS_RUN_RECORDS) {
        /* Each run begins and ends in its batch. */
        h->streams_count += cross == CROSS_RUN_FIRST ? 1 : 0;
        version = cross - CROSS_RUN_FIRST + 1;
        if (record->stream != h->streams_count || record->version != version) {
            violation("record %llu of a run: stream %u version %llu should be stream %u version %llu",
                      (unsigned long long)record->seq, record->stream, (unsigned long long)record->version,
                      h->streams_count, (unsigned long long)version);
        }
        return;
    }
    if (i >= p->count) {
        at = all + 1 + p->id.thread;
    } else {
        at = p->events[i].stream == PLAN_STREAMS - 1 ? all : p->id.thread * PLAN_STREAMS + p->events[i].stream;
    }
    if (h->stream_ids[at] == 0) {
        h->stream_ids[at] = ++h->streams_count;
    }
    h->versions[at]++;
    if (record->stream != h->stream_ids[at] || record->version != h->versions[at]) {
        violation("record %llu: stream %u version %llu should be stream %u version %llu",
                  (unsigned long long)record->seq, record->stream, (unsigned long long)record->version,
                  h->stream_ids[at], (unsigned long long)h->versions[at]);
    }
}

/* A record that no recovery showed before: what it says of itself must be so. */
static known check_fresh(history *h, const firn_record *record)
{
    known k = {.digest = record_digest(record), .version = record->version};
    unsigned i = (unsigned)(record->seq - record->batch_first_seq);
    unsigned long long seq = record->seq;
    const char *differs;

    if (record->kind > FIRN_EVENT_KIND_MAX && i == 0) {
        return k; /* The ledger's own. */
    }
    if (i == 0) {
        if (!plan_read(record->payload, &k.id, &k.index) || k.id.thread >= h->threads) {
            violation("record %llu: %zu bytes that nobody handed in", seq, record->payload.size);
        }
        h->fresh = plan_of(h->seed, k.id);
    }
    k.id = h->fresh.id;
    k.index = i;
    if (i < h->fresh.count) {
        differs = plan_differs(&h->fresh, i, record);
    } else {
        differs = i < h->fresh.records && record->kind == cross_kind(i - h->fresh.count) ? NULL : "it has another kind";
    }
    if (differs != NULL) {
        violation("record %llu, number %u of round %u thread %u batch %llu: %s", seq, k.index, k.id.round, k.id.thread,
                  (unsigned long long)k.id.number, differs);
    }
    if (record->kind != FMT_KIND_CONTENT_BLOB) {
        check_stream(h, record, i);
    }
    return k;
}

static void remember(history *h, const known *k)
{
    if (h->known_count == h->known_capacity) {
        h->known_capacity = h->known_capacity == 0 ? 1024 : 2 * h->known_capacity;
        h->known = need(realloc(h->known, h->known_capacity * sizeof *h->known));
    }
    h->known[h->known_count++] = *k;
}

/* A fresh batch must be the next one of its thread, in a round since the last judgement. */
static void check_order(history *h, const known *k, const firn_record *record)
{
    round_pending *r;

    while (h->pending_at < h->pending_count && h->pending[h->pending_at].round != k->id.round) {
        h->pending_at++;
    }
    if (h->pending_at == h->pending_count) {
        violation("record %llu is of round %u, which is over", (unsigned long long)record->seq, k->id.round);
    }
    r = &h->pending[h->pending_at];
    if (k->id.number != r->found[k->id.thread] || k->id.number >= r->submitted[k->id.thread]) {
        violation("record %llu is of round %u thread %u batch %llu; %llu should come, %llu were handed in",
                  (unsigned long long)record->seq, k->id.round, k->id.thread, (unsigned long long)k->id.number,
                  (unsigned long long)r->found[k->id.thread], (unsigned long long)r->submitted[k->id.thread]);
    }
    r->found[k->id.thread] += record->seq + 1 == record->batch_first_seq + record->batch_count ? 1 : 0;
}

/* Reads from first_seq to the end; `ordered`: fresh records are those of the pending rounds. */
static void scan(history *h, firn_ledger *ledger, uint64_t first_seq, bool ordered)
{
    firn_scan_options options = {.struct_size = sizeof options, .first_seq = first_seq, .buffer_size = 1 << 18};
    uint64_t batch_end = first_seq;
    uint64_t seq = first_seq;
    firn_scan *s = NULL;
    firn_record record;
    firn_error err;
    firn_status status;

    h->pending_at = 0;
    if (firn_scan_open(ledger, &options, &s, &err) != FIRN_OK) {
        violation("scan: %s", err.text);
    }
    for (; (status = firn_scan_next(s, &record, &err)) == FIRN_OK; seq++) {
        known k;

        if (record.seq != seq || (seq == batch_end && record.batch_first_seq != seq)) {
            violation("record %llu of the batch from %llu follows %llu", (unsigned long long)record.seq,
                      (unsigned long long)record.batch_first_seq, (unsigned long long)seq - 1);
        }
        batch_end = record.batch_first_seq + record.batch_count;
        if (seq <= h->known_count) {
            if (record_digest(&record) != h->known[seq - 1].digest) {
                violation("record %llu is not what it was", (unsigned long long)seq);
            }
            continue;
        }
        k = check_fresh(h, &record);
        if (ordered && k.id.round != 0) {
            check_order(h, &k, &record);
        }
        remember(h, &k);
    }
    firn_scan_close(s);
    if (status != FIRN_END) {
        violation("scan: %s", err.text);
    }
    if (seq != batch_end || seq != h->known_count + 1) {
        violation("the log ends at %llu, its last batch at %llu; %zu records were there before",
                  (unsigned long long)seq - 1, (unsigned long long)batch_end - 1, h->known_count);
    }
}

static bool is_batch(const history *h, plan_id id, uint64_t first_seq)
{
    const known *k = first_seq >= 1 && first_seq <= h->known_count ? &h->known[first_seq - 1] : NULL;

    return k != NULL && k->index == 0 && k->id.round == id.round && k->id.thread == id.thread &&
           k->id.number == id.number;
}

static void check_acks(const history *h)
{
    for (unsigned i = 0; i < h->pending_count; i++) {
        const round_pending *r = &h->pending[i];

        for (size_t n = 0; n < r->acks_count; n++) {
            const ack *a = &r->acks[n];

            if (!is_batch(h, a->id, a->first_seq)) {
                violation("round %u thread %u batch %llu was acknowledged%s at seq %llu, and is not there", a->id.round,
                          a->id.thread, (unsigned long long)a->id.number,
                          n + r->acks_raced >= r->acks_count ? ", while the power was cut," : "",
                          (unsigned long long)a->first_seq);
            }
        }
    }
}

static void check_seen(const history *h)
{
    for (uint64_t seq = 1; seq < SEEN_MAX; seq++) {
        uint64_t digest = atomic_load(&h->shared->seen[seq]);

        if (digest != 0 && seq > h->known_count) {
            violation("a reader was shown record %llu; the log ends at %zu", (unsigned long long)seq, h->known_count);
        }
        if (digest != 0 && digest != h->known[seq - 1].digest) {
            violation("a reader was shown another record %llu", (unsigned long long)seq);
        }
    }
}

static void retry(history *h, firn_batch *batch, plan_id id, bool survived)
{
    plan p = plan_of(h->seed, id);
    firn_receipt receipt;
    firn_error err;

    if (!p.keyed) {
        return;
    }
    if (plan_collect(&p, batch, &err) != FIRN_OK || firn_batch_commit(batch, &receipt, &err) != FIRN_OK) {
        violation("round %u thread %u batch %llu again: %s", id.round, id.thread, (unsigned long long)id.number,
                  err.text);
    }
    if ((receipt.existing != 0) != survived || (survived && !is_batch(h, id, receipt.first_seq)) ||
        receipt.count != p.records) {
        violation("round %u thread %u batch %llu again: seq %llu, count %u, existing %u; it %s", id.round, id.thread,
                  (unsigned long long)id.number, (unsigned long long)receipt.first_seq, receipt.count, receipt.existing,
                  survived ? "had survived" : "had not survived");
    }
    h->tally->existing += survived ? 1 : 0;
    h->tally->appended += survived ? 0 : 1;
}

static void retry_keys(history *h, firn_ledger *ledger)
{
    firn_batch *batch = NULL;
    firn_error err;

    if (firn_batch_new(ledger, &batch, &err) != FIRN_OK) {
        violation("batch: %s", err.text);
    }
    for (unsigned i = 0; i < h->pending_count; i++) {
        const round_pending *r = &h->pending[i];

        for (uint32_t thread = 0; thread < h->threads; thread++) {
            uint64_t found = r->found[thread];
            uint64_t n = found < RETRIES_BEHIND ? 0 : found - RETRIES_BEHIND;

            for (; n < r->submitted[thread] && n < found + RETRIES_AHEAD; n++) {
                retry(h, batch, (plan_id){.round = r->round, .thread = thread, .number = n}, n < found);
            }
        }
    }
    firn_batch_free(batch);
}

/* Batches across the stores, the fresh ones and some others, in a view. */
static void check_crosses(history *h, firn_ledger *ledger, size_t fresh_from)
{
    firn_view *view = NULL;
    firn_error err;

    if (firn_view_open(ledger, &view, &err) != FIRN_OK) {
        violation("view: %s", err.text);
    }
    for (size_t i = 0; i < h->known_count; i++) {
        const known *k = &h->known[i];
        const char *differs;
        plan p;

        if (k->index != 0 || k->id.round == 0 || (i < fresh_from && !dice_chance(&h->dice, 10))) {
            continue;
        }
        p = plan_of(h->seed, k->id);
        if (!p.crosses) {
            continue;
        }
        differs = cross_differs(&p, k[p.count + CROSS_RELEASE].version, view);
        if (differs != NULL) {
            violation("round %u thread %u batch %llu: %s not there, or other", k->id.round, k->id.thread,
                      (unsigned long long)k->id.number, differs);
        }
        h->tally->crosses++;
    }
    firn_view_close(view);
}

/* replayed: what a replay said, right before the ledger was closed; NULL: it was not. */
static void verify(const history *h, const firn_report *replayed)
{
    firn_report report = {.struct_size = sizeof report};
    bool closed = replayed != NULL;
    firn_error err;
    firn_status status = firn_verify(h->url, NULL, &report, &err);

    if (status == FIRN_ECORRUPT && h->index_doubted && !closed && report.findings == report.index_findings) {
        return;
    }
    if (status != FIRN_OK || report.findings != 0) {
        violation("verify %s recovery: %s", closed ? "after" : "before", err.text);
    }
    if (closed && report.records != h->known_count) {
        violation("verify counts %llu records of %zu", (unsigned long long)report.records, h->known_count);
    }
    if (closed && memcmp(report.digest, replayed->digest, sizeof report.digest) != 0) {
        violation("verify and a replay make different rows of the log");
    }
}

void history_doubt_index(history *h)
{
    h->index_kept = false;
    h->index_doubted = true;
}

void history_forget_index(history *h)
{
    char name[600];

    (void)snprintf(name, sizeof name, "%s/index", h->url);
    h->tally->indexes += access(name, F_OK) == 0 ? 1 : 0;
    folder_remove(name);
    h->index_kept = false;
}

/* What opening made of the index that it found. */
static void check_index(history *h, const firn_stats *stats)
{
    h->tally->rebuilt += h->index_doubted && stats->index_note[0] != '\0' ? 1 : 0;
    if (h->index_kept && stats->index_note[0] != '\0') {
        violation("the index %s", stats->index_note);
    }
    if (stats->replayed_records + stats->merged_seq < stats->durable_seq || stats->merged_seq > stats->durable_seq) {
        violation("the index holds the rows up to seq %llu, %llu records were replayed, the log ends at %llu",
                  (unsigned long long)stats->merged_seq, (unsigned long long)stats->replayed_records,
                  (unsigned long long)stats->durable_seq);
    }
    h->tally->merged += stats->merged_seq > 0 && stats->replayed_records < stats->durable_seq ? 1 : 0;
    h->index_kept = true;
    h->index_doubted = false;
}

void history_judge(history *h)
{
    firn_stats stats = {.struct_size = sizeof stats};
    firn_report report = {.struct_size = sizeof report};
    firn_ledger *ledger = NULL;
    size_t before = h->known_count;
    firn_error err;

    if (h->incarnation != 0 && dice_chance(&h->dice, 3)) {
        verify(h, NULL);
    }
    if (open_patiently(h->url, &h->options, &ledger, &err) != FIRN_OK || firn_stat(ledger, &stats, &err) != FIRN_OK) {
        violation("recovery: %s: %s", firn_status_name(err.status), err.text);
    }
    check_opened(h, stats.incarnation, stats.was_clean != 0);
    check_index(h, &stats);
    scan(h, ledger, 1, true);
    check_acks(h);
    check_seen(h);
    retry_keys(h, ledger);
    scan(h, ledger, h->known_count + 1, false);
    check_crosses(h, ledger, before);
    if (firn_replay(ledger, NULL, &report, &err) != FIRN_OK) {
        violation("rows against a replay: %s", err.text);
    }
    if (firn_close(ledger, &err) != FIRN_OK) {
        violation("close: %s", err.text);
    }
    h->closing = CLOSED_CLEAN;
    verify(h, &report);
    h->tally->judged++;
    h->tally->records += h->known_count - before;
    forget_rounds(h);
}
