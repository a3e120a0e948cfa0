/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.c — memory of exact size for the targets, and inputs read as numbers and byte strings. */
#include "test/fuzz/fuzz.h"

#include <stdarg.h>
#include <string.h>

#include "format/record.h"

typedef struct slot {
    uint8_t *data;
    size_t capacity;
} slot;

static slot slots[FUZZ_SLOTS];

uint32_t fuzz_salt(void)
{
    static uint32_t salt;

    if (salt == 0)
        salt = fmt_salt(fuzz_ledger_id, FUZZ_SEGMENT, FUZZ_INCARNATION);
    return salt;
}

uint8_t *fuzz_memory(unsigned number, size_t size)
{
    slot *s = &slots[number];

    MUST(number < FUZZ_SLOTS);
    if (s->data == NULL || size > s->capacity) {
        free(s->data);
        s->capacity = size < 65536 ? 65536 : size;
        s->data = malloc(s->capacity);
        MUST(s->data != NULL);
    }
    return s->data + (s->capacity - size);
}

uint8_t *fuzz_copy(unsigned number, const uint8_t *data, size_t size)
{
    uint8_t *copy = fuzz_memory(number, size);

    if (size != 0)
        memcpy(copy, data, size);
    return copy;
}

void fuzz_within(firn_slice slice, const uint8_t *data, size_t size)
{
    const uint8_t *at = slice.data;
    volatile uint8_t last;

    if (slice.size == 0)
        return;
    MUST(at >= data && slice.size <= size && at + slice.size <= data + size);
    last = at[0];
    last = at[slice.size - 1];
    (void)last;
}

void fuzz_tell(const char *format, ...)
{
    static int wanted = -1;
    va_list args;

    wanted = wanted < 0 ? getenv("FUZZ_TELL") != NULL : wanted;
    if (wanted == 0)
        return;
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

uint64_t fuzz_hash(const uint8_t *data, size_t size)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ size;

    for (size_t i = 0; i < size; i += 1 + size / 64)
        hash = (hash ^ data[i]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 29;
}

void fuzz_flip(uint8_t *bytes, size_t size)
{
    size_t bit = (size_t)(fuzz_hash(bytes, size) % (8 * size));

    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

void fuzz_header(const uint8_t *data, size_t size, size_t header, fuzz_take_fn take, fuzz_mend_fn mend)
{
    fmt_verdict verdict = take(data, size);
    uint8_t *copy = fuzz_copy(0, data, size);

    MUST(take(copy, size) == verdict);
    mend(copy, size);
    if (take(copy, size) == FMT_OK) {
        fuzz_flip(copy, header);
        MUST(take(copy, size) != FMT_OK);
    }
}

uint64_t fuzz_number(fuzz_reader *reader, unsigned bytes)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < bytes && reader->at < reader->size; i++)
        number |= (uint64_t)reader->data[reader->at++] << 8 * i;
    return number;
}

firn_slice fuzz_bytes(fuzz_reader *reader, size_t size)
{
    size_t left = reader->size - reader->at;
    firn_slice bytes = {reader->data + reader->at, size < left ? size : left};

    reader->at += bytes.size;
    return bytes;
}
