/* SPDX-License-Identifier: Apache-2.0 */
/* place.c — what a sweep is doing, in words. */
#include "test/crash/place.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

sweep_place place;
int trace_level;
void (*violation_hook)(const char *text);

void trace(const char *format, ...)
{
    va_list args;

    if (trace_level > (place.state == 0 ? 0 : 1)) {
        (void)fprintf(stderr, "%llu.%llu: ", (unsigned long long)place.action, (unsigned long long)place.state);
        va_start(args, format);
        (void)vfprintf(stderr, format, args);
        va_end(args);
        (void)fprintf(stderr, "\n");
    }
}

void place_address(const sweep_place *at, char out[PLACE_TEXT_SIZE])
{
    int length = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < at->depth; i++) {
        const crash_address *crash = &at->crashes[i];

        length += i == 0
                      ? snprintf(out, PLACE_TEXT_SIZE, "%u.%u.%u", crash->action, crash->moment, crash->index)
                      : snprintf(out + length, PLACE_TEXT_SIZE - (size_t)length, "/%u.%u", crash->moment, crash->index);
    }
}

bool place_parse(const char *text, crash_address out_crashes[CRASHES_MAX], unsigned *out_depth)
{
    int used = 0;
    unsigned depth = 1;

    memset(out_crashes, 0, CRASHES_MAX * sizeof *out_crashes);
    if (sscanf(text, "%u.%u.%u%n", &out_crashes[0].action, &out_crashes[0].moment, &out_crashes[0].index, &used) != 3) {
        return false;
    }
    for (text += used; *text != '\0' && depth < CRASHES_MAX; text += used, depth++) {
        if (sscanf(text, "/%u.%u%n", &out_crashes[depth].moment, &out_crashes[depth].index, &used) != 2) {
            return false;
        }
    }
    *out_depth = depth;
    return *text == '\0';
}

static int describe(const crash_made *made, char *out, size_t size)
{
    static const char *const cuts[] = {
        [DISK_CUT_NONE] = "none",   [DISK_CUT_ALL] = "all",     [DISK_CUT_PREFIX] = "prefix",
        [DISK_CUT_MASK] = "mask",   [DISK_CUT_TORN] = "torn",   [DISK_CUT_HOLED] = "holed",
        [DISK_CUT_SIZES] = "sizes", [DISK_CUT_NAMES] = "names", [DISK_CUT_RANDOM] = "random",
    };
    static const char *const rests[] = {"old", "zero", "garbage"};
    static const char *const lates[] = {"late writes resolved", "late writes hold the lock", "late writes, lock free"};

    if (made->how == MADE_BY_DEATH) {
        return snprintf(out, size, "process death, %s, %u open", lates[made->late], made->open_effects);
    }
    return snprintf(out, size, "power cut: %s %llx of %u, sector %u, rest %s", cuts[made->plan.how],
                    (unsigned long long)made->plan.number, made->open_effects, made->plan.sector,
                    rests[made->plan.rest]);
}

void violation(const char *format, ...)
{
    static char text[PLACE_TEXT_SIZE];
    char address[PLACE_TEXT_SIZE];
    char crashes[PLACE_TEXT_SIZE];
    size_t length = 0;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)snprintf(crashes, sizeof crashes, "history");
    for (unsigned i = 0; i < place.depth && length < sizeof crashes; i++) {
        length += (size_t)snprintf(crashes + length, sizeof crashes - length, "%s", i == 0 ? "" : "; then ");
        length +=
            length < sizeof crashes ? (size_t)describe(&place.made[i], crashes + length, sizeof crashes - length) : 0;
    }
    place_address(&place, address);
    (void)fflush(stdout);
    (void)fprintf(stderr, "violation: seed %llu, state %llu, action %llu%s%s (%s): %s\n",
                  (unsigned long long)place.seed, (unsigned long long)place.state, (unsigned long long)place.action,
                  place.depth > 0 ? ", at " : "", address, crashes, text);
    (void)fflush(stderr);
    if (violation_hook != NULL) {
        violation_hook(text);
    }
    _exit(1);
}
