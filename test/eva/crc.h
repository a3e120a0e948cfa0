/* SPDX-License-Identifier: Apache-2.0 */
/* crc.h — what EVA takes for the checksum: it reads what it is given, and answers anything. */
#include "format/crc32c.h"

/*@ requires size == 0 || \valid_read((const uint8_t *)data + (0 .. size - 1));
    assigns \result \from crc, ((const uint8_t *)data)[0 .. size - 1]; */
uint32_t fmt_crc32c(uint32_t crc, const void *data, size_t size);
/*@ assigns \result \from crc, value; */
uint32_t fmt_crc32c_u64(uint32_t crc, uint64_t value);
/*@ requires size == 0 || \valid_read((const uint8_t *)data + (0 .. size - 1));
    assigns \result \from crc, value, ((const uint8_t *)data)[0 .. size - 1]; */
uint32_t fmt_crc32c_keyed(uint32_t crc, uint64_t value, const void *data, size_t size);
