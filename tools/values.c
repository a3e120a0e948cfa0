/* SPDX-License-Identifier: Apache-2.0 */
/* values.c — numbers, sizes and durations as they are typed. */
#include "tools/values.h"

#include <ctype.h>
#include <string.h>

bool tool_parse_number(const char *text, uint64_t *out_value)
{
    uint64_t value = 0;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (!isdigit((unsigned char)*text) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return false;
    }
    *out_value = value;
    return true;
}

/** Splits "64M" into 64 and "M". */
static bool parse_with_unit(const char *text, uint64_t *out_value, const char **out_unit)
{
    char digits[24];
    size_t count = strspn(text, "0123456789");

    if (count == 0 || count >= sizeof digits)
        return false;
    memcpy(digits, text, count);
    digits[count] = '\0';
    *out_unit = text + count;
    return tool_parse_number(digits, out_value);
}

bool tool_parse_size(const char *text, uint64_t *out_bytes)
{
    static const struct {
        const char *unit;
        uint64_t bytes;
    } units[] = {{"", 1}, {"K", 1024}, {"M", 1024 * 1024}, {"G", 1024 * 1024 * 1024}};
    uint64_t value;
    const char *unit;

    if (!parse_with_unit(text, &value, &unit))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(unit, units[i].unit) == 0)
            return !__builtin_mul_overflow(value, units[i].bytes, out_bytes);
    return false;
}

bool tool_parse_duration(const char *text, uint64_t *out_ns)
{
    static const struct {
        const char *unit;
        uint64_t ns;
    } units[] = {
        {"", 1000000000},  {"ns", 1},          {"us", 1000},         {"ms", 1000000},
        {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000}, {"d", 86400000000000},
    };
    uint64_t value;
    const char *unit;

    if (!parse_with_unit(text, &value, &unit))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(unit, units[i].unit) == 0)
            return !__builtin_mul_overflow(value, units[i].ns, out_ns);
    return false;
}
