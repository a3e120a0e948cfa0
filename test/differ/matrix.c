/* SPDX-License-Identifier: Apache-2.0 */
/* matrix.c — the ways in which a history is run again: none of them may change it. */
#include "test/differ/matrix.h"

#include <stdio.h>

enum {
    KIB = 1024,
    MIB = 1024 * 1024,
    CHUNK_SIZE = 64 * KIB
};

static void on_trace(void *arg, const char *line)
{
    (void)arg;
    (void)line;
}

static int on_progress(void *arg, uint64_t bytes_done, uint64_t bytes_total, uint64_t records)
{
    (void)arg;
    (void)bytes_done;
    (void)bytes_total;
    (void)records;
    return 0;
}

static void reference(setting *with, dice *d)
{
    (void)d;
    *with = (setting){.row = with->row, .options = {.struct_size = sizeof with->options, .segment_size = 8 * MIB}};
    with->options.content_chunk_size = CHUNK_SIZE;
}

static void memory(setting *with, dice *d)
{
    (void)d;
    with->place = PLACE_MEMORY;
}

static void on_folder(setting *with, firn_io_path path, firn_durable_method method)
{
    with->place = PLACE_FOLDER;
    with->options.io_path = path;
    with->options.durable_method = method;
}

static void ring_direct(setting *with, dice *d)
{
    /* AUTO, for the kernel may have none. */
    on_folder(with, FIRN_IO_AUTO, dice_chance(d, 2) ? FIRN_DURABLE_DIRECT_DSYNC : FIRN_DURABLE_DIRECT_SYNC);
}

static void ring_buffered(setting *with, dice *d)
{
    (void)d;
    on_folder(with, FIRN_IO_AUTO, FIRN_DURABLE_BUFFERED_SYNC);
}

static void portable_direct(setting *with, dice *d)
{
    on_folder(with, FIRN_IO_PORTABLE, dice_chance(d, 2) ? FIRN_DURABLE_DIRECT_DSYNC : FIRN_DURABLE_DIRECT_SYNC);
}

static void portable_buffered(setting *with, dice *d)
{
    (void)d;
    on_folder(with, FIRN_IO_PORTABLE, FIRN_DURABLE_BUFFERED_SYNC);
}

static void some_folder(setting *with, dice *d)
{
    on_folder(with, dice_chance(d, 2) ? FIRN_IO_PORTABLE : FIRN_IO_AUTO,
              (firn_durable_method)(FIRN_DURABLE_DIRECT_DSYNC + dice_roll(d, 3)));
}

static void bare(setting *with, dice *d)
{
    some_folder(with, d);
    with->place = PLACE_BARE;
}

static void merged_at_once(setting *with, dice *d)
{
    some_folder(with, d);
    with->options.replay_records_max = 1 + dice_roll(d, 20);
    with->options.replay_bytes_max = dice_chance(d, 2) ? 1 + dice_roll(d, 5000) : 0;
}

static void built_anew(setting *with, dice *d)
{
    some_folder(with, d);
    with->anew = true;
    with->stop_in = 15;
}

static void opened_again(setting *with, dice *d)
{
    some_folder(with, d);
    with->stop_in = 8;
}

static void memory_opened_again(setting *with, dice *d)
{
    memory(with, d);
    with->stop_in = 4;
}

static void killed(setting *with, dice *d)
{
    some_folder(with, d);
    with->stop = STOP_KILL;
    with->stop_in = 20;
}

static void followed(setting *with, dice *d)
{
    some_folder(with, d);
    with->followed = true;
}

static void memory_followed(setting *with, dice *d)
{
    memory(with, d);
    with->followed = true;
}

static void simulated(setting *with, dice *d)
{
    with->place = PLACE_SIMULATED;
    with->options.durable_method = (firn_durable_method)(FIRN_DURABLE_DIRECT_DSYNC + dice_roll(d, 3));
    with->stop_in = dice_chance(d, 2) ? 10 : 0;
    with->options.replay_records_max = 0; /* Nobody would merge while a call waits. */
}

static void cut(setting *with, dice *d)
{
    simulated(with, d);
    with->stop = STOP_CUT;
    with->stop_in = 10;
}

static void died(setting *with, dice *d)
{
    simulated(with, d);
    with->stop = STOP_DEATH;
    with->stop_in = 10;
}

static void smallest(setting *with, dice *d)
{
    some_folder(with, d);
    with->options.segment_size = 64 * KIB;
    with->options.spare_segments = 1;
    with->options.groups_in_flight_max = 1;
    with->options.group_size_max = 64 * KIB;
    with->options.outstanding_max = 1;
}

static void largest(setting *with, dice *d)
{
    memory(with, d);
    with->options.segment_size = 4 * MIB;
    with->options.spare_segments = 8;
    with->options.groups_in_flight_max = 16;
    with->options.group_size_max = 4 * MIB;
    with->options.outstanding_max = 100000;
}

static void one_group(setting *with, dice *d)
{
    some_folder(with, d);
    with->options.group_size_max = 4 * MIB;
    with->options.progress = FIRN_PROGRESS_MANUAL;
    with->submit_in = 1;
    with->drain_in = 40;
}

static void one_by_one(setting *with, dice *d)
{
    ring_direct(with, d);
    with->submit_in = 0;
}

static void other_time(setting *with, dice *d)
{
    memory(with, d);
    with->other_time = true;
}

const variation matrix[] = {
    {"memory, each call waited for", "", reference},
    {"memory", "", memory},
    {"memory, opened again and again", "mode", memory_opened_again},
    {"memory, followed by a reader", "mode", memory_followed},
    {"ring, direct", "io_path durable_method", ring_direct},
    {"ring, through the page cache", "io_path durable_method", ring_buffered},
    {"portable, direct", "io_path durable_method", portable_direct},
    {"portable, through the page cache", "io_path durable_method", portable_buffered},
    {"folder, index in memory", "", bare},
    {"folder, merged at once", "replay_records_max replay_bytes_max", merged_at_once},
    {"folder, index built anew", "index_anew mode", built_anew},
    {"folder, opened again and again", "mode", opened_again},
    {"folder, killed", "mode", killed},
    {"folder, followed by a reader", "mode", followed},
    {"folder, all as small as can be",
     "segment_size spare_segments groups_in_flight_max group_size_max outstanding_max", smallest},
    {"memory, all large", "segment_size spare_segments groups_in_flight_max group_size_max outstanding_max", largest},
    {"folder, many calls in one group", "group_size_max progress", one_group},
    {"folder, each call waited for", "", one_by_one},
    {"simulated disk", "durable_method", simulated},
    {"simulated disk, power cuts", "durable_method mode", cut},
    {"simulated disk, deaths", "durable_method mode", died},
    {"at another time", "", other_time},
};
const unsigned matrix_count = sizeof matrix / sizeof matrix[0];

const char *const matrix_drawn = "progress segment_size spare_segments groups_in_flight_max group_size_max "
                                 "outstanding_max index_size_max view_age_max_ns trace replay_progress "
                                 "replay_records_max index_map_size";

const char *const matrix_fixed[][2] = {
    {"struct_size", "is what the compiler says"},
    {"key_age_ns", "is a record of the history"},
    {"trace_arg", "belongs to trace"},
    {"clock", "is what the times of the history come from"},
    {"clock_arg", "belongs to clock"},
    {"replay_progress_arg", "belongs to replay_progress"},
    {"content_chunk_size", "decides which records content becomes"},
    {"event_validation", "decides which events are refused"},
    {NULL, NULL},
};

static void draw(setting *with, dice *d)
{
    static const uint64_t segment_sizes[] = {64 * KIB, 64 * KIB, 128 * KIB, 512 * KIB, 2 * MIB};
    static const uint32_t outstanding[] = {0, 0, 2, 7, 30};
    firn_options *options = &with->options;

    *options = (firn_options){
        .struct_size = sizeof *options,
        .progress = dice_chance(d, 2) ? FIRN_PROGRESS_MANUAL : FIRN_PROGRESS_AUTO,
        .segment_size = segment_sizes[dice_roll(d, 5)],
        .spare_segments = 1 + (uint32_t)dice_roll(d, 3),
        .groups_in_flight_max = 1 + (uint32_t)dice_roll(d, 6),
        .group_size_max = (64 * KIB) << dice_roll(d, 4),
        .outstanding_max = outstanding[dice_roll(d, 5)],
        .index_size_max = dice_chance(d, 2) ? 0 : 64 * MIB,
        .view_age_max_ns = dice_chance(d, 2) ? 0 : UINT64_C(3600000000000),
        .content_chunk_size = CHUNK_SIZE,
        .replay_records_max = dice_chance(d, 3) ? 50 + dice_roll(d, 500) : 0,
        .index_map_size = dice_chance(d, 2) ? 0 : 64 * MIB,
    };
    if (dice_chance(d, 2)) {
        options->trace = on_trace;
        options->replay_progress = on_progress;
    }
    with->submit_in = 1 + (unsigned)dice_roll(d, 3);
    with->drain_in = 2 + (unsigned)dice_roll(d, 30);
}

setting matrix_setting(unsigned row, uint64_t seed)
{
    dice d = dice_of(seed ^ (UINT64_C(0x6d6174726978) + row));
    setting with = {.row = &matrix[row]};

    draw(&with, &d);
    matrix[row].apply(&with, &d);
    return with;
}

void matrix_describe(const setting *with, char *out_text, size_t size)
{
    static const char *const stops[] = {"closed", "cut", "died", "killed"};
    const firn_options *o = &with->options;

    (void)snprintf(out_text, size,
                   "%s: io_path %d, durable_method %d, progress %d, segment_size %llu, spare_segments %u, "
                   "groups_in_flight_max %u, group_size_max %u, outstanding_max %u, replay_records_max %llu, "
                   "replay_bytes_max %llu, index_map_size %llu; submitted 1 in %u, waited for 1 in %u, %s 1 in %u",
                   with->row->name, (int)o->io_path, (int)o->durable_method, (int)o->progress,
                   (unsigned long long)o->segment_size, o->spare_segments, o->groups_in_flight_max, o->group_size_max,
                   o->outstanding_max, (unsigned long long)o->replay_records_max,
                   (unsigned long long)o->replay_bytes_max, (unsigned long long)o->index_map_size, with->submit_in,
                   with->drain_in, stops[with->stop], with->stop_in);
}
