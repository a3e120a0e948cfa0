/* SPDX-License-Identifier: Apache-2.0 */
/* files.c — the files of segments that readers share, and where in them a seq is to be sought. */
#include "engine/log/files.h"

#include "engine/base/error.h"

#include <inttypes.h>

static void file_free(frn_log *log, frn_log_file *file)
{
    if (file->file != NULL) {
        log->io->ops->file_close(file->file);
    }
    frn_free(log->heap, file->anchors);
    frn_free(log->heap, file);
}

/* The place in the list of the file that nobody uses and that was unused longest, or NULL. List lock held. */
static frn_log_file **unused_longest(frn_log *log)
{
    frn_log_file **oldest = NULL;

    for (size_t i = 0; i < FRN_LOG_FILES_BUCKETS; i++) {
        for (frn_log_file **at = &log->files[i]; *at != NULL; at = &(*at)->next) {
            if (atomic_load_explicit(&(*at)->users, memory_order_acquire) == 0 &&
                (oldest == NULL || (*at)->used_at < (*oldest)->used_at)) {
                oldest = at;
            }
        }
    }
    return oldest;
}

/* Closes files while there are too many. List lock held. */
static void trim(frn_log *log)
{
    frn_log_file **oldest, *gone;

    while (log->files_count > FRN_LOG_FILES_MAX && (oldest = unused_longest(log)) != NULL) {
        gone = *oldest;
        *oldest = gone->next;
        log->files_count--;
        file_free(log, gone);
    }
}

/* The file if it is open, with one more user; NULL: it is not. List lock held. */
static frn_log_file *file_use(frn_log *log, uint64_t number)
{
    frn_log_file *file = log->files[number % FRN_LOG_FILES_BUCKETS];

    while (file != NULL && file->number != number) {
        file = file->next;
    }
    if (file != NULL) {
        atomic_fetch_add_explicit(&file->users, 1, memory_order_relaxed);
        file->used_at = ++log->files_clock;
    }
    return file;
}

firn_status frn_log_file_take(frn_log *log, uint64_t number, frn_log_file **out_file, firn_error *err)
{
    char name[FRN_SEGMENT_NAME_SIZE];
    frn_log_file *file;
    firn_status status = FIRN_OK;

    frn_mutex_lock(&log->list);
    file = file_use(log, number);
    if (file == NULL) {
        frn_log_file **bucket = &log->files[number % FRN_LOG_FILES_BUCKETS];

        file = frn_alloc_zero(log->heap, 1, sizeof *file);
        if (file == NULL) {
            status = frn_fail(err, FIRN_ENOMEM, "segment %" PRIu64 ": out of memory", number);
            goto out;
        }
        file->number = number;
        frn_segment_name(number, name);
        status = log->io->ops->open(log->io, name, 0, &file->file, err);
        if (status < 0) {
            frn_free(log->heap, file);
            goto out;
        }
        file->next = *bucket;
        *bucket = file;
        log->files_count++;
        file = file_use(log, number);
        trim(log);
    }
    *out_file = file;
out:
    frn_mutex_unlock(&log->list);
    return status;
}

void frn_log_file_give(frn_log_file *file)
{
    if (file != NULL) {
        atomic_fetch_sub_explicit(&file->users, 1, memory_order_release);
    }
}

void frn_log_files_close(frn_log *log)
{
    for (size_t i = 0; i < FRN_LOG_FILES_BUCKETS; i++) {
        while (log->files[i] != NULL) {
            frn_log_file *file = log->files[i];

            log->files[i] = file->next;
            file_free(log, file);
        }
    }
    log->files_count = 0;
}

/* The last anchor at or before seq. */
static uint64_t anchor_offset(const fmt_anchor *anchors, uint32_t count, uint64_t seq, uint64_t start)
{
    uint32_t low = 0, high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (anchors[middle].first_seq <= seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? start : anchors[low - 1].offset;
}

/* Reads the anchors of a sealed segment. A footer that went bad meanwhile costs time, not data: no anchors. */
static void load_anchors(frn_log *log, const frn_segment *segment, frn_log_file *file)
{
    size_t size = (size_t)fmt_footer_size(segment->size, log->alignment);
    uint8_t *bytes = frn_alloc(log->heap, size);
    fmt_anchor *anchors = NULL;
    fmt_footer footer;
    size_t got;

    if (bytes != NULL && log->io->ops->read(file->file, bytes, size, segment->size - size, &got, NULL) == FIRN_OK &&
        got == size && fmt_footer_decode(bytes, size, segment->salt, &footer) == FMT_OK) {
        anchors = frn_alloc(log->heap, (footer.anchors_count + 1) * sizeof *anchors);
        for (uint32_t i = 0; anchors != NULL && i < footer.anchors_count; i++) {
            anchors[i] = fmt_footer_anchor(bytes, i);
        }
    }
    frn_free(log->heap, bytes);
    frn_mutex_lock(&log->list);
    if (anchors != NULL && file->anchors == NULL) {
        file->anchors = anchors;
        file->anchors_count = footer.anchors_count;
        anchors = NULL;
    }
    frn_mutex_unlock(&log->list);
    frn_free(log->heap, anchors);
}

/* The segment that holds seq, or NULL. List lock held. */
static const frn_segment *find_segment(const frn_log *log, uint64_t seq)
{
    size_t low = 0, high = log->segments.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (log->segments.at[middle]->first_seq <= seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && seq < log->segments.at[low - 1]->next_seq ? log->segments.at[low - 1] : NULL;
}

firn_status frn_log_seek(frn_log *log, uint64_t seq, const frn_segment **out_segment, frn_log_file **out_file,
                         uint64_t *out_offset, firn_error *err)
{
    const frn_segment *segment;
    frn_log_file *file = NULL;
    firn_status status;

    frn_mutex_lock(&log->list);
    segment = find_segment(log, seq);
    frn_mutex_unlock(&log->list);
    if (segment == NULL) {
        (void)frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_SEGMENT_MISSING, "seq %" PRIu64 ": no segment holds it",
                              seq);
        return frn_place(err, FIRN_ECORRUPT, 0, 0, seq);
    }
    status = frn_log_file_take(log, segment->number, &file, err);
    if (status < 0) {
        return status;
    }
    frn_mutex_lock(&log->list);
    if (segment->anchors == NULL && file->anchors == NULL) {
        frn_mutex_unlock(&log->list);
        load_anchors(log, segment, file);
        frn_mutex_lock(&log->list);
    }
    *out_offset = segment->anchors != NULL
                      ? anchor_offset(segment->anchors, segment->anchors_count, seq, log->alignment)
                      : anchor_offset(file->anchors, file->anchors_count, seq, log->alignment);
    frn_mutex_unlock(&log->list);
    *out_segment = segment;
    *out_file = file;
    return FIRN_OK;
}

bool frn_log_at(frn_log *log, uint64_t seq, uint64_t number, const frn_segment **out_segment, frn_log_file **out_file)
{
    const frn_segment *segment;
    frn_log_file *file = NULL;

    frn_mutex_lock(&log->list);
    segment = find_segment(log, seq);
    if (segment != NULL && segment->number == number) {
        file = file_use(log, number);
    }
    frn_mutex_unlock(&log->list);
    if (segment == NULL || segment->number != number ||
        (file == NULL && frn_log_file_take(log, number, &file, NULL) < 0)) {
        return false;
    }
    *out_segment = segment;
    *out_file = file;
    return true;
}
