/* SPDX-License-Identifier: Apache-2.0 */
/* log.c — the life of a log: create, open, close. */
#include "engine/log/log.h"

#include "engine/log/recovery.h"

#include "engine/base/error.h"
#include "engine/log/directory.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum {
    LIVE_TRIES = 5 /* Reads of a log that a writer changes meanwhile, before giving up. */
};

/* Whether a header block, one group and a footer fit a segment. */
static bool geometry_is_good(uint64_t segment_size, uint32_t alignment)
{
    return segment_size >= 2 * (uint64_t)alignment + fmt_footer_size(segment_size, alignment);
}

/* ---- create ---- */

struct presence {
    bool segment;
    uint64_t slot_sizes[2]; /* 0: no such file, or an empty one. */
};

static void note_file(void *arg, const char *name, uint64_t size)
{
    struct presence *presence = arg;

    presence->segment = presence->segment || frn_segment_number(name) != 0;
    for (int i = 0; i < 2; i++) {
        if (strcmp(name, frn_manifest_names[i]) == 0) {
            presence->slot_sizes[i] = size;
        }
    }
}

firn_status frn_log_exists(frn_io *io, bool *out_there, firn_error *err)
{
    static const uint8_t blank[sizeof FMT_MANIFEST_MAGIC_TEXT - 1];
    struct presence presence = {0};
    uint8_t heads[2][sizeof blank] = {{0}};
    bool blanks[2] = {true, true};
    bool unfinished;
    firn_status status = io->ops->list(io, note_file, &presence, err);

    for (int i = 0; i < 2 && status == FIRN_OK; i++) {
        frn_file *file = NULL;
        size_t got;

        if (presence.slot_sizes[i] > 0) {
            status = io->ops->open(io, frn_manifest_names[i], 0, &file, err);
        }
        if (status == FIRN_OK && file != NULL) {
            status = io->ops->read(file, heads[i], sizeof heads[i], 0, &got, err);
            io->ops->file_close(file);
        }
        blanks[i] = memcmp(heads[i], blank, sizeof blank) == 0;
    }
    if (status == FIRN_OK) {
        /* Creation writes slot 0 first: a crash may leave anything in its sector, but then slot 1 is as it was filled,
           or is just being made anew by a second creation, of which the first steps got lost. */
        unfinished = presence.slot_sizes[0] == FMT_MANIFEST_SIZE && blanks[1] &&
                     memcmp(heads[0], FMT_MANIFEST_MAGIC_TEXT, sizeof heads[0]) != 0;
        *out_there = presence.segment || (!unfinished && (!blanks[0] || !blanks[1]));
    }
    return status;
}

static frn_log *log_new(frn_heap *heap, frn_io *io, const frn_log_options *options)
{
    frn_log *log = frn_alloc_zero(heap, 1, sizeof *log);
    frn_io_facts facts;

    if (log == NULL) {
        return NULL;
    }
    log->heap = heap;
    log->io = io;
    log->options = *options;
    if (log->options.groups_in_flight_max > FRN_LOG_FLIGHTS_MAX) {
        log->options.groups_in_flight_max = FRN_LOG_FLIGHTS_MAX;
    }
    io->ops->facts(io, &facts);
    log->alignment = facts.alignment;
    frn_mutex_init(&log->maker);
    frn_mutex_init(&log->tail);
    frn_mutex_init(&log->reap);
    frn_mutex_init(&log->list);
    frn_directory_init(&log->directory);
    return log;
}

static void segments_free(frn_log *log, frn_segments *segments)
{
    for (size_t i = 0; i < segments->count; i++) {
        frn_segment_free(log, segments->at[i]);
    }
    frn_free(log->heap, segments->at);
    *segments = (frn_segments){0};
}

static void log_free(frn_log *log)
{
    frn_publish_drop(log);
    frn_reach_drop(log);
    frn_refresh_drop(log);
    frn_log_files_close(log);
    frn_directory_done(log);
    for (unsigned i = 0; i < log->spares_count; i++) {
        frn_segment_free(log, log->spares[i]);
    }
    frn_segment_free(log, log->making);
    for (unsigned i = 0; i < log->slots_count; i++) {
        frn_free(log->heap, log->slots[i].big);
    }
    segments_free(log, &log->segments);
    frn_free(log->heap, log->sealing.at);
    frn_free(log->heap, log->staging);
    frn_free(log->heap, log->recycled);
    frn_free(log->heap, log->leavings);
    frn_manifest_free(log);
    if (log->lock_file != NULL) {
        log->io->ops->file_close(log->lock_file);
    }
    frn_mutex_done(&log->maker);
    frn_mutex_done(&log->tail);
    frn_mutex_done(&log->reap);
    frn_mutex_done(&log->list);
    frn_free(log->heap, log);
}

/* Makes a file, in place of one that an attempt before may have left: what failed to be synced once is never synced
 * again. */
static firn_status make_anew(frn_io *io, const char *name, frn_file **out_file, firn_error *err)
{
    firn_status status = io->ops->open(io, name, FRN_IO_WRITE | FRN_IO_CREATE, out_file, err);

    if (status == FIRN_EEXISTS) {
        status = io->ops->remove(io, name, err);
        if (status == FIRN_OK) {
            status = io->ops->open(io, name, FRN_IO_WRITE | FRN_IO_CREATE, out_file, err);
        }
    }
    return status;
}

/* The lock's file carries nothing, so it is never written; it is used as it is found. */
static firn_status open_lock(frn_io *io, frn_file **out_file, firn_error *err)
{
    firn_status status = io->ops->open(io, FRN_LOCK_NAME, FRN_IO_WRITE | FRN_IO_CREATE, out_file, err);

    return status == FIRN_EEXISTS ? io->ops->open(io, FRN_LOCK_NAME, FRN_IO_WRITE, out_file, err) : status;
}

firn_status frn_log_create(frn_heap *heap, frn_io *io, const frn_log_options *options, firn_error *err)
{
    frn_log *log = log_new(heap, io, options);
    firn_status status = FIRN_OK;
    uint64_t written;

    if (log == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "create ledger: out of memory");
    }
    if (!geometry_is_good(options->segment_size, log->alignment)) {
        status =
            frn_fail(err, FIRN_EINVAL,
                     "segments of %" PRIu64 " bytes are too small for a disk that asks for an alignment of %" PRIu32,
                     options->segment_size, log->alignment);
    }
    if (status == FIRN_OK) {
        status = frn_manifest_alloc(log, err);
    }
    if (status == FIRN_OK) {
        status = open_lock(io, &log->lock_file, err);
    }
    if (status == FIRN_OK) {
        status = io->ops->lock(log->lock_file, err);
    }
    for (int i = 0; i < 2 && status == FIRN_OK; i++) {
        status = make_anew(io, frn_manifest_names[i], &log->slot_files[i], err);
        if (status == FIRN_OK) {
            status = io->ops->fill(log->slot_files[i], FMT_MANIFEST_SIZE, &written, err);
        }
        if (status == FIRN_OK) {
            status = io->ops->sync(log->slot_files[i], err);
        }
    }
    if (status == FIRN_OK) {
        status = io->ops->sync_names(io, err);
    }
    if (status == FIRN_OK) {
        status = io->ops->random(io, log->manifest.ledger_id, FIRN_LEDGER_ID_SIZE, err);
    }
    if (status == FIRN_OK) {
        /* Less than one 512-byte sector, so a crash leaves a whole manifest or none. */
        fmt_manifest *manifest = &log->manifest;

        manifest->version = FMT_VERSION;
        manifest->created_ns = io->ops->wall_clock_ns(io);
        manifest->segment_size = options->segment_size;
        manifest->alignment = log->alignment;
        manifest->durable_method = (uint32_t)options->durable_method;
        manifest->clean = 1;
        manifest->incarnations_count = 1;
        manifest->incarnations[0] = (fmt_incarnation){.number = 1, .first_seq = 1, .segment = 1};
        assert(fmt_manifest_size(manifest) <= 512);
        status = frn_manifest_write(log, err);
    }
    log_free(log);
    return status < 0 ? frn_wrap(err, status, "create ledger") : FIRN_OK;
}

/* ---- open ---- */

/* Takes over what the manifest says about the ledger as a whole. */
static firn_status take_manifest(frn_log *log, const frn_manifest_found *found, firn_error *err)
{
    const fmt_manifest *manifest = &log->manifest;
    bool there = true;
    firn_status status;

    for (int i = 0; i < 2; i++) {
        if (frn_recovery_decide(FRN_PLACE_SLOT, found->verdicts[i], found->verdicts[1 - i] == FMT_OK) ==
            FRN_ACTION_NEWER) {
            return frn_fail(err, FIRN_ENEWER, "%s: %s", frn_manifest_names[i], fmt_verdict_text(FMT_NEWER));
        }
    }
    if (found->best < 0) {
        status = frn_log_exists(log->io, &there, err);
        if (status < 0) {
            return status;
        }
        if (!there) {
            return frn_fail_detail(err, FIRN_ENOTFOUND, FIRN_DETAIL_NOT_A_LEDGER,
                                   "not a ledger: no manifest and no segment");
        }
        return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_MANIFEST, "manifest: slot 0: %s; slot 1: %s",
                               found->missing[0] ? "missing" : fmt_verdict_text(found->verdicts[0]),
                               found->missing[1] ? "missing" : fmt_verdict_text(found->verdicts[1]));
    }
    if (log->alignment > manifest->alignment) {
        return frn_fail(err, FIRN_EINVAL,
                        "the disk asks for an alignment of %" PRIu32 " bytes, the ledger was made with %" PRIu32,
                        log->alignment, manifest->alignment);
    }
    if (!geometry_is_good(manifest->segment_size, manifest->alignment)) {
        return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_MANIFEST,
                               "manifest: segments of %" PRIu64 " bytes, alignment %" PRIu32 ": no group fits",
                               manifest->segment_size, manifest->alignment);
    }
    memcpy(log->ledger_id, manifest->ledger_id, FIRN_LEDGER_ID_SIZE);
    log->segment_size = manifest->segment_size;
    log->alignment = manifest->alignment;
    log->method = log->options.durable_method != FIRN_DURABLE_AUTO ? log->options.durable_method
                                                                   : (firn_durable_method)manifest->durable_method;
    if (log->method == FIRN_DURABLE_AUTO) {
        log->method = FIRN_DURABLE_BUFFERED_SYNC; /* The manifest names none: this one works on every disk. */
    }
    log->was_clean = manifest->clean != 0;
    return FIRN_OK;
}

static void take_positions(frn_log *log, const frn_recovery *r, uint64_t durable)
{
    atomic_store(&log->allocated, durable);
    atomic_store(&log->durable, durable);
    log->last_crc = r->last_crc;
    log->last_time_ns = r->last_time_ns;
    log->durable_crc = r->last_crc;
    log->durable_time_ns = r->last_time_ns;
    log->damage = r->damage;
    if (log->segments.count > 0) {
        log->durable_segment = log->segments.at[log->segments.count - 1]->number;
        log->durable_offset = log->segments.at[log->segments.count - 1]->end_offset;
    }
}

/* Memory and the kernel's part of the queue. */
static firn_status open_queue(frn_log *log, firn_error *err)
{
    firn_status status;

    log->slots_count = log->options.groups_in_flight_max + 1;
    log->staging_each = (size_t)frn_align_up(log->options.group_size_max, log->alignment);
    log->staging = frn_alloc_aligned(log->heap, log->alignment, log->staging_each * log->slots_count);
    if (log->staging == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "staging area: out of memory");
    }
    for (unsigned i = 0; i < log->slots_count; i++) {
        log->slots[i].own = log->staging + i * log->staging_each;
        log->slots[i].dirty = log->staging_each;
    }
    /* A group and its sync each, one footer, and the reach. */
    status = log->io->ops->queue_open(log->io, log->lock_file, log->staging, log->staging_each, log->slots_count,
                                      log->options.groups_in_flight_max + 3, err);
    return status;
}

static firn_status open_for_writing(frn_log *log, firn_error *err)
{
    frn_manifest_found found;
    frn_recovery r = {.log = log};
    firn_status status = log->io->ops->open(log->io, FRN_LOCK_NAME, FRN_IO_WRITE, &log->lock_file, err);

    if (status == FIRN_ENOTFOUND) {
        bool there = false;

        /* The lock's file carries nothing: a ledger that lost it gets a new one. */
        status = frn_log_exists(log->io, &there, err);
        if (status == FIRN_OK && !there) {
            return frn_fail_detail(err, FIRN_ENOTFOUND, FIRN_DETAIL_NOT_A_LEDGER,
                                   "not a ledger: no manifest and no segment");
        }
        if (status == FIRN_OK) {
            status = open_lock(log->io, &log->lock_file, err);
        }
    }
    if (status == FIRN_OK) {
        status = log->io->ops->lock(log->lock_file, err);
    }
    if (status == FIRN_OK) {
        status = frn_manifest_read(log, &found, err);
    }
    if (status == FIRN_OK) {
        status = take_manifest(log, &found, err);
    }
    if (status < 0) {
        return status;
    }
    log->io->ops->durable_method_set(log->io, log->method);
    status = frn_recovery_scan(&r, err);
    if (status == FIRN_OK && r.damage.status < 0) {
        status = r.damage.status;
        if (err != NULL) {
            *err = r.damage;
        }
    }
    if (status == FIRN_OK) {
        take_positions(log, &r, r.expected - 1);
        status = open_queue(log, err);
    }
    if (status == FIRN_OK) {
        status = frn_recovery_settle(&r, &found, err);
    }
    frn_recovery_done(&r);
    if (status == FIRN_OK) {
        status = frn_reach_start(log, err);
    }
    if (status == FIRN_OK) {
        status = frn_publish_start(log, err);
    }
    if (status == FIRN_OK) {
        status = frn_maker_start(log, err);
        if (status < 0) {
            frn_publish_stop(log);
        }
    }
    return status;
}

/* One look at a log that may have a live writer. *out_again: what was read did not fit together. */
static firn_status look(frn_log *log, bool live, frn_manifest_found *out_found, uint64_t *out_tail_bytes,
                        bool *out_again, firn_error *err)
{
    frn_recovery r = {.log = log, .live = live};
    fmt_positions positions;
    frn_file *file = NULL;
    /* Before the manifest: it then names the segment that they are about, and the groups up to there are whole. */
    bool published = live && frn_positions_read(log->io, &file, &positions);
    uint64_t durable;
    firn_status status;

    if (file != NULL) {
        log->io->ops->file_close(file);
    }
    status = frn_manifest_read(log, out_found, err);
    *out_again = live && status == FIRN_OK && out_found->best < 0;
    *out_tail_bytes = 0;
    if (status == FIRN_OK) {
        status = take_manifest(log, out_found, err);
    }
    if (status < 0) {
        return status;
    }
    if (published && frn_hint_fits(log, &positions.hint)) {
        r.witness = positions.durable;
    }
    status = frn_recovery_scan(&r, err);
    if (status == FIRN_OK) {
        *out_again = live && r.damage.status < 0;
        durable = r.expected - 1;
        if (live || (!log->manifest.clean && frn_recovery_sync(&r, NULL) < 0)) {
            /* What no witness reaches may be lost by a power cut at this moment. */
            durable = r.witness < durable ? r.witness : durable;
        }
        take_positions(log, &r, durable);
        log->witness = r.witness;
        *out_tail_bytes = live || r.damage.status < 0 ? 0 : r.cut_bytes;
    }
    frn_recovery_done(&r);
    return status;
}

/* Whether two looks at a log under its writer met the same damage. What the first found to be durable and not there was
   to be seen by the second, if it was ever written. */
static bool still_damaged(const firn_error *before, const firn_error *damage)
{
    return damage->status < 0 && before->status == damage->status && before->detail == damage->detail &&
           before->segment == damage->segment && before->offset == damage->offset && before->seq == damage->seq;
}

/* Whether a writer came, and perhaps went, since look() read the manifest: it changes nothing before the manifest. */
static bool overtaken(frn_log *log)
{
    uint64_t generation = log->manifest.generation;
    frn_manifest_found found;

    return frn_manifest_read(log, &found, NULL) == FIRN_OK && found.best >= 0 && log->manifest.generation != generation;
}

/* Whether a writer holds the lock. A ledger without the lock's file has none. */
static firn_status has_writer(frn_io *io, bool *out_live, firn_error *err)
{
    frn_file *lock_file = NULL;
    firn_status status = io->ops->open(io, FRN_LOCK_NAME, 0, &lock_file, err);

    *out_live = false;
    if (status == FIRN_OK) {
        status = io->ops->lock_test(lock_file, out_live, err);
        io->ops->file_close(lock_file);
    }
    return status == FIRN_ENOTFOUND ? FIRN_OK : status;
}

firn_status frn_log_look(frn_heap *heap, frn_io *io, const frn_log_options *options, frn_log **out_log,
                         frn_manifest_found *out_found, bool *out_live, uint64_t *out_tail_bytes, firn_error *err)
{
    frn_log *log = log_new(heap, io, options);
    firn_error before = {0};
    bool again = true;
    firn_status status;

    if (log == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "open log: out of memory");
    }
    status = frn_manifest_alloc(log, err);
    for (int i = 0; i < LIVE_TRIES && status == FIRN_OK && again; i++) {
        before = log->damage;
        log->damage.status = FIRN_OK;
        segments_free(log, &log->segments);
        status = has_writer(io, out_live, err);
        if (status < 0) {
            break;
        }
        status = look(log, *out_live, out_found, out_tail_bytes, &again, err);
        again = (again && !still_damaged(&before, &log->damage)) || (!*out_live && overtaken(log));
        status = again && i + 1 < LIVE_TRIES ? FIRN_OK : status;
    }
    if (status == FIRN_OK && again) {
        status = frn_fail(err, FIRN_EBUSY, "a writer changes the log faster than it can be read");
    }
    if (status < 0) {
        log_free(log);
        return status;
    }
    *out_log = log;
    return FIRN_OK;
}

firn_status frn_log_open(frn_heap *heap, frn_io *io, const frn_log_options *options, frn_log **out_log, firn_error *err)
{
    uint8_t print[FRN_MANIFEST_PRINT];
    frn_manifest_found found;
    uint64_t tail_bytes;
    bool live;
    frn_log *log;
    firn_status status;

    if (options->read_only) {
        frn_refresh_print(io, print);
        status = frn_log_look(heap, io, options, &log, &found, &live, &tail_bytes, err);
        if (status == FIRN_OK) {
            log->refresh.at_rest = !live;
            memcpy(log->refresh.print, print, sizeof print);
            *out_log = log;
        }
        return status;
    }
    log = log_new(heap, io, options);
    if (log == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "open log: out of memory");
    }
    status = frn_manifest_alloc(log, err);
    if (status == FIRN_OK) {
        status = open_for_writing(log, err);
    }
    if (status < 0) {
        log_free(log);
        return status;
    }
    *out_log = log;
    return FIRN_OK;
}

/* ---- close ---- */

/* Until the seam has nothing of ours: its writes use our memory. */
static void drain(frn_log *log)
{
    bool busy = true;

    while (busy) {
        (void)frn_log_drive(log, -1);
        frn_mutex_lock(&log->tail);
        busy = log->ops_in_flight > 0 ||
               (atomic_load(&log->poisoned) == 0 &&
                (log->allocated > log->durable || (log->sealing.count > 0 && log->in_flight == 0)));
        frn_mutex_unlock(&log->tail);
    }
}

static firn_status leave_clean_mark(frn_log *log, firn_error *err)
{
    firn_status status;

    frn_mutex_lock(&log->maker);
    log->manifest.clean = 1;
    log->manifest.durable = frn_log_durable(log);
    log->manifest.tail_segment = 0;
    log->manifest.tail_offset = 0;
    log->manifest.tail_crc = log->last_crc;
    log->manifest.tail_time_ns = log->last_time_ns;
    for (size_t i = log->segments.count; i > 0 && log->manifest.tail_segment == 0; i--) {
        const frn_segment *segment = log->segments.at[i - 1];

        if (segment->counts.groups > 0) {
            log->manifest.tail_segment = segment->number;
            log->manifest.tail_offset = segment->end_offset;
        }
    }
    status = frn_manifest_write(log, err);
    frn_mutex_unlock(&log->maker);
    return status;
}

firn_status frn_log_close(frn_log *log, firn_error *err)
{
    firn_status status = FIRN_OK;

    if (!log->options.read_only) {
        frn_mutex_lock(&log->tail);
        log->closing = true;
        frn_mutex_unlock(&log->tail);
        frn_maker_stop(log);
        drain(log);
        frn_publish_stop(log);
        if (atomic_load(&log->poisoned) > 0) {
            status = FIRN_EPOISONED;
            if (err != NULL) {
                *err = log->poison_error;
            }
        } else {
            frn_maker_clear(log, 0);
            status = leave_clean_mark(log, err);
        }
        if (status < 0) {
            (void)frn_wrap(err, status, "close ledger");
        }
    }
    log_free(log);
    return status;
}

void frn_log_abandon(frn_log *log)
{
    assert(!log->options.threads);
    log_free(log);
}
