/* SPDX-License-Identifier: Apache-2.0 */
/* test_format_crc32c.c — the checksum against published vectors, and the processor's against the portable one. */
#include "test/unit/test_format.h"

#include "format/crc32c.h"

/** RFC 3720, B.4, and the check value of the CRC catalogues. */
static void known_vectors(void **state)
{
    static const uint8_t read_command[48] = {0x01, 0xc0, 0, 0, 0, 0, 0,    0, 0,    0, 0, 0,    0, 0, 0, 0,
                                             0x14, 0,    0, 0, 0, 0, 0x04, 0, 0,    0, 0, 0x14, 0, 0, 0, 0x18,
                                             0x28, 0,    0, 0, 0, 0, 0,    0, 0x02, 0, 0, 0,    0, 0, 0, 0};
    uint8_t zeros[32] = {0}, ones[32], rising[32], falling[32];

    (void)state;
    memset(ones, 0xff, sizeof ones);
    for (uint8_t i = 0; i < 32; i++) {
        rising[i] = i;
        falling[i] = (uint8_t)(31 - i);
    }
    assert_int_equal(fmt_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(fmt_crc32c(0, zeros, 32), 0x8a9136aa);
    assert_int_equal(fmt_crc32c(0, ones, 32), 0x62a8ab43);
    assert_int_equal(fmt_crc32c(0, rising, 32), 0x46dd794e);
    assert_int_equal(fmt_crc32c(0, falling, 32), 0x113fdb5c);
    assert_int_equal(fmt_crc32c(0, read_command, 48), 0xd9963a56);
    assert_int_equal(fmt_crc32c_portable(0, "123456789", 9), 0xe3069283);
    assert_int_equal(fmt_crc32c_portable(0, read_command, 48), 0xd9963a56);
    assert_int_equal(fmt_crc32c(7, NULL, 0), 7);
}

/** Fills data from a fixed seed. */
static void fill(uint8_t *data, size_t size)
{
    uint64_t seed = 0x9e3779b97f4a7c15;

    for (size_t i = 0; i < size; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        data[i] = (uint8_t)seed;
    }
}

static void paths_agree(void **state)
{
    enum {
        BIG = 1 << 20
    };
    static const size_t lengths[] = {1023, 3071, 3072, 3073, 3264, 6144, 65536, 65537, 1000003, BIG};
    uint8_t *data = malloc(BIG + 16);

    (void)state;
    assert_non_null(data);
    fill(data, BIG + 16);
    print_message("checksum by %s\n", fmt_crc32c_path());
    for (size_t shift = 0; shift < 16; shift++)
        for (size_t size = 0; size <= 300; size++)
            assert_int_equal(fmt_crc32c(0x1234, data + shift, size), fmt_crc32c_portable(0x1234, data + shift, size));
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        for (size_t shift = 0; shift < 16; shift += 5)
            assert_int_equal(fmt_crc32c(9, data + shift, lengths[i]), fmt_crc32c_portable(9, data + shift, lengths[i]));
    free(data);
}

/** The checksum of a whole is the checksum of its parts, one after the other, wherever it is cut. */
static void parts_chain(void **state)
{
    uint8_t data[700], number[8] = {0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01};
    uint32_t whole;

    (void)state;
    fill(data, sizeof data);
    whole = fmt_crc32c(3, data, sizeof data);
    for (size_t cut = 0; cut <= sizeof data; cut++)
        assert_int_equal(fmt_crc32c(fmt_crc32c(3, data, cut), data + cut, sizeof data - cut), whole);
    assert_int_equal(fmt_crc32c_u64(3, 0x0123456789abcdef), fmt_crc32c(3, number, 8));
    assert_int_equal(fmt_crc32c_keyed(3, 0x0123456789abcdef, data, sizeof data),
                     fmt_crc32c(fmt_crc32c(3, number, 8), data, sizeof data));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_vectors),
        cmocka_unit_test(paths_agree),
        cmocka_unit_test(parts_chain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
