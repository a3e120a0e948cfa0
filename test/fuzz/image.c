/* SPDX-License-Identifier: Apache-2.0 */
/* image.c — read and write inputs that are the files of a folder. */
#include "test/fuzz/image.h"

#include <string.h>

#include "format/bytes.h"
#include "test/fuzz/fuzz.h"

enum {
    GAP_MIN = 16, /* So many zeros end an extent. */
    EXTENT_MAX = 65535,
    EXTENT_HEADER = 6
};

/** A name that the seam takes: what else there is becomes an underscore. */
static void take_name(char *out, firn_slice name)
{
    const char *text = name.data;

    for (size_t i = 0; i < name.size; i++)
        out[i] = text[i] > ' ' && text[i] < 0x7f && text[i] != '/' ? text[i] : '_';
    out[name.size] = '\0';
    if (strcmp(out, ".") == 0 || strcmp(out, "..") == 0)
        out[0] = '_';
}

static void take_file(fuzz_file *file, fuzz_reader *in)
{
    unsigned extents;
    size_t name_size = fuzz_number(in, 1) % (FUZZ_NAME_SIZE_MAX + 1);

    take_name(file->name, fuzz_bytes(in, name_size == 0 ? 1 : name_size));
    file->size = (uint32_t)fuzz_number(in, 4);
    file->size = file->size > FUZZ_FILE_SIZE_MAX ? FUZZ_FILE_SIZE_MAX : file->size;
    file->count = 0;
    extents = (unsigned)fuzz_number(in, 1);
    for (unsigned i = 0; i < extents && fuzz_more(in); i++) {
        uint32_t offset = (uint32_t)fuzz_number(in, 4);
        firn_slice bytes = fuzz_bytes(in, fuzz_number(in, 2));
        uint32_t left = offset < file->size ? file->size - offset : 0;

        if (bytes.size > left)
            bytes.size = left;
        if (bytes.size > 0)
            file->extents[file->count++] = (fuzz_extent){offset, (uint32_t)bytes.size, bytes.data};
    }
}

void fuzz_image_read(fuzz_image *image, const uint8_t *data, size_t size)
{
    fuzz_reader in = {data, size, 0};

    image->count = 0;
    while (fuzz_more(&in) && image->count < FUZZ_FILES_MAX) {
        fuzz_file *file = &image->files[image->count];
        bool known = false;

        take_file(file, &in);
        /* A folder has each name once: the first one counts. */
        for (unsigned i = 0; i < image->count; i++)
            known = known || strcmp(image->files[i].name, file->name) == 0;
        image->count += known || file->name[0] == '\0' ? 0 : 1;
    }
}

void fuzz_image_fill(const fuzz_file *file, uint8_t *out, size_t size)
{
    memset(out, 0, size);
    for (unsigned i = 0; i < file->count; i++) {
        const fuzz_extent *extent = &file->extents[i];
        size_t left = extent->offset < size ? size - extent->offset : 0;

        if (left > 0)
            memcpy(out + extent->offset, extent->data, extent->size < left ? extent->size : left);
    }
}

/** The next bytes from *begin on that are worth an extent: [*begin, end). Returns end; equal to size: none. */
static size_t extent_next(const uint8_t *data, size_t size, size_t *begin)
{
    size_t at = *begin, end, zeros = 0;

    while (at < size && data[at] == 0)
        at++;
    *begin = at;
    end = at;
    for (; at < size && zeros < GAP_MIN && at - *begin < EXTENT_MAX; at++) {
        zeros = data[at] == 0 ? zeros + 1 : 0;
        end = data[at] == 0 ? end : at + 1;
    }
    return end;
}

size_t fuzz_image_add(uint8_t *out, size_t capacity, const char *name, const uint8_t *data, size_t size,
                      size_t file_size)
{
    size_t name_size = strlen(name), used = 1 + name_size + 4 + 1, end;
    unsigned extents = 0;

    if (capacity < used)
        return 0;
    out[0] = (uint8_t)name_size;
    memcpy(out + 1, name, name_size);
    fmt_put32(out + 1 + name_size, (uint32_t)file_size);
    for (size_t at = 0; extents < FUZZ_EXTENTS_MAX && (end = extent_next(data, size, &at)) > at; at = end) {
        if (capacity - used < EXTENT_HEADER + (end - at))
            return 0;
        fmt_put32(out + used, (uint32_t)at);
        fmt_put16(out + used + 4, (uint16_t)(end - at));
        memcpy(out + used + EXTENT_HEADER, data + at, end - at);
        used += EXTENT_HEADER + (end - at);
        extents++;
    }
    out[1 + name_size + 4] = (uint8_t)extents;
    return used;
}
