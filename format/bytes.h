/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.h — little-endian numbers in byte strings: the only way numbers get to disk and back. */
#ifndef FMT_BYTES_H
#define FMT_BYTES_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "firn stores little-endian numbers by copying; a big-endian port swaps here"
#endif

static inline void fmt_put16(uint8_t *at, uint16_t value)
{
    memcpy(at, &value, sizeof value);
}
static inline void fmt_put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
}
static inline void fmt_put64(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, sizeof value);
}

static inline uint16_t fmt_get16(const uint8_t *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint32_t fmt_get32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint64_t fmt_get64(const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

#endif
