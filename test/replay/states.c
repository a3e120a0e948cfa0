/* SPDX-License-Identifier: Apache-2.0 */
/* states.c — the states in which a power cut could have left a recorded disk. */
#include "test/replay/states.h"

#include <stdbool.h>
#include <stdlib.h>

#include "test/disk/dice.h"
#include "test/kill/shared.h"

enum {
    LOST_OF_FLUSH = 4,
    TORN_OF_WRITE = 2
};

/* How a part is chosen. */
typedef enum choice {
    CHOOSE_WRITES,     /* Each write whole or not at all. */
    CHOOSE_PAGES,      /* Each page for itself. */
    CHOOSE_FEW,        /* Few pages are there. */
    CHOOSE_NEARLY_ALL, /* Few pages are lost. */
    CHOICES
} choice;

static void add(state_list *list, state s)
{
    list->states[list->count++] = s;
}

/* Writes of the cache before the flush at `flush`: they stand right before it. */
static size_t cached_before(const block_log *log, size_t flush, size_t first)
{
    size_t begin = flush;

    while (begin > first &&
           (log->blocks[begin - 1].kind == BLOCK_WRITE || log->blocks[begin - 1].kind == BLOCK_DISCARD)) {
        begin--;
    }
    return begin;
}

/* Of one page there is none or all, which are prefixes. */
static unsigned lost_of(const block_log *log, size_t begin, size_t end)
{
    uint64_t pages = 0;

    for (size_t i = begin; i < end; i++) {
        pages += (log->blocks[i].size + PICTURE_PAGE - 1) / PICTURE_PAGE;
    }
    return pages < 2 ? 0 : pages == 2 ? 2 : LOST_OF_FLUSH;
}

static int compare(const void *a, const void *b)
{
    const state *x = a, *y = b;

    if (x->whole != y->whole) {
        return x->whole < y->whole ? -1 : 1;
    }
    return x->seed < y->seed ? -1 : x->seed > y->seed;
}

/* Takes each of the states with the same chance. */
static void thin(state_list *list, dice *d, size_t limit)
{
    size_t left = limit, kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (dice_roll(d, list->count - i) < left) {
            list->states[kept++] = list->states[i];
            left--;
        }
    }
    list->count = kept;
}

state_list states_of(const block_log *log, size_t first, uint64_t seed, size_t limit)
{
    state_list list = {.states = calloc((log->count + 1) * (1 + LOST_OF_FLUSH), sizeof *list.states)};
    dice d = dice_of(seed);

    if (list.states == NULL) {
        violation("out of memory");
    }
    for (size_t i = first; i < log->count; i++) {
        const block *b = &log->blocks[i];
        size_t begin = b->kind == BLOCK_FLUSH ? cached_before(log, i, first) : i;

        if (b->kind == BLOCK_MARK) {
            continue;
        }
        for (unsigned n = 0; n < lost_of(log, begin, i); n++) {
            add(&list, (state){.kind = STATE_LOST, .whole = begin, .end = i, .seed = dice_next(&d)});
        }
        for (unsigned n = 0; b->kind == BLOCK_DURABLE && b->size > PICTURE_PAGE && n < TORN_OF_WRITE; n++) {
            add(&list, (state){.kind = STATE_TORN, .whole = i, .end = i + 1, .seed = dice_next(&d)});
        }
        if (b->kind != BLOCK_FLUSH) {
            /* Flushes and marks add nothing to the disk, but to what must hold: they go with the write before them. */
            size_t end = i + 1;

            while (end < log->count && (log->blocks[end].kind == BLOCK_FLUSH || log->blocks[end].kind == BLOCK_MARK)) {
                end++;
            }
            add(&list, (state){.kind = STATE_PREFIX, .whole = end, .end = end, .seed = dice_next(&d)});
        }
    }
    qsort(list.states, list.count, sizeof *list.states, compare);
    if (list.count > limit) {
        thin(&list, &d, limit);
    }
    return list;
}

void states_free(state_list *list)
{
    free(list->states);
    *list = (state_list){0};
}

void states_apply(picture *p, const block_log *log, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        const block *b = &log->blocks[i];

        if (b->kind == BLOCK_WRITE || b->kind == BLOCK_DURABLE || b->kind == BLOCK_DISCARD) {
            picture_write(p, b->at, b->data, b->size);
        }
    }
}

static bool page_is_there(choice how, dice *d)
{
    switch (how) {
    case CHOOSE_FEW:
        return dice_chance(d, 8);
    case CHOOSE_NEARLY_ALL:
        return !dice_chance(d, 8);
    default:
        return dice_chance(d, 2);
    }
}

/* Some pages of one write, or the write, or nothing of it. */
static void apply_some(picture *p, const block *b, choice how, dice *d)
{
    if (how == CHOOSE_WRITES) {
        if (dice_chance(d, 2)) {
            picture_write(p, b->at, b->data, b->size);
        }
        return;
    }
    for (uint64_t at = b->at; at < b->at + b->size;) {
        uint64_t end = (at / PICTURE_PAGE + 1) * PICTURE_PAGE;

        end = end < b->at + b->size ? end : b->at + b->size;
        if (page_is_there(how, d)) {
            picture_write(p, at, b->data == NULL ? NULL : b->data + (at - b->at), end - at);
        }
        at = end;
    }
}

picture state_picture(const picture *base, const block_log *log, const state *s)
{
    picture p = picture_copy(base);
    dice d = dice_of(s->seed);
    choice how = (choice)dice_roll(&d, CHOICES);

    for (size_t i = s->whole; i < s->end; i++) {
        if (log->blocks[i].kind != BLOCK_MARK && log->blocks[i].kind != BLOCK_FLUSH) {
            apply_some(&p, &log->blocks[i], s->kind == STATE_TORN && how == CHOOSE_WRITES ? CHOOSE_PAGES : how, &d);
        }
    }
    return p;
}
