/* SPDX-License-Identifier: Apache-2.0 */
/* dice.h — every choice of a test from one printed seed. */
#ifndef TEST_DISK_DICE_H
#define TEST_DISK_DICE_H

#include <stdbool.h>
#include <stdint.h>

/** A generator (splitmix64): the same seed gives the same choices on every machine. */
typedef struct dice {
    uint64_t state;
} dice;

static inline dice dice_of(uint64_t seed)
{
    return (dice){.state = seed * UINT64_C(0x9e3779b97f4a7c15) + UINT64_C(0x2545f4914f6cdd1d)};
}

static inline uint64_t dice_next(dice *d)
{
    uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/** A seed for the number-th part of what a seed decides, so that no part depends on how another one rolls. */
static inline uint64_t dice_part(uint64_t seed, uint64_t number)
{
    dice d = dice_of(seed ^ (number + 1) * UINT64_C(0xd1b54a32d192ed03));

    return dice_next(&d);
}

/** 0 … sides - 1; sides is at least 1. */
static inline uint64_t dice_roll(dice *d, uint64_t sides)
{
    return dice_next(d) % sides;
}

/** True once in `in` times on average; never if in is 0. */
static inline bool dice_chance(dice *d, uint64_t in)
{
    return in != 0 && dice_next(d) % in == 0;
}

#endif
