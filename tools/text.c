/* SPDX-License-Identifier: Apache-2.0 */
/* text.c — bytes, times and amounts as people read them. */
#include "tools/text.h"

#include <string.h>
#include <time.h>

size_t tool_utf8_step(const unsigned char *bytes, size_t size)
{
    unsigned char lead;
    size_t length;
    /* The range of the second byte excludes overlong forms, surrogates and what lies above U+10FFFF. */
    unsigned char low = 0x80;
    unsigned char high = 0xbf;

    if (size == 0)
        return 0;
    lead = bytes[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;
    if (size < length || bytes[1] < low || bytes[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

bool tool_utf8_valid(firn_slice text)
{
    const unsigned char *bytes = text.data;

    for (size_t i = 0; i < text.size;) {
        size_t step = tool_utf8_step(bytes + i, text.size - i);

        if (step == 0)
            return false;
        i += step;
    }
    return true;
}

void tool_time_text(int64_t time_ns, char *out)
{
    int64_t fraction = time_ns % 1000000000;
    time_t seconds;
    struct tm parts;
    size_t size;

    if (fraction < 0)
        fraction += 1000000000;
    seconds = (time_t)((time_ns - fraction) / 1000000000);
    if (gmtime_r(&seconds, &parts) == NULL) {
        snprintf(out, TOOL_TIME_TEXT_SIZE, "%lld", (long long)time_ns);
        return;
    }
    size = strftime(out, TOOL_TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(out + size, TOOL_TIME_TEXT_SIZE - size, ".%09lldZ", (long long)fraction);
}

void tool_size_text(uint64_t bytes, char *out)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    double amount = (double)bytes;
    size_t unit = 0;

    if (bytes < 1024) {
        snprintf(out, TOOL_AMOUNT_TEXT_SIZE, "%llu B", (unsigned long long)bytes);
        return;
    }
    for (amount /= 1024; amount >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        amount /= 1024;
    snprintf(out, TOOL_AMOUNT_TEXT_SIZE, amount < 10 ? "%.1f %s" : "%.0f %s", amount, units[unit]);
}

void tool_count_text(uint64_t count, char *out)
{
    char digits[24];
    size_t size = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);

    for (size_t i = 0; i < size; i++) {
        *out++ = digits[i];
        if (i + 1 < size && (size - i - 1) % 3 == 0)
            *out++ = ',';
    }
    *out = '\0';
}

void tool_duration_text(uint64_t ns, char *out)
{
    if (ns < 1000)
        snprintf(out, TOOL_AMOUNT_TEXT_SIZE, "%llu ns", (unsigned long long)ns);
    else if (ns < 1000000)
        snprintf(out, TOOL_AMOUNT_TEXT_SIZE, "%.1f us", (double)ns / 1e3);
    else if (ns < 1000000000)
        snprintf(out, TOOL_AMOUNT_TEXT_SIZE, "%.1f ms", (double)ns / 1e6);
    else
        snprintf(out, TOOL_AMOUNT_TEXT_SIZE, "%.2f s", (double)ns / 1e9);
}

static bool is_control(const unsigned char *bytes, size_t step)
{
    if (step == 1)
        return bytes[0] < 0x20 || bytes[0] == 0x7f;
    /* U+0080 … U+009F: a terminal may obey them. */
    return step == 2 && bytes[0] == 0xc2 && bytes[1] < 0xa0;
}

void tool_print_escaped(FILE *file, firn_slice text)
{
    static const char letters[] = "abtnvfr"; /* 0x07 … 0x0d */
    const unsigned char *bytes = text.data;

    for (size_t i = 0; i < text.size;) {
        size_t step = tool_utf8_step(bytes + i, text.size - i);

        if (step > 0 && !is_control(bytes + i, step) && bytes[i] != '\\') {
            fwrite(bytes + i, 1, step, file);
            i += step;
            continue;
        }
        if (bytes[i] == '\\')
            fputs("\\\\", file);
        else if (bytes[i] >= 0x07 && bytes[i] <= 0x0d)
            fprintf(file, "\\%c", letters[bytes[i] - 0x07]);
        else
            fprintf(file, "\\x%02x", bytes[i]);
        i++;
    }
}

void tool_print_hex(FILE *file, firn_slice text)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = text.data;

    for (size_t i = 0; i < text.size; i++) {
        fputc(digits[bytes[i] >> 4], file);
        fputc(digits[bytes[i] & 15], file);
    }
}
