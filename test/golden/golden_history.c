/* SPDX-License-Identifier: Apache-2.0 */
/*
 * golden_history.c — the logical digests of the frozen ledgers: neither their definition nor their reading may change.
 *
 * The frozen files are put into a folder of their own and opened for reading. stores/ has no manifest; it gets one that
 * names its first segment.
 */
#include "test/golden/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firn.h"
#include "format/manifest.h"

enum {
    FILE_SIZE_MAX = 1024 * 1024
};

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "%s: %s\n", what, why);
    exit(2);
}

static FILE *open_file(const char *folder, const char *name, const char *mode)
{
    char path[1000];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, mode);
    if (file == NULL) {
        die(path, "cannot be opened");
    }
    return file;
}

static void write_file(const char *folder, const char *name, const void *data, size_t size)
{
    FILE *file = open_file(folder, name, "wb");

    if (fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        die(name, "cannot be written");
    }
}

static void copy_file(const char *from, const char *to, const char *name)
{
    static uint8_t data[FILE_SIZE_MAX];
    FILE *file = open_file(from, name, "rb");
    size_t size = fread(data, 1, sizeof data, file);

    (void)fclose(file);
    write_file(to, name, data, size);
}

/* A slot of the manifest that names segment 1 and nothing else. */
static void write_manifest(const char *folder)
{
    static uint8_t slot[FMT_MANIFEST_SIZE];
    fmt_run run = {.first = 1, .count = 1};
    fmt_incarnation incarnation = {1, 1, 1};
    fmt_manifest manifest = {
        .version = FMT_VERSION,
        .generation = 1,
        .time_ns = CREATED,
        .created_ns = CREATED,
        .segment_size = SEGMENT_SIZE,
        .alignment = ALIGNMENT,
        .durable_method = FIRN_DURABLE_BUFFERED_SYNC,
        .segment_highest = 1,
        .runs = &run,
        .runs_count = 1,
        .incarnations = &incarnation,
        .incarnations_count = 1,
    };

    memcpy(manifest.ledger_id, golden_id, sizeof golden_id);
    fmt_manifest_encode(slot, &manifest);
    write_file(folder, "manifest.0", slot, fmt_manifest_size(&manifest));
}

/* "1-9 0123…", with times and without. */
static void tell(FILE *out, firn_ledger *ledger, bool without_time)
{
    firn_history_options options = {.struct_size = sizeof options, .without_time = without_time};
    firn_history history = {.struct_size = sizeof history};
    char digest[FIRN_DIGEST_TEXT_SIZE];
    firn_error err;

    if (firn_history_digest(ledger, &options, &history, &err) != FIRN_OK) {
        die("digest", err.text);
    }
    firn_digest_format(history.digest, digest);
    (void)fprintf(out, "%llu-%llu %s%s\n", (unsigned long long)history.first_seq, (unsigned long long)history.last_seq,
                  digest, without_time ? " without times" : "");
}

int main(int argc, char **argv)
{
    bool writing = argc == 3 && strcmp(argv[1], "--write") == 0;
    const char *frozen = argv[argc - 1];
    firn_options options = {.struct_size = sizeof options, .mode = FIRN_OPEN_READ};
    char folder[] = "./golden-XXXXXX", path[64];
    firn_ledger *ledger;
    bool stores;
    firn_error err;
    char *text = NULL;
    size_t size = 0;
    int differs;
    FILE *out;

    if ((argc != 2 && !writing) || mkdtemp(folder) == NULL) {
        (void)fprintf(stderr, "usage: %s [--write] FOLDER\n", argv[0]);
        return 2;
    }
    stores = strstr(frozen, "stores") != NULL;
    copy_file(frozen, folder, "0000000000000001.seg");
    if (stores) {
        write_manifest(folder);
    } else {
        copy_file(frozen, folder, "0000000000000002.seg");
        copy_file(frozen, folder, "manifest.0");
    }
    if (firn_open(folder, &options, &ledger, &err) != FIRN_OK) {
        die(frozen, err.text);
    }
    out = open_memstream(&text, &size);
    if (out == NULL) {
        abort();
    }
    tell(out, ledger, false);
    tell(out, ledger, true);
    (void)fclose(out);
    if (firn_close(ledger, &err) != FIRN_OK) {
        die(frozen, err.text);
    }
    differs = golden(frozen, "history", ".txt", writing, text, size);
    free(text);
    for (const char *name = "0000000000000001.seg\0000000000000000002.seg\0manifest.0\0"; *name != '\0';
         name += strlen(name) + 1) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, name);
        (void)unlink(path);
    }
    (void)rmdir(folder);
    return differs;
}
