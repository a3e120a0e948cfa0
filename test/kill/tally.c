/* SPDX-License-Identifier: Apache-2.0 */
/* tally.c — what the programs that meet the real kernel count. */
#include "test/kill/tally.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* What a program always says; the rest it says if there was any. */
static const struct {
    const char *key;
    size_t at;
    bool always;
} lines[] = {
    {"recoveries_judged", offsetof(tally, judged), true},
    {"acknowledged", offsetof(tally, acknowledged), true},
    {"acknowledged_racing", offsetof(tally, raced), true},
    {"records_recovered", offsetof(tally, records), true},
    {"cross_store_looks", offsetof(tally, crosses), false},
    {"reads", offsetof(tally, reads), false},
    {"records_shown", offsetof(tally, seen), false},
    {"reader_row_looks", offsetof(tally, looks), false},
    {"keys_found", offsetof(tally, existing), false},
    {"keys_appended", offsetof(tally, appended), false},
    {"indexes_deleted", offsetof(tally, indexes), false},
    {"indexes_rebuilt", offsetof(tally, rebuilt), false},
    {"replays_from_mark", offsetof(tally, merged), false},
    {"merges", offsetof(tally, merges), false},
    {"merge_ns", offsetof(tally, merge_ns), false},
    {"open_ns", offsetof(tally, open_ns), false},
    {"faults", offsetof(tally, faults), false},
    {"writers_poisoned", offsetof(tally, poisoned), false},
    {"writers_refused", offsetof(tally, failed), false},
    {"calls_refused", offsetof(tally, refused), false},
    {"writers_resumed", offsetof(tally, resumed), false},
    {"writers_unmoved", offsetof(tally, unmoved), false},
    {"mapping_faults", offsetof(tally, faulted), false},
};

static uint64_t count_at(const tally *t, size_t at)
{
    uint64_t count;

    memcpy(&count, (const char *)t + at, sizeof count);
    return count;
}

void tally_add(tally *to, const tally *t)
{
    for (size_t at = 0; at < sizeof *t; at += sizeof(uint64_t)) {
        uint64_t sum = count_at(to, at) + count_at(t, at);

        memcpy((char *)to + at, &sum, sizeof sum);
    }
}

void tally_summary(const tally *t, const char *rounds, uint64_t first_seed, unsigned violations)
{
    (void)printf("summary: %s=%llu ledgers=%llu", rounds, (unsigned long long)t->rounds,
                 (unsigned long long)t->ledgers);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        uint64_t count = count_at(t, lines[i].at);

        if (lines[i].always || count != 0) {
            (void)printf(" %s=%llu", lines[i].key, (unsigned long long)count);
        }
    }
    (void)printf(" violations=%u first_seed=%llu last_seed=%llu\n", violations, (unsigned long long)first_seed,
                 (unsigned long long)(first_seed + (t->ledgers > 0 ? t->ledgers - 1 : 0)));
}
