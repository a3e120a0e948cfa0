/* SPDX-License-Identifier: Apache-2.0 */
/* number.h — a number on the command line of a test program. */
#ifndef TEST_NUMBER_H
#define TEST_NUMBER_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/** A decimal number and nothing else; otherwise the program says so and ends with status 2. */
static inline uint64_t number_of(const char *program, const char *text)
{
    char *end;
    uint64_t value;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') {
        (void)fprintf(stderr, "%s: %s is no number\n", program, text);
        exit(2);
    }
    return value;
}

#endif
