/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.h — the entry that libFuzzer calls, what must hold whatever the input, and what the targets share. */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "firn/types.h"
#include "format/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Not assert(): it holds in release builds too. */
#define MUST(condition)                                                     \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)

/** A ledger's segment as in test/golden/v1, from which the corpora are cut. */
static const uint8_t fuzz_ledger_id[FIRN_LEDGER_ID_SIZE] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
enum {
    FUZZ_SEGMENT = 1,
    FUZZ_INCARNATION = 1,
    FUZZ_OFFSET = 4096,
    FUZZ_SEQ = 2
};

/** fmt_salt() of that segment, computed once. */
uint32_t fuzz_salt(void);

enum {
    FUZZ_SLOTS = 4
};
/**
 * Memory of exactly this size: its end is the end of an allocation, so that ASan sees who reads behind it. Valid until
 * the slot is asked again; the allocation is kept, for malloc() at each execution would cost more than a decoder.
 */
uint8_t *fuzz_memory(unsigned slot, size_t size);
/** The same with these bytes in it. */
uint8_t *fuzz_copy(unsigned slot, const uint8_t *data, size_t size);

/** A slice must lie within these bytes, and all of it can be read. */
void fuzz_within(firn_slice slice, const uint8_t *data, size_t size);

/** A line on standard error if FUZZ_TELL is set in the environment: what an input led to. */
void fuzz_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** A number from bytes: to choose which bit of them is flipped. */
uint64_t fuzz_hash(const uint8_t *data, size_t size);

/** Flips one bit of these bytes, which they choose. */
void fuzz_flip(uint8_t *bytes, size_t size);

/** Decodes, and checks what was decoded. */
typedef fmt_verdict (*fuzz_take_fn)(const uint8_t *data, size_t size);
/** Makes the checksum good. */
typedef void (*fuzz_mend_fn)(uint8_t *data, size_t size);
/** A header of which every byte is covered: as it is, once more, mended, and then with one bit flipped. */
void fuzz_header(const uint8_t *data, size_t size, size_t header, fuzz_take_fn take, fuzz_mend_fn mend);

/** An input read as a list of small numbers and byte strings; zeros behind its end. */
typedef struct fuzz_reader {
    const uint8_t *data;
    size_t size;
    size_t at;
} fuzz_reader;

static inline bool fuzz_more(const fuzz_reader *reader)
{
    return reader->at < reader->size;
}
/** A little-endian number of 1 … 8 bytes. */
uint64_t fuzz_number(fuzz_reader *reader, unsigned bytes);
/** At most size bytes, borrowed from the input. */
firn_slice fuzz_bytes(fuzz_reader *reader, size_t size);

#endif
