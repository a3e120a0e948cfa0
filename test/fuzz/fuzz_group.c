/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_group.c — any bytes as a group: as they are, and with the checksum of the header made good. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/group.h"

static void take(const uint8_t *data, size_t size, uint32_t salt)
{
    size_t bad = SIZE_MAX;
    fmt_group group;

    if (fmt_group_decode(data, size, salt, FUZZ_OFFSET, FUZZ_SEGMENT, FUZZ_INCARNATION, &group) != FMT_OK)
        return;
    MUST(group.content_size <= FMT_GROUP_CONTENT_MAX && group.first_seq < group.next_seq);
    if (fmt_group_check(data, size, salt, &group, &bad) == FMT_OK)
        MUST(bad == SIZE_MAX && (uint64_t)FMT_GROUP_HEADER + group.content_size <= size);
    else
        MUST(bad <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t salt = fmt_salt(fuzz_ledger_id, FUZZ_SEGMENT, FUZZ_INCARNATION);
    uint8_t *copy = malloc(size + 1);

    MUST(copy != NULL);
    take(data, size, salt);
    if (size >= FMT_GROUP_HEADER) {
        memcpy(copy, data, size);
        fmt_put32(copy + FMT_GROUP_MAGIC, FMT_GROUP_MAGIC_VALUE);
        fmt_put64(copy + FMT_GROUP_SEGMENT, FUZZ_SEGMENT);
        fmt_put64(copy + FMT_GROUP_INCARNATION, FUZZ_INCARNATION);
        fmt_put32(copy + FMT_GROUP_CRC,
                  fmt_crc32c_keyed(salt, FUZZ_OFFSET, copy + FMT_GROUP_SEGMENT, FMT_GROUP_HEADER - FMT_GROUP_SEGMENT));
        take(copy, size, salt);
    }
    free(copy);
    return 0;
}
