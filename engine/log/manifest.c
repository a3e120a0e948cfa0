/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.c — read and write the two slots that say which segments there are and whose history it is.
 *
 * Protocol: a change is encoded once and written to one slot, synced, to the other, synced; nothing relies on it
 * before. The slots are files of a fixed, pre-written size, overwritten in place, so that a change needs no space and
 * no metadata. The first is the one that was not believed when the manifest was read, so that a crash in the first
 * change after a crash cannot spoil the only good slot.
 *
 * What can fail: a crash tears one slot, never both; the other holds the state before or after the change, and both are
 * true: what a change names is not used before both slots hold it. A slot that decays is mended from the other at the
 * next open. If the survivor is older than what segments prove, that is damage (recover.c), not a guess.
 *
 * Why not rename: a renamed file changes a folder, and the new blocks must be allocated at the worst moment, when the
 * disk is full.
 */
#include "engine/log/private.h"

#include "engine/base/error.h"

#include <assert.h>
#include <string.h>

enum {
    SLOT_READ_FIRST = 16 * 1024 /* Holds all but the largest manifests; the unused rest of a slot is not read. */
};

const char *const frn_manifest_names[2] = {"manifest.0", "manifest.1"};

firn_status frn_manifest_alloc(frn_log *log, firn_error *err)
{
    log->manifest.runs = frn_alloc(log->heap, FMT_MANIFEST_RUNS_MAX * sizeof(fmt_run));
    log->manifest.incarnations = frn_alloc(log->heap, FMT_MANIFEST_INCARNATIONS_MAX * sizeof(fmt_incarnation));
    log->manifest.cuts = frn_alloc(log->heap, FMT_MANIFEST_CUTS_MAX * sizeof(firn_cut));
    log->manifest_bytes = frn_alloc(log->heap, FMT_MANIFEST_SIZE);
    if (log->manifest.runs == NULL || log->manifest.incarnations == NULL || log->manifest.cuts == NULL ||
        log->manifest_bytes == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "manifest: out of memory");
    }
    return FIRN_OK;
}

void frn_manifest_free(frn_log *log)
{
    for (int i = 0; i < 2; i++) {
        if (log->slot_files[i] != NULL) {
            log->io->ops->file_close(log->slot_files[i]);
            log->slot_files[i] = NULL;
        }
    }
    frn_free(log->heap, log->manifest.runs);
    frn_free(log->heap, log->manifest.incarnations);
    frn_free(log->heap, log->manifest.cuts);
    frn_free(log->heap, log->manifest_bytes);
    log->manifest.runs = NULL;
    log->manifest.incarnations = NULL;
    log->manifest.cuts = NULL;
    log->manifest_bytes = NULL;
}

/* Reads slot i into the scratch bytes and judges it. */
static firn_status read_slot(frn_log *log, int i, fmt_verdict *out_verdict, bool *out_missing, firn_error *err)
{
    const frn_io_ops *ops = log->io->ops;
    firn_status status;
    size_t got = 0;

    *out_missing = false;
    if (log->slot_files[i] == NULL) {
        status = ops->open(log->io, frn_manifest_names[i], log->options.read_only ? 0 : FRN_IO_WRITE,
                           &log->slot_files[i], err);
        if (status == FIRN_ENOTFOUND) {
            *out_missing = true;
            *out_verdict = FMT_SHORT;
            return FIRN_OK;
        }
        if (status < 0) {
            return status;
        }
    }
    for (size_t size = SLOT_READ_FIRST;; size = FMT_MANIFEST_SIZE) {
        status = ops->read(log->slot_files[i], log->manifest_bytes, size, 0, &got, err);
        if (status < 0) {
            return status;
        }
        *out_verdict = fmt_manifest_decode(log->manifest_bytes, got, &log->manifest);
        if (*out_verdict != FMT_SHORT || got < size || size == FMT_MANIFEST_SIZE) {
            return FIRN_OK;
        }
    }
}

firn_status frn_manifest_read(frn_log *log, frn_manifest_found *out_found, firn_error *err)
{
    frn_manifest_found found = {.best = -1};
    uint8_t ids[2][FIRN_LEDGER_ID_SIZE];
    firn_status status;

    for (int i = 0; i < 2; i++) {
        status = read_slot(log, i, &found.verdicts[i], &found.missing[i], err);
        if (status < 0) {
            return status;
        }
        if (found.verdicts[i] == FMT_OK) {
            found.generations[i] = log->manifest.generation;
            memcpy(ids[i], log->manifest.ledger_id, FIRN_LEDGER_ID_SIZE);
            if (found.best < 0 || found.generations[i] > found.generations[found.best]) {
                found.best = i;
            }
        }
    }
    if (found.verdicts[0] == FMT_OK && found.verdicts[1] == FMT_OK) {
        if (memcmp(ids[0], ids[1], FIRN_LEDGER_ID_SIZE) != 0) {
            return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_MANIFEST,
                                   "manifest: the two slots belong to different ledgers");
        }
    }
    if (found.best == 0) {
        /* The scratch holds slot 1, or nothing good: decode the better one again. */
        status = read_slot(log, 0, &found.verdicts[0], &found.missing[0], err);
        if (status < 0) {
            return status;
        }
        if (found.verdicts[0] != FMT_OK) {
            found.best = -1; /* A writer is changing it at this moment: a reader looks again. */
        }
    }
    log->slot_first = found.best == 0 ? 1 : 0;
    *out_found = found;
    return FIRN_OK;
}

firn_status frn_manifest_write(frn_log *log, firn_error *err)
{
    const frn_io_ops *ops = log->io->ops;
    size_t size = fmt_manifest_size(&log->manifest);
    firn_status status;

    assert(size <= FMT_MANIFEST_SIZE);
    log->manifest.generation++;
    log->manifest.time_ns = ops->wall_clock_ns(log->io);
    fmt_manifest_encode(log->manifest_bytes, &log->manifest);
    for (int k = 0; k < 2; k++) {
        int i = k == 0 ? log->slot_first : 1 - log->slot_first;

        status = ops->write(log->slot_files[i], log->manifest_bytes, size, 0, err);
        if (status == FIRN_OK) {
            status = ops->sync(log->slot_files[i], err);
        }
        if (status < 0) {
            return frn_wrap(err, status, "manifest");
        }
        atomic_fetch_add_explicit(&log->bytes_written, size, memory_order_relaxed);
    }
    return FIRN_OK;
}

firn_status frn_manifest_runs_set(frn_log *log, const uint64_t *numbers, size_t count, firn_error *err)
{
    fmt_manifest *manifest = &log->manifest;
    uint32_t runs = 0;

    for (size_t i = 0; i < count; i++) {
        if (runs > 0 && manifest->runs[runs - 1].first + manifest->runs[runs - 1].count == numbers[i]) {
            manifest->runs[runs - 1].count++;
            continue;
        }
        if (runs == FMT_MANIFEST_RUNS_MAX) {
            return frn_fail(err, FIRN_ETOOBIG, "manifest: more than %d runs of segments", FMT_MANIFEST_RUNS_MAX);
        }
        manifest->runs[runs++] = (fmt_run){.first = numbers[i], .count = 1};
    }
    manifest->runs_count = runs;
    return FIRN_OK;
}

/* Splits a run so that one ends with number. Room for one more run was checked. */
static uint32_t split_behind(fmt_manifest *manifest, uint64_t number)
{
    for (uint32_t i = 0; i < manifest->runs_count; i++) {
        fmt_run *run = &manifest->runs[i];

        if (number < run->first || number - run->first >= run->count) {
            continue;
        }
        if (number - run->first + 1 < run->count) {
            memmove(run + 2, run + 1, (manifest->runs_count - i - 1) * sizeof *run);
            run[1] = (fmt_run){.first = number + 1, .count = run->count - (number - run->first + 1)};
            run->count = number - run->first + 1;
            manifest->runs_count++;
        }
        return i + 1;
    }
    return manifest->runs_count;
}

firn_status frn_manifest_name(frn_log *log, uint64_t number, uint64_t behind, firn_error *err)
{
    fmt_manifest *manifest = &log->manifest;
    uint32_t at;

    if (manifest->runs_count + 2 > FMT_MANIFEST_RUNS_MAX) {
        return frn_fail(err, FIRN_ETOOBIG, "manifest: more than %d runs of segments", FMT_MANIFEST_RUNS_MAX);
    }
    at = behind == 0 ? manifest->runs_count : split_behind(manifest, behind);
    if (at > 0 && manifest->runs[at - 1].first + manifest->runs[at - 1].count == number) {
        manifest->runs[at - 1].count++;
    } else {
        memmove(&manifest->runs[at + 1], &manifest->runs[at], (manifest->runs_count - at) * sizeof(fmt_run));
        manifest->runs[at] = (fmt_run){.first = number, .count = 1};
        manifest->runs_count++;
    }
    if (number > manifest->segment_highest) {
        manifest->segment_highest = number;
    }
    return FIRN_OK;
}
