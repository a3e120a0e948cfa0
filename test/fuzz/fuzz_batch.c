/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_batch.c — any bytes as a batch: as they are, and with their checksum made good. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "format/batch.h"
#include "format/bytes.h"
#include "format/crc32c.h"

/** Reads every byte of a slice, which must lie within the input. */
static void touch(firn_slice slice, const uint8_t *data, size_t size)
{
    volatile uint8_t sum = 0;
    const uint8_t *at = slice.data;

    if (slice.size == 0)
        return;
    MUST(at >= data && slice.size <= size && at + slice.size <= data + size);
    for (size_t i = 0; i < slice.size; i++)
        sum = (uint8_t)(sum + at[i]);
}

static void take(const uint8_t *data, size_t size, uint32_t salt)
{
    fmt_batch batch;
    fmt_name name;
    size_t at = 0;
    uint32_t names = 0;

    if (fmt_batch_decode(data, size, salt, &batch) != FMT_OK)
        return;
    MUST(batch.size <= size && batch.count >= 1 && batch.count <= FMT_BATCH_RECORDS_MAX && batch.first_seq >= 1);
    touch(batch.records, data, batch.size);
    for (; fmt_batch_name_next(&batch, &at, &name); names++)
        touch(name.name, data, batch.size);
    MUST(names == batch.names_count);
    if (batch.has_key) {
        touch(batch.key.scope, data, batch.size);
        touch(batch.key.key, data, batch.size);
        touch((firn_slice){batch.key.digest, FIRN_DIGEST_SIZE}, data, batch.size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t salt = fmt_salt(fuzz_ledger_id, FUZZ_SEGMENT, FUZZ_INCARNATION);
    uint8_t *copy = malloc(size + 1);

    MUST(copy != NULL);
    take(data, size, salt);
    if (size >= FMT_BATCH_HEADER + 4) {
        uint32_t trailer, crc;

        memcpy(copy, data, size);
        fmt_put32(copy + FMT_BATCH_LENGTH, (uint32_t)size);
        trailer = copy[FMT_BATCH_FLAGS] != 0 ? fmt_get32(copy + size - 4) : 0;
        if (trailer <= size - FMT_BATCH_HEADER) {
            crc = fmt_crc32c_keyed(salt, size, copy + FMT_BATCH_FIRST_SEQ, FMT_BATCH_HEADER - FMT_BATCH_FIRST_SEQ);
            fmt_put32(copy + FMT_BATCH_CRC, fmt_crc32c(crc, copy + size - trailer, trailer));
        }
        take(copy, size, salt);
    }
    free(copy);
    return 0;
}
