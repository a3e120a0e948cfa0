/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_batch.c — any bytes as a batch: as they are, with their checksums made good, and written again from its parts.
 */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "format/batch.h"
#include "test/fuzz/mend.h"

enum {
    NAMES_MAX = 256 /* Batches with more are decoded, and not written again. */
};

/** Names, key and records written again must be the same bytes: there is one way to write a batch. */
static void write_again(const uint8_t *data, const fmt_batch *batch, const fmt_name *names)
{
    firn_slice left = batch->records;
    fmt_batch_writer writer;
    uint8_t *again = fuzz_memory(1, batch->size);

    fmt_batch_begin(&writer, again, batch->size, fuzz_salt(), batch->first_seq, batch->time_ns, 0);
    for (uint32_t i = 0; i < batch->count; i++) {
        fmt_record record;
        size_t used;

        if (fmt_record_decode(left.data, left.size, fuzz_salt(), batch->first_seq + i, &record, &used) != FMT_OK)
            return;
        (void)fmt_batch_add(&writer, record.kind, record.stream, record.version, &record.body, 1);
        left = (firn_slice){(const uint8_t *)left.data + used, left.size - used};
    }
    if (left.size != 0)
        return;
    MUST(fmt_batch_finish(&writer, names, batch->names_count, batch->has_key ? &batch->key : NULL) == batch->size);
    MUST(memcmp(again, data, batch->size) == 0);
}

static fmt_verdict take(const uint8_t *data, size_t size)
{
    static fmt_name names[NAMES_MAX];
    fmt_batch batch;
    fmt_name name;
    size_t at = 0;
    uint32_t count = 0;
    fmt_verdict verdict = fmt_batch_decode(data, size, fuzz_salt(), &batch);

    if (verdict != FMT_OK)
        return verdict;
    MUST(batch.size <= size && batch.count >= 1 && batch.count <= FMT_BATCH_RECORDS_MAX && batch.first_seq >= 1);
    fuzz_within(batch.records, data, batch.size);
    for (; fmt_batch_name_next(&batch, &at, &name); count++) {
        MUST(name.stream != 0 && name.name.size >= 1 && name.name.size <= FIRN_STREAM_NAME_SIZE_MAX);
        fuzz_within(name.name, data, batch.size);
        if (count < NAMES_MAX)
            names[count] = name;
    }
    MUST(count == batch.names_count);
    if (batch.has_key) {
        MUST(batch.key.key.size >= 1 && batch.key.key.size <= FIRN_KEY_SIZE_MAX);
        MUST(batch.key.scope.size <= FIRN_KEY_SIZE_MAX);
        fuzz_within(batch.key.scope, data, batch.size);
        fuzz_within(batch.key.key, data, batch.size);
        fuzz_within((firn_slice){batch.key.digest, FIRN_DIGEST_SIZE}, data, batch.size);
    }
    if (count <= NAMES_MAX)
        write_again(data, &batch, names);
    return FMT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fmt_verdict verdict = take(data, size);
    uint8_t *copy = fuzz_copy(0, data, size);
    uint32_t crcs = 0;
    fmt_batch batch;

    MUST(take(copy, size) == verdict);
    if (fuzz_mend_batch(copy, size, fuzz_salt(), &crcs) != 0 && take(copy, size) == FMT_OK) {
        /* The records have checksums of their own: the batch's covers header and trailer. */
        fuzz_flip(copy, FMT_BATCH_HEADER);
        MUST(fmt_batch_decode(copy, size, fuzz_salt(), &batch) != FMT_OK);
    }
    return 0;
}
