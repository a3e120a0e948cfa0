/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_mutate.c — mutate the files of a folder as files, and make their checksums good afterwards.
 *
 * Segments are mended in the order of their names, for the chain of checksums goes through all of them; what rests on
 * their groups follows: footers, the tail in the manifest, the last group in the reach.
 */
#include <string.h>

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/group.h"
#include "format/manifest.h"
#include "format/reach.h"
#include "format/segment.h"
#include "test/disk/dice.h"
#include "test/fuzz/fuzz.h"
#include "test/fuzz/image.h"
#include "test/fuzz/mend.h"

/** libFuzzer's own mutations; in the stand-alone driver there is nobody who mutates. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max) __attribute__((weak));

enum {
    CONTENT_MAX = 131072, /* Bytes of a file that are mutated; files are longer, zeros follow. */
    ENDS_MAX = 256,
    MENDED_IN = 8, /* One image in so many keeps its bad checksums. */
    WINDOW_MAX = 512
};

/** A file that is worked on. */
typedef struct work {
    char name[FUZZ_NAME_SIZE_MAX + 1];
    size_t size; /* Of the file. */
    uint8_t data[CONTENT_MAX];
} work;

/** Where groups end. */
typedef struct group_end {
    uint64_t segment;
    uint64_t offset;
    uint32_t crc;
} group_end;

typedef struct bench {
    unsigned count;
    work files[FUZZ_FILES_MAX];
    group_end ends[ENDS_MAX];
    unsigned ends_count;
    dice dice;
} bench;

static size_t content(const work *file)
{
    return file->size < CONTENT_MAX ? file->size : CONTENT_MAX;
}

static bool ends_with(const char *name, const char *end)
{
    size_t size = strlen(name), end_size = strlen(end);

    return size >= end_size && strcmp(name + size - end_size, end) == 0;
}

static void load(bench *b, const uint8_t *data, size_t size)
{
    static fuzz_image image;

    fuzz_image_read(&image, data, size);
    b->count = image.count;
    for (unsigned i = 0; i < image.count; i++) {
        const fuzz_file *from = &image.files[i];
        work *file = &b->files[i];

        memcpy(file->name, from->name, sizeof file->name);
        file->size = from->size;
        memset(file->data, 0, content(file));
        for (unsigned k = 0; k < from->count; k++) {
            size_t offset = from->extents[k].offset, left = content(file) > offset ? content(file) - offset : 0;

            memcpy(file->data + (left > 0 ? offset : 0), from->extents[k].data,
                   from->extents[k].size < left ? from->extents[k].size : left);
        }
    }
}

static size_t store(const bench *b, uint8_t *data, size_t size_max)
{
    size_t used = 0;

    for (unsigned i = 0; i < b->count; i++)
        used += fuzz_image_add(data + used, size_max - used, b->files[i].name, b->files[i].data, content(&b->files[i]),
                               b->files[i].size);
    return used;
}

/** Groups of a segment, at every block that begins like one. Returns the crc of the last one. */
static uint32_t mend_groups(bench *b, work *file, uint32_t salt, uint32_t prev_crc, uint32_t *groups_crc)
{
    uint64_t number = fmt_get64(file->data + FMT_SEGMENT_NUMBER);
    size_t all = content(file), used;

    for (size_t at = FUZZ_PAGE; at + FMT_GROUP_HEADER <= all; at += FUZZ_PAGE) {
        uint8_t *group = file->data + at;

        if (fmt_get32(group) != FMT_GROUP_MAGIC_VALUE ||
            (used = fuzz_mend_group(group, all - at, salt, at, prev_crc)) == 0)
            continue;
        prev_crc = fmt_get32(group + FMT_GROUP_CRC);
        *groups_crc = fmt_crc32c(*groups_crc, group + FMT_GROUP_CRC, 4);
        if (b->ends_count < ENDS_MAX)
            b->ends[b->ends_count++] =
                (group_end){number, at + (used + FUZZ_PAGE - 1) / FUZZ_PAGE * FUZZ_PAGE, prev_crc};
    }
    return prev_crc;
}

static uint32_t mend_log(bench *b, work *file, uint32_t prev_crc)
{
    uint8_t *data = file->data;
    uint32_t before = prev_crc, groups_crc = 0, alignment;
    uint64_t size, footer;
    uint32_t salt;

    if (content(file) < FMT_SEGMENT_HEADER)
        return prev_crc;
    fuzz_mend_segment(data, content(file));
    salt = fmt_salt(data + FMT_SEGMENT_LEDGER_ID, fmt_get64(data + FMT_SEGMENT_NUMBER),
                    fmt_get64(data + FMT_SEGMENT_INCARNATION));
    prev_crc = mend_groups(b, file, salt, prev_crc, &groups_crc);
    size = fmt_get64(data + FMT_SEGMENT_SIZE);
    alignment = fmt_get32(data + FMT_SEGMENT_ALIGNMENT);
    if (alignment == 0 || size > content(file))
        return prev_crc;
    footer = fmt_footer_size(size, alignment);
    if (footer <= size && memcmp(data + size - footer, FMT_FOOTER_MAGIC_TEXT, 8) == 0) {
        uint8_t *at = data + size - footer;

        fmt_put32(at + FMT_FOOTER_PREV_CRC, before);
        fmt_put32(at + FMT_FOOTER_LAST_CRC, prev_crc);
        fmt_put32(at + FMT_FOOTER_GROUPS_CRC, groups_crc);
        fuzz_mend_footer(at, footer, salt);
    }
    return prev_crc;
}

/** The crc of the group that ends there, into its field; any other place is left alone. */
static void name_group(const bench *b, uint8_t *data, size_t segment, size_t offset, size_t crc)
{
    for (unsigned i = 0; i < b->ends_count; i++)
        if (b->ends[i].segment == fmt_get64(data + segment) && b->ends[i].offset == fmt_get64(data + offset))
            fmt_put32(data + crc, b->ends[i].crc);
}

static void mend(bench *b)
{
    bool done[FUZZ_FILES_MAX] = {false};
    uint32_t prev_crc = 0;

    b->ends_count = 0;
    for (unsigned round = 0; round < b->count; round++) {
        work *next = NULL;

        for (unsigned i = 0; i < b->count; i++)
            if (!done[i] && ends_with(b->files[i].name, ".seg") &&
                (next == NULL || strcmp(b->files[i].name, next->name) < 0))
                next = &b->files[i];
        if (next == NULL)
            break;
        done[next - b->files] = true;
        prev_crc = mend_log(b, next, prev_crc);
    }
    for (unsigned i = 0; i < b->count; i++) {
        work *file = &b->files[i];

        if (strncmp(file->name, "manifest.", 9) == 0 && content(file) >= FMT_MANIFEST_HEADER) {
            name_group(b, file->data, FMT_MANIFEST_TAIL_SEGMENT, FMT_MANIFEST_TAIL_OFFSET, FMT_MANIFEST_TAIL_CRC);
            fuzz_mend_manifest(file->data, content(file));
        } else if (strcmp(file->name, "reach") == 0 && content(file) >= FMT_REACH_HEADER) {
            name_group(b, file->data, FMT_REACH_KNOWN_SEGMENT, FMT_REACH_KNOWN_OFFSET, FMT_REACH_KNOWN_CRC);
            fuzz_mend_reach(file->data, content(file));
        } else if (strcmp(file->name, "positions") == 0) {
            fuzz_mend_positions(file->data, content(file));
        }
    }
}

/** A place in a file where something stands, more often than not. */
static size_t place_in(bench *b, const work *file)
{
    size_t size = content(file), at = size == 0 ? 0 : dice_roll(&b->dice, size);

    for (unsigned tries = 0; size > 0 && tries < 64 && file->data[at] == 0; tries++)
        at = tries % 2 == 0 ? dice_roll(&b->dice, size) / FUZZ_PAGE * FUZZ_PAGE + dice_roll(&b->dice, 400)
                            : dice_roll(&b->dice, size);
    return at < size ? at : 0;
}

static void mutate_window(bench *b, work *file)
{
    size_t at = place_in(b, file), left = content(file) - at;
    size_t window = 1 + dice_roll(&b->dice, dice_chance(&b->dice, 4) ? WINDOW_MAX : 16);

    window = window < left ? window : left;
    if (window > 0)
        (void)LLVMFuzzerMutate(file->data + at, window, window);
}

/** A number at the edge of what can be, in a place where numbers stand. */
static void set_number(bench *b, work *file)
{
    static const uint64_t edges[] = {0, 1, 2, 3, 127, 255, 4095, 4096, 65535, 65536, UINT32_MAX, INT64_MAX, UINT64_MAX};
    size_t width = (size_t)1 << dice_roll(&b->dice, 4), at = place_in(b, file) / width * width;
    uint64_t number = edges[dice_roll(&b->dice, sizeof edges / sizeof edges[0])];
    uint8_t bytes[8];

    if (at + 8 > content(file))
        return;
    if (dice_chance(&b->dice, 2)) {
        memcpy(bytes, file->data + at, sizeof bytes);
        number = fmt_get64(bytes) + (dice_chance(&b->dice, 2) ? 1 : UINT64_MAX) * (1 + dice_roll(&b->dice, 3));
    }
    fmt_put64(bytes, number);
    memcpy(file->data + at, bytes, width);
}

/** Blocks of a file to another place in it or in another one. */
static void copy_blocks(bench *b, const work *from, work *to)
{
    size_t unit = dice_chance(&b->dice, 4) ? 512 : FUZZ_PAGE;
    size_t count = unit * (1 + dice_roll(&b->dice, 3)), source, target;

    if (content(from) < count || content(to) < count)
        return;
    source = dice_roll(&b->dice, content(from) - count + 1) / unit * unit;
    target = dice_roll(&b->dice, content(to) - count + 1) / unit * unit;
    if (dice_chance(&b->dice, 4))
        memset(to->data + target, 0, count);
    else
        memmove(to->data + target, from->data + source, count);
}

static void resize(bench *b, work *file)
{
    static const size_t sizes[] = {0, 1, 64, 128, 512, 4096, 65536, 131072, 1 << 20};
    size_t before = content(file);

    file->size = dice_chance(&b->dice, 2) ? sizes[dice_roll(&b->dice, sizeof sizes / sizeof sizes[0])]
                                          : dice_roll(&b->dice, file->size + 4096);
    file->size = file->size > FUZZ_FILE_SIZE_MAX ? FUZZ_FILE_SIZE_MAX : file->size;
    if (content(file) > before)
        memset(file->data + before, 0, content(file) - before);
}

static void rename_file(bench *b, work *file)
{
    static const char *const names[] = {"manifest.0",
                                        "manifest.1",
                                        "lock",
                                        "positions",
                                        "reach",
                                        "0000000000000001.seg",
                                        "0000000000000002.seg",
                                        "0000000000000003.seg",
                                        "ffffffffffffffff.seg",
                                        "0000000000000000.seg",
                                        "000000000000000a.seg",
                                        "calibrate.tmp"};

    (void)snprintf(file->name, sizeof file->name, "%s", names[dice_roll(&b->dice, sizeof names / sizeof names[0])]);
}

static void mutate_files(bench *b)
{
    work *file = &b->files[dice_roll(&b->dice, b->count)], *other = &b->files[dice_roll(&b->dice, b->count)];

    switch (dice_roll(&b->dice, 16)) {
    case 0:
    case 1:
        copy_blocks(b, file, other);
        break;
    case 2:
        resize(b, file);
        break;
    case 3:
        if (dice_chance(&b->dice, 2))
            rename_file(b, file);
        else if (b->count > 1)
            *file = b->files[--b->count];
        break;
    case 4:
        if (b->count < FUZZ_FILES_MAX) {
            b->files[b->count] = *file;
            rename_file(b, &b->files[b->count++]);
        }
        break;
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
        set_number(b, file);
        break;
    default:
        mutate_window(b, file);
        break;
    }
}

size_t fuzz_image_mutate(uint8_t *data, size_t size, size_t size_max, size_t skip, unsigned seed)
{
    static bench b;

    b.dice = dice_of(seed);
    if (LLVMFuzzerMutate == NULL || size_max < skip)
        return size;
    if (size < skip || dice_chance(&b.dice, 64))
        return LLVMFuzzerMutate(data, size, size_max);
    if (skip > 0 && dice_chance(&b.dice, 8))
        (void)LLVMFuzzerMutate(data, skip, skip);
    load(&b, data + skip, size - skip);
    if (b.count == 0)
        return LLVMFuzzerMutate(data, size, size_max);
    for (uint64_t steps = 1 + dice_roll(&b.dice, 3); steps > 0; steps--)
        mutate_files(&b);
    if (!dice_chance(&b.dice, MENDED_IN))
        mend(&b);
    return skip + store(&b, data + skip, size_max - skip);
}
