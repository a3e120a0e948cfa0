/* SPDX-License-Identifier: Apache-2.0 */
/* cases.c — the cases that can be asked for by name. */
#include <string.h>

#include "bench/bench.h"

/* Log files made ahead for a burst: with the default size 1 GiB. The engine makes more only when half of them are used.
 */
enum {
    BURST_SPARES = 16,
    BYTES_COUNT = 100000,
    CRASH_RECORDS = 3600000 /* With the default size a log of 1 GB. */
};

const bench_named bench_cases[] = {
    {.name = "P1", .work = BENCH_APPEND, .writers = 1, .batch = 1},
    {.name = "P2", .work = BENCH_APPEND, .writers = 8, .batch = 1},
    {.name = "P3", .work = BENCH_APPEND, .writers = 64, .batch = 1},
    {.name = "P4-8", .work = BENCH_APPEND_ASYNC, .outstanding = 8, .batch = 1},
    {.name = "P4-64", .work = BENCH_APPEND_ASYNC, .outstanding = 64, .batch = 1},
    {.name = "P4-512", .work = BENCH_APPEND_ASYNC, .outstanding = 512, .batch = 1},
    {.name = "P4-4096", .work = BENCH_APPEND_ASYNC, .outstanding = 4096, .batch = 1},
    {.name = "P4-512-burst",
     .work = BENCH_APPEND_ASYNC,
     .outstanding = 512,
     .batch = 1,
     .spares = BURST_SPARES,
     .burst = true},
    {.name = "P4-4096-burst",
     .work = BENCH_APPEND_ASYNC,
     .outstanding = 4096,
     .batch = 1,
     .spares = BURST_SPARES,
     .burst = true},
    {.name = "P5-10", .work = BENCH_APPEND, .writers = 1, .batch = 10},
    {.name = "P5-100", .work = BENCH_APPEND, .writers = 1, .batch = 100},
    {.name = "P5-1000", .work = BENCH_APPEND, .writers = 1, .batch = 1000},
    {.name = "P5-1000-burst", .work = BENCH_APPEND, .writers = 1, .batch = 1000, .spares = BURST_SPARES, .burst = true},
    {.name = "P9", .work = BENCH_SCAN, .batch = 1},
    {.name = "P9-cold", .work = BENCH_SCAN_COLD, .batch = 1},
    {.name = "P10", .work = BENCH_GET, .batch = 1},
    {.name = "P11", .work = BENCH_REBUILD, .batch = 1},
    {.name = "P11-mixed", .work = BENCH_REBUILD_MIXED, .batch = 1},
    {.name = "P12", .work = BENCH_CRASH, .batch = 1, .records = CRASH_RECORDS},
    {.name = "P14-lone", .work = BENCH_APPEND, .writers = 1, .batch = 1, .count = 1000},
    {.name = "P14-1", .work = BENCH_APPEND_ASYNC, .outstanding = 4096, .batch = 1, .count = BYTES_COUNT},
    {.name = "P14-10", .work = BENCH_APPEND_ASYNC, .outstanding = 4096, .batch = 10, .count = BYTES_COUNT},
    {.name = "append", .work = BENCH_APPEND, .unnamed = true},
    {.name = "scan", .work = BENCH_SCAN, .batch = 1, .unnamed = true},
    {.name = "get", .work = BENCH_GET, .batch = 1, .unnamed = true},
    {.name = "replay", .work = BENCH_REPLAY, .batch = 1, .unnamed = true},
    {.name = "rebuild", .work = BENCH_REBUILD, .batch = 1, .unnamed = true},
    {.name = NULL},
};

bool bench_named_matches(const bench_named *named, const char *word)
{
    size_t size = strlen(word);

    return strncmp(named->name, word, size) == 0 && (named->name[size] == '\0' || named->name[size] == '-');
}
