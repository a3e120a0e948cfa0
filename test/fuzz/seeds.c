/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seeds.c — cut seeds for the corpora out of ledgers that lived on a simulated disk: real files, groups, batches.
 *
 *   seeds FOLDER [SEED COUNT]
 *
 * Each seed is a history as the crash sweep has it (test/crash/world.h), ended by a clean close, by the death of the
 * process or by a power cut. Its folder becomes a seed of `ledger`; each segment and manifest one of `dump`; headers,
 * groups, batches, records, bodies and the small files seeds of their targets. Run it by hand into a new folder, and
 * merge what comes out into the corpora: docs/testing.md.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "format/bytes.h"
#include "format/group.h"
#include "format/manifest.h"
#include "test/crash/world.h"
#include "test/fuzz/fuzz.h"
#include "test/fuzz/image.h"

enum {
    INPUT_MAX = 65000,
    CONTENT_MAX = 1 << 20,
    PIECE_MAX = 4096, /* Larger pieces make no seeds: the targets shall be fast. */
    ACTS_MAX = 40
};

static const char *out_folder;
static uint64_t seed;
static unsigned serial;

static void save(const char *target, const void *data, size_t size)
{
    char path[4096];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", out_folder, target);
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        perror(path);
        exit(1);
    }
    (void)snprintf(path, sizeof path, "%s/%s/%llu.%u", out_folder, target, (unsigned long long)seed, serial++);
    file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static void save_piece(const char *target, const void *data, size_t size)
{
    if (size <= PIECE_MAX)
        save(target, data, size);
}

static void cut_batch(const uint8_t *data, size_t size, uint32_t salt)
{
    fmt_batch batch;
    size_t at = FMT_BATCH_HEADER, used;

    MUST(fmt_batch_decode(data, size, salt, &batch) == FMT_OK);
    save_piece("batch", data, batch.size);
    for (uint32_t i = 0; i < batch.count; i++, at += used) {
        fmt_record record;

        MUST(fmt_record_decode(data + at, size - at, salt, batch.first_seq + i, &record, &used) == FMT_OK);
        save_piece("record", data + at, used);
        save_piece("body", record.body.data, record.body.size);
        if (record.kind > FIRN_EVENT_KIND_MAX)
            save_piece("stores", record.body.data, record.body.size);
    }
}

static void cut_segment(const uint8_t *data, size_t size)
{
    fmt_segment segment;
    uint64_t at, group_size, footer;
    uint32_t salt;

    if (fmt_segment_decode(data, size, &segment) != FMT_OK)
        return;
    save_piece("segment", data, FMT_SEGMENT_HEADER);
    salt = fmt_salt(segment.ledger_id, segment.number, segment.incarnation);
    footer = segment.size - fmt_footer_size(segment.size, segment.alignment);
    if (footer < size)
        save_piece("footer", data + footer, size - footer);
    for (at = segment.alignment; at < footer; at += group_size) {
        size_t bad, batch_at = FMT_GROUP_HEADER;
        fmt_group group;

        if (fmt_group_decode(data + at, size - at, salt, at, segment.number, segment.incarnation, &group) != FMT_OK)
            return;
        group_size = fmt_group_size(group.content_size, segment.alignment);
        if (fmt_group_check(data + at, group_size, salt, &group, &bad) != FMT_OK)
            return;
        save_piece("group", data + at, FMT_GROUP_HEADER + group.content_size);
        while (batch_at < FMT_GROUP_HEADER + (size_t)group.content_size) {
            cut_batch(data + at + batch_at, FMT_GROUP_HEADER + group.content_size - batch_at, salt);
            batch_at += fmt_get32(data + at + batch_at + FMT_BATCH_LENGTH);
        }
    }
}

/** One folder on its way to an input. */
typedef struct folder {
    const disk *d;
    uint8_t input[INPUT_MAX];
    size_t used;
    bool whole; /* All files had room. */
} folder;

static void take_file(void *arg, const char *name, uint64_t size)
{
    static uint8_t bytes[CONTENT_MAX], single[INPUT_MAX];
    folder *f = arg;
    size_t all = size < CONTENT_MAX ? (size_t)size : CONTENT_MAX, added;

    disk_peek(f->d, name, bytes, all, 0);
    added = fuzz_image_add(f->input + f->used, sizeof f->input - f->used, name, bytes, all, all);
    f->used += added;
    f->whole = f->whole && added != 0;
    if (strstr(name, ".seg") != NULL)
        cut_segment(bytes, all);
    if (strcmp(name, "reach") == 0)
        save_piece("reach", bytes, all < 96 ? all : 96);
    if (strcmp(name, "positions") == 0)
        save_piece("positions", bytes, all < 64 ? all : 64);
    if (strncmp(name, "manifest.", 9) == 0 && fmt_get32(bytes + FMT_MANIFEST_LENGTH) <= PIECE_MAX)
        save_piece("manifest", bytes, fmt_get32(bytes + FMT_MANIFEST_LENGTH));
    single[0] = (uint8_t)(seed & 7);
    added = fuzz_image_add(single + 1, sizeof single - 1, name, bytes, all, all);
    if (added != 0 && added < INPUT_MAX / 4 && (strstr(name, ".seg") != NULL || name[0] == 'm'))
        save("dump", single, 1 + added);
}

static void take_folder(const disk *d)
{
    static folder f;

    f = (folder){.d = d, .used = 1, .whole = true};
    f.input[0] = (uint8_t)seed;
    disk_names(d, take_file, &f);
    if (f.whole)
        save("ledger", f.input, f.used);
}

/** Closed, dead, or cut off with some of what was pending. */
static void end(world *w)
{
    disk_cut_plan plan = {.how = DISK_CUT_RANDOM, .seed = seed};
    disk *left;

    if (seed % 3 == 0) {
        world_close(w);
        take_folder(w->d);
        return;
    }
    left = seed % 3 == 1 ? disk_die(w->d, DISK_LATE_RESOLVED, seed) : disk_cut(w->d, &plan);
    take_folder(left);
    disk_free(left);
    world_abandon(w);
}

static void live(void)
{
    settings with = settings_of(seed);
    firn_error err;
    model m;
    world w;

    with.large_in = 0;
    with.indexed = false;
    with.size_typical = 64;
    with.options.spare_segments = 1;
    model_init(&m);
    world_init(&w, &with, disk_new(seed), &m, seed);
    MUST(world_create(&w, &err) == FIRN_OK);
    for (uint64_t i = 0; i < seed % ACTS_MAX; i++)
        world_act(&w, true);
    end(&w);
    world_done(&w);
    model_done(&m);
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1, count = argc > 3 ? strtoull(argv[3], NULL, 10) : 60;

    if (argc < 2) {
        (void)fprintf(stderr, "usage: seeds FOLDER [SEED COUNT]\n");
        return 2;
    }
    out_folder = argv[1];
    if (mkdir(out_folder, 0777) != 0 && errno != EEXIST) {
        perror(out_folder);
        return 1;
    }
    for (seed = first; seed < first + count; seed++) {
        serial = 0;
        live();
    }
    image_pool_free();
    return 0;
}
