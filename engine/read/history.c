/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.c — the logical digest: SHA-256 over what happened, wherever and however it is stored.
 *
 * The encoding is that of format/history.h; this file walks the log and feeds it. What is small is gathered before it
 * is hashed, for a call of the library underneath costs as much as hashing some dozen bytes.
 *
 * Names of streams. A record carries a number, its name stands in the batch that first used it. Names met on the way
 * are remembered, as many as fit; others, of streams that are older than the part or were displaced, are asked of the
 * index.
 */
#include "engine/base/error.h"
#include "engine/intake/core.h"
#include "engine/intake/options.h"
#include "firn/history.h"
#include "firn/view.h"
#include "format/history.h"

#include <string.h>

enum {
    GATHERED_MAX = 32 * 1024,
    DIRECT_MIN = 4096, /* Bodies from this size on are hashed where they lie. */
    NAMES_COUNT = 512, /* Half a MiB. */
    TOLD_EVERY = 4096  /* Records between two calls of progress. */
};

typedef struct stream_name {
    uint32_t stream; /* 0: empty. */
    uint32_t size;
    char name[FIRN_STREAM_NAME_SIZE_MAX];
} stream_name;

/* A digest under way. One thread. */
typedef struct walk {
    firn_ledger *ledger;
    frn_digest *digest;
    uint32_t flags;           /* Of the encoding. */
    uint64_t batch_first_seq; /* Of the batch that was fed last; 0: none. */
    firn_history history;
    size_t gathered;
    stream_name names[NAMES_COUNT]; /* The stream's number, modulo, is its place. */
    uint8_t bytes[GATHERED_MAX];
} walk;

static void flush(walk *w)
{
    frn_digest_raw(w->digest, (firn_slice){w->bytes, w->gathered});
    w->gathered = 0;
}

/* Room for so many bytes, to be counted in gathered by who fills them. */
static uint8_t *room(walk *w, size_t size)
{
    if (GATHERED_MAX - w->gathered < size) {
        flush(w);
    }
    return w->bytes + w->gathered;
}

static void feed(walk *w, const uint8_t *data, size_t size)
{
    if (size >= DIRECT_MIN) {
        flush(w);
        frn_digest_raw(w->digest, (firn_slice){data, size});
    } else if (size > 0) {
        memcpy(room(w, size), data, size);
        w->gathered += size;
    }
}

static void feed_zeros(walk *w, size_t size)
{
    static const uint8_t zeros[64];

    for (; size > sizeof zeros; size -= sizeof zeros) {
        feed(w, zeros, sizeof zeros);
    }
    feed(w, zeros, size);
}

static void feed_body(walk *w, const fmt_record *record)
{
    fmt_history_mask masks[FMT_HISTORY_MEMBERS_MAX];
    size_t count = fmt_history_masks(record, w->flags, masks);
    const uint8_t *body = record->body.data;
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        feed(w, body + at, masks[i].at - at);
        feed_zeros(w, masks[i].size);
        at = masks[i].at + masks[i].size;
    }
    feed(w, body + at, record->body.size - at);
}

static stream_name *name_keep(walk *w, uint32_t stream, const void *name, size_t size)
{
    stream_name *kept = &w->names[stream % NAMES_COUNT];

    kept->stream = stream;
    kept->size = (uint32_t)size;
    memcpy(kept->name, name, size);
    return kept;
}

static firn_status name_ask(walk *w, const fmt_record *record, const stream_name **out_name, firn_error *err)
{
    firn_view *view = NULL;
    firn_stream stream;
    firn_status status = firn_view_open(w->ledger, &view, err);

    if (status == FIRN_OK) {
        status = firn_stream_get_by_id(view, record->stream, &stream, err);
    }
    firn_view_close(view);
    if (status == FIRN_ENOTFOUND) {
        (void)frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_RECORD, "record %llu: stream %lu has no name",
                              (unsigned long long)record->seq, (unsigned long)record->stream);
        return frn_place(err, FIRN_ECORRUPT, 0, 0, record->seq);
    }
    if (status == FIRN_OK) {
        *out_name = name_keep(w, record->stream, stream.name, stream.name_size);
    }
    return status;
}

static void feed_batch(walk *w, const fmt_batch *batch)
{
    fmt_name name;
    size_t at = 0;

    while (fmt_batch_name_next(batch, &at, &name)) {
        (void)name_keep(w, name.stream, name.name.data, name.name.size);
    }
    w->gathered += fmt_history_batch(room(w, FMT_HISTORY_BATCH_MAX), batch, w->flags);
    w->batch_first_seq = batch->first_seq;
    w->history.batches++;
}

static firn_status feed_record(walk *w, const frn_log_record *from, firn_error *err)
{
    static const stream_name none = {0};
    const fmt_record *record = &from->record;
    const stream_name *name = &none;
    firn_status status = FIRN_OK;

    if (from->batch->first_seq != w->batch_first_seq) {
        feed_batch(w, from->batch);
    }
    if (record->stream != 0) {
        name = &w->names[record->stream % NAMES_COUNT];
    }
    if (name->stream != record->stream) {
        status = name_ask(w, record, &name, err);
    }
    if (status != FIRN_OK) {
        return status;
    }
    w->gathered += fmt_history_record(room(w, FMT_HISTORY_RECORD_MAX), record, (firn_slice){name->name, name->size});
    feed_body(w, record);
    if (w->history.records == 0) {
        w->history.first_seq = record->seq;
    }
    w->history.last_seq = record->seq;
    w->history.records++;
    w->history.bytes += record->body.size;
    return FIRN_OK;
}

static firn_status tell(const walk *w, const firn_history_options *options, uint64_t bytes_total, firn_error *err)
{
    if (options->progress != NULL &&
        options->progress(options->progress_arg, w->history.bytes, bytes_total, w->history.records) != 0) {
        return frn_fail(err, FIRN_ESTATE, "stopped by the caller after %llu records",
                        (unsigned long long)w->history.records);
    }
    return FIRN_OK;
}

/* The log between two seqs, both included. */
static firn_status walk_log(walk *w, const firn_history_options *options, uint64_t first, uint64_t last,
                            firn_error *err)
{
    frn_log_reader *reader = NULL;
    firn_stats stats = {0};
    uint64_t durable = frn_log_durable(w->ledger->log);
    uint64_t total;
    frn_log_record record;
    firn_status status;

    if (first > last) {
        return FIRN_OK;
    }
    frn_log_stat(w->ledger->log, &stats);
    total = (uint64_t)((double)stats.log_size * (double)(last - first + 1) / (double)durable);
    status = frn_log_reader_open(w->ledger->log, first, 0, &reader, err);
    while (status == FIRN_OK) {
        status = frn_log_reader_next(reader, last, &record, err);
        if (status == FIRN_OK) {
            status = feed_record(w, &record, err);
        }
        if (status == FIRN_OK && w->history.records % TOLD_EVERY == 0) {
            status = tell(w, options, total, err);
        }
    }
    if (status == FIRN_END) {
        status = tell(w, options, total, err);
    }
    frn_log_reader_close(reader);
    return status;
}

static firn_status walk_part(walk *w, const firn_history_options *options, firn_error *err)
{
    uint64_t durable = frn_log_durable(w->ledger->log);
    uint64_t first = options->first_seq == 0 ? 1 : options->first_seq;
    uint64_t last = options->last_seq == 0 || options->last_seq > durable ? durable : options->last_seq;
    firn_status status, finished;

    status = frn_digest_begin(&w->ledger->digests, &w->digest, err);
    if (status != FIRN_OK) {
        return status;
    }
    w->flags = options->without_time != 0 ? FMT_HISTORY_NO_TIME : 0;
    fmt_history_start(room(w, FMT_HISTORY_START_HEADER), w->flags);
    w->gathered += FMT_HISTORY_START_HEADER;
    status = walk_log(w, options, first, last, err);
    flush(w);
    finished = frn_digest_finish(w->digest, w->history.digest, status == FIRN_OK ? err : NULL);
    return status == FIRN_OK ? finished : status;
}

static firn_status history_digest(firn_ledger *ledger, const firn_history_options *options, firn_history *out_history,
                                  firn_error *err)
{
    size_t size = out_history->struct_size;
    walk *w = frn_alloc_zero(ledger->heap, 1, sizeof *w);
    firn_status status;

    if (w == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "history");
    }
    w->ledger = ledger;
    status = walk_part(w, options, err);
    if (status == FIRN_OK) {
        memset(out_history, 0, size);
        memcpy(out_history, &w->history, size < sizeof w->history ? size : sizeof w->history);
        out_history->struct_size = size;
    }
    frn_free(ledger->heap, w);
    return status;
}

firn_status firn_history_digest(firn_ledger *ledger, const firn_history_options *options, firn_history *out_history,
                                firn_error *err)
{
    firn_history_options own;
    firn_status status;

    if (ledger == NULL || out_history == NULL) {
        return frn_fail(err, FIRN_EINVAL, "history digest: %s is NULL", ledger == NULL ? "ledger" : "out_history");
    }
    status = frn_struct_size_check(out_history->struct_size, "history", err);
    if (status == FIRN_OK) {
        status = frn_options_read(&own, sizeof own, options, "history options", err);
    }
    if (status == FIRN_OK) {
        status = history_digest(ledger, &own, out_history, err);
    }
    return status < 0 ? frn_wrap(err, status, "history digest") : status;
}
