/* SPDX-License-Identifier: Apache-2.0 */
/* script.c — a history as the calls that make it, from a seed. */
#include "test/differ/script.h"

#include <stdlib.h>

#include "test/api/api.h"
#include "test/disk/dice.h"

#define SECOND_NS INT64_C(1000000000)
#define BEGIN_NS (INT64_C(1700000000) * SECOND_NS)

enum {
    OPS_MIN = 30,
    OPS_MORE = 60,
    REPEATED_IN = 6, /* One operation in so many asks for what an earlier one asked for. */
    CLOCK_BACK_IN = 12,
    CLOCK_LEAP_IN = 10
};

/* Of 32. */
static const unsigned char weights[OP_KINDS] = {
    [OP_EVENTS] = 12, [OP_MANY] = 1, [OP_PUT] = 3,     [OP_PIECES] = 1, [OP_CREATE] = 3,  [OP_APPEND] = 4,
    [OP_NUMBERS] = 3, [OP_END] = 1,  [OP_PROMOTE] = 2, [OP_ACROSS] = 1, [OP_KEY_AGE] = 1,
};

static op_kind kind_of(dice *d)
{
    unsigned roll = (unsigned)dice_roll(d, 32), kind = 0;

    while (roll >= weights[kind]) {
        roll -= weights[kind++];
    }
    return (op_kind)kind;
}

void script_make(script *s, uint64_t seed)
{
    dice d = dice_of(seed);
    int64_t clock_ns = BEGIN_NS;

    *s = (script){.seed = seed, .count = OPS_MIN + dice_roll(&d, OPS_MORE)};
    s->ops = calloc(s->count, sizeof *s->ops);
    assert_non_null(s->ops);
    for (size_t i = 0; i < s->count; i++) {
        op *o = &s->ops[i];

        if (i > 0 && dice_chance(&d, REPEATED_IN)) {
            *o = s->ops[dice_roll(&d, i)];
        } else {
            o->kind = kind_of(&d);
            o->seed = dice_next(&d);
        }
        clock_ns += (int64_t)dice_roll(&d, (uint64_t)(2 * SECOND_NS));
        if (dice_chance(&d, CLOCK_LEAP_IN)) {
            clock_ns += (int64_t)dice_roll(&d, 2000) * SECOND_NS;
        }
        if (dice_chance(&d, CLOCK_BACK_IN)) {
            clock_ns -= 5 * SECOND_NS;
        }
        o->clock_ns = clock_ns;
    }
}

void script_done(script *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->ops[i].answer);
    }
    free(s->ops);
    *s = (script){0};
}

bool op_is_many_batches(const op *o)
{
    return o->kind == OP_PIECES;
}

size_t script_resume(const script *s, uint64_t durable)
{
    size_t i = 0;

    while (i < s->count && s->ops[i].after_seq <= durable) {
        i++;
    }
    return i;
}
