/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.h — the entry that libFuzzer calls, and what must hold whatever the input. */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

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
static const uint8_t fuzz_ledger_id[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
enum {
    FUZZ_SEGMENT = 1,
    FUZZ_INCARNATION = 1,
    FUZZ_OFFSET = 4096,
    FUZZ_SEQ = 2
};

#endif
