/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mend.h — make the checksums of mutated bytes good, so that what stands behind them is reached.
 *
 * Each function takes bytes that may be anything, changes checksums only (and magic numbers, where it says so), and
 * never reaches behind `size`. What has no place for its checksum, or lengths that lead outside, is left as it is.
 */
#ifndef TEST_FUZZ_MEND_H
#define TEST_FUZZ_MEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The record at data. Returns its bytes, 0: it does not fit. */
size_t fuzz_mend_record(uint8_t *data, size_t size, uint32_t salt, uint64_t seq);
/** The batch at data and all of its records. Returns its bytes, 0: it does not fit. crcs goes on as content_crc does.
 */
size_t fuzz_mend_batch(uint8_t *data, size_t size, uint32_t salt, uint32_t *crcs);
/** The header's checksum alone; magic, segment and incarnation are set. */
void fuzz_mend_group_header(uint8_t *data, size_t size, uint32_t salt, uint64_t offset, uint64_t segment,
                            uint64_t incarnation);
/** The group at data with all that it holds, and its place in the chain. Returns the bytes of header and content, 0: it
    does not fit. */
size_t fuzz_mend_group(uint8_t *data, size_t size, uint32_t salt, uint64_t offset, uint32_t prev_crc);
/** Magic and checksum. */
void fuzz_mend_segment(uint8_t *data, size_t size);
void fuzz_mend_footer(uint8_t *data, size_t size, uint32_t salt);
void fuzz_mend_manifest(uint8_t *data, size_t size);
void fuzz_mend_positions(uint8_t *data, size_t size);
void fuzz_mend_reach(uint8_t *data, size_t size);

#endif
