/* SPDX-License-Identifier: Apache-2.0 */
/* crc32c.h — CRC-32C (Castagnoli), by the processor where it can, by table elsewhere. */
#ifndef FMT_CRC32C_H
#define FMT_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/** The checksum of what crc covers followed by data; crc 0 covers nothing. */
uint32_t fmt_crc32c(uint32_t crc, const void *data, size_t size);
/** The same of the 8 little-endian bytes of value. */
uint32_t fmt_crc32c_u64(uint32_t crc, uint64_t value);
/** The same of value and then data, in one call: how salted checksums begin. */
uint32_t fmt_crc32c_keyed(uint32_t crc, uint64_t value, const void *data, size_t size);
/** The portable twins, for tests and for processors without the instruction. */
uint32_t fmt_crc32c_portable(uint32_t crc, const void *data, size_t size);
uint32_t fmt_crc32c_keyed_portable(uint32_t crc, uint64_t value, const void *data, size_t size);
/** "sse4.2" or "portable": what fmt_crc32c() uses. */
const char *fmt_crc32c_path(void);

#endif
