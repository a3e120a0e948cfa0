/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recover.c — find out what a log holds: segments, the last record, torn tail or damage. Writes nothing.
 *
 * Happy path: the manifest names the segments in log order. A sealed one is believed by its footer, whose range and
 * chain must join what came before. In one without footer the groups are walked: the next is accepted if it verifies,
 * begins at the expected seq, carries the crc of its predecessor, and its incarnation owns its range. The walk goes on
 * in the next segment; the last group accepted anywhere is the end of the log.
 *
 * Torn tail or damage: behind the end, everything that can prove that more was durable is a witness: a group that
 * verifies by itself and whose durable field reaches the expected seq, a footer, the manifest (its durable field, the
 * clean mark, the first seq of a later incarnation). If a witness reaches the expected seq, it is damage; otherwise the
 * log ends there.
 *
 * The tail that no witness covers is read past the page cache: what only a cache holds is not durable. settle.c syncs
 * it before anything of it is exposed.
 *
 * Why searches for witnesses and not just a look at the next few groups: a witness may stand behind any number of lost
 * groups. They run only after an unclean stop, over what the writer may have reached (reach.c): to the end of the
 * active segment and all spares where it did not say.
 */
#include "engine/log/recovery.h"

#include "engine/base/error.h"
#include "format/bytes.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum {
    WALK_BUFFER = 1024 * 1024,
    WINDOW_SMALL = 64 * 1024 /* Of a segment in which no group is expected. */
};

const fmt_incarnation *frn_recovery_incarnation(const frn_log *log, uint64_t number)
{
    for (uint32_t i = log->manifest.incarnations_count; i > 0; i--) {
        if (log->manifest.incarnations[i - 1].number == number) {
            return &log->manifest.incarnations[i - 1];
        }
    }
    return NULL;
}

bool frn_recovery_owns(const frn_log *log, uint64_t incarnation, uint64_t first_seq, uint64_t next_seq)
{
    const fmt_incarnation *found = frn_recovery_incarnation(log, incarnation);
    const fmt_incarnation *end = log->manifest.incarnations + log->manifest.incarnations_count;

    if (found == NULL || first_seq < found->first_seq) {
        return false;
    }
    return found + 1 == end || next_seq <= found[1].first_seq;
}

bool frn_recovery_header_fits(const frn_log *log, const fmt_segment *header, uint64_t number)
{
    return memcmp(header->ledger_id, log->ledger_id, FIRN_LEDGER_ID_SIZE) == 0 && header->number == number &&
           header->alignment == log->alignment && frn_recovery_incarnation(log, header->incarnation) != NULL;
}

static uint64_t current_incarnation(const frn_log *log)
{
    return log->manifest.incarnations[log->manifest.incarnations_count - 1].number;
}

static void testify(frn_recovery *r, uint64_t durable)
{
    if (durable > r->witness) {
        r->witness = durable;
    }
}

static uint64_t end_of(const frn_recovery *r)
{
    return r->expected - 1;
}

/* Remembers where the walk could not go on, preferring the place that tells most. A good group that does not follow
   tells nothing of its own place: what lies before it is missing. */
static void stop_at(frn_recovery *r, uint64_t number, uint64_t offset, fmt_verdict verdict, bool progressed)
{
    bool vague = r->stop.number == 0 || r->stop.verdict == FMT_BLANK || r->stop.verdict == FMT_SHORT;

    bool telling = verdict != FMT_BLANK && verdict != FMT_SHORT && verdict != FMT_ORDER;

    if (progressed || (vague && telling) || r->stop.number == 0) {
        r->stop.number = number;
        r->stop.offset = offset;
        r->stop.verdict = verdict;
        r->stop.seq = r->expected;
    }
}

static bool is_named(const fmt_manifest *manifest, uint64_t number)
{
    for (uint32_t i = 0; i < manifest->runs_count; i++) {
        if (number >= manifest->runs[i].first && number - manifest->runs[i].first < manifest->runs[i].count) {
            return true;
        }
    }
    return false;
}

/* Where in the segment that the walk is in no group can be any more. */
static uint64_t reach_end(const frn_recovery *r)
{
    const fmt_manifest *manifest = &r->log->manifest;
    const fmt_reach *reach = &r->reach;

    if (!r->reach_known || r->walk.number < manifest->incarnations[manifest->incarnations_count - 1].segment) {
        return r->walk.end;
    }
    if (reach->segment == 0 || r->reach_passed) {
        return 0;
    }
    return r->walk.number == reach->segment && reach->offset < r->walk.end ? reach->offset : r->walk.end;
}

static bool all_zero(const uint8_t *data, size_t size)
{
    return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

/* Searches [offset, end) of the segment that the walk is in for groups that verify by themselves. incarnation 0: any of
   the history. Returns how many were found. Of the current incarnation's segments, which were zeros before they were
   written to, everything else looks written. */
static firn_status search_witnesses(frn_recovery *r, uint64_t offset, uint64_t incarnation, unsigned *out_found,
                                    firn_error *err)
{
    frn_walk *walk = &r->walk;
    uint64_t start = offset;
    uint64_t end = offset;
    firn_status status;

    walk->end = reach_end(r);
    for (; offset + FMT_GROUP_HEADER <= walk->end; offset += r->log->alignment) {
        const uint8_t *data;
        fmt_group group;

        size_t size = walk->end - offset < r->log->alignment ? FMT_GROUP_HEADER : r->log->alignment;

        status = frn_walk_bytes(walk, offset, size, &data, err);
        if (status < 0) {
            return status;
        }
        if (data == NULL) {
            break;
        }
        if (incarnation != 0 && !all_zero(data, size)) {
            end = offset + r->log->alignment > end ? offset + r->log->alignment : end;
        }
        if (fmt_get32(data + FMT_GROUP_MAGIC) != FMT_GROUP_MAGIC_VALUE ||
            fmt_get64(data + FMT_GROUP_SEGMENT) != walk->number) {
            continue;
        }
        group.incarnation = fmt_get64(data + FMT_GROUP_INCARNATION);
        if (incarnation != 0 ? group.incarnation != incarnation
                             : frn_recovery_incarnation(r->log, group.incarnation) == NULL) {
            continue;
        }
        if (fmt_group_decode(data, FMT_GROUP_HEADER, fmt_salt(r->log->ledger_id, walk->number, group.incarnation),
                             offset, walk->number, group.incarnation, &group) != FMT_OK) {
            continue;
        }
        (*out_found)++;
        testify(r, group.durable);
        if (offset + fmt_group_size(group.content_size, r->log->alignment) > end) {
            end = offset + fmt_group_size(group.content_size, r->log->alignment);
        }
        if (group.next_seq > r->cut_next_seq) {
            r->cut_next_seq = group.next_seq;
        }
    }
    r->cut_bytes += end - start;
    return FIRN_OK;
}

/* What the writer knew to be durable need not be walked: if the segment's first group joins, recovery goes on where the
   last of those groups ended, as it goes on behind a sealed segment. *out_offset: where. */
static firn_status pass_known(frn_recovery *r, frn_segment *segment, uint64_t *out_offset, firn_error *err)
{
    frn_log *log = r->log;
    const fmt_reach *reach = &r->reach;
    fmt_verdict verdict;
    fmt_group group;
    firn_status status;

    *out_offset = log->alignment;
    if (!r->reach_known || reach->known_segment != segment->number || reach->known_offset <= log->alignment ||
        reach->known_offset > r->walk.end || reach->known_offset % log->alignment != 0 ||
        reach->known_next_seq <= r->expected ||
        !frn_recovery_owns(log, segment->incarnation, r->expected, reach->known_next_seq)) {
        return FIRN_OK;
    }
    r->walk.window = log->alignment;
    status = frn_walk_header(&r->walk, log->alignment, &verdict, &group, err);
    r->walk.window = 0;
    if (status < 0 || verdict != FMT_OK || group.first_seq != r->expected || group.prev_crc != r->last_crc) {
        return status;
    }
    testify(r, reach->known_next_seq - 1);
    r->expected = reach->known_next_seq;
    r->last_crc = reach->known_crc;
    r->last_time_ns = reach->known_time_ns;
    segment->counts.first_seq = group.first_seq;
    segment->counts.prev_crc = group.prev_crc;
    segment->counts.groups = 1; /* At least. */
    segment->last_crc = reach->known_crc;
    segment->known_offset = reach->known_offset;
    *out_offset = reach->known_offset;
    return FIRN_OK;
}

/* Walks the groups of a segment without a footer to believe. */
static firn_status walk_groups(frn_recovery *r, frn_segment *segment, firn_error *err)
{
    frn_log *log = r->log;
    uint64_t offset;
    fmt_verdict verdict;
    fmt_group group;
    const uint8_t *data;
    size_t bad;
    uint32_t records;
    int64_t first_ns = 0, last_ns = 0;
    firn_status status = pass_known(r, segment, &offset, err);

    if (status < 0) {
        return status;
    }
    r->walk.window = reach_end(r) == 0 ? WINDOW_SMALL : 0;
    for (;;) {
        status = frn_walk_group(&r->walk, offset, &verdict, &group, &data, &bad, err);
        if (status < 0) {
            return status;
        }
        if (verdict == FMT_OK && (group.first_seq != r->expected || group.prev_crc != r->last_crc ||
                                  !frn_recovery_owns(log, group.incarnation, group.first_seq, group.next_seq))) {
            verdict = FMT_ORDER;
        }
        if (verdict != FMT_OK) {
            break;
        }
        /* A device that lost the block which it had called durable: search everything. */
        r->reach_known = r->reach_known && offset < reach_end(r);
        frn_walk_summary(&r->walk, data, &group, &records, &first_ns, &last_ns);
        frn_segment_count_group(segment, &group, offset, fmt_group_size(group.content_size, log->alignment), records,
                                first_ns, last_ns);
        testify(r, group.durable);
        r->expected = group.next_seq;
        r->last_crc = group.crc;
        r->last_time_ns = last_ns;
        offset += fmt_group_size(group.content_size, log->alignment);
    }
    r->walk.window = 0;
    segment->first_seq = segment->counts.first_seq;
    segment->next_seq = r->expected;
    segment->end_offset = offset;
    segment->closed = true;
    stop_at(r, segment->number, offset, verdict, segment->counts.groups > 0);
    return FIRN_OK;
}

/* Judges the footer; true if it is good and joins what came before. A good one that does not join is a witness. */
static firn_status take_footer(frn_recovery *r, frn_segment *segment, bool *out_taken, firn_error *err)
{
    frn_log *log = r->log;
    uint64_t size = fmt_footer_size(segment->size, log->alignment);
    const uint8_t *data;
    fmt_footer footer;
    firn_status status;

    *out_taken = false;
    frn_walk_enter(&r->walk, r->walk.file, segment->number, segment->incarnation, segment->size);
    status = frn_walk_bytes(&r->walk, segment->size - size, (size_t)size, &data, err);
    if (status < 0) {
        return status;
    }
    if (data == NULL || fmt_footer_decode(data, (size_t)size, segment->salt, &footer) != FMT_OK ||
        footer.number != segment->number || footer.incarnation != segment->incarnation ||
        footer.end_offset < log->alignment || footer.end_offset > segment->size - size ||
        footer.end_offset % log->alignment != 0) {
        return FIRN_OK;
    }
    if (footer.next_seq > 0) {
        testify(r, footer.next_seq - 1);
    }
    if (footer.first_seq != r->expected || footer.prev_crc != r->last_crc ||
        !frn_recovery_owns(log, footer.incarnation, footer.first_seq, footer.next_seq)) {
        stop_at(r, segment->number, log->alignment, FMT_ORDER, false);
        segment->sealed = footer.groups == 0;
        *out_taken = segment->sealed;
        return FIRN_OK;
    }
    segment->counts = footer;
    segment->first_seq = footer.first_seq;
    segment->next_seq = footer.next_seq;
    segment->end_offset = footer.end_offset;
    segment->last_crc = footer.last_crc;
    segment->closed = true;
    segment->sealed = true;
    r->expected = footer.next_seq;
    r->last_crc = footer.last_crc;
    if (footer.groups > 0) {
        r->last_time_ns = footer.last_time_ns;
    }
    *out_taken = true;
    return FIRN_OK;
}

/* Says that a later version wrote a segment. */
static firn_status newer(uint64_t number, const fmt_segment *header, firn_error *err)
{
    (void)frn_fail(err, FIRN_ENEWER,
                   "segment %" PRIu64 ": header: version %" PRIu32 ", incompatible features %#" PRIx64, number,
                   header->version, header->incompatible);
    return frn_place(err, FIRN_ENEWER, number, 0, 0);
}

/* Judges the header of a named segment: *out_action ACCEPT, UNUSED, DAMAGE or NEWER. */
static firn_status judge_header(frn_recovery *r, frn_file *file, uint64_t number, fmt_segment *out_header,
                                frn_recovery_action *out_action, firn_error *err)
{
    frn_log *log = r->log;
    uint8_t bytes[FMT_ALIGNMENT_MIN]; /* A later version's header may be longer than ours. */
    uint64_t size = 0;
    size_t got;
    unsigned found = 0;
    fmt_verdict verdict;
    firn_status status;

    status = log->io->ops->read(file, bytes, sizeof bytes, 0, &got, err);
    if (status < 0) {
        return frn_place(err, status, number, 0, 0);
    }
    verdict = fmt_segment_decode(bytes, got, out_header);
    if (verdict == FMT_OK && !frn_recovery_header_fits(log, out_header, number)) {
        verdict = FMT_PLACE;
    }
    if (verdict != FMT_OK && verdict != FMT_NEWER && verdict != FMT_PLACE) {
        status = log->io->ops->size(file, &size, err);
        if (status == FIRN_OK) {
            frn_walk_enter(&r->walk, file, number, 0, size);
            status = search_witnesses(r, log->alignment, 0, &found, err);
        }
        if (status < 0) {
            return status;
        }
    }
    *out_action = frn_recovery_decide(FRN_PLACE_HEADER, verdict, found > 0);
    if (*out_action == FRN_ACTION_UNUSED && r->stop.number == 0) {
        stop_at(r, number, log->alignment, verdict, false);
    }
    if (*out_action == FRN_ACTION_DAMAGE && r->damage.status == FIRN_OK) {
        (void)frn_fail_detail(&r->damage, FIRN_ECORRUPT,
                              verdict == FMT_PLACE ? FIRN_DETAIL_SEGMENT_FOREIGN : FIRN_DETAIL_SEGMENT_HEADER,
                              "segment %" PRIu64 ": header: %s", number, fmt_verdict_text(verdict));
        (void)frn_place(&r->damage, FIRN_ECORRUPT, number, 0, r->expected);
    }
    if (*out_action == FRN_ACTION_NEWER) {
        return newer(number, out_header, err);
    }
    return FIRN_OK;
}

/* Takes in what an accepted segment holds. */
static firn_status take_segment(frn_recovery *r, frn_file *file, const fmt_segment *header, firn_error *err)
{
    frn_log *log = r->log;
    bool current = header->incarnation == current_incarnation(log);
    frn_segment *segment = frn_segment_new(log, header->number, header->size, header->incarnation, false);
    uint64_t file_size = 0;
    unsigned found = 0;
    bool taken = false;
    firn_status status;

    if (segment == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "segment %" PRIu64 ": out of memory", header->number);
    }
    r->walk.device = !log->manifest.clean && current && !r->live;
    r->walk.file = file;
    status = take_footer(r, segment, &taken, err);
    if (status == FIRN_OK && !taken) {
        frn_walk_enter(&r->walk, file, segment->number, segment->incarnation, frn_segment_data_end(log, segment->size));
        status = walk_groups(r, segment, err);
        if (status == FIRN_OK && current && !log->manifest.clean) {
            status = search_witnesses(r, segment->end_offset, segment->incarnation, &found, err);
        }
    }
    r->walk.device = false;
    if (status == FIRN_OK) {
        status = log->io->ops->size(file, &file_size, err);
        segment->file_size = file_size;
    }
    if (status < 0) {
        frn_segment_free(log, segment);
        return frn_wrap(err, status, "segment %" PRIu64, header->number);
    }
    if (segment->counts.groups == 0) {
        /* A file that lost its end is not pre-written there. */
        bool spare = log->manifest.clean && current && !segment->sealed && file_size == segment->size &&
                     r->spares.count < FRN_LOG_SPARES_MAX;
        bool touched = !log->manifest.clean && current;

        /* A dead process may have groups of its in flight to such a file: no other name may bring them into new data.
         */
        status = frn_recovery_number(log, spare ? &r->spares : touched ? &r->touched : &r->unused, header->number, err);
        frn_segment_free(log, segment);
        return status;
    }
    if (segment->sealed) {
        frn_free(log->heap, segment->anchors);
        segment->anchors = NULL;
    }
    status = frn_segments_push(log, &log->segments, segment);
    if (status < 0) {
        frn_segment_free(log, segment);
        return frn_fail(err, status, "segment %" PRIu64 ": out of memory", header->number);
    }
    return FIRN_OK;
}

firn_status frn_recovery_number(frn_log *log, frn_numbers *numbers, uint64_t number, firn_error *err)
{
    if (numbers->count == numbers->capacity) {
        size_t capacity = numbers->capacity == 0 ? 16 : numbers->capacity * 2;
        uint64_t *grown = frn_realloc(log->heap, numbers->at, capacity * sizeof *grown);

        if (grown == NULL) {
            return frn_fail(err, FIRN_ENOMEM, "segment %" PRIu64 ": out of memory", number);
        }
        numbers->at = grown;
        numbers->capacity = capacity;
    }
    numbers->at[numbers->count++] = number;
    return FIRN_OK;
}

static firn_status visit_segment(frn_recovery *r, uint64_t number, firn_error *err)
{
    frn_log *log = r->log;
    frn_recovery_action action = FRN_ACTION_ACCEPT;
    char name[FRN_SEGMENT_NAME_SIZE];
    frn_file *file = NULL;
    fmt_segment header;
    firn_status status;

    frn_segment_name(number, name);
    status = log->io->ops->open(log->io, name, 0, &file, err);
    if (status == FIRN_ENOTFOUND) {
        /* Behind the tail of a clean log a segment holds nothing; anywhere else it may. */
        bool witness = !(log->manifest.clean && r->expected > log->manifest.durable);

        r->missing++;
        if (r->stop.number == 0) {
            stop_at(r, number, log->alignment, FMT_SHORT, false);
        }
        if (frn_recovery_decide(FRN_PLACE_FILE, FMT_SHORT, witness) == FRN_ACTION_DAMAGE &&
            r->damage.status == FIRN_OK) {
            (void)frn_fail_detail(&r->damage, FIRN_ECORRUPT, FIRN_DETAIL_SEGMENT_MISSING,
                                  "segment %" PRIu64 ": the file %s is missing", number, name);
            (void)frn_place(&r->damage, FIRN_ECORRUPT, number, 0, r->expected);
        }
        return FIRN_OK;
    }
    if (status < 0) {
        return status;
    }
    status = judge_header(r, file, number, &header, &action, err);
    if (status == FIRN_OK && action == FRN_ACTION_ACCEPT) {
        status = take_segment(r, file, &header, err);
    } else if (status == FIRN_OK && action == FRN_ACTION_UNUSED) {
        status = frn_recovery_number(log, &r->unused, number, err);
    }
    log->io->ops->file_close(file);
    return status;
}

/* ---- files that the manifest does not name ---- */

struct listing {
    frn_recovery *r;
    firn_status status;
    firn_error *err;
};

static void list_file(void *arg, const char *name, uint64_t size)
{
    struct listing *listing = arg;
    frn_recovery *r = listing->r;
    uint64_t number = frn_segment_number(name);

    (void)size;
    if (number != 0 && !is_named(&r->log->manifest, number) && listing->status == FIRN_OK) {
        listing->status = frn_recovery_number(r->log, &r->orphans, number, listing->err);
    }
}

/* What a file that the manifest does not name may be. A good header under a number above all that the manifest knows
   proves that the manifest is old; one of a later version is not for this build to remove, nor is one of another
   ledger or number, which no crash puts there. All else is left over. */
static firn_status judge_orphan(frn_recovery *r, uint64_t number, const uint8_t *bytes, size_t size, firn_error *err)
{
    frn_log *log = r->log;
    fmt_segment header;
    fmt_verdict verdict = fmt_segment_decode(bytes, size, &header);

    if (verdict == FMT_NEWER && memcmp(header.ledger_id, log->ledger_id, FIRN_LEDGER_ID_SIZE) == 0) {
        return newer(number, &header, err);
    }
    if ((verdict != FMT_OK && verdict != FMT_NEWER) || r->damage.status < 0) {
        return FIRN_OK;
    }
    if (memcmp(header.ledger_id, log->ledger_id, FIRN_LEDGER_ID_SIZE) != 0 || header.number != number) {
        (void)frn_fail_detail(&r->damage, FIRN_ECORRUPT, FIRN_DETAIL_SEGMENT_FOREIGN,
                              "segment %" PRIu64 ", which the manifest does not name: header: %s", number,
                              fmt_verdict_text(FMT_PLACE));
    } else if (number > log->manifest.segment_highest) {
        (void)frn_fail_detail(&r->damage, FIRN_ECORRUPT, FIRN_DETAIL_MANIFEST,
                              "manifest: older than segment %" PRIu64 ", which it does not name", number);
    } else {
        return FIRN_OK;
    }
    (void)frn_place(&r->damage, FIRN_ECORRUPT, number, 0, r->expected);
    return FIRN_OK;
}

static firn_status visit_orphans(frn_recovery *r, firn_error *err)
{
    const frn_io_ops *ops = r->log->io->ops;
    struct listing listing = {.r = r, .status = FIRN_OK, .err = err};
    firn_status status = ops->list(r->log->io, list_file, &listing, err);

    if (status == FIRN_OK) {
        status = listing.status;
    }
    for (size_t i = 0; i < r->orphans.count && status == FIRN_OK; i++) {
        char name[FRN_SEGMENT_NAME_SIZE];
        uint8_t bytes[FMT_ALIGNMENT_MIN]; /* A later version's header may be longer than ours. */
        frn_file *file = NULL;
        size_t got = 0;

        frn_segment_name(r->orphans.at[i], name);
        status = ops->open(r->log->io, name, 0, &file, err);
        if (status == FIRN_OK) {
            status = ops->read(file, bytes, sizeof bytes, 0, &got, err);
            ops->file_close(file);
        }
        if (status == FIRN_OK) {
            status = judge_orphan(r, r->orphans.at[i], bytes, got, err);
        } else if (status == FIRN_ENOTFOUND) {
            status = FIRN_OK; /* A writer at work gave it another name, or gave it up. */
        }
    }
    return status;
}

/* ---- the verdict on the whole ---- */

/* A clean log must end exactly where its manifest says. */
static void check_clean(frn_recovery *r)
{
    const fmt_manifest *manifest = &r->log->manifest;
    const frn_segments *segments = &r->log->segments;
    const frn_segment *last = segments->count > 0 ? segments->at[segments->count - 1] : NULL;
    bool as_said = end_of(r) == manifest->durable;

    testify(r, manifest->durable);
    if (as_said && last != NULL) {
        as_said = last->number == manifest->tail_segment && last->end_offset == manifest->tail_offset &&
                  r->last_crc == manifest->tail_crc;
    }
    if (!as_said && end_of(r) >= manifest->durable && r->damage.status == FIRN_OK) {
        (void)frn_fail_detail(&r->damage, FIRN_ECORRUPT, FIRN_DETAIL_MANIFEST,
                              "manifest: the log does not end at seq %" PRIu64
                              " as its clean mark says, but at %" PRIu64,
                              manifest->durable, end_of(r));
        (void)frn_place(&r->damage, FIRN_ECORRUPT, r->stop.number, r->stop.offset, r->expected);
    }
}

static void judge_end(frn_recovery *r)
{
    const frn_segments *segments = &r->log->segments;
    const frn_segment *last = segments->count > 0 ? segments->at[segments->count - 1] : NULL;
    frn_recovery_action action;
    char name[FRN_SEGMENT_NAME_SIZE];

    if (r->log->manifest.clean) {
        check_clean(r);
    }
    if (r->stop.number == 0 && last != NULL) {
        /* Every segment that is named was sealed. */
        stop_at(r, last->number, last->end_offset, FMT_BLANK, false);
    }
    action = frn_recovery_decide(FRN_PLACE_GROUP, FMT_CHECKSUM, r->witness >= r->expected);
    if (action == FRN_ACTION_DAMAGE && r->damage.status == FIRN_OK) {
        frn_segment_name(r->stop.number, name);
        (void)frn_fail_detail(
            &r->damage, FIRN_ECORRUPT, FIRN_DETAIL_GROUP,
            "segment %" PRIu64 " (%s): group at %" PRIu64 " with seq %" PRIu64 ": %s, but seq %" PRIu64 " was durable",
            r->stop.number, name, r->stop.offset, r->expected, fmt_verdict_text(r->stop.verdict), r->witness);
        (void)frn_place(&r->damage, FIRN_ECORRUPT, r->stop.number, r->stop.offset, r->expected);
    }
}

/* What somebody else knows, for example an index that holds the rows of records. */
static void hear_witness(frn_recovery *r)
{
    const frn_log_options *options = &r->log->options;
    uint64_t seq = 0, incarnation = 0;

    if (options->witness != NULL) {
        options->witness(options->witness_arg, r->log->ledger_id, &seq, &incarnation);
        if (seq > 0 && seq < UINT64_MAX && frn_recovery_owns(r->log, incarnation, seq, seq + 1)) {
            testify(r, seq);
        }
    }
}

firn_status frn_recovery_scan(frn_recovery *r, firn_error *err)
{
    frn_log *log = r->log;
    const fmt_manifest *manifest = &log->manifest;
    firn_status status;

    r->expected = 1;
    status = frn_walk_init(&r->walk, log, WALK_BUFFER);
    if (status < 0) {
        return frn_fail(err, status, "recover: out of memory");
    }
    testify(r, manifest->durable);
    testify(r, manifest->incarnations[manifest->incarnations_count - 1].first_seq - 1);
    hear_witness(r);
    /* Groups stand at multiples of the alignment, and reads past the caches end there. */
    r->reach_known = !manifest->clean && frn_reach_read(log, &r->reach) && r->reach.offset % log->alignment == 0 &&
                     (r->reach.segment == 0 || is_named(manifest, r->reach.segment));
    /* More missing files than there can be spares: one is damage already, and a run may name any number of them. */
    for (uint32_t i = 0; i < manifest->runs_count && r->missing <= FRN_LOG_SPARES_MAX; i++) {
        for (uint64_t k = 0; k < manifest->runs[i].count && r->missing <= FRN_LOG_SPARES_MAX; k++) {
            status = visit_segment(r, manifest->runs[i].first + k, err);
            if (status < 0) {
                return status;
            }
            r->reach_passed = r->reach_passed || manifest->runs[i].first + k == r->reach.segment;
        }
    }
    status = visit_orphans(r, err);
    if (status < 0) {
        return status;
    }
    judge_end(r);
    return FIRN_OK;
}

void frn_recovery_done(frn_recovery *r)
{
    frn_walk_done(&r->walk);
    frn_free(r->log->heap, r->spares.at);
    frn_free(r->log->heap, r->unused.at);
    frn_free(r->log->heap, r->touched.at);
    frn_free(r->log->heap, r->orphans.at);
}
