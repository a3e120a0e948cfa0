/* SPDX-License-Identifier: Apache-2.0 */
/* dump_manifest.c — print a slot of the manifest, or ask one whose ledger a segment belongs to. */
#include "tools/dump_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/manifest.h"

/** A manifest and the lists that it points to. */
typedef struct manifest_space {
    fmt_manifest manifest;
    fmt_run runs[FMT_MANIFEST_RUNS_MAX];
    fmt_incarnation incarnations[FMT_MANIFEST_INCARNATIONS_MAX];
    firn_cut cuts[FMT_MANIFEST_CUTS_MAX];
    uint8_t slot[FMT_MANIFEST_SIZE];
} manifest_space;

static manifest_space *manifest_space_new(void)
{
    manifest_space *space = calloc(1, sizeof *space);

    if (space != NULL) {
        space->manifest.runs = space->runs;
        space->manifest.incarnations = space->incarnations;
        space->manifest.cuts = space->cuts;
    }
    return space;
}

static void print_manifest_lists(dump_lines *lines, const fmt_manifest *manifest)
{
    for (uint32_t i = 0; i < manifest->runs_count; i++) {
        dump_begin(lines, 1, "run");
        dump_number(lines, "first", manifest->runs[i].first);
        dump_number(lines, "count", manifest->runs[i].count);
        dump_end(lines);
    }
    for (uint32_t i = 0; i < manifest->incarnations_count; i++) {
        dump_begin(lines, 1, "incarnation");
        dump_number(lines, "number", manifest->incarnations[i].number);
        dump_number(lines, "first_seq", manifest->incarnations[i].first_seq);
        dump_number(lines, "segment", manifest->incarnations[i].segment);
        dump_end(lines);
    }
    for (uint32_t i = 0; i < manifest->cuts_count; i++) {
        const firn_cut *cut = &manifest->cuts[i];

        dump_begin(lines, 1, "cut");
        dump_time(lines, "time", cut->time_ns);
        dump_number(lines, "incarnation", cut->incarnation);
        dump_number(lines, "segment", cut->segment);
        dump_number(lines, "offset", cut->offset);
        dump_number(lines, "bytes", cut->bytes);
        dump_number(lines, "first_seq", cut->first_seq);
        dump_number(lines, "seqs_seen", cut->seqs_seen);
        dump_end(lines);
    }
}

static void print_manifest(dump_lines *lines, const fmt_manifest *manifest)
{
    dump_begin(lines, 0, "manifest");
    dump_number(lines, "version", manifest->version);
    dump_number(lines, "compatible", manifest->compatible);
    dump_number(lines, "incompatible", manifest->incompatible);
    dump_hex(lines, "ledger_id", manifest->ledger_id, FIRN_LEDGER_ID_SIZE);
    dump_number(lines, "generation", manifest->generation);
    dump_time(lines, "time", manifest->time_ns);
    dump_time(lines, "created", manifest->created_ns);
    dump_number(lines, "segment_size", manifest->segment_size);
    dump_number(lines, "alignment", manifest->alignment);
    dump_number(lines, "durable_method", manifest->durable_method);
    dump_number(lines, "segment_highest", manifest->segment_highest);
    dump_number(lines, "durable", manifest->durable);
    dump_number(lines, "clean", manifest->clean);
    dump_number(lines, "tail_segment", manifest->tail_segment);
    dump_number(lines, "tail_offset", manifest->tail_offset);
    dump_time(lines, "tail_time", manifest->tail_time_ns);
    dump_crc(lines, "tail_crc", manifest->tail_crc);
    dump_number(lines, "cuts_total", manifest->cuts_total);
    dump_end(lines);
}

firn_status dump_manifest(dumping *dump)
{
    manifest_space *space = manifest_space_new();
    const fmt_manifest *manifest;
    firn_status status = FIRN_OK;
    fmt_verdict verdict;
    ssize_t got;

    if (space == NULL)
        return dump_fail(dump, FIRN_ENOMEM, "dump %s: out of memory", dump->path);
    got = dump_read(dump->fd, space->slot, FMT_MANIFEST_SIZE, 0);
    if (got < 0) {
        status = dump_fail_os(dump, "read");
        goto out;
    }
    verdict = fmt_manifest_decode(space->slot, (size_t)got, &space->manifest);
    manifest = &space->manifest;
    if (verdict == FMT_OK) {
        print_manifest(&dump->lines, manifest);
        print_manifest_lists(&dump->lines, manifest);
    } else if (verdict == FMT_NEWER) {
        dump_print_newer(dump, "manifest", manifest->version, manifest->compatible, manifest->incompatible);
    } else {
        dump_print_bad(dump, 0, "manifest", 0, fmt_verdict_text(verdict));
    }
out:
    free(space);
    return status;
}

firn_status dump_ask_manifest(dumping *dump)
{
    manifest_space *space = manifest_space_new();
    size_t folder = (size_t)(dump_base_name(dump->path) - dump->path);
    char path[4096 + 16];

    if (space == NULL)
        return dump_fail(dump, FIRN_ENOMEM, "dump %s: out of memory", dump->path);
    for (int slot = 0; slot < 2 && !dump->id_known && folder < 4096; slot++) {
        ssize_t got;
        int fd;

        (void)snprintf(path, sizeof path, "%.*smanifest.%d", (int)folder, dump->path, slot);
        fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
            continue;
        got = dump_read(fd, space->slot, FMT_MANIFEST_SIZE, 0);
        (void)close(fd);
        if (got < 0 || fmt_manifest_decode(space->slot, (size_t)got, &space->manifest) != FMT_OK)
            continue;
        memcpy(dump->ledger_id, space->manifest.ledger_id, FIRN_LEDGER_ID_SIZE);
        dump->id_known = true;
        if (!dump->header_good)
            dump->alignment = space->manifest.alignment;
    }
    free(space);
    return FIRN_OK;
}
