/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash.c — how long a ledger takes to open after its writer was killed.
 *
 * A child process writes the log and is killed when so many records are behind the mark of the index as no merge is
 * worth yet. Then the ledger is opened, first for reading, which changes nothing, and once the pages that this left in
 * memory are forgotten for writing.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/folder.h"
#include "bench/ledger.h"
#include "tools/error.h"
#include "tools/progress.h"

enum {
    FILL_BATCH = 1000,
    BEHIND_MAX = 39000,              /* From 40,000 records on a merge begins, */
    BEHIND_BYTES_MAX = 48 * 1048576, /* and from 64 MiB on. */
    STEP_NS = 5000000
};
#define PATIENCE_NS UINT64_C(60000000000)

static void pause_briefly(void)
{
    const struct timespec pause = {.tv_nsec = STEP_NS};

    nanosleep(&pause, NULL);
}

static firn_status append(const bench_case *setting, firn_ledger *ledger, const char *pool, bench_random *random,
                          uint64_t count, firn_error *err)
{
    static firn_event events[FILL_BATCH];
    const firn_slice stream = {"bench", strlen("bench")};
    firn_status status = FIRN_OK;

    while (count > 0 && status == FIRN_OK) {
        uint64_t batch = count < FILL_BATCH ? count : FILL_BATCH;

        for (uint64_t i = 0; i < batch; i++)
            events[i] = (firn_event){.kind = 1, .payload = bench_pool_payload(pool, setting, random)};
        status = firn_append(ledger, stream, events, batch, NULL, NULL, err);
        count -= batch;
    }
    return status;
}

/** Waits until the mark is no more than `behind` records behind and stays so; returns how many. */
static firn_status wait_for_mark(firn_ledger *ledger, uint64_t behind, uint64_t *out_behind, firn_error *err)
{
    uint64_t start_ns = tool_now_ns();
    firn_stats stats = {.struct_size = sizeof stats};
    firn_status status = FIRN_OK;
    uint64_t merges_count;

    do {
        merges_count = stats.merges_count;
        pause_briefly();
        status = firn_stat(ledger, &stats, err);
    } while (status == FIRN_OK && (stats.delta_records > behind || stats.merges_count != merges_count) &&
             tool_now_ns() - start_ns < PATIENCE_NS);
    *out_behind = stats.delta_records;
    return status;
}

/** What the child does until it is killed: writes, says so through the pipe, waits. */
static firn_status write_and_wait(const bench_case *setting, const char *folder, int ready, firn_error *err)
{
    uint64_t behind = BEHIND_BYTES_MAX / (setting->size + 1);
    firn_ledger *ledger = NULL;
    char *pool = bench_pool_new(setting);
    bench_random random;
    uint64_t count = 0;
    firn_status status;

    if (pool == NULL)
        return tool_fail(err, FIRN_ENOMEM, "out of memory");
    behind = behind < BEHIND_MAX ? behind : BEHIND_MAX;
    behind = behind < setting->records ? behind : setting->records;
    bench_random_start(&random, setting->seed);
    status = bench_ledger_open(setting, folder, FIRN_PROGRESS_AUTO, &ledger, err);
    if (status == FIRN_OK)
        status = append(setting, ledger, pool, &random, setting->records - behind, err);
    if (status == FIRN_OK)
        status = wait_for_mark(ledger, behind, &count, err);
    if (status == FIRN_OK && count < behind)
        status = append(setting, ledger, pool, &random, behind - count, err);
    if (status == FIRN_OK && write(ready, "", 1) == 1)
        for (;;)
            pause();
    return status;
}

/** A crashed ledger in the folder. */
static firn_status make_crash(const bench_case *setting, const char *folder, firn_error *err)
{
    int ready[2];
    pid_t child;
    char byte;
    ssize_t got;

    if (pipe(ready) < 0)
        return tool_fail_os(err, errno, "pipe");
    child = fork();
    if (child < 0) {
        firn_status status = tool_fail_os(err, errno, "fork");

        close(ready[0]);
        close(ready[1]);
        return status;
    }
    if (child == 0) {
        close(ready[0]);
        if (write_and_wait(setting, folder, ready[1], err) < 0)
            fprintf(stderr, "firn: the writer: %s\n", err->text);
        _exit(1);
    }
    close(ready[1]);
    do {
        got = read(ready[0], &byte, 1);
    } while (got < 0 && errno == EINTR);
    close(ready[0]);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return got == 1 ? FIRN_OK : tool_fail(err, FIRN_EIO, "the writer ended before it was killed");
}

/** Opens and closes. The kernel holds the lock until what the dead process had under way has ended: that is waited for
    off the clock. */
static firn_status open_once(const bench_case *setting, const char *folder, firn_open_mode mode, uint64_t *out_ns,
                             uint64_t *out_cpu_ns, firn_stats *out_stats, firn_error *err)
{
    uint64_t begin_ns = tool_now_ns();
    firn_ledger *ledger = NULL;
    uint64_t start_ns, cpu_ns;
    firn_status status, closed;

    for (;;) {
        start_ns = tool_now_ns();
        cpu_ns = bench_cpu_ns();
        status = bench_ledger_reopen(setting, folder, mode, &ledger, err);
        if (status != FIRN_EBUSY || start_ns - begin_ns > PATIENCE_NS)
            break;
        pause_briefly();
    }
    if (status < 0)
        return status;
    *out_ns = tool_now_ns() - start_ns;
    *out_cpu_ns = bench_cpu_ns() - cpu_ns;
    out_stats->struct_size = sizeof *out_stats;
    status = firn_stat(ledger, out_stats, err);
    closed = firn_close(ledger, status < 0 ? NULL : err);
    return status < 0 ? status : closed;
}

firn_status bench_crash(const bench_case *setting, const char *folder, bench_round *round, firn_error *err)
{
    firn_stats stats;
    uint64_t cpu_ns;
    firn_status status = make_crash(setting, folder, err);

    if (status == FIRN_OK)
        status = open_once(setting, folder, FIRN_OPEN_READ, &round->open_read_ns, &cpu_ns, &stats, err);
    if (status < 0)
        return status;
    bench_folder_forget(folder);
    status =
        open_once(setting, folder, FIRN_OPEN_WRITE, &round->open_write_ns, &round->cpu_ns, &round->stats, err);
    if (status < 0)
        return status;
    round->operations = 1;
    round->records = round->stats.replayed_records;
    round->payload_bytes = round->records * setting->size;
    round->duration_ns = round->open_write_ns;
    bench_histogram_add(&round->latency, round->open_write_ns);
    return FIRN_OK;
}
