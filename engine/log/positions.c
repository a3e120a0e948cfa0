/* SPDX-License-Identifier: Apache-2.0 */
/*
 * positions.c — the writer tells readers in other processes how far the log is durable.
 *
 * Protocol: the file `positions` holds one block of 64 bytes (format/positions.h), overwritten in place with an
 * ordinary write and never synced. What it says was durable before it was written, and stays so: a content that an
 * older writer or an earlier moment left is out of date, never wrong, as long as it names the incarnation that the
 * manifest ends with. A reader believes it while somebody holds the writer's lock. A torn or missing one costs the
 * reader time: it goes by what the log itself proves.
 *
 * A write for each group would cost a lone append about as much as everything else it does on the processor, so a
 * thread of its own writes it every few milliseconds while durable moves. It sleeps when nothing moves, and says so
 * first: who moves durable wakes it only then. It looks at durable once more after it said so, thus one of the two sees
 * the other. Without threads, who moved durable writes.
 *
 * What can fail: the file cannot be made or written. It is traced, nothing is published any more, and nothing else
 * changes: no caller waits for it.
 */
#include "engine/log/private.h"

#include "engine/base/error.h"
#include "format/positions.h"

#include <string.h>

#define PUBLISH_PERIOD_NS INT64_C(4000000)

enum {
    TRIES = 3 /* Reads that may meet a write half done. */
};

static void give_up(frn_log *log, const firn_error *why)
{
    frn_trace_say(&log->options.trace, "positions are not published: %s", why->text);
    if (log->publish.file != NULL) {
        log->io->ops->file_close(log->publish.file);
        log->publish.file = NULL;
    }
}

/* Writes the positions of this moment, if they are others than those written last. Publisher only. */
static void publish(frn_log *log)
{
    fmt_positions positions = {.hint.incarnation = frn_log_incarnation(log)};
    uint8_t bytes[FMT_POSITIONS_HEADER];
    firn_error err;

    frn_mutex_lock(&log->tail);
    positions.durable = frn_log_durable(log);
    positions.segment = log->durable_segment;
    positions.offset = log->durable_offset;
    frn_mutex_unlock(&log->tail);
    log->publish.told = positions.durable;
    if (log->publish.file == NULL) {
        return;
    }
    memcpy(positions.hint.ledger_id, log->ledger_id, sizeof positions.hint.ledger_id);
    fmt_positions_encode(bytes, &positions);
    if (log->io->ops->write(log->publish.file, bytes, sizeof bytes, 0, &err) < 0) {
        give_up(log, &err);
        return;
    }
    atomic_fetch_add_explicit(&log->bytes_written, sizeof bytes, memory_order_relaxed);
}

static void publisher_main(void *arg)
{
    frn_log *log = arg;
    frn_publish *p = &log->publish;

    while (!atomic_load(&p->stopping)) {
        uint32_t seen = atomic_load(&p->word);

        if (frn_log_durable(log) != p->told) {
            publish(log);
            (void)frn_word_wait(&p->word, seen, frn_monotonic_ns() + PUBLISH_PERIOD_NS);
            continue;
        }
        atomic_store(&p->asleep, true);
        if (frn_log_durable(log) == p->told && !atomic_load(&p->stopping)) {
            (void)frn_word_wait(&p->word, seen, -1);
        }
        atomic_store(&p->asleep, false);
    }
}

void frn_publish_moved(frn_log *log)
{
    frn_publish *p = &log->publish;

    if (!log->options.threads) {
        if (frn_log_durable(log) != p->told) {
            publish(log);
        }
        return;
    }
    if (atomic_load(&p->asleep) && atomic_exchange(&p->asleep, false)) {
        atomic_fetch_add(&p->word, 1);
        (void)frn_word_wake(&p->word, 1);
    }
}

firn_status frn_publish_start(frn_log *log, firn_error *err)
{
    const frn_io_ops *ops = log->io->ops;
    firn_error own;
    firn_status status =
        ops->open(log->io, FRN_POSITIONS_NAME, FRN_IO_WRITE | FRN_IO_CREATE, &log->publish.file, &own);

    if (status == FIRN_EEXISTS) {
        status = ops->open(log->io, FRN_POSITIONS_NAME, FRN_IO_WRITE, &log->publish.file, &own);
    }
    if (status < 0) {
        give_up(log, &own);
    }
    publish(log);
    if (log->options.threads &&
        frn_thread_start(&log->publish.thread, "firn-positions", publisher_main, log) < 0) {
        return frn_fail(err, FIRN_ENOMEM, "start the thread that publishes positions");
    }
    return FIRN_OK;
}

void frn_publish_stop(frn_log *log)
{
    frn_publish *p = &log->publish;

    atomic_store(&p->stopping, true);
    atomic_fetch_add(&p->word, 1);
    (void)frn_word_wake(&p->word, FRN_WAKE_ALL);
    frn_thread_join(&p->thread);
    if (p->file != NULL) {
        if (frn_log_durable(log) != p->told) {
            publish(log);
        }
        frn_publish_drop(log);
    }
}

void frn_publish_drop(frn_log *log)
{
    if (log->publish.file != NULL) {
        log->io->ops->file_close(log->publish.file);
        log->publish.file = NULL;
    }
}

bool frn_positions_read(frn_io *io, frn_file **file, fmt_positions *out_positions)
{
    uint8_t bytes[FMT_POSITIONS_HEADER];
    size_t got;

    if (*file == NULL && io->ops->open(io, FRN_POSITIONS_NAME, 0, file, NULL) < 0) {
        *file = NULL;
        return false;
    }
    for (int i = 0; i < TRIES; i++) {
        if (io->ops->read(*file, bytes, sizeof bytes, 0, &got, NULL) < 0) {
            return false;
        }
        if (fmt_positions_decode(bytes, got, out_positions) == FMT_OK) {
            return true;
        }
    }
    return false;
}
