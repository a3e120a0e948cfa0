/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.c — check every byte of a log that carries meaning, trusting nothing but what verifies.
 *
 * First recovery's own scan says where the log ends and whether anything before that end is damaged; then every group
 * of every segment is read and checked, whatever its footer says, and the footer is compared with what was counted. A
 * damaged group is a finding; checking goes on at the next group of the segment that verifies.
 *
 * A bad footer is a finding only if it was certainly written: footers are written one at a time, so a later good one of
 * the same incarnation, or a clean mark, proves it. A bad manifest slot is one only under a clean mark; otherwise it
 * may be torn.
 */
#include "engine/log/recovery.h"

#include "engine/base/error.h"

#include <inttypes.h>
#include <string.h>

enum {
    VERIFY_BUFFER = 1024 * 1024
};

struct verify {
    frn_log *log;
    const firn_verify_options *options;
    frn_log_apply_fn apply; /* NULL once there was a finding: records behind a gap make no history. */
    void *apply_arg;
    firn_report report;
    uint64_t expected;
    uint64_t limit; /* The last seq to check. */
    uint32_t last_crc;
    int64_t last_time_ns;
    uint64_t bytes_total;
    bool chain; /* The group before was checked: this one must join it. */
};

static void finding(struct verify *v, const firn_error *error)
{
    v->report.findings++;
    v->apply = NULL;
    if (v->options != NULL && v->options->finding != NULL) {
        v->options->finding(v->options->finding_arg, error);
    }
}

static void find_at(struct verify *v, uint16_t detail, const frn_segment *segment, uint64_t offset, const char *what,
                    const char *why)
{
    firn_error error = {0};

    (void)frn_fail_detail(&error, FIRN_ECORRUPT, detail, "segment %" PRIu64 ": %s at %" PRIu64 ": %s", segment->number,
                          what, offset, why);
    (void)frn_place(&error, FIRN_ECORRUPT, segment->number, offset, v->expected);
    finding(v, &error);
}

static firn_status progress(struct verify *v, firn_error *err)
{
    if (v->options != NULL && v->options->progress != NULL &&
        v->options->progress(v->options->progress_arg, v->report.bytes, v->bytes_total, v->report.records) != 0) {
        return frn_fail(err, FIRN_ESTATE, "stopped by the caller");
    }
    return FIRN_OK;
}

/* Hands the records of a good batch to apply. */
static firn_status apply_batch(struct verify *v, const frn_segment *segment, uint64_t offset, const fmt_batch *batch,
                               firn_error *err)
{
    size_t at = 0;
    firn_error why = {0};

    for (uint32_t i = 0; i < batch->count && v->apply != NULL; i++) {
        frn_log_record record = {
            .batch = batch,
            .incarnation = segment->incarnation,
            .hint = {.segment = segment->number, .offset = offset + FMT_BATCH_HEADER + at},
        };
        size_t size;
        fmt_verdict verdict = fmt_record_decode((const uint8_t *)batch->records.data + at, batch->records.size - at,
                                                segment->salt, batch->first_seq + i, &record.record, &size);
        firn_status status;

        if (verdict != FMT_OK) {
            find_at(v, FIRN_DETAIL_RECORD, segment, offset, "batch", fmt_verdict_text(verdict));
            return FIRN_OK;
        }
        at += size;
        status = v->apply(v->apply_arg, &record, &why);
        if (status == FIRN_ECORRUPT) {
            (void)frn_place(&why, status, segment->number, offset, record.record.seq);
            finding(v, &why);
        } else if (status < 0) {
            if (err != NULL) {
                *err = why;
            }
            return status;
        }
    }
    return FIRN_OK;
}

/* A group that verified: its place in the chain, its batches, its records. */
static firn_status take_group(struct verify *v, frn_segment *segment, const frn_walk *walk, uint64_t offset,
                              const fmt_group *group, const uint8_t *data, firn_error *err)
{
    size_t at = FMT_GROUP_HEADER;
    uint64_t next_seq = group->first_seq;
    fmt_batch batch;
    firn_status status = FIRN_OK;

    if (v->chain && (group->first_seq != v->expected || group->prev_crc != v->last_crc)) {
        find_at(v, FIRN_DETAIL_GROUP, segment, offset, "group", "does not follow the one before");
    }
    if (group->durable >= group->first_seq) {
        find_at(v, FIRN_DETAIL_GROUP, segment, offset, "group", "was durable before it was written");
    }
    v->report.groups++;
    for (uint32_t i = 0; i < group->batches && status == FIRN_OK; i++) {
        if (fmt_batch_decode(data + at, FMT_GROUP_HEADER + group->content_size - at, walk->salt, &batch) != FMT_OK) {
            break;
        }
        if (batch.time_ns < v->last_time_ns) {
            find_at(v, FIRN_DETAIL_RECORD, segment, offset + at, "batch", "older than the one before");
        }
        if (batch.first_seq != next_seq) {
            find_at(v, FIRN_DETAIL_RECORD, segment, offset + at, "batch", "does not follow the one before");
        }
        next_seq = batch.first_seq + batch.count;
        v->last_time_ns = batch.time_ns;
        v->report.batches++;
        v->report.records += batch.count;
        status = apply_batch(v, segment, offset + at, &batch, err);
        at += batch.size;
    }
    if (status == FIRN_OK && next_seq != group->next_seq) {
        find_at(v, FIRN_DETAIL_GROUP, segment, offset, "group", "ends before its last seq");
    }
    if (v->report.first_seq == 0) {
        v->report.first_seq = group->first_seq;
    }
    v->report.last_seq = group->next_seq - 1;
    v->expected = group->next_seq;
    v->last_crc = group->crc;
    v->chain = true;
    return status;
}

/* The next offset behind a bad group where a header verifies; end if none does. */
static firn_status resync(frn_walk *walk, uint64_t offset, uint64_t end, uint64_t *out_offset, firn_error *err)
{
    fmt_verdict verdict;
    fmt_group group;
    firn_status status;

    for (offset += walk->log->alignment; offset < end; offset += walk->log->alignment) {
        status = frn_walk_header(walk, offset, &verdict, &group, err);
        if (status < 0) {
            return status;
        }
        if (verdict == FMT_OK) {
            break;
        }
    }
    *out_offset = offset < end ? offset : end;
    return FIRN_OK;
}

/* Every group of a segment; *out_counts is what a footer should say. */
static firn_status check_groups(struct verify *v, frn_segment *segment, frn_walk *walk, frn_segment *counted,
                                firn_error *err)
{
    uint64_t offset = v->log->alignment;
    uint32_t records;
    int64_t first_ns = 0, last_ns = 0;
    firn_status status = FIRN_OK;

    while (status == FIRN_OK && offset < segment->end_offset && v->expected <= v->limit) {
        fmt_verdict verdict;
        fmt_group group;
        const uint8_t *data;
        size_t bad;
        uint64_t before = walk->bytes_read;

        status = frn_walk_group(walk, offset, &verdict, &group, &data, &bad, err);
        v->report.bytes += walk->bytes_read - before;
        if (status < 0) {
            break;
        }
        if (verdict != FMT_OK) {
            find_at(v, FIRN_DETAIL_GROUP, segment, offset + bad, "group", fmt_verdict_text(verdict));
            v->chain = false;
            status = resync(walk, offset, segment->end_offset, &offset, err);
            continue;
        }
        frn_walk_summary(walk, data, &group, &records, &first_ns, &last_ns);
        status = take_group(v, segment, walk, offset, &group, data, err);
        frn_segment_count_group(counted, &group, offset, fmt_group_size(group.content_size, v->log->alignment), records,
                                first_ns, last_ns);
        offset += fmt_group_size(group.content_size, v->log->alignment);
        if (status == FIRN_OK) {
            status = progress(v, err);
        }
    }
    if (status == FIRN_OK && v->chain && v->expected < segment->next_seq && v->expected <= v->limit) {
        find_at(v, FIRN_DETAIL_GROUP, segment, segment->end_offset, "group", "is missing");
    }
    return status;
}

/* Compares a good footer, which recovery believed, with what was counted. */
static void check_footer(struct verify *v, frn_segment *segment, const frn_segment *counted, const uint8_t *bytes)
{
    const fmt_footer *is = &segment->counts;
    const fmt_footer *should = &counted->counts;

    if (is->groups != should->groups || is->batches != should->batches || is->records != should->records ||
        is->groups_crc != should->groups_crc || is->end_offset != should->end_offset ||
        is->last_crc != should->last_crc || is->anchors_count != should->anchors_count ||
        is->first_time_ns != should->first_time_ns || is->last_time_ns != should->last_time_ns) {
        find_at(v, FIRN_DETAIL_FOOTER, segment, frn_segment_data_end(v->log, segment->size), "footer",
                "does not agree with the groups");
        return;
    }
    for (uint32_t i = 0; i < is->anchors_count; i++) {
        fmt_anchor anchor = fmt_footer_anchor(bytes, i);

        if (anchor.first_seq != counted->anchors[i].first_seq || anchor.offset != counted->anchors[i].offset) {
            find_at(v, FIRN_DETAIL_FOOTER, segment, frn_segment_data_end(v->log, segment->size), "footer",
                    "an anchor is where no group is");
            return;
        }
    }
}

/* Whether the footer of a segment without a good one was certainly written once. */
static bool footer_was_written(const struct verify *v, size_t index)
{
    frn_log *log = v->log;
    const frn_segment *segment = log->segments.at[index];

    /* Footers of an incarnation are written in order, and all of them before the clean mark of the last one. */
    for (size_t i = index + 1; i < log->segments.count; i++) {
        const frn_segment *later = log->segments.at[i];

        if (later->incarnation == segment->incarnation &&
            (later->sealed || (log->manifest.clean && segment->incarnation == frn_log_incarnation(log)))) {
            return true;
        }
    }
    return false;
}

static firn_status check_segment(struct verify *v, size_t index, frn_walk *walk, firn_error *err)
{
    frn_log *log = v->log;
    frn_segment *segment = log->segments.at[index];
    uint64_t footer_at = frn_segment_data_end(log, segment->size);
    frn_segment *counted = frn_segment_new(log, segment->number, segment->size, segment->incarnation, false);
    frn_log_file *file = NULL;
    const uint8_t *bytes = NULL;
    uint64_t file_size = 0;
    firn_status status;

    if (counted == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "verify: out of memory");
    }
    status = frn_log_file_take(log, segment->number, &file, err);
    if (status == FIRN_OK) {
        status = log->io->ops->size(file->file, &file_size, err);
    }
    if (status == FIRN_OK) {
        v->report.segments++;
        frn_walk_enter(walk, file->file, segment->number, segment->incarnation, footer_at);
        status = check_groups(v, segment, walk, counted, err);
    }
    if (status == FIRN_OK && segment->sealed) {
        frn_walk_enter(walk, file->file, segment->number, segment->incarnation, segment->size);
        status = frn_walk_bytes(walk, footer_at, (size_t)(segment->size - footer_at), &bytes, err);
        v->report.bytes += segment->size - footer_at;
        if (status == FIRN_OK && bytes != NULL) {
            check_footer(v, segment, counted, bytes);
        }
    } else if (status == FIRN_OK && file_size < segment->size && log->manifest.clean &&
               segment->incarnation == frn_log_incarnation(log)) {
        /* Its writer had the whole file. The next one leaves it as it is, without a footer, and goes on elsewhere. */
        find_at(v, FIRN_DETAIL_FOOTER, segment, file_size, "file", "ends too early");
    } else if (status == FIRN_OK && footer_was_written(v, index)) {
        find_at(v, FIRN_DETAIL_FOOTER, segment, footer_at, "footer", "is damaged");
    }
    frn_log_file_give(file);
    frn_segment_free(log, counted);
    return status;
}

/* Of a clean log. A slot that is torn, or one change behind, is what a crash in the middle of a change leaves, and the
   next open writes it anew; all changes before the clean mark went to both. */
static void check_slots(struct verify *v, const frn_manifest_found *found)
{
    const char *what;
    firn_error error = {0};

    for (int i = 0; i < 2 && v->log->manifest.clean; i++) {
        what = NULL;
        if (found->missing[i]) {
            what = "missing";
        } else if (found->verdicts[i] == FMT_OK && found->generations[i] + 1 < found->generations[found->best]) {
            what = "older than a crash can leave it";
        }
        if (what != NULL) {
            (void)frn_fail_detail(&error, FIRN_ECORRUPT, FIRN_DETAIL_MANIFEST,
                                  "manifest.%d: %s; the other slot is good", i, what);
            finding(v, &error);
        }
    }
}

static firn_status check_segments(struct verify *v, bool live, firn_error *err)
{
    frn_log *log = v->log;
    frn_walk walk;
    firn_status status = frn_walk_init(&walk, log, VERIFY_BUFFER);

    if (status < 0) {
        return frn_fail(err, status, "verify: out of memory");
    }
    v->expected = 1;
    v->chain = true;
    v->limit = live ? frn_log_durable(log) : UINT64_MAX;
    for (size_t i = 0; i < log->segments.count; i++) {
        v->bytes_total += log->segments.at[i]->end_offset;
    }
    for (size_t i = 0; i < log->segments.count && status == FIRN_OK; i++) {
        status = check_segment(v, i, &walk, err);
    }
    frn_walk_done(&walk);
    return status;
}

firn_status frn_log_verify(frn_heap *heap, frn_io *io, const firn_verify_options *options, frn_log_apply_fn apply,
                           void *apply_arg, firn_report *out_report, firn_error *err)
{
    frn_log_options log_options = {.read_only = true, .groups_in_flight_max = 1};
    struct verify v = {.options = options, .apply = apply, .apply_arg = apply_arg, .last_time_ns = INT64_MIN};
    frn_manifest_found found;
    frn_log *log = NULL;
    bool live = false;
    firn_status status = frn_log_look(heap, io, &log_options, &log, &found, &live, &v.report.tail_bytes, err);

    if (status < 0) {
        return status;
    }
    v.log = log;
    memcpy(v.report.ledger_id, frn_log_id(log), sizeof v.report.ledger_id);
    v.report.writer_alive = live;
    memcpy(out_report->ledger_id, v.report.ledger_id, sizeof v.report.ledger_id);
    out_report->writer_alive = live;
    check_slots(&v, &found);
    status = check_segments(&v, live, err);
    if (status == FIRN_OK && log->damage.status < 0) {
        finding(&v, &log->damage);
    }
    if (status == FIRN_OK) {
        v.report.struct_size = out_report->struct_size;
        *out_report = v.report;
    }
    (void)frn_log_close(log, NULL);
    return status;
}
