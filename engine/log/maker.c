/* SPDX-License-Identifier: Apache-2.0 */
/*
 * maker.c — make segments ahead of their use, in a thread or step by step.
 *
 * Happy path, each step durable before the next: (1) a file of zeros, or one whose time is over with its header blanked
 * and a new name; (2) the manifest names its number; (3) its header is written; then it is a spare that the log may
 * use.
 *
 * Why the header comes last: a valid header with a number that a manifest slot does not know proves that the slot is
 * old. Why blank before rename: a file never stands under a name with the header of another.
 *
 * When nothing else is to be made and nothing is being written, files are cleared away that unclean stops left. Done
 * here and not by opening: the file system takes some ms for each. Segments in which writing ended are closed off: they
 * give up the space behind their last record, and get the footer that their writer did not come to. Otherwise each
 * crash would make all later openings longer.
 *
 * What can fail: no space while filling: the file is removed, callers who need a segment get the error, the next need
 * tries again; the same if the manifest has no room for a number. An error in the manifest or in a header, bytes that
 * were written before, poisons, and so does one in making names durable: a second try might succeed and mean nothing.
 */
#include "engine/log/private.h"

#include "engine/base/error.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* A log that wrote nothing for so long is quiet. */
#define QUIET_NS INT64_C(50000000)

void frn_maker_kick(frn_log *log)
{
    atomic_fetch_add(&log->maker_word, 1);
    (void)frn_word_wake(&log->maker_word, 1);
}

/* What should be made now: the size of a segment, or 0. Zeros take half of the disk from a writer at full rate, so
   while it writes (not quiet) half of the spares are used up before more are made. */
static uint64_t wanted_size(frn_log *log, bool quiet)
{
    unsigned enough = quiet ? log->options.spare_segments : (log->options.spare_segments + 1) / 2;
    uint64_t wanted = 0;

    frn_mutex_lock(&log->tail);
    if (atomic_load(&log->poisoned) == 0 && !log->closing && log->make_error.status == FIRN_OK) {
        if (log->big_wanted > 0 && log->spares_count <= FRN_LOG_SPARES_MAX) {
            wanted = log->big_wanted;
        } else if (log->active == NULL || log->spares_count < enough) {
            wanted = log->segment_size;
        }
    }
    frn_mutex_unlock(&log->tail);
    return wanted;
}

/* Makes the names of files durable. A failure must not be tried again: it poisons, whatever the stage was. */
static firn_status settle_names(frn_log *log, firn_error *err)
{
    firn_status status = log->io->ops->sync_names(log->io, err);

    if (status < 0) {
        log->make_stage = FRN_MAKE_NAME;
    }
    return status;
}

/* Takes a file whose time is over, under the new number. *out_done: there was one. */
static firn_status recycle(frn_log *log, uint64_t number, bool *out_done, firn_error *err)
{
    const frn_io_ops *ops = log->io->ops;
    char from[FRN_SEGMENT_NAME_SIZE], to[FRN_SEGMENT_NAME_SIZE];
    uint8_t blank[FMT_SEGMENT_HEADER] = {0};
    frn_file *file = NULL;
    firn_status status;

    *out_done = false;
    if (log->recycled_count == 0) {
        return FIRN_OK;
    }
    frn_segment_name(log->recycled[--log->recycled_count], from);
    frn_segment_name(number, to);
    status = ops->open(log->io, from, FRN_IO_WRITE, &file, err);
    if (status == FIRN_OK) {
        status = ops->write(file, blank, sizeof blank, 0, err);
        atomic_fetch_add_explicit(&log->bytes_written, sizeof blank, memory_order_relaxed);
    }
    if (status == FIRN_OK) {
        status = ops->sync(file, err);
    }
    if (file != NULL) {
        ops->file_close(file);
    }
    if (status == FIRN_OK) {
        status = ops->rename(log->io, from, to, err);
    }
    if (status == FIRN_OK) {
        status = settle_names(log, err);
        *out_done = status == FIRN_OK;
    }
    return status < 0 ? frn_wrap(err, status, "recycle segment %" PRIu64, number) : FIRN_OK;
}

/* First step: the file exists under its name, to be filled or settled already. */
static firn_status step_begin(frn_log *log, uint64_t size, firn_error *err)
{
    const frn_io_ops *ops = log->io->ops;
    uint64_t number = log->manifest.segment_highest + 1;
    uint64_t incarnation = log->manifest.incarnations[log->manifest.incarnations_count - 1].number;
    frn_segment *segment;
    char name[FRN_SEGMENT_NAME_SIZE];
    bool recycled = false;
    firn_status status = FIRN_OK;

    segment = frn_segment_new(log, number, size, incarnation, true);
    if (segment == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "make segment %" PRIu64 ": out of memory", number);
    }
    frn_segment_name(number, name);
    if (size == log->segment_size) {
        status = recycle(log, number, &recycled, err);
    }
    if (status == FIRN_OK) {
        unsigned flags = FRN_IO_WRITE | FRN_IO_QUEUE | (recycled ? 0U : (unsigned)FRN_IO_CREATE);

        status = ops->open(log->io, name, flags, &segment->file, err);
        if (status == FIRN_EEXISTS) {
            /* Left over from an attempt that failed: no manifest names it. */
            status = ops->remove(log->io, name, err);
            if (status == FIRN_OK) {
                status = ops->open(log->io, name, flags, &segment->file, err);
            }
        }
    }
    if (status < 0) {
        frn_segment_free(log, segment);
        return frn_wrap(err, status, "make segment %" PRIu64, number);
    }
    log->making = segment;
    log->make_stage = recycled ? FRN_MAKE_NAME : FRN_MAKE_FILL;
    return FIRN_OK;
}

/* Second step: zeros, durable, and the name of the file with them. */
static firn_status step_fill(frn_log *log, firn_error *err)
{
    const frn_io_ops *ops = log->io->ops;
    char name[FRN_SEGMENT_NAME_SIZE];
    firn_error ignored;
    uint64_t written = 0;
    firn_status status;

    status = ops->fill(log->making->file, log->making->size, &written, err);
    if (status == FIRN_OK) {
        status = ops->sync(log->making->file, err);
    }
    if (status == FIRN_OK) {
        status = settle_names(log, err);
    }
    if (status < 0) {
        frn_segment_name(log->making->number, name);
        ops->file_close(log->making->file);
        log->making->file = NULL;
        /* Nothing knows this file; if it cannot be removed, opening finds it and uses it again. */
        (void)ops->remove(log->io, name, &ignored);
        return frn_wrap(err, status, "make segment %" PRIu64, log->making->number);
    }
    atomic_fetch_add_explicit(&log->bytes_filled, written, memory_order_relaxed);
    log->make_stage = FRN_MAKE_NAME;
    return FIRN_OK;
}

/* The number behind which the new segment comes in log order; 0: at the end. A large one goes before the spares. */
static uint64_t place_behind(frn_log *log, bool big)
{
    uint64_t behind = 0;

    frn_mutex_lock(&log->tail);
    if (big && log->active != NULL && log->spares_count > 0) {
        /* The order is decided here: the log may not go on to a spare before the large one is among them. */
        behind = log->active->number;
        log->roll_blocked = true;
    }
    frn_mutex_unlock(&log->tail);
    return behind;
}

static firn_status step_header(frn_log *log, firn_error *err)
{
    const frn_io_ops *ops = log->io->ops;
    frn_segment *segment = log->making;
    uint8_t bytes[FMT_SEGMENT_HEADER];
    firn_status status;
    fmt_segment header = {
        .version = FMT_VERSION,
        .number = segment->number,
        .incarnation = segment->incarnation,
        .generation = log->manifest.generation,
        .size = segment->size,
        .alignment = log->alignment,
        .time_ns = ops->wall_clock_ns(log->io),
    };

    memcpy(header.ledger_id, log->ledger_id, sizeof header.ledger_id);
    fmt_segment_encode(bytes, &header);
    status = ops->write(segment->file, bytes, sizeof bytes, 0, err);
    if (status == FIRN_OK) {
        status = ops->sync(segment->file, err);
    }
    return status < 0 ? frn_wrap(err, status, "make segment %" PRIu64, segment->number) : FIRN_OK;
}

/* Hands the finished segment to the log. */
static void step_ready(frn_log *log)
{
    frn_segment *segment = log->making;
    bool big = segment->size > log->segment_size;

    frn_mutex_lock(&log->tail);
    assert(log->spares_count <= FRN_LOG_SPARES_MAX);
    if (log->active == NULL) {
        frn_log_activate(log, segment);
        log->big_wanted = log->big_wanted <= segment->size ? 0 : log->big_wanted;
    } else if (big) {
        /* It comes before them in the log, so what was said of them holds for all of it. */
        segment->reach =
            log->spares_count > 0 && log->spares[0]->reach > 0 ? frn_segment_data_end(log, segment->size) : 0;
        memmove(&log->spares[1], &log->spares[0], log->spares_count * sizeof log->spares[0]);
        log->spares[0] = segment;
        if (log->big_wanted <= segment->size) {
            log->big_wanted = 0;
        }
    } else {
        log->spares[log->spares_count] = segment;
    }
    log->spares_count += segment != log->active;
    log->roll_blocked = false;
    atomic_fetch_add_explicit(&log->bytes_written, FMT_SEGMENT_HEADER, memory_order_relaxed);
    frn_mutex_unlock(&log->tail);
    log->making = NULL;
    log->make_stage = FRN_MAKE_IDLE;
    frn_log_room_changed(log);
}

/* Gives up on the segment in hand; callers who need one get the error. */
static void make_failed(frn_log *log, const firn_error *err)
{
    bool settled = log->make_stage >= FRN_MAKE_NAME;

    if (settled) {
        frn_log_poison(log, err->os_errno, err);
    }
    frn_segment_free(log, log->making);
    log->making = NULL;
    log->make_stage = FRN_MAKE_IDLE;
    frn_mutex_lock(&log->tail);
    log->make_error = *err;
    log->roll_blocked = false;
    frn_mutex_unlock(&log->tail);
    frn_trace_say(&log->options.trace, "%s", err->text);
    frn_log_room_changed(log);
}

void frn_maker_leave(frn_log *log, uint64_t *numbers, size_t count)
{
    log->leavings = numbers;
    log->leavings_count = count;
}

/* The segment of this number, if it is part of the log. Segments of a log that is written stay until it is closed. */
static frn_segment *segment_of(frn_log *log, uint64_t number, frn_segment **out_before)
{
    frn_segment *found = NULL;

    frn_mutex_lock(&log->list);
    for (size_t i = 0; i < log->segments.count && found == NULL; i++) {
        if (log->segments.at[i]->number == number) {
            found = log->segments.at[i];
            *out_before = i > 0 ? log->segments.at[i - 1] : NULL;
        }
    }
    frn_mutex_unlock(&log->list);
    return found;
}

/* Whether a crash left a segment without the footer that it may have: all its groups were walked, so its counts are
   whole; and as a good footer says that all earlier ones of its incarnation were written, the one before has its own.
 */
static bool lacks_footer(frn_log *log, const frn_segment *segment, const frn_segment *before)
{
    return segment->incarnation != frn_log_incarnation(log) && !segment->sealed && !segment->seal_sent &&
           segment->known_offset == 0 &&
           (before == NULL || before->incarnation != segment->incarnation || before->sealed || before->seal_sent);
}

/* Writes the footer that the dead writer did not come to, so that no later opening walks the groups again. A footer of
   the dead writer that lands late has the same bytes: it was sent when all groups were durable. */
static firn_status write_footer(frn_log *log, frn_segment *segment, frn_file *file, firn_error *err)
{
    size_t size = (size_t)fmt_footer_size(segment->size, log->alignment);
    uint8_t *bytes = frn_alloc_aligned(log->heap, log->alignment, size);
    firn_status status;

    if (bytes == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "footer: out of memory");
    }
    fmt_footer_encode(bytes, size, segment->salt, &segment->counts, segment->anchors);
    status = log->io->ops->write(file, bytes, size, segment->size - size, err);
    if (status == FIRN_OK) {
        status = log->io->ops->sync(file, err);
    }
    segment->seal_sent = status == FIRN_OK;
    frn_free(log->heap, bytes);
    return status;
}

/* The footer of the segment before may have been found in a cache, where its dead writer left it. */
static firn_status sync_before(frn_log *log, const frn_segment *before, firn_error *err)
{
    char name[FRN_SEGMENT_NAME_SIZE];
    frn_file *file = NULL;
    firn_status status;

    frn_segment_name(before->number, name);
    status = log->io->ops->open(log->io, name, FRN_IO_WRITE, &file, err);
    if (status == FIRN_OK) {
        status = log->io->ops->sync(file, err);
        log->io->ops->file_close(file);
    }
    return status;
}

/* Of a segment in which writing ended by a crash the space behind the last record is given up, for a crash shall not
   cost a whole segment. A write of the dead process that lands later makes it longer again; nobody looks there. */
static firn_status close_off(frn_log *log, frn_segment *segment, const frn_segment *before, const char *name,
                             firn_error *err)
{
    const frn_io_ops *ops = log->io->ops;
    frn_file *file = NULL;
    uint64_t size = 0;
    firn_status status = ops->open(log->io, name, FRN_IO_WRITE, &file, err);

    if (status == FIRN_OK) {
        status = ops->size(file, &size, err);
    }
    if (status == FIRN_OK && size > segment->end_offset) {
        status = ops->shrink(file, segment->end_offset, err);
    }
    if (status == FIRN_OK && lacks_footer(log, segment, before)) {
        if (before != NULL && before->incarnation == segment->incarnation) {
            status = sync_before(log, before, err);
        }
        if (status == FIRN_OK) {
            status = write_footer(log, segment, file, err);
        }
    }
    if (file != NULL) {
        ops->file_close(file);
    }
    return status;
}

/* Clears one file away. Nothing relies on it, so a failure is only said; the next open tries again. */
static void clear_one(frn_log *log)
{
    uint64_t number = log->leavings[--log->leavings_count];
    frn_segment *before = NULL;
    frn_segment *segment = segment_of(log, number, &before);
    char name[FRN_SEGMENT_NAME_SIZE];
    firn_error err = {0};
    firn_status status;

    frn_segment_name(number, name);
    if (segment != NULL) {
        status = close_off(log, segment, before, name, &err);
    } else {
        status = log->io->ops->remove(log->io, name, &err);
        status = status == FIRN_ENOTFOUND ? FIRN_OK : status;
    }
    if (status < 0) {
        frn_trace_say(&log->options.trace, "space behind segment %" PRIu64 " is kept: %s", number, err.text);
    }
}

void frn_maker_clear(frn_log *log, size_t count)
{
    while (log->leavings_count > count) {
        clear_one(log);
    }
}

/* Whether the segment in hand will be the one that takes groups. */
static bool makes_first(frn_log *log)
{
    bool first;

    frn_mutex_lock(&log->tail);
    first = log->active == NULL;
    frn_mutex_unlock(&log->tail);
    return first;
}

bool frn_maker_step(frn_log *log, bool quiet)
{
    firn_error err = {0};
    firn_status status = FIRN_OK;
    uint64_t size;
    bool big;
    bool more = true;

    frn_mutex_lock(&log->maker);
    switch (log->make_stage) {
    case FRN_MAKE_IDLE:
        size = wanted_size(log, quiet);
        more = size > 0 || (quiet && log->leavings_count > 0);
        if (size > 0) {
            status = step_begin(log, size, &err);
        } else if (more) {
            clear_one(log);
        }
        break;
    case FRN_MAKE_FILL:
        status = step_fill(log, &err);
        break;
    case FRN_MAKE_NAME:
        big = log->making->size > log->segment_size;
        log->manifest.durable = frn_log_durable(log);
        status = frn_manifest_name(log, log->making->number, place_behind(log, big), &err);
        if (status < 0) {
            log->make_stage = FRN_MAKE_FILL; /* Nothing was changed: no reason to poison. */
        } else {
            status = frn_manifest_write(log, &err);
        }
        if (status == FIRN_OK) {
            log->make_stage = FRN_MAKE_HEADER;
        }
        break;
    case FRN_MAKE_HEADER:
        status = step_header(log, &err);
        if (status == FIRN_OK && makes_first(log) && log->reach.file != NULL) {
            status = frn_reach_begin(log, log->making, &err);
        }
        if (status == FIRN_OK) {
            step_ready(log);
        }
        break;
    }
    if (status < 0) {
        uint64_t number = log->making != NULL ? log->making->number : log->manifest.segment_highest + 1;

        if (err.segment == 0) {
            (void)frn_place(&err, status, number, 0, 0);
        }
        make_failed(log, &err);
        more = false;
    }
    frn_mutex_unlock(&log->maker);
    return more;
}

bool frn_log_step_make(frn_log *log)
{
    return !log->options.read_only && frn_maker_step(log, true);
}

/* Whether spares are missing that are made once nothing is written. */
static bool waits_for_quiet(frn_log *log)
{
    bool waits;

    frn_mutex_lock(&log->tail);
    waits = (log->spares_count < log->options.spare_segments && log->make_error.status == FIRN_OK) ||
            log->leavings_count > 0;
    frn_mutex_unlock(&log->tail);
    return waits;
}

static void maker_main(void *arg)
{
    frn_log *log = arg;
    uint64_t written = 0;

    /* Whoever opened the log may be reading it: zeros can wait until somebody wants to write, or nobody reads. */
    (void)frn_word_wait(&log->maker_word, 0, frn_monotonic_ns() + QUIET_NS);
    while (!atomic_load(&log->stopping)) {
        uint32_t seen = atomic_load(&log->maker_word);
        uint64_t before = written;

        written = atomic_load_explicit(&log->bytes_written, memory_order_relaxed);
        if (!frn_maker_step(log, written == before) && !atomic_load(&log->stopping)) {
            (void)frn_word_wait(&log->maker_word, seen, waits_for_quiet(log) ? frn_monotonic_ns() + QUIET_NS : -1);
        }
    }
}

firn_status frn_maker_start(frn_log *log, firn_error *err)
{
    if (log->options.threads && frn_thread_start(&log->maker_thread, "firn-maker", maker_main, log) < 0) {
        return frn_fail(err, FIRN_ENOMEM, "start the thread that makes segments");
    }
    return FIRN_OK;
}

void frn_maker_stop(frn_log *log)
{
    atomic_store(&log->stopping, true);
    frn_maker_kick(log);
    frn_thread_join(&log->maker_thread);
}
