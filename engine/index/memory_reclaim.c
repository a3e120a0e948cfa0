/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_reclaim.c — free the versions of rows that nobody can ask for any more.
 *
 * The queue holds committed versions in the order of their seqs. When durable has reached the first of them, it is
 * settled: what it superseded is freed, unless a view keeps it. No version is searched for, and none is looked at
 * twice, but for those that a view had kept. Work is done in portions: the choice under views_lock, the freeing under
 * the exclusive lock, so that a reader waits for one portion at most.
 */
#include "engine/index/memory.h"

#include <assert.h>

void frn_memory_row_tidy(frn_memory_index *memory, frn_row *row)
{
    frn_version *newest = atomic_load_explicit(&row->newest, memory_order_relaxed);

    if (newest->deleted && newest->settled && newest->older == NULL &&
        !atomic_load_explicit(&memory->is_delta, memory_order_acquire)) {
        frn_memory_version_free(memory, newest);
        frn_memory_row_free(memory, row);
    }
}

/* Under lock. */
static void version_drop(frn_memory_index *memory, frn_version *version)
{
    frn_version *newer = version->newer;

    newer->older = version->older;
    if (version->older != NULL) {
        version->older->newer = newer;
    }
    frn_memory_version_free(memory, version);
    if (newer->deleted) {
        frn_memory_row_tidy(memory, newer->row);
    }
}

/* Under views_lock. Returns how many versions were looked at; *count of them are chosen: superseded ones to be freed,
   and tombstones with nothing below. */
static uint64_t choose(frn_memory_index *memory, frn_version *chosen[FRN_MEMORY_PORTION], unsigned *count)
{
    uint64_t durable = atomic_load_explicit(&memory->durable, memory_order_acquire);
    bool is_delta = atomic_load_explicit(&memory->is_delta, memory_order_acquire);
    uint64_t looked_at = 0;
    frn_version *version;

    for (; looked_at < FRN_MEMORY_PORTION && memory->ready.first != NULL; looked_at++) {
        version = frn_version_list_take(&memory->ready);
        if (!frn_memory_keep(memory, version)) {
            chosen[(*count)++] = version;
        }
    }
    for (; looked_at < FRN_MEMORY_PORTION && memory->queue.first != NULL && memory->queue.first->seq <= durable;
         looked_at++) {
        version = frn_version_list_take(&memory->queue);
        version->settled = 1;
        if (version->older != NULL && !frn_memory_keep(memory, version->older)) {
            chosen[(*count)++] = version->older;
        } else if (version->older == NULL && version->deleted && !is_delta) {
            chosen[(*count)++] = version;
        }
    }
    atomic_store_explicit(&memory->ready_count, memory->ready.count, memory_order_relaxed);
    return looked_at;
}

bool frn_memory_reclaim(frn_memory_index *memory, uint64_t versions_max)
{
    frn_version *chosen[FRN_MEMORY_PORTION];
    uint64_t looked_at;
    unsigned count;

    do {
        count = 0;
        frn_mutex_lock(&memory->views_lock);
        looked_at = choose(memory, chosen, &count);
        frn_mutex_unlock(&memory->views_lock);
        if (count > 0) {
            (void)pthread_rwlock_wrlock(&memory->lock);
            for (unsigned i = 0; i < count; i++) {
                if (chosen[i]->newer != NULL) {
                    version_drop(memory, chosen[i]);
                } else {
                    frn_memory_row_tidy(memory, chosen[i]->row);
                }
            }
            (void)pthread_rwlock_unlock(&memory->lock);
        }
        versions_max -= looked_at < versions_max ? looked_at : versions_max;
    } while (looked_at == FRN_MEMORY_PORTION && versions_max > 0);
    return looked_at == FRN_MEMORY_PORTION;
}
