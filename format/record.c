/* SPDX-License-Identifier: Apache-2.0 */
/* record.c — encode and decode one record: one copy of the body, one pass of the checksum. */
#include "format/record.h"

#include <assert.h>

#include "format/bytes.h"
#include "format/crc32c.h"

uint32_t fmt_salt(const uint8_t ledger_id[FIRN_LEDGER_ID_SIZE], uint64_t segment, uint64_t incarnation)
{
    return fmt_crc32c_u64(fmt_crc32c_u64(fmt_crc32c(0, ledger_id, FIRN_LEDGER_ID_SIZE), segment), incarnation);
}

/** Of everything behind the crc field, the body included. */
static uint32_t record_crc(const uint8_t *data, uint32_t salt, uint64_t seq, size_t body_size)
{
    return fmt_crc32c_keyed(salt, seq, data + FMT_RECORD_KIND, FMT_RECORD_HEADER - FMT_RECORD_KIND + body_size);
}

uint32_t fmt_record_encode(uint8_t *out, uint32_t salt, const fmt_record *record, const firn_slice *parts,
                           size_t parts_count)
{
    uint8_t *end = out + FMT_RECORD_HEADER;
    size_t body_size;
    uint32_t crc;

    assert(record->kind != 0 && record->seq != 0 && record->version != 0);
    fmt_put16(out + FMT_RECORD_KIND, record->kind);
    fmt_put16(out + FMT_RECORD_FLAGS, record->flags);
    fmt_put32(out + FMT_RECORD_STREAM, record->stream);
    fmt_put64(out + FMT_RECORD_VERSION, record->version);
    for (size_t i = 0; i < parts_count; i++) {
        if (parts[i].size > 0)
            memcpy(end, parts[i].data, parts[i].size);
        end += parts[i].size;
    }
    body_size = (size_t)(end - out) - FMT_RECORD_HEADER;
    assert(body_size <= FMT_BODY_SIZE_MAX);
    fmt_put32(out + FMT_RECORD_LENGTH, (uint32_t)body_size);
    crc = record_crc(out, salt, record->seq, body_size);
    fmt_put32(out + FMT_RECORD_CRC, crc);
    return crc;
}

uint32_t fmt_record_crc(const uint8_t *data, uint32_t salt, uint64_t seq)
{
    return record_crc(data, salt, seq, fmt_get32(data + FMT_RECORD_LENGTH));
}

fmt_verdict fmt_record_decode(const uint8_t *data, size_t size, uint32_t salt, uint64_t seq, fmt_record *out_record,
                              size_t *out_size)
{
    fmt_record record;
    uint32_t body_size;

    if (size < FMT_RECORD_HEADER)
        return FMT_SHORT;
    body_size = fmt_get32(data + FMT_RECORD_LENGTH);
    if (body_size > FMT_BODY_SIZE_MAX)
        return FMT_LENGTH;
    if (body_size > size - FMT_RECORD_HEADER)
        return FMT_SHORT;
    if (record_crc(data, salt, seq, body_size) != fmt_get32(data + FMT_RECORD_CRC))
        return FMT_CHECKSUM;
    record = (fmt_record){
        .seq = seq,
        .version = fmt_get64(data + FMT_RECORD_VERSION),
        .stream = fmt_get32(data + FMT_RECORD_STREAM),
        .kind = fmt_get16(data + FMT_RECORD_KIND),
        .flags = fmt_get16(data + FMT_RECORD_FLAGS),
        .body = {data + FMT_RECORD_HEADER, body_size},
    };
    if (record.flags != 0)
        return FMT_NEWER;
    if (record.kind == 0 || record.version == 0)
        return FMT_SYNTAX;
    *out_record = record;
    *out_size = FMT_RECORD_HEADER + body_size;
    return FMT_OK;
}
