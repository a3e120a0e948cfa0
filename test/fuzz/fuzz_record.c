/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_record.c — any bytes as a record: as they are, and with their checksum made good. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/record.h"

/** What decodes must encode to the same bytes. */
static void take(const uint8_t *data, size_t size, uint32_t salt)
{
    fmt_record record;
    size_t used;
    uint8_t *again;

    if (fmt_record_decode(data, size, salt, FUZZ_SEQ, &record, &used) != FMT_OK)
        return;
    MUST(used <= size && record.body.size == used - FMT_RECORD_HEADER);
    again = malloc(used);
    MUST(again != NULL);
    (void)fmt_record_encode(again, salt, &record, &record.body, 1);
    MUST(memcmp(again, data, used) == 0);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t salt = fmt_salt(fuzz_ledger_id, FUZZ_SEGMENT, FUZZ_INCARNATION);
    uint8_t *copy = malloc(size + 1);
    uint32_t length;

    MUST(copy != NULL);
    take(data, size, salt);
    if (size >= FMT_RECORD_HEADER) {
        memcpy(copy, data, size);
        length = fmt_get32(copy + FMT_RECORD_LENGTH);
        if (length <= size - FMT_RECORD_HEADER)
            fmt_put32(copy + FMT_RECORD_CRC, fmt_crc32c_keyed(salt, FUZZ_SEQ, copy + FMT_RECORD_KIND,
                                                              FMT_RECORD_HEADER - FMT_RECORD_KIND + length));
        take(copy, size, salt);
    }
    free(copy);
    return 0;
}
