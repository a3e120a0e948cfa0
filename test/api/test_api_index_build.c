/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_index_build.c — the index of a log that is long enough to be sorted: built from nothing. */
#include "test/api/indexed.h"

#include <stdio.h>

/* The index of a long log is built from nothing: by sorting, and where its rows would take more memory than they may,
   by merging what is left. */
static void test_built_from_nothing(void **state)
{
    enum {
        BATCHES = 70,
        EACH = 1000
    };
    api_world *world = *state;
    const uint64_t size_max = world->options.index_size_max;
    firn_report before = {.struct_size = sizeof before}, after = before;
    firn_stats stats;
    firn_error err;
    char name[24];

    for (int i = 0; i < BATCHES; i++) {
        firn_batch *batch;

        OK(err, firn_batch_new(world->ledger, &batch, &err));
        for (int k = 0; k < EACH / 2; k++) {
            (void)snprintf(name, sizeof name, "stream-%d", i * EACH + k);
            OK(err, firn_batch_event(batch, S(name), 1, S("event"), &err));
            OK(err, firn_batch_content_put(batch, S(name), NULL, NULL, &err));
        }
        OK(err, firn_batch_commit(batch, NULL, &err));
        firn_batch_free(batch);
    }
    OK(err, firn_replay(world->ledger, NULL, &before, &err));
    for (int bounded = 0; bounded < 2; bounded++) {
        api_close(world);
        api_remove_index(world);
        world->options.index_size_max = bounded != 0 ? 16 * 1024 * 1024 : size_max;
        api_open(world);
        stats = indexed_stat(world->ledger);
        assert_int_equal(stats.replayed_records, before.records);
        /* Sorted, all of it is on disk when the ledger is open; bounded, the last rows still wait. */
        assert_int_equal(stats.merged_seq == before.records, bounded == 0);
        assert_true(stats.merged_seq > 0);
        OK(err, firn_replay(world->ledger, NULL, &after, &err));
        assert_memory_equal(after.digest, before.digest, sizeof after.digest);
        (void)APPEND(world->ledger, "stream-1", 1, "more");
        OK(err, firn_replay(world->ledger, NULL, &before, &err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_FOLDER(test_built_from_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
