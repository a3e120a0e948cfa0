/* SPDX-License-Identifier: Apache-2.0 */
/* manifest.c — encode, decode and judge one slot of the manifest. */
#include "format/manifest.h"

#include <assert.h>

#include "format/bytes.h"
#include "format/crc32c.h"

#define FOLLOWS(field, before, size) \
    _Static_assert((int)(field) == (int)(before) + (size), #field " leaves a hole or overlaps")
FOLLOWS(FMT_MANIFEST_CRC, FMT_MANIFEST_MAGIC, 8);
FOLLOWS(FMT_MANIFEST_VERSION, FMT_MANIFEST_CRC, 4);
FOLLOWS(FMT_MANIFEST_HEADER_SIZE, FMT_MANIFEST_VERSION, 4);
FOLLOWS(FMT_MANIFEST_LENGTH, FMT_MANIFEST_HEADER_SIZE, 4);
FOLLOWS(FMT_MANIFEST_COMPATIBLE, FMT_MANIFEST_LENGTH, 4);
FOLLOWS(FMT_MANIFEST_INCOMPATIBLE, FMT_MANIFEST_COMPATIBLE, 8);
FOLLOWS(FMT_MANIFEST_LEDGER_ID, FMT_MANIFEST_INCOMPATIBLE, 8);
FOLLOWS(FMT_MANIFEST_GENERATION, FMT_MANIFEST_LEDGER_ID, FIRN_LEDGER_ID_SIZE);
FOLLOWS(FMT_MANIFEST_TIME, FMT_MANIFEST_GENERATION, 8);
FOLLOWS(FMT_MANIFEST_CREATED, FMT_MANIFEST_TIME, 8);
FOLLOWS(FMT_MANIFEST_SEGMENT_SIZE, FMT_MANIFEST_CREATED, 8);
FOLLOWS(FMT_MANIFEST_ALIGNMENT, FMT_MANIFEST_SEGMENT_SIZE, 8);
FOLLOWS(FMT_MANIFEST_DURABLE_METHOD, FMT_MANIFEST_ALIGNMENT, 4);
FOLLOWS(FMT_MANIFEST_SEGMENT_HIGHEST, FMT_MANIFEST_DURABLE_METHOD, 4);
FOLLOWS(FMT_MANIFEST_DURABLE, FMT_MANIFEST_SEGMENT_HIGHEST, 8);
FOLLOWS(FMT_MANIFEST_TAIL_SEGMENT, FMT_MANIFEST_DURABLE, 8);
FOLLOWS(FMT_MANIFEST_TAIL_OFFSET, FMT_MANIFEST_TAIL_SEGMENT, 8);
FOLLOWS(FMT_MANIFEST_TAIL_TIME, FMT_MANIFEST_TAIL_OFFSET, 8);
FOLLOWS(FMT_MANIFEST_TAIL_CRC, FMT_MANIFEST_TAIL_TIME, 8);
FOLLOWS(FMT_MANIFEST_CLEAN, FMT_MANIFEST_TAIL_CRC, 4);
FOLLOWS(FMT_MANIFEST_CUTS_TOTAL, FMT_MANIFEST_CLEAN, 4);
FOLLOWS(FMT_MANIFEST_RUNS_COUNT, FMT_MANIFEST_CUTS_TOTAL, 8);
FOLLOWS(FMT_MANIFEST_INCARNATIONS_COUNT, FMT_MANIFEST_RUNS_COUNT, 4);
FOLLOWS(FMT_MANIFEST_CUTS_COUNT, FMT_MANIFEST_INCARNATIONS_COUNT, 4);
FOLLOWS(FMT_MANIFEST_RESERVED, FMT_MANIFEST_CUTS_COUNT, 4);
FOLLOWS(FMT_MANIFEST_HEADER, FMT_MANIFEST_RESERVED, 92);

enum {
    MAGIC_SIZE = 8
};
_Static_assert(sizeof FMT_MANIFEST_MAGIC_TEXT == MAGIC_SIZE + 1, "the magic of a manifest has eight bytes");
_Static_assert(FMT_MANIFEST_HEADER + FMT_MANIFEST_RUNS_MAX * FMT_RUN_SIZE +
                       FMT_MANIFEST_INCARNATIONS_MAX * FMT_INCARNATION_SIZE + FMT_MANIFEST_CUTS_MAX * FMT_CUT_SIZE <=
                   FMT_MANIFEST_SIZE,
               "a full manifest does not fit its slot");

static size_t size_of(size_t runs, size_t incarnations, size_t cuts)
{
    return FMT_MANIFEST_HEADER + runs * FMT_RUN_SIZE + incarnations * FMT_INCARNATION_SIZE + cuts * FMT_CUT_SIZE;
}

size_t fmt_manifest_size(const fmt_manifest *manifest)
{
    return size_of(manifest->runs_count, manifest->incarnations_count, manifest->cuts_count);
}

static uint32_t crc_around(const uint8_t *data, size_t size)
{
    return fmt_crc32c(fmt_crc32c(0, data, FMT_MANIFEST_CRC), data + FMT_MANIFEST_VERSION, size - FMT_MANIFEST_VERSION);
}

static void put_lists(uint8_t *at, const fmt_manifest *manifest)
{
    for (uint32_t i = 0; i < manifest->runs_count; i++, at += FMT_RUN_SIZE) {
        fmt_put64(at, manifest->runs[i].first);
        fmt_put64(at + 8, manifest->runs[i].count);
    }
    for (uint32_t i = 0; i < manifest->incarnations_count; i++, at += FMT_INCARNATION_SIZE) {
        fmt_put64(at, manifest->incarnations[i].number);
        fmt_put64(at + 8, manifest->incarnations[i].first_seq);
        fmt_put64(at + 16, manifest->incarnations[i].segment);
    }
    for (uint32_t i = 0; i < manifest->cuts_count; i++, at += FMT_CUT_SIZE) {
        const firn_cut *cut = &manifest->cuts[i];

        fmt_put64(at, (uint64_t)cut->time_ns);
        fmt_put64(at + 8, cut->incarnation);
        fmt_put64(at + 16, cut->segment);
        fmt_put64(at + 24, cut->offset);
        fmt_put64(at + 32, cut->bytes);
        fmt_put64(at + 40, cut->first_seq);
        fmt_put64(at + 48, cut->seqs_seen);
    }
}

void fmt_manifest_encode(uint8_t *out, const fmt_manifest *manifest)
{
    size_t size = fmt_manifest_size(manifest);

    assert(manifest->runs_count <= FMT_MANIFEST_RUNS_MAX && manifest->cuts_count <= FMT_MANIFEST_CUTS_MAX);
    assert(manifest->incarnations_count >= 1 && manifest->incarnations_count <= FMT_MANIFEST_INCARNATIONS_MAX);
    memset(out, 0, FMT_MANIFEST_HEADER);
    memcpy(out + FMT_MANIFEST_MAGIC, FMT_MANIFEST_MAGIC_TEXT, MAGIC_SIZE);
    fmt_put32(out + FMT_MANIFEST_VERSION, manifest->version);
    fmt_put32(out + FMT_MANIFEST_HEADER_SIZE, FMT_MANIFEST_HEADER);
    fmt_put32(out + FMT_MANIFEST_LENGTH, (uint32_t)size);
    fmt_put64(out + FMT_MANIFEST_COMPATIBLE, manifest->compatible);
    fmt_put64(out + FMT_MANIFEST_INCOMPATIBLE, manifest->incompatible);
    memcpy(out + FMT_MANIFEST_LEDGER_ID, manifest->ledger_id, FIRN_LEDGER_ID_SIZE);
    fmt_put64(out + FMT_MANIFEST_GENERATION, manifest->generation);
    fmt_put64(out + FMT_MANIFEST_TIME, (uint64_t)manifest->time_ns);
    fmt_put64(out + FMT_MANIFEST_CREATED, (uint64_t)manifest->created_ns);
    fmt_put64(out + FMT_MANIFEST_SEGMENT_SIZE, manifest->segment_size);
    fmt_put32(out + FMT_MANIFEST_ALIGNMENT, manifest->alignment);
    fmt_put32(out + FMT_MANIFEST_DURABLE_METHOD, manifest->durable_method);
    fmt_put64(out + FMT_MANIFEST_SEGMENT_HIGHEST, manifest->segment_highest);
    fmt_put64(out + FMT_MANIFEST_DURABLE, manifest->durable);
    fmt_put64(out + FMT_MANIFEST_TAIL_SEGMENT, manifest->tail_segment);
    fmt_put64(out + FMT_MANIFEST_TAIL_OFFSET, manifest->tail_offset);
    fmt_put64(out + FMT_MANIFEST_TAIL_TIME, (uint64_t)manifest->tail_time_ns);
    fmt_put32(out + FMT_MANIFEST_TAIL_CRC, manifest->tail_crc);
    fmt_put32(out + FMT_MANIFEST_CLEAN, manifest->clean);
    fmt_put64(out + FMT_MANIFEST_CUTS_TOTAL, manifest->cuts_total);
    fmt_put32(out + FMT_MANIFEST_RUNS_COUNT, manifest->runs_count);
    fmt_put32(out + FMT_MANIFEST_INCARNATIONS_COUNT, manifest->incarnations_count);
    fmt_put32(out + FMT_MANIFEST_CUTS_COUNT, manifest->cuts_count);
    put_lists(out + FMT_MANIFEST_HEADER, manifest);
    fmt_put32(out + FMT_MANIFEST_CRC, crc_around(out, size));
}

static void take_header(const uint8_t *data, fmt_manifest *manifest)
{
    manifest->version = fmt_get32(data + FMT_MANIFEST_VERSION);
    manifest->compatible = fmt_get64(data + FMT_MANIFEST_COMPATIBLE);
    manifest->incompatible = fmt_get64(data + FMT_MANIFEST_INCOMPATIBLE);
    memcpy(manifest->ledger_id, data + FMT_MANIFEST_LEDGER_ID, FIRN_LEDGER_ID_SIZE);
    manifest->generation = fmt_get64(data + FMT_MANIFEST_GENERATION);
    manifest->time_ns = (int64_t)fmt_get64(data + FMT_MANIFEST_TIME);
    manifest->created_ns = (int64_t)fmt_get64(data + FMT_MANIFEST_CREATED);
    manifest->segment_size = fmt_get64(data + FMT_MANIFEST_SEGMENT_SIZE);
    manifest->alignment = fmt_get32(data + FMT_MANIFEST_ALIGNMENT);
    manifest->durable_method = fmt_get32(data + FMT_MANIFEST_DURABLE_METHOD);
    manifest->segment_highest = fmt_get64(data + FMT_MANIFEST_SEGMENT_HIGHEST);
    manifest->durable = fmt_get64(data + FMT_MANIFEST_DURABLE);
    manifest->tail_segment = fmt_get64(data + FMT_MANIFEST_TAIL_SEGMENT);
    manifest->tail_offset = fmt_get64(data + FMT_MANIFEST_TAIL_OFFSET);
    manifest->tail_time_ns = (int64_t)fmt_get64(data + FMT_MANIFEST_TAIL_TIME);
    manifest->tail_crc = fmt_get32(data + FMT_MANIFEST_TAIL_CRC);
    manifest->clean = fmt_get32(data + FMT_MANIFEST_CLEAN);
    manifest->cuts_total = fmt_get64(data + FMT_MANIFEST_CUTS_TOTAL);
    manifest->runs_count = fmt_get32(data + FMT_MANIFEST_RUNS_COUNT);
    manifest->incarnations_count = fmt_get32(data + FMT_MANIFEST_INCARNATIONS_COUNT);
    manifest->cuts_count = fmt_get32(data + FMT_MANIFEST_CUTS_COUNT);
}

static void take_lists(const uint8_t *at, fmt_manifest *manifest)
{
    for (uint32_t i = 0; i < manifest->runs_count; i++, at += FMT_RUN_SIZE)
        manifest->runs[i] = (fmt_run){.first = fmt_get64(at), .count = fmt_get64(at + 8)};
    for (uint32_t i = 0; i < manifest->incarnations_count; i++, at += FMT_INCARNATION_SIZE)
        manifest->incarnations[i] = (fmt_incarnation){
            .number = fmt_get64(at),
            .first_seq = fmt_get64(at + 8),
            .segment = fmt_get64(at + 16),
        };
    for (uint32_t i = 0; i < manifest->cuts_count; i++, at += FMT_CUT_SIZE)
        manifest->cuts[i] = (firn_cut){
            .time_ns = (int64_t)fmt_get64(at),
            .incarnation = fmt_get64(at + 8),
            .segment = fmt_get64(at + 16),
            .offset = fmt_get64(at + 24),
            .bytes = fmt_get64(at + 32),
            .first_seq = fmt_get64(at + 40),
            .seqs_seen = fmt_get64(at + 48),
        };
}

/** Whether run i is sane by itself and shares no number with an earlier one, of which the highest is given. */
static bool run_is_free(const fmt_manifest *manifest, uint32_t i, uint64_t highest)
{
    const fmt_run *runs = manifest->runs;
    uint64_t first = runs[i].first, count = runs[i].count;

    if (first == 0 || count == 0 || first > manifest->segment_highest || count - 1 > manifest->segment_highest - first)
        return false;
    for (uint32_t j = 0; j < i && first <= highest; j++)
        if (runs[j].first <= first + (count - 1) && first <= runs[j].first + (runs[j].count - 1))
            return false;
    return true;
}

static bool lists_are_ordered(const fmt_manifest *manifest)
{
    const fmt_incarnation *incarnations = manifest->incarnations;
    uint64_t highest = 0;

    /* Linear while numbers ascend. Runs that go back are compared one by one: their order has a meaning, so they cannot
       be sorted, and they are few. */
    for (uint32_t i = 0; i < manifest->runs_count; i++) {
        uint64_t last = manifest->runs[i].first + (manifest->runs[i].count - 1);

        if (!run_is_free(manifest, i, highest))
            return false;
        highest = last > highest ? last : highest;
    }
    for (uint32_t i = 1; i < manifest->incarnations_count; i++)
        if (incarnations[i].number <= incarnations[i - 1].number ||
            incarnations[i].first_seq < incarnations[i - 1].first_seq)
            return false;
    return incarnations[0].number > 0 && manifest->cuts_count <= manifest->cuts_total &&
           manifest->tail_segment <= manifest->segment_highest;
}

static fmt_verdict judge(const fmt_manifest *manifest)
{
    if (manifest->version == 0 || manifest->clean > 1 || manifest->generation == 0 ||
        manifest->durable_method > FIRN_DURABLE_BUFFERED_SYNC || manifest->alignment < FMT_ALIGNMENT_MIN ||
        manifest->alignment > FMT_ALIGNMENT_MAX || (manifest->alignment & (manifest->alignment - 1)) != 0 ||
        manifest->segment_size < FMT_SEGMENT_SIZE_MIN || manifest->segment_size > FMT_SEGMENT_SIZE_MAX ||
        manifest->segment_size % manifest->alignment != 0)
        return FMT_SYNTAX;
    return lists_are_ordered(manifest) ? FMT_OK : FMT_ORDER;
}

fmt_verdict fmt_manifest_decode(const uint8_t *data, size_t size, fmt_manifest *manifest)
{
    uint32_t header_size, length;

    if (size < FMT_MANIFEST_HEADER)
        return FMT_SHORT;
    if (data[0] == 0 && memcmp(data, data + 1, FMT_MANIFEST_HEADER - 1) == 0)
        return FMT_BLANK;
    if (memcmp(data + FMT_MANIFEST_MAGIC, FMT_MANIFEST_MAGIC_TEXT, MAGIC_SIZE) != 0)
        return FMT_MAGIC;
    header_size = fmt_get32(data + FMT_MANIFEST_HEADER_SIZE);
    length = fmt_get32(data + FMT_MANIFEST_LENGTH);
    if (header_size < FMT_MANIFEST_HEADER || length < header_size || length > FMT_MANIFEST_SIZE)
        return FMT_LENGTH;
    if (length > size)
        return FMT_SHORT;
    if (crc_around(data, length) != fmt_get32(data + FMT_MANIFEST_CRC))
        return FMT_CHECKSUM;
    take_header(data, manifest);
    if (manifest->version > FMT_VERSION || (manifest->incompatible & ~FMT_INCOMPATIBLE_KNOWN) != 0)
        return FMT_NEWER;
    if (header_size != FMT_MANIFEST_HEADER || manifest->runs_count > FMT_MANIFEST_RUNS_MAX ||
        manifest->incarnations_count == 0 || manifest->incarnations_count > FMT_MANIFEST_INCARNATIONS_MAX ||
        manifest->cuts_count > FMT_MANIFEST_CUTS_MAX || length != fmt_manifest_size(manifest))
        return FMT_LENGTH;
    take_lists(data + FMT_MANIFEST_HEADER, manifest);
    return judge(manifest);
}
