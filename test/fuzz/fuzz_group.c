/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_group.c — any bytes as a group: as they are, with all checksums made good, and then with one bit flipped. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "format/bytes.h"
#include "format/group.h"
#include "test/fuzz/mend.h"

static fmt_verdict decode(const uint8_t *data, size_t size, fmt_group *group)
{
    return fmt_group_decode(data, size, fuzz_salt(), FUZZ_OFFSET, FUZZ_SEGMENT, FUZZ_INCARNATION, group);
}

/** The verdict about all of it. A header that decodes must encode to the same bytes. */
static fmt_verdict take(const uint8_t *data, size_t size)
{
    uint8_t again[FMT_GROUP_HEADER];
    size_t bad = SIZE_MAX, same = SIZE_MAX;
    fmt_group group;
    fmt_verdict verdict = decode(data, size, &group);

    if (verdict != FMT_OK)
        return verdict;
    MUST(group.content_size <= FMT_GROUP_CONTENT_MAX && group.first_seq < group.next_seq);
    MUST(fmt_group_encode(again, fuzz_salt(), FUZZ_OFFSET, &group) == group.crc);
    MUST(memcmp(again, data, sizeof again) == 0);
    verdict = fmt_group_check(data, size, fuzz_salt(), &group, &bad);
    if (verdict == FMT_OK)
        MUST(bad == SIZE_MAX && (uint64_t)FMT_GROUP_HEADER + group.content_size <= size);
    else
        MUST(bad <= size);
    MUST(fmt_group_check(data, size, fuzz_salt(), &group, &same) == verdict && same == bad);
    return verdict;
}

/** Of a good group no bit can change: content, header and padding are covered. */
static void flip(uint8_t *data, size_t size)
{
    size_t bit = fuzz_hash(data, size) % (8 * size);

    data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    MUST(take(data, size) != FMT_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fmt_verdict verdict = take(data, size);
    uint8_t *copy = fuzz_copy(0, data, size);

    MUST(take(copy, size) == verdict);
    fuzz_mend_group_header(copy, size, fuzz_salt(), FUZZ_OFFSET, FUZZ_SEGMENT, FUZZ_INCARNATION);
    (void)take(copy, size);
    if (fuzz_mend_group(copy, size, fuzz_salt(), FUZZ_OFFSET,
                        size < FMT_GROUP_HEADER ? 0 : fmt_get32(copy + FMT_GROUP_PREV_CRC)) != 0 &&
        take(copy, size) == FMT_OK)
        flip(copy, size);
    return 0;
}
