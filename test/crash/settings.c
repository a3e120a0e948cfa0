/* SPDX-License-Identifier: Apache-2.0 */
/* settings.c — the options of a history: from its seed, or made simpler. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/crash/world.h"

settings settings_of(uint64_t seed)
{
    dice d = dice_of(seed ^ UINT64_C(0x73657474));
    static const unsigned sizes[] = {16, 64, 200, 1000, 3000};
    static const unsigned large[] = {0, 0, 0, 40, 40, 8};
    settings with = {.seed = seed};

    with.options = (firn_options){
        .struct_size = sizeof with.options,
        .durable_method = (firn_durable_method)(FIRN_DURABLE_DIRECT_DSYNC + dice_roll(&d, 3)),
        .progress = FIRN_PROGRESS_MANUAL,
        .segment_size = 65536,
        .spare_segments = 1 + (uint32_t)dice_roll(&d, 3),
        .groups_in_flight_max = 1 + (uint32_t)dice_roll(&d, 4),
        .group_size_max = 65536,
        .outstanding_max = 8 + (uint32_t)dice_roll(&d, 64),
        .index_size_max = 64 << 20,
        .content_chunk_size = MODEL_CHUNK_SIZE,
        .key_age_ns = UINT64_C(1000000000) << dice_roll(&d, 12),
    };
    with.size_typical = sizes[dice_roll(&d, sizeof sizes / sizeof sizes[0])];
    with.large_in = large[dice_roll(&d, sizeof large / sizeof large[0])];
    with.indexed = !dice_chance(&d, 4);
    with.merge_in = 3u << dice_roll(&d, 4);
    with.options.replay_records_max = dice_chance(&d, 3) ? 0 : 8u << dice_roll(&d, 6);
    with.no_fua = dice_chance(&d, 4);
    return with;
}

const char *const settings_simpler[] = {
    "indexed=0", "replay=0", "large=0", "size=16", "flight=1", "spares=1", "fua=1", "method=1", NULL,
};

bool settings_change(settings *with, const char *text)
{
    const char *value = strchr(text, '=');
    size_t length = value == NULL ? 0 : (size_t)(value - text);
    unsigned number = value == NULL ? 0 : (unsigned)strtoul(value + 1, NULL, 10);
    const struct {
        const char *name;
        uint32_t *number;
        bool *flag;
    } known[] = {
        {"indexed", NULL, &with->indexed},
        {"large", &with->large_in, NULL},
        {"size", &with->size_typical, NULL},
        {"flight", &with->options.groups_in_flight_max, NULL},
        {"spares", &with->options.spare_segments, NULL},
        {"merge", &with->merge_in, NULL},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strlen(known[i].name) == length && memcmp(text, known[i].name, length) == 0) {
            if (known[i].number != NULL) {
                *known[i].number = number;
            } else {
                *known[i].flag = number != 0;
            }
            return true;
        }
    }
    if (strncmp(text, "replay=", length + 1) == 0) {
        with->options.replay_records_max = number;
    } else if (strncmp(text, "method=", length + 1) == 0) {
        with->options.durable_method = (firn_durable_method)number;
    } else if (strncmp(text, "fua=", length + 1) == 0) {
        with->no_fua = number == 0;
    } else {
        return false;
    }
    return true;
}
