/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_dump.c — any bytes as a segment or a slot of the manifest that `firn dump` prints: text and JSON lines.
 *
 * The first byte says how to print and under which name; what follows is the file, which lies in memory (memfd). What
 * is printed is bounded by the file's size; each line in JSON is a JSON text.
 */
#include "test/fuzz/fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "format/json.h"
#include "test/fuzz/image.h"
#include "tools/dump.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed);

enum {
    FILE_MAX = 65536 * 2,
    PRINTED_MAX = 64 << 20
};

/** Each line of what was printed is one JSON text. */
static void check_lines(const char *text, size_t size)
{
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t line = end == NULL ? size : (size_t)(end - text), at;

        MUST(end != NULL && fmt_json_check((firn_slice){text, line}, &at) == NULL);
        text += line + 1;
        size -= line + 1;
    }
}

static void dump(const char *path, bool json, unsigned how, const uint8_t *id)
{
    dump_options options = {.json = json, .batches = (how & 1) != 0, .records = (how & 2) != 0, .ledger_id = id};
    dump_summary summary = {0};
    char *printed = NULL;
    size_t printed_size = 0;
    FILE *out = open_memstream(&printed, &printed_size);
    firn_error err;
    firn_status status;

    MUST(out != NULL);
    status = dump_file(out, path, &options, &summary, &err);
    MUST(fclose(out) == 0);
    MUST(status == FIRN_OK || status == FIRN_EINVAL);
    MUST(printed_size <= PRINTED_MAX && (status != FIRN_OK || printed_size > 0));
    if (json && status == FIRN_OK)
        check_lines(printed, printed_size);
    free(printed);
}

/** Where the file is to be found under a name that says what it is, for files whose first bytes do not. */
static char folder[] = "/tmp/firn-fuzz-XXXXXX";
static char paths[2][64];

static void clean_up(void)
{
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        (void)unlink(paths[i]);
    (void)rmdir(folder);
}

static int open_file(void)
{
    static const char *const names[] = {"manifest.0", "0000000000000001.seg"};
    char target[32];
    int fd = memfd_create("dump", MFD_CLOEXEC);

    MUST(fd >= 0 && mkdtemp(folder) != NULL);
    (void)snprintf(target, sizeof target, "/proc/self/fd/%d", fd);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        (void)snprintf(paths[i], sizeof paths[i], "%s/%s", folder, names[i]);
        MUST(symlink(target, paths[i]) == 0);
    }
    (void)atexit(clean_up);
    return fd;
}

static void take(const uint8_t *file, size_t size, unsigned how)
{
    static int fd = -1;
    const char *path;

    if (fd < 0)
        fd = open_file();
    path = paths[how >> 3 & 1];
    MUST(ftruncate(fd, 0) == 0 && pwrite(fd, file, size, 0) == (ssize_t)size);
    dump(path, false, how, (how & 4) != 0 ? fuzz_ledger_id : NULL);
    dump(path, true, how, (how & 4) != 0 ? fuzz_ledger_id : NULL);
}

/** The input is an image of one file: see image.h. Its name says nothing here. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fuzz_image image;
    uint8_t *file;

    if (size < 1)
        return 0;
    fuzz_image_read(&image, data + 1, size - 1);
    if (image.count == 0 || image.files[0].size > FILE_MAX)
        return 0;
    file = fuzz_memory(2, image.files[0].size);
    fuzz_image_fill(&image.files[0], file, image.files[0].size);
    take(file, image.files[0].size, data[0]);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
    return fuzz_image_mutate(data, size, size_max, 1, seed);
}
