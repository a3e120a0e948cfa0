/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump.c — walk a segment or a slot of the manifest and print what stands there.
 *
 * Happy path: header, group after group until the space is blank, footer.
 * What can fail: any of them. A group's header that does not verify hides its length, so the walk goes on at the next
 * aligned offset where a header verifies; a group whose header is good and whose content is not is stepped over. A
 * recycled segment holds groups of its former life: they verify for the place that they name, and are reported as such.
 * Checksums need the ledger id and the incarnation. Where the segment's header is lost, the id comes from the options
 * or from the manifest beside the file, the number from the file's name, and the incarnation from each group itself.
 */
#include "tools/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/group.h"
#include "format/kinds.h"
#include "format/manifest.h"
#include "tools/dump_inner.h"

/** Makes the buffer hold size bytes, which the caller bounded by the format's limits. */
static firn_status reserve(dumping *dump, uint64_t size)
{
    uint8_t *larger;

    if (size <= dump->buffer_size)
        return FIRN_OK;
    larger = realloc(dump->buffer, (size_t)size);
    if (larger == NULL)
        return dump_fail(dump, FIRN_ENOMEM, "dump %s: out of memory", dump->path);
    dump->buffer = larger;
    dump->buffer_size = (size_t)size;
    return FIRN_OK;
}

static void print_segment(dump_lines *lines, const fmt_segment *segment)
{
    dump_begin(lines, 0, "segment");
    dump_number(lines, "number", segment->number);
    dump_number(lines, "incarnation", segment->incarnation);
    dump_number(lines, "version", segment->version);
    dump_number(lines, "compatible", segment->compatible);
    dump_number(lines, "incompatible", segment->incompatible);
    dump_hex(lines, "ledger_id", segment->ledger_id, FIRN_LEDGER_ID_SIZE);
    dump_number(lines, "generation", segment->generation);
    dump_number(lines, "size", segment->size);
    dump_number(lines, "alignment", segment->alignment);
    dump_time(lines, "time", segment->time_ns);
    dump_end(lines);
}

/** Reads the segment's header, prints it, and settles what the checksums need. */
static firn_status take_header(dumping *dump)
{
    uint8_t block[FMT_ALIGNMENT_MIN];
    fmt_segment segment;
    fmt_verdict verdict;
    ssize_t got = dump_read(dump->fd, block, sizeof block, 0);

    if (got < 0)
        return dump_fail_os(dump, "read");
    dump->alignment = FMT_ALIGNMENT_MIN;
    dump->size = dump->file_size;
    dump->number = strtoull(dump_base_name(dump->path), NULL, 16);
    verdict = fmt_segment_decode(block, (size_t)got, &segment);
    if (verdict == FMT_OK) {
        print_segment(&dump->lines, &segment);
        dump->header_good = true;
        dump->id_known = true;
        memcpy(dump->ledger_id, segment.ledger_id, FIRN_LEDGER_ID_SIZE);
        dump->number = segment.number;
        dump->incarnation = segment.incarnation;
        dump->size = segment.size;
        dump->alignment = segment.alignment;
    } else if (verdict == FMT_NEWER) {
        dump_print_newer(dump, "segment", segment.version, segment.compatible, segment.incompatible);
        return FIRN_OK;
    } else {
        dump_print_bad(dump, 0, "segment header", 0, fmt_verdict_text(verdict));
    }
    if (dump->options->ledger_id != NULL) {
        memcpy(dump->ledger_id, dump->options->ledger_id, FIRN_LEDGER_ID_SIZE);
        dump->id_known = true;
    }
    if (!dump->header_good)
        return dump_ask_manifest(dump);
    return FIRN_OK;
}

static void print_record(dump_lines *lines, const fmt_record *record)
{
    const char *name = fmt_kind_name(record->kind);

    dump_begin(lines, 3, "record");
    dump_number(lines, "seq", record->seq);
    dump_number(lines, "kind", record->kind);
    dump_text(lines, "name", name != NULL ? name : fmt_kind_block(record->kind) != NULL ? "unknown" : "impossible");
    dump_number(lines, "stream", record->stream);
    dump_number(lines, "version", record->version);
    dump_number(lines, "body_size", record->body.size);
    dump_end(lines);
}

static void print_batch(dump_lines *lines, const fmt_batch *batch)
{
    fmt_name name;
    size_t at = 0;

    dump_begin(lines, 2, "batch");
    dump_number(lines, "first_seq", batch->first_seq);
    dump_number(lines, "count", batch->count);
    dump_time(lines, "time", batch->time_ns);
    dump_number(lines, "size", batch->size);
    dump_crc(lines, "crc", batch->crc);
    dump_end(lines);
    while (fmt_batch_name_next(batch, &at, &name)) {
        dump_begin(lines, 3, "name");
        dump_number(lines, "stream", name.stream);
        dump_bytes(lines, "name", name.name);
        dump_end(lines);
    }
    if (batch->has_key) {
        dump_begin(lines, 3, "key");
        dump_bytes(lines, "scope", batch->key.scope);
        dump_bytes(lines, "key", batch->key.key);
        dump_hex(lines, "digest", batch->key.digest, FIRN_DIGEST_SIZE);
        dump_end(lines);
    }
}

/** offset: of the first record in the file. */
static void print_records(dumping *dump, const fmt_batch *batch, uint64_t offset, uint32_t salt)
{
    const uint8_t *at = batch->records.data;
    size_t left = batch->records.size, used;
    fmt_record record;

    for (uint32_t i = 0; i < batch->count; i++) {
        if (fmt_record_decode(at, left, salt, batch->first_seq + i, &record, &used) != FMT_OK)
            return;
        print_record(&dump->lines, &record);
        dump_print_body(dump, &record, offset);
        at += used;
        offset += used;
        left -= used;
    }
}

/** Prints the batches that verify of the group at offset, and counts them if the group as a whole does. */
static void walk_content(dumping *dump, size_t size, uint64_t offset, const fmt_group *group, uint32_t salt, bool good)
{
    const uint8_t *data = dump->buffer;
    size_t at = FMT_GROUP_HEADER;
    fmt_batch batch;

    for (uint32_t i = 0; i < group->batches && at < size; i++) {
        if (fmt_batch_decode(data + at, size - at, salt, &batch) != FMT_OK)
            return;
        if (good) {
            if (dump->seen.batches == 0)
                dump->seen.first_time_ns = batch.time_ns;
            dump->seen.last_time_ns = batch.time_ns;
            dump->seen.batches++;
            dump->seen.records += batch.count;
        }
        if (dump->options->batches || dump->options->records)
            print_batch(&dump->lines, &batch);
        if (dump->options->records)
            print_records(dump, &batch, offset + at + FMT_BATCH_HEADER, salt);
        at += batch.size;
    }
}

/** Adds a good group to what the footer should say. */
static void count_group(dumping *dump, uint64_t offset, uint64_t size, const fmt_group *group)
{
    fmt_footer *seen = &dump->seen;

    if (seen->groups == 0) {
        seen->first_seq = group->first_seq;
        seen->prev_crc = group->prev_crc;
    } else if (group->prev_crc != seen->last_crc) {
        dump_print_bad(dump, 2, "chain", offset, "prev_crc is not the crc of the group before");
    }
    seen->groups++;
    seen->next_seq = group->next_seq;
    seen->last_crc = group->crc;
    seen->end_offset = offset + size;
    seen->groups_crc = fmt_crc32c(seen->groups_crc, &group->crc, sizeof group->crc);
    dump->summary.groups++;
}

static void print_group(dumping *dump, uint64_t offset, uint64_t size, const fmt_group *group, fmt_verdict verdict)
{
    dump_lines *lines = &dump->lines;

    dump_begin(lines, 1, "group");
    dump_number(lines, "offset", offset);
    dump_number(lines, "size", size);
    dump_number(lines, "first_seq", group->first_seq);
    dump_number(lines, "next_seq", group->next_seq);
    dump_number(lines, "durable", group->durable);
    dump_number(lines, "incarnation", group->incarnation);
    dump_number(lines, "batches", group->batches);
    dump_number(lines, "content_size", group->content_size);
    dump_crc(lines, "content_crc", group->content_crc);
    dump_crc(lines, "prev_crc", group->prev_crc);
    dump_crc(lines, "crc", group->crc);
    dump_text(lines, "verdict", fmt_verdict_text(verdict));
    dump_end(lines);
}

/** Decodes the header of a group for the place where it stands, or else for the place that it names. */
static fmt_verdict decode_header(const dumping *dump, const uint8_t *header, size_t size, uint64_t offset,
                                 fmt_group *out_group, uint32_t *out_salt)
{
    uint64_t number, incarnation;
    fmt_verdict verdict;

    if (dump->incarnation != 0) {
        *out_salt = fmt_salt(dump->ledger_id, dump->number, dump->incarnation);
        verdict = fmt_group_decode(header, size, *out_salt, offset, dump->number, dump->incarnation, out_group);
        if (verdict != FMT_CHECKSUM)
            return verdict;
    }
    if (size < FMT_GROUP_HEADER)
        return FMT_SHORT;
    number = fmt_get64(header + FMT_GROUP_SEGMENT);
    incarnation = fmt_get64(header + FMT_GROUP_INCARNATION);
    *out_salt = fmt_salt(dump->ledger_id, number, incarnation);
    verdict = fmt_group_decode(header, size, *out_salt, offset, number, incarnation, out_group);
    if (verdict == FMT_OK && (dump->incarnation != 0 || (dump->number != 0 && number != dump->number)))
        return FMT_PLACE;
    return verdict;
}

/** Reads, judges and prints the group whose header verified. */
static firn_status take_group(dumping *dump, uint64_t offset, uint64_t size, uint32_t salt, const fmt_group *group)
{
    size_t bad = 0;
    fmt_verdict verdict;
    firn_status status;
    ssize_t got;

    status = reserve(dump, size);
    if (status < 0)
        return status;
    got = dump_read(dump->fd, dump->buffer, (size_t)size, offset);
    if (got < 0) {
        dump_print_bad(dump, 1, "group", offset, dump_os_text(dump));
        return FIRN_OK;
    }
    verdict = fmt_group_check(dump->buffer, (size_t)got, salt, group, &bad);
    if (verdict == FMT_OK && (uint64_t)got < size) {
        verdict = FMT_SHORT;
        bad = (size_t)got;
    }
    print_group(dump, offset, size, group, verdict);
    walk_content(dump, (size_t)got, offset, group, salt, verdict == FMT_OK);
    if (verdict == FMT_OK)
        count_group(dump, offset, size, group);
    else
        dump_print_bad(dump, 2, "group content", offset + bad, fmt_verdict_text(verdict));
    return FIRN_OK;
}

static void print_space(dumping *dump, const char *type, uint64_t start, uint64_t end)
{
    dump_begin(&dump->lines, 1, type);
    dump_number(&dump->lines, "offset", start);
    dump_number(&dump->lines, "bytes", end - start);
    dump_end(&dump->lines);
}

/** Walks from the first group to limit. Stretches without a header that verifies are joined into one line each. */
static firn_status walk_groups(dumping *dump, uint64_t limit)
{
    enum stretch {
        NONE,
        BLANK,
        SKIPPED
    } stretch = NONE;
    static const char *const types[] = {"", "blank", "skipped"};
    uint64_t offset = dump->alignment, start = 0, size;
    uint8_t header[FMT_GROUP_HEADER];
    firn_status status = FIRN_OK;

    while (status == FIRN_OK && offset < limit) {
        ssize_t got = dump_read(dump->fd, header, sizeof header, offset);
        fmt_group group;
        uint32_t salt = 0;
        fmt_verdict verdict = got < 0 ? FMT_SHORT : decode_header(dump, header, (size_t)got, offset, &group, &salt);
        const char *why = got < 0 ? dump_os_text(dump) : fmt_verdict_text(verdict);
        enum stretch here = verdict == FMT_BLANK ? BLANK : verdict == FMT_OK ? NONE : SKIPPED;

        size = dump->alignment;
        if (here != stretch && stretch != NONE)
            print_space(dump, types[stretch], start, offset);
        if (here != stretch)
            start = offset;
        if (here == SKIPPED && stretch != SKIPPED)
            dump_print_bad(dump, 1, "group header", offset, why);
        stretch = here;
        if (here == NONE) {
            size = fmt_group_size(group.content_size, dump->alignment);
            if (size > limit - offset) {
                dump_print_bad(dump, 1, "group", offset, "reaches beyond the space for groups");
                size = dump->alignment;
            } else {
                status = take_group(dump, offset, size, salt, &group);
            }
        }
        offset += size;
    }
    if (stretch != NONE)
        print_space(dump, types[stretch], start, offset);
    return status;
}

static void print_footer(dumping *dump, uint64_t offset, const fmt_footer *footer)
{
    dump_lines *lines = &dump->lines;

    dump_begin(lines, 1, "footer");
    dump_number(lines, "offset", offset);
    dump_number(lines, "number", footer->number);
    dump_number(lines, "incarnation", footer->incarnation);
    dump_number(lines, "first_seq", footer->first_seq);
    dump_number(lines, "next_seq", footer->next_seq);
    dump_number(lines, "end_offset", footer->end_offset);
    dump_number(lines, "groups", footer->groups);
    dump_number(lines, "batches", footer->batches);
    dump_number(lines, "records", footer->records);
    dump_time(lines, "first_time", footer->first_time_ns);
    dump_time(lines, "last_time", footer->last_time_ns);
    dump_crc(lines, "prev_crc", footer->prev_crc);
    dump_crc(lines, "last_crc", footer->last_crc);
    dump_crc(lines, "groups_crc", footer->groups_crc);
    dump_number(lines, "anchors", footer->anchors_count);
    dump_end(lines);
    for (uint32_t i = 0; i < footer->anchors_count; i++) {
        fmt_anchor anchor = fmt_footer_anchor(dump->buffer, i);

        dump_begin(lines, 2, "anchor");
        dump_number(lines, "first_seq", anchor.first_seq);
        dump_number(lines, "offset", anchor.offset);
        dump_end(lines);
    }
}

/** Whether the groups found are those that the footer was written for. */
static bool footer_agrees(const fmt_footer *footer, const fmt_footer *seen)
{
    if (footer->groups != seen->groups || footer->groups_crc != seen->groups_crc)
        return false;
    return footer->groups == 0 || (footer->first_seq == seen->first_seq && footer->next_seq == seen->next_seq &&
                                   footer->end_offset == seen->end_offset && footer->batches == seen->batches &&
                                   footer->records == seen->records && footer->prev_crc == seen->prev_crc &&
                                   footer->last_crc == seen->last_crc && footer->first_time_ns == seen->first_time_ns &&
                                   footer->last_time_ns == seen->last_time_ns);
}

static firn_status take_footer(dumping *dump, uint64_t offset, uint64_t size)
{
    uint64_t incarnation = dump->incarnation;
    fmt_footer footer;
    fmt_verdict verdict;
    firn_status status;
    ssize_t got;

    status = reserve(dump, size);
    if (status < 0)
        return status;
    got = dump_read(dump->fd, dump->buffer, (size_t)size, offset);
    if (got < 0) {
        dump_print_bad(dump, 1, "footer", offset, dump_os_text(dump));
        return FIRN_OK;
    }
    if (incarnation == 0 && got >= FMT_FOOTER_HEADER)
        incarnation = fmt_get64(dump->buffer + FMT_FOOTER_INCARNATION);
    verdict = (uint64_t)got < size ? FMT_SHORT
                                   : fmt_footer_decode(dump->buffer, (size_t)size,
                                                       fmt_salt(dump->ledger_id, dump->number, incarnation), &footer);
    if (verdict == FMT_OK) {
        print_footer(dump, offset, &footer);
        if (!footer_agrees(&footer, &dump->seen))
            dump_print_bad(dump, 2, "footer", offset, "does not agree with the groups");
    } else if (verdict == FMT_BLANK) {
        print_space(dump, "unsealed", offset, offset + size);
    } else {
        dump_print_bad(dump, 1, "footer", offset, fmt_verdict_text(verdict));
    }
    return FIRN_OK;
}

static firn_status dump_segment(dumping *dump)
{
    uint64_t footer_size, limit;
    firn_status status;

    status = take_header(dump);
    if (status < 0 || dump->summary.newer)
        return status;
    if (!dump->id_known) {
        dump_print_bad(dump, 0, "ledger id", 0, "neither header nor manifest tell it: groups cannot be verified");
        return FIRN_OK;
    }
    if (dump->size > FMT_SEGMENT_SIZE_MAX)
        dump->size = FMT_SEGMENT_SIZE_MAX;
    footer_size = fmt_footer_size(dump->size, dump->alignment);
    limit = dump->size > footer_size ? dump->size - footer_size : 0;
    if (dump->file_size < dump->size)
        dump_print_bad(dump, 0, "file", dump->file_size, "shorter than its header says");
    if (dump->file_size > dump->size)
        dump_print_bad(dump, 0, "file", dump->size, "longer than its header says");
    status = walk_groups(dump, limit < dump->file_size ? limit : dump->file_size);
    if (status == FIRN_OK && limit > 0 && limit < dump->file_size)
        status = take_footer(dump, limit, footer_size);
    return status;
}

firn_status dump_file(FILE *out, const char *path, const dump_options *options, dump_summary *out_summary,
                      firn_error *err)
{
    dumping dump = {.path = path, .options = options, .err = err, .fd = -1};
    const char *name = dump_base_name(path), *dot = strrchr(name, '.');
    uint8_t magic[8] = {0};
    struct stat st;
    firn_status status;

    status = dump_lines_open(&dump.lines, out, options->json);
    if (status < 0) {
        status = dump_fail(&dump, FIRN_ENOMEM, "dump %s: out of memory", path);
        goto out;
    }
    /* A pipe is not waited for. */
    dump.fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | (options->no_link ? O_NOFOLLOW : 0));
    if (dump.fd < 0 && (errno == ELOOP || errno == ENXIO)) {
        status = dump_fail(&dump, FIRN_EINVAL, "dump %s: not a file", path);
        goto out;
    }
    if (dump.fd < 0 || fstat(dump.fd, &st) != 0) {
        status = dump_fail_os(&dump, "open");
        goto out;
    }
    dump.file_size = (uint64_t)st.st_size;
    if (!S_ISREG(st.st_mode)) {
        status = dump_fail(&dump, FIRN_EINVAL, "dump %s: not a file", path);
        goto out;
    }
    if (dump_read(dump.fd, magic, sizeof magic, 0) < 0) {
        status = dump_fail_os(&dump, "read");
        goto out;
    }
    /* The name decides only where the magic is lost. */
    if (memcmp(magic, FMT_MANIFEST_MAGIC_TEXT, sizeof magic) == 0)
        status = dump_manifest(&dump);
    else if (memcmp(magic, FMT_SEGMENT_MAGIC_TEXT, sizeof magic) == 0)
        status = dump_segment(&dump);
    else if (strncmp(name, "manifest.", 9) == 0)
        status = dump_manifest(&dump);
    else if (dot != NULL && strcmp(dot, ".seg") == 0)
        status = dump_segment(&dump);
    else
        status = dump_fail(&dump, FIRN_EINVAL, "dump %s: neither a segment nor a manifest", path);
    if (status == FIRN_OK && (fflush(out) != 0 || ferror(out)))
        status = dump_fail_os(&dump, "print");
    if (status == FIRN_OK && out_summary != NULL)
        *out_summary = dump.summary;
out:
    if (dump.fd >= 0)
        (void)close(dump.fd);
    free(dump.buffer);
    dump_lines_close(&dump.lines);
    return status;
}

bool dump_parse_ledger_id(const char *text, uint8_t out_id[FIRN_LEDGER_ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t id[FIRN_LEDGER_ID_SIZE];

    if (strlen(text) != 2 * sizeof id || strspn(text, digits) != 2 * sizeof id)
        return false;
    for (size_t i = 0; i < sizeof id; i++)
        id[i] = (uint8_t)((strchr(digits, text[2 * i]) - digits) << 4 | (strchr(digits, text[2 * i + 1]) - digits));
    memcpy(out_id, id, sizeof id);
    return true;
}
