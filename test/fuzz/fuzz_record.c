/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_record.c — any bytes as a record: as they are, with their checksum made good, and then with one bit flipped. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "format/bytes.h"
#include "format/record.h"
#include "test/fuzz/mend.h"

static fmt_verdict decode(const uint8_t *data, size_t size, fmt_record *record, size_t *used)
{
    return fmt_record_decode(data, size, fuzz_salt(), FUZZ_SEQ, record, used);
}

/** What decodes must encode to the same bytes, also when its body comes in two parts. */
static fmt_verdict take(const uint8_t *data, size_t size, size_t *used)
{
    fmt_record record;
    fmt_verdict verdict = decode(data, size, &record, used);
    firn_slice parts[2];
    uint8_t *again;

    if (verdict != FMT_OK)
        return verdict;
    MUST(*used <= size && record.body.size == *used - FMT_RECORD_HEADER && record.seq == FUZZ_SEQ);
    fuzz_within(record.body, data, *used);
    MUST(fmt_record_crc(data, fuzz_salt(), FUZZ_SEQ) == fmt_get32(data + FMT_RECORD_CRC));
    parts[0] = (firn_slice){record.body.data, record.body.size / 2};
    parts[1] = (firn_slice){(const uint8_t *)record.body.data + parts[0].size, record.body.size - parts[0].size};
    again = fuzz_memory(1, *used);
    (void)fmt_record_encode(again, fuzz_salt(), &record, parts, 2);
    MUST(memcmp(again, data, *used) == 0);
    return FMT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t used;
    fmt_verdict verdict = take(data, size, &used);
    uint8_t *copy = fuzz_copy(0, data, size);
    fmt_record record;

    MUST(take(copy, size, &used) == verdict);
    if (fuzz_mend_record(copy, size, fuzz_salt(), FUZZ_SEQ) != 0 && take(copy, size, &used) == FMT_OK) {
        fuzz_flip(copy, used);
        MUST(decode(copy, size, &record, &used) != FMT_OK);
    }
    return 0;
}
