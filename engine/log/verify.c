/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.c — check every byte of a log that carries meaning, trusting nothing but what verifies.
 *
 * First recovery's own scan says where the log ends and whether anything before that end is damaged; then every group
 * of every segment is read and checked, whatever its footer says, and the footer is compared with what was counted. A
 * damaged group is a finding; checking goes on at the next group of the segment that verifies. If recovery met damage,
 * the segments that it could not accept behind it are checked as well, each by itself: there the end of the groups of a
 * segment without a footer is not known, and what does not verify is a finding only if something behind it does.
 *
 * A bad footer is a finding only if it was certainly written: footers are written one at a time, so a later good one of
 * the same incarnation, or a clean mark, proves it. A bad manifest slot is one only if no crash can leave it: one that
 * is missing, or two changes behind, under a clean mark. What a crash can leave as well is a note: of such a footer,
 * such a slot, and of what lies beside the segments (beside.c).
 */
#include "engine/log/recovery.h"

#include "engine/base/error.h"
#include "format/bytes.h"

#include <inttypes.h>
#include <stdio.h>
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
    bool told;  /* What recovery met was told. */
};

/* records: of some it is not known what they were, so those behind make no history. */
static void finding(struct verify *v, const firn_error *error, bool records)
{
    v->report.findings++;
    v->apply = records ? NULL : v->apply;
    if (v->options != NULL && v->options->finding != NULL) {
        v->options->finding(v->options->finding_arg, error);
    }
}

static void note(void *arg, const firn_error *error)
{
    struct verify *v = arg;

    v->report.notes++;
    if (v->options != NULL && v->options->note != NULL) {
        v->options->note(v->options->note_arg, error);
    }
}

/* Whether recovery met this place. */
static bool is_damage(const struct verify *v, uint64_t number, uint64_t offset)
{
    const firn_error *damage = &v->log->damage;

    return damage->status < 0 && damage->segment == number && damage->offset == offset;
}

/* What recovery met is told in its place of the order. */
static void find_damage(struct verify *v)
{
    if (v->log->damage.status < 0 && !v->told) {
        v->told = true;
        v->chain = false;
        finding(v, &v->log->damage, true);
    }
}

static void find_at(struct verify *v, uint16_t detail, const frn_segment *segment, uint64_t offset, const char *what,
                    const char *why)
{
    firn_error error = {0};

    (void)frn_fail_detail(&error, FIRN_ECORRUPT, detail, "segment %" PRIu64 ": %s at %" PRIu64 ": %s", segment->number,
                          what, offset, why);
    (void)frn_place(&error, FIRN_ECORRUPT, segment->number, offset, v->expected);
    finding(v, &error, detail != FIRN_DETAIL_FOOTER);
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
            finding(v, &why, true);
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

/* The next offset behind a bad group where a header can be read, verifies, and belongs to the history; end if none
   does. */
static firn_status resync(frn_walk *walk, uint64_t offset, uint64_t end, uint64_t *out_offset, firn_error *err)
{
    fmt_verdict verdict;
    fmt_group group;
    firn_status status;

    for (offset += walk->log->alignment; offset < end; offset += walk->log->alignment) {
        status = frn_walk_header(walk, offset, &verdict, &group, err);
        if (status < 0 && status != FIRN_EIO) {
            return status;
        }
        if (status == FIRN_OK && verdict == FMT_OK &&
            frn_recovery_owns(walk->log, group.incarnation, group.first_seq, group.next_seq)) {
            break;
        }
    }
    *out_offset = offset < end ? offset : end;
    return FIRN_OK;
}

/* Every group of a segment up to an offset. certain: there are groups up to there, so whatever does not verify was one.
 *counted is what a footer should say. */
static firn_status check_groups(struct verify *v, frn_segment *segment, uint64_t end, bool certain, frn_walk *walk,
                                frn_segment *counted, firn_error *err)
{
    uint64_t offset = v->log->alignment;
    uint32_t records;
    int64_t first_ns = 0, last_ns = 0;
    firn_status status = FIRN_OK;

    while (status == FIRN_OK && offset < end && v->expected <= v->limit) {
        fmt_verdict verdict;
        fmt_group group;
        const uint8_t *data;
        size_t bad;
        uint64_t next, before = walk->bytes_read;
        firn_error why;

        status = frn_walk_group(walk, offset, &verdict, &group, &data, &bad, &why);
        v->report.bytes += walk->bytes_read - before;
        if (status == FIRN_EIO) {
            finding(v, &why, true);
            v->chain = false;
            status = resync(walk, offset, end, &offset, err);
            continue;
        }
        if (status < 0) {
            if (err != NULL) {
                *err = why;
            }
            break;
        }
        if (verdict != FMT_OK) {
            status = resync(walk, offset, end, &next, err);
            if (status == FIRN_OK && (certain || next < end)) {
                if (!is_damage(v, segment->number, offset)) {
                    find_at(v, FIRN_DETAIL_GROUP, segment, offset + bad, "group", fmt_verdict_text(verdict));
                }
                v->chain = false;
            }
            offset = next;
            continue;
        }
        if (!certain && !frn_recovery_owns(v->log, group.incarnation, group.first_seq, group.next_seq)) {
            break; /* Void: it was cut once. */
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

/* A footer that recovery did not believe. Certainly written, it is damage; else it may be torn. */
static firn_status check_no_footer(struct verify *v, frn_segment *segment, frn_walk *walk, bool written,
                                   firn_error *err)
{
    uint64_t at = frn_segment_data_end(v->log, segment->size);
    const uint8_t *bytes;
    fmt_verdict verdict;
    fmt_footer footer;
    firn_error why;
    firn_status status = frn_walk_bytes(walk, at, (size_t)(segment->size - at), &bytes, err);

    if (status < 0) {
        return status;
    }
    verdict =
        bytes == NULL ? FMT_SHORT : fmt_footer_decode(bytes, (size_t)(segment->size - at), segment->salt, &footer);
    if (written) {
        find_at(v, FIRN_DETAIL_FOOTER, segment, at, "footer",
                verdict == FMT_OK ? "does not follow the segment before" : fmt_verdict_text(verdict));
    } else if (verdict != FMT_BLANK && verdict != FMT_SHORT) {
        (void)frn_fail_detail(&why, FIRN_OK, FIRN_DETAIL_FOOTER,
                              "segment %" PRIu64 ": footer at %" PRIu64 ": %s; the groups tell what it should",
                              segment->number, at, fmt_verdict_text(verdict));
        (void)frn_place(&why, FIRN_OK, segment->number, at, 0);
        note(v, &why);
    }
    return FIRN_OK;
}

/* A segment that recovery accepted, or one behind damage whose header is good. */
static firn_status check_segment(struct verify *v, frn_segment *segment, bool accepted, bool footer_written,
                                 frn_walk *walk, firn_error *err)
{
    frn_log *log = v->log;
    uint64_t footer_at = frn_segment_data_end(log, segment->size);
    uint64_t findings = v->report.findings;
    bool certain = segment->sealed || (accepted && log->damage.segment != segment->number);
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
        status = check_groups(v, segment, certain ? segment->end_offset : footer_at, certain, walk, counted, err);
        v->chain = v->chain && certain;
    }
    if (status == FIRN_OK) {
        frn_walk_enter(walk, file->file, segment->number, segment->incarnation, segment->size);
        v->report.bytes += segment->size - footer_at;
    }
    if (status == FIRN_OK && segment->sealed) {
        status = frn_walk_bytes(walk, footer_at, (size_t)(segment->size - footer_at), &bytes, err);
        /* With groups missing there is nothing to compare it with. */
        if (status == FIRN_OK && bytes != NULL && findings == v->report.findings &&
            v->expected >= segment->counts.next_seq) {
            check_footer(v, segment, counted, bytes);
        }
    } else if (status == FIRN_OK && !v->report.writer_alive && file_size < segment->size && log->manifest.clean &&
               segment->incarnation == frn_log_incarnation(log) && log->damage.segment != segment->number) {
        /* Its writer had the whole file, and nothing but its length tells of what is gone. The next writer leaves it as
           it is, without a footer, and goes on elsewhere. */
        find_at(v, FIRN_DETAIL_FOOTER, segment, file_size, "file", "ends too early");
    } else if (status == FIRN_OK && !v->report.writer_alive) {
        status = check_no_footer(v, segment, walk, footer_written, err);
    }
    frn_log_file_give(file);
    frn_segment_free(log, counted);
    return status;
}

/* ---- behind damage ---- */

static void find_header(struct verify *v, uint16_t detail, uint64_t number, const char *text)
{
    firn_error error = {0};

    if (!is_damage(v, number, 0)) {
        (void)frn_fail_detail(&error, FIRN_ECORRUPT, detail, "segment %" PRIu64 ": %s", number, text);
        (void)frn_place(&error, FIRN_ECORRUPT, number, 0, v->expected);
        finding(v, &error, true);
    }
    v->chain = false;
}

/* Whether any group of the history stands in a segment whose header does not tell. */
static firn_status holds_groups(const struct verify *v, frn_walk *walk, frn_file *file, uint64_t number,
                                bool *out_holds, firn_error *err)
{
    const frn_log *log = v->log;
    uint64_t size = 0;
    firn_status status = log->io->ops->size(file, &size, err);

    *out_holds = false;
    frn_walk_enter(walk, file, number, 0, size);
    for (uint64_t at = log->alignment; status == FIRN_OK && at < size && !*out_holds; at += log->alignment) {
        const uint8_t *data;
        fmt_group group;

        status = frn_walk_bytes(walk, at, FMT_GROUP_HEADER, &data, err);
        if (status < 0 || data == NULL) {
            break;
        }
        group.incarnation = fmt_get64(data + FMT_GROUP_INCARNATION);
        *out_holds = fmt_group_decode(data, FMT_GROUP_HEADER, fmt_salt(log->ledger_id, number, group.incarnation), at,
                                      number, group.incarnation, &group) == FMT_OK &&
                     frn_recovery_owns(log, group.incarnation, group.first_seq, group.next_seq);
    }
    return status;
}

/* What recovery could not place: the file, its header, and what the footer says. *out_segment NULL: there was a
   finding, or it never held anything. */
static firn_status open_lost(struct verify *v, uint64_t number, frn_walk *walk, frn_segment **out_segment,
                             firn_error *err)
{
    frn_log *log = v->log;
    uint8_t bytes[FMT_ALIGNMENT_MIN];
    char text[80];
    frn_log_file *file = NULL;
    const uint8_t *data;
    fmt_segment header;
    fmt_verdict verdict;
    frn_segment *segment;
    size_t got = 0, footer_size;
    firn_status status = frn_log_file_take(log, number, &file, err);

    *out_segment = NULL;
    if (status == FIRN_ENOTFOUND) {
        find_header(v, FIRN_DETAIL_SEGMENT_MISSING, number, "the file is missing");
        return FIRN_OK;
    }
    if (status == FIRN_OK) {
        status = log->io->ops->read(file->file, bytes, sizeof bytes, 0, &got, err);
    }
    if (status < 0) {
        frn_log_file_give(file);
        return frn_place(err, status, number, 0, 0);
    }
    verdict = fmt_segment_decode(bytes, got, &header);
    if (verdict == FMT_OK && !frn_recovery_header_fits(log, &header, number)) {
        verdict = FMT_PLACE;
    }
    if (verdict != FMT_OK) {
        bool holds = verdict == FMT_PLACE;

        if (!holds) {
            status = holds_groups(v, walk, file->file, number, &holds, err);
        }
        if (status == FIRN_OK && holds) {
            (void)snprintf(text, sizeof text, "header: %s", fmt_verdict_text(verdict));
            find_header(v, verdict == FMT_PLACE ? FIRN_DETAIL_SEGMENT_FOREIGN : FIRN_DETAIL_SEGMENT_HEADER, number,
                        text);
        }
        frn_log_file_give(file);
        return status;
    }
    segment = frn_segment_new(log, number, header.size, header.incarnation, false);
    if (segment == NULL) {
        frn_log_file_give(file);
        return frn_fail(err, FIRN_ENOMEM, "verify: out of memory");
    }
    footer_size = (size_t)fmt_footer_size(segment->size, log->alignment);
    frn_walk_enter(walk, file->file, number, segment->incarnation, segment->size);
    status = frn_walk_bytes(walk, segment->size - footer_size, footer_size, &data, err);
    if (status == FIRN_OK && data != NULL &&
        fmt_footer_decode(data, footer_size, segment->salt, &segment->counts) == FMT_OK &&
        segment->counts.end_offset <= segment->size - footer_size) {
        segment->sealed = true;
        segment->end_offset = segment->counts.end_offset;
    }
    frn_log_file_give(file);
    *out_segment = segment;
    return status;
}

/* A segment that the manifest names and recovery did not accept. Without damage it holds nothing. */
static firn_status check_lost(struct verify *v, uint64_t number, frn_walk *walk, firn_error *err)
{
    frn_segment *segment = NULL;
    firn_status status = FIRN_OK;

    if (v->log->damage.status < 0) {
        status = open_lost(v, number, walk, &segment, err);
    }
    if (status == FIRN_OK && segment != NULL) {
        status = check_segment(v, segment, false, false, walk, err);
    }
    frn_segment_free(v->log, segment);
    return status;
}

/* ---- the whole ---- */

/* Of a clean log: all changes before the clean mark went to both slots. */
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
            finding(v, &error, false);
        }
    }
}

/* The next segment that the manifest names. *at: how many of those that recovery accepted came before. */
static firn_status check_named(struct verify *v, uint64_t number, size_t *at, frn_walk *walk, firn_error *err)
{
    frn_log *log = v->log;
    bool accepted = *at < log->segments.count && log->segments.at[*at]->number == number;

    if (log->damage.segment == number) {
        find_damage(v);
    }
    if (!accepted) {
        return check_lost(v, number, walk, err);
    }
    (*at)++;
    return check_segment(v, log->segments.at[*at - 1], true, footer_was_written(v, *at - 1), walk, err);
}

static firn_status check_segments(struct verify *v, bool live, firn_error *err)
{
    frn_log *log = v->log;
    const fmt_manifest *manifest = &log->manifest;
    frn_walk walk;
    size_t at = 0, visited = 0;
    firn_status status = frn_walk_init(&walk, log, VERIFY_BUFFER);

    if (status < 0) {
        return frn_fail(err, status, "verify: out of memory");
    }
    v->expected = 1;
    v->chain = true;
    v->limit = !live ? UINT64_MAX : log->damage.status < 0 ? log->witness : frn_log_durable(log);
    for (size_t i = 0; i < log->segments.count; i++) {
        v->bytes_total += log->segments.at[i]->end_offset;
    }
    /* A damaged manifest may name any number of segments that are not there. */
    for (uint32_t i = 0; i < manifest->runs_count && status == FIRN_OK; i++) {
        for (uint64_t k = 0; k < manifest->runs[i].count && status == FIRN_OK; k++) {
            if (at == log->segments.count && visited++ > FRN_LOG_SPARES_MAX + log->segments.count) {
                break;
            }
            status = check_named(v, manifest->runs[i].first + k, &at, &walk, err);
        }
    }
    if (status == FIRN_OK) {
        find_damage(v);
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
    if (status == FIRN_OK && !live) {
        status = frn_log_beside(log, &found, note, &v, err);
    }
    if (status == FIRN_OK) {
        v.report.struct_size = out_report->struct_size;
        *out_report = v.report;
    }
    (void)frn_log_close(log, NULL);
    return status;
}
