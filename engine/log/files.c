/* SPDX-License-Identifier: Apache-2.0 */
/* files.c — the files of segments that readers share, and where in them a seq is to be sought. */
#include "engine/log/files.h"

#include "engine/base/error.h"

#include <inttypes.h>

enum {
    WALK_BUFFER = 16 * 1024 /* To read the headers of groups. */
};

static void file_free(frn_log *log, frn_log_file *file)
{
    if (file->file != NULL) {
        log->io->ops->file_close(file->file);
    }
    frn_free(log->heap, file->anchors);
    frn_free(log->heap, file);
}

/* Closes the file unused longest when there are too many. List lock held. */
static void trim(frn_log *log)
{
    frn_log_file **oldest = NULL;

    if (log->files_count <= FRN_LOG_FILES_MAX) {
        return;
    }
    for (frn_log_file **at = &log->files; *at != NULL; at = &(*at)->next) {
        if ((*at)->users == 0 && (oldest == NULL || (*at)->used_at < (*oldest)->used_at)) {
            oldest = at;
        }
    }
    if (oldest != NULL) {
        frn_log_file *gone = *oldest;

        *oldest = gone->next;
        log->files_count--;
        file_free(log, gone);
    }
}

firn_status frn_log_file_take(frn_log *log, uint64_t number, frn_log_file **out_file, firn_error *err)
{
    char name[FRN_SEGMENT_NAME_SIZE];
    frn_log_file *file;
    firn_status status = FIRN_OK;

    frn_mutex_lock(&log->list);
    for (file = log->files; file != NULL && file->number != number; file = file->next) {
    }
    if (file == NULL) {
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
        file->next = log->files;
        log->files = file;
        log->files_count++;
    }
    file->users++;
    file->used_at = ++log->files_clock;
    trim(log);
    *out_file = file;
out:
    frn_mutex_unlock(&log->list);
    return status;
}

void frn_log_file_give(frn_log *log, frn_log_file *file)
{
    if (file != NULL) {
        frn_mutex_lock(&log->list);
        file->users--;
        frn_mutex_unlock(&log->list);
    }
}

void frn_log_files_close(frn_log *log)
{
    while (log->files != NULL) {
        frn_log_file *file = log->files;

        log->files = file->next;
        file_free(log, file);
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

/* Gives a file its anchors; another reader may have been faster. */
static void keep_anchors(frn_log *log, frn_log_file *file, fmt_anchor *anchors, uint32_t count)
{
    frn_mutex_lock(&log->list);
    if (anchors != NULL && file->anchors == NULL) {
        file->anchors = anchors;
        file->anchors_count = count;
        anchors = NULL;
    }
    frn_mutex_unlock(&log->list);
    frn_free(log->heap, anchors);
}

/* Finds the groups of a segment that recovery did not walk. One that does not verify costs time, not data: there the
   anchors end, and whoever reads on finds it. */
static void walk_anchors(frn_log *log, const frn_segment *segment, frn_log_file *file)
{
    uint32_t count = 0, count_max = fmt_anchors_max(segment->size);
    fmt_anchor *anchors = frn_alloc(log->heap, (count_max + 1) * sizeof *anchors);
    uint64_t offset = log->alignment, next = 0;
    frn_walk walk = {0};
    fmt_verdict verdict;
    fmt_group group;

    if (anchors != NULL && frn_walk_init(&walk, log, WALK_BUFFER) == FIRN_OK) {
        frn_walk_enter(&walk, file->file, segment->number, segment->incarnation,
                       frn_segment_data_end(log, segment->size));
        while (offset < segment->known_offset && count < count_max &&
               frn_walk_header(&walk, offset, &verdict, &group, NULL) == FIRN_OK && verdict == FMT_OK) {
            if (offset >= next) {
                anchors[count++] = (fmt_anchor){.first_seq = group.first_seq, .offset = offset};
                next = offset + FMT_ANCHOR_SPACING;
            }
            offset += fmt_group_size(group.content_size, log->alignment);
        }
    }
    frn_walk_done(&walk);
    keep_anchors(log, file, anchors, count);
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
    keep_anchors(log, file, anchors, anchors == NULL ? 0 : footer.anchors_count);
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

/* Whether the anchors that a segment keeps in memory are about seq: those of one that recovery walked in part begin
   where the walk began. List lock held. */
static bool anchors_tell(const frn_segment *segment, uint64_t seq)
{
    return segment->anchors != NULL &&
           (segment->known_offset == 0 || (segment->anchors_count > 0 && segment->anchors[0].first_seq <= seq));
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
    if (!anchors_tell(segment, seq) && file->anchors == NULL) {
        bool sealed = segment->anchors == NULL;

        frn_mutex_unlock(&log->list);
        (sealed ? load_anchors : walk_anchors)(log, segment, file);
        frn_mutex_lock(&log->list);
    }
    *out_offset = anchors_tell(segment, seq)
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

    frn_mutex_lock(&log->list);
    segment = find_segment(log, seq);
    frn_mutex_unlock(&log->list);
    if (segment == NULL || segment->number != number || frn_log_file_take(log, number, out_file, NULL) < 0) {
        return false;
    }
    *out_segment = segment;
    return true;
}
