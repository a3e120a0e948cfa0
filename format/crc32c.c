/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crc32c.c — CRC-32C by SSE4.2 where the processor has it, by tables elsewhere.
 *
 * The instruction takes eight bytes in three cycles but can start one every cycle, so long inputs are cut into three
 * equal blocks that run side by side. Joining them needs a checksum moved over n zero bytes: a multiplication by
 * x^(8n) mod P. Carry-less multiplication by the constant x^(8n - 33) and one further CRC step, which itself multiplies
 * by x^32 (and the layout of the product by x), do just that.
 */
#include "format/crc32c.h"

#include <stdatomic.h>
#include <string.h>

#include "format/bytes.h"

/* The remainders of the eight single-bit bytes followed by k zero bytes; all others are sums of these. */
#define BITS_0 0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78
#define BITS_1 0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9
#define BITS_2 0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743
#define BITS_3 0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f
#define BITS_4 0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557, 0x37516aae, 0x6ea2d55c
#define BITS_5 0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d, 0x0e045beb, 0x1c08b7d6
#define BITS_6 0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4
#define BITS_7 0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599, 0x1a00cb32, 0x34019664

#define SUM(n, a, b, c, d, e, f, g, h)                                                               \
    (((n)&1 ? a : 0u) ^ ((n)&2 ? b : 0u) ^ ((n)&4 ? c : 0u) ^ ((n)&8 ? d : 0u) ^ ((n)&16 ? e : 0u) ^ \
     ((n)&32 ? f : 0u) ^ ((n)&64 ? g : 0u) ^ ((n)&128 ? h : 0u))
#define SUM_OF(n, ...) SUM(n, __VA_ARGS__)
#define OF_0(n) SUM_OF(n, BITS_0)
#define OF_1(n) SUM_OF(n, BITS_1)
#define OF_2(n) SUM_OF(n, BITS_2)
#define OF_3(n) SUM_OF(n, BITS_3)
#define OF_4(n) SUM_OF(n, BITS_4)
#define OF_5(n) SUM_OF(n, BITS_5)
#define OF_6(n) SUM_OF(n, BITS_6)
#define OF_7(n) SUM_OF(n, BITS_7)
#define ROW_4(of, n) of(n), of((n) + 1), of((n) + 2), of((n) + 3)
#define ROW_16(of, n) ROW_4(of, n), ROW_4(of, (n) + 4), ROW_4(of, (n) + 8), ROW_4(of, (n) + 12)
#define ROW_64(of, n) ROW_16(of, n), ROW_16(of, (n) + 16), ROW_16(of, (n) + 32), ROW_16(of, (n) + 48)
#define ROW_256(of) ROW_64(of, 0), ROW_64(of, 64), ROW_64(of, 128), ROW_64(of, 192)

/** remainders[k][n]: of byte n followed by k zero bytes. */
static const uint32_t remainders[8][256] = {
    {ROW_256(OF_0)}, {ROW_256(OF_1)}, {ROW_256(OF_2)}, {ROW_256(OF_3)},
    {ROW_256(OF_4)}, {ROW_256(OF_5)}, {ROW_256(OF_6)}, {ROW_256(OF_7)},
};

/* The functions named raw_ work on the register itself, which starts and ends inverted. */
static uint32_t raw_portable(uint32_t raw, const uint8_t *data, size_t size)
{
    for (; size >= 8; data += 8, size -= 8) {
        uint64_t word = fmt_get64(data) ^ raw;

        raw = remainders[7][word & 255] ^ remainders[6][word >> 8 & 255] ^ remainders[5][word >> 16 & 255] ^
              remainders[4][word >> 24 & 255] ^ remainders[3][word >> 32 & 255] ^ remainders[2][word >> 40 & 255] ^
              remainders[1][word >> 48 & 255] ^ remainders[0][word >> 56];
    }
    for (; size > 0; data++, size--)
        raw = raw >> 8 ^ remainders[0][(raw ^ *data) & 255];
    return raw;
}

uint32_t fmt_crc32c_portable(uint32_t crc, const void *data, size_t size)
{
    return ~raw_portable(~crc, data, size);
}

uint32_t fmt_crc32c_keyed_portable(uint32_t crc, uint64_t value, const void *data, size_t size)
{
    uint8_t bytes[sizeof value];

    fmt_put64(bytes, value);
    return ~raw_portable(raw_portable(~crc, bytes, sizeof bytes), data, size);
}

#if defined(__x86_64__)
#include <immintrin.h>

#define HARDWARE __attribute__((target("sse4.2,pclmul")))

/** Bytes of each of three blocks, and x^(8n - 33) mod P for one and for two of them. */
enum {
    BLOCK_SMALL = 64,
    BLOCK_LARGE = 1024
};
#define SMALL_OVER_ONE 0x9e4addf8u
#define SMALL_OVER_TWO 0x0d3b6092u
#define LARGE_OVER_ONE 0x170076fau
#define LARGE_OVER_TWO 0xa51b6135u

HARDWARE static inline uint32_t moved_over(uint32_t raw, uint32_t factor)
{
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi32_si128((int)raw), _mm_cvtsi32_si128((int)factor), 0);

    return (uint32_t)_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

/** Three blocks of block bytes each, side by side. */
HARDWARE static inline uint32_t raw_triple(uint32_t raw, const uint8_t *data, size_t block, uint32_t over_one,
                                           uint32_t over_two)
{
    uint64_t a = raw, b = 0, c = 0;

    for (size_t i = 0; i < block; i += 8) {
        a = _mm_crc32_u64(a, fmt_get64(data + i));
        b = _mm_crc32_u64(b, fmt_get64(data + block + i));
        c = _mm_crc32_u64(c, fmt_get64(data + 2 * block + i));
    }
    return moved_over((uint32_t)a, over_two) ^ moved_over((uint32_t)b, over_one) ^ (uint32_t)c;
}

HARDWARE static inline uint32_t raw_hardware(uint32_t raw, const uint8_t *data, size_t size)
{
    uint64_t wide;

    for (; size >= 3 * BLOCK_LARGE; data += 3 * BLOCK_LARGE, size -= 3 * BLOCK_LARGE)
        raw = raw_triple(raw, data, BLOCK_LARGE, LARGE_OVER_ONE, LARGE_OVER_TWO);
    for (; size >= 3 * BLOCK_SMALL; data += 3 * BLOCK_SMALL, size -= 3 * BLOCK_SMALL)
        raw = raw_triple(raw, data, BLOCK_SMALL, SMALL_OVER_ONE, SMALL_OVER_TWO);
    wide = raw;
    for (; size >= 8; data += 8, size -= 8)
        wide = _mm_crc32_u64(wide, fmt_get64(data));
    raw = (uint32_t)wide;
    if (size & 4) {
        raw = _mm_crc32_u32(raw, fmt_get32(data));
        data += 4;
    }
    if (size & 2) {
        raw = _mm_crc32_u16(raw, fmt_get16(data));
        data += 2;
    }
    if (size & 1)
        raw = _mm_crc32_u8(raw, *data);
    return raw;
}

HARDWARE static uint32_t plain_hardware(uint32_t crc, const void *data, size_t size)
{
    return ~raw_hardware(~crc, data, size);
}

HARDWARE static uint32_t keyed_hardware(uint32_t crc, uint64_t value, const void *data, size_t size)
{
    return ~raw_hardware((uint32_t)_mm_crc32_u64(~crc, value), data, size);
}

static int hardware_is_there(void)
{
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}
#else
#define plain_hardware fmt_crc32c_portable
#define keyed_hardware fmt_crc32c_keyed_portable

static int hardware_is_there(void)
{
    return 0;
}
#endif

typedef uint32_t (*plain_fn)(uint32_t crc, const void *data, size_t size);
typedef uint32_t (*keyed_fn)(uint32_t crc, uint64_t value, const void *data, size_t size);

static uint32_t plain_choose(uint32_t crc, const void *data, size_t size);
static uint32_t keyed_choose(uint32_t crc, uint64_t value, const void *data, size_t size);

/* Chosen by the first call. Relaxed is enough: all threads choose the same, and the functions guard no other data. */
static _Atomic(plain_fn) plain_path = plain_choose;
static _Atomic(keyed_fn) keyed_path = keyed_choose;

static uint32_t plain_choose(uint32_t crc, const void *data, size_t size)
{
    plain_fn path = hardware_is_there() ? plain_hardware : fmt_crc32c_portable;

    atomic_store_explicit(&plain_path, path, memory_order_relaxed);
    return path(crc, data, size);
}

static uint32_t keyed_choose(uint32_t crc, uint64_t value, const void *data, size_t size)
{
    keyed_fn path = hardware_is_there() ? keyed_hardware : fmt_crc32c_keyed_portable;

    atomic_store_explicit(&keyed_path, path, memory_order_relaxed);
    return path(crc, value, data, size);
}

uint32_t fmt_crc32c(uint32_t crc, const void *data, size_t size)
{
    return atomic_load_explicit(&plain_path, memory_order_relaxed)(crc, data, size);
}

uint32_t fmt_crc32c_keyed(uint32_t crc, uint64_t value, const void *data, size_t size)
{
    return atomic_load_explicit(&keyed_path, memory_order_relaxed)(crc, value, data, size);
}

uint32_t fmt_crc32c_u64(uint32_t crc, uint64_t value)
{
    return fmt_crc32c_keyed(crc, value, NULL, 0);
}

const char *fmt_crc32c_path(void)
{
    return hardware_is_there() ? "sse4.2" : "portable";
}
