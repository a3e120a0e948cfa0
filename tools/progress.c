/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c — how far long work is, on standard error: a bar on a terminal, plain lines otherwise. */
#include "tools/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "tools/text.h"

enum {
    BAR_WIDTH = 30
};
static const uint64_t bar_every_ns = 100000000;
static const uint64_t line_every_ns = 2000000000;

uint64_t tool_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void tool_progress_start(tool_progress *progress, const char *what, bool json)
{
    *progress = (tool_progress){
        .what = what,
        .terminal = isatty(STDERR_FILENO) == 1,
        .start_ns = tool_now_ns(),
    };
    progress->silent = json && !progress->terminal;
    progress->last_ns = progress->start_ns;
}

int tool_progress_step(void *arg, uint64_t bytes_done, uint64_t bytes_total, uint64_t records)
{
    tool_progress *progress = arg;
    uint64_t now_ns = tool_now_ns();
    char done[TOOL_AMOUNT_TEXT_SIZE];
    char total[TOOL_AMOUNT_TEXT_SIZE];
    char count[TOOL_AMOUNT_TEXT_SIZE];
    unsigned percent = 0;

    if (progress->silent || now_ns - progress->last_ns < (progress->terminal ? bar_every_ns : line_every_ns))
        return 0;
    progress->last_ns = now_ns;
    if (bytes_total > 0)
        percent = (unsigned)((double)bytes_done * 100 / (double)bytes_total);
    if (percent > 100)
        percent = 100;
    tool_size_text(bytes_done, done);
    tool_size_text(bytes_total, total);
    tool_count_text(records, count);
    if (progress->terminal) {
        int filled = (int)percent * BAR_WIDTH / 100;

        fprintf(stderr, "\r%s [", progress->what);
        for (int i = 0; i < BAR_WIDTH; i++)
            fputc(i < filled ? '#' : ' ', stderr);
        fprintf(stderr, "] %3u%% %s of %s, %s records\033[K", percent, done, total, count);
        progress->shown = true;
    } else {
        fprintf(stderr, "%s: %u%%, %s of %s, %s records\n", progress->what, percent, done, total, count);
    }
    fflush(stderr);
    return 0;
}

void tool_progress_stop(tool_progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}
