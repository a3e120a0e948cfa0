/* SPDX-License-Identifier: Apache-2.0 */
/*
 * beside.c — tell what lies beside the segments with records and is not as a writer leaves it: notes, no findings.
 *
 * Nothing here costs a record. A slot of the manifest has its copy in the other one; positions and reach are hints,
 * and are done without; a segment without records is made anew; a file that does not belong there is not read. But each
 * of them may be the first sign of a disk that decays, so verification tells of it, with the file's name.
 *
 * A file that is missing or empty is none of this: a copy of a ledger need not have it, and a crash may take its bytes.
 */
#include "engine/log/recovery.h"

#include "engine/base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct beside {
    frn_log *log;
    firn_finding_fn note;
    void *note_arg;
    uint64_t strays;                      /* Files that do not belong there, */
    char stray[FRN_IO_NAME_SIZE_MAX + 1]; /* and of their names the first. */
    frn_numbers unnamed;                  /* Files of segments that the manifest does not name. */
    firn_status status;                   /* Of listing. */
    firn_error *err;
} beside;

static void tell(beside *b, uint16_t detail, uint64_t segment, const char *name, const char *what, const char *then)
{
    firn_error error;

    (void)frn_fail_detail(&error, FIRN_OK, detail, "%s: %s; %s", name, what, then);
    (void)frn_place(&error, FIRN_OK, segment, 0, 0);
    b->note(b->note_arg, &error);
}

/* Slots that a crash in the middle of a change can have left so. */
static void look_at_slots(beside *b, const frn_manifest_found *found)
{
    bool clean = b->log->manifest.clean != 0;

    for (int i = 0; i < 2; i++) {
        const char *what = NULL;

        if (found->missing[i]) {
            what = clean ? NULL : "missing"; /* In a clean log it is a finding. */
        } else if (found->verdicts[i] != FMT_OK) {
            what = fmt_verdict_text(found->verdicts[i]);
        } else if (found->generations[i] + 1 == found->generations[found->best] ||
                   (!clean && found->generations[i] < found->generations[found->best])) {
            what = "older than the other slot";
        }
        if (what != NULL) {
            tell(b, FIRN_DETAIL_MANIFEST, 0, frn_manifest_names[i], what, "the other slot holds all of it");
        }
    }
}

/* Reads the beginning of a file. *out_got 0: it is missing, or empty. */
static firn_status read_head(beside *b, const char *name, void *data, size_t size, size_t *out_got, firn_error *err)
{
    const frn_io_ops *ops = b->log->io->ops;
    frn_file *file = NULL;
    firn_status status = ops->open(b->log->io, name, 0, &file, err);

    *out_got = 0;
    if (status == FIRN_OK) {
        status = ops->read(file, data, size, 0, out_got, err);
        ops->file_close(file);
    }
    return status == FIRN_ENOTFOUND ? FIRN_OK : status;
}

/* Positions and reach, which are done without if they say nothing. */
static firn_status look_at_hints(beside *b, firn_error *err)
{
    uint8_t bytes[FMT_REACH_HEADER];
    fmt_positions positions;
    fmt_reach reach;
    fmt_verdict verdicts[2];
    static const char *const names[2] = {FRN_POSITIONS_NAME, FRN_REACH_NAME};
    firn_error why;
    size_t got;

    for (int i = 0; i < 2; i++) {
        firn_status status = read_head(b, names[i], bytes, i == 0 ? FMT_POSITIONS_HEADER : sizeof bytes, &got, &why);
        const fmt_hint *hint = i == 0 ? &positions.hint : &reach.hint;

        if (status == FIRN_ENOMEM) {
            return frn_fail(err, status, "%s", why.text);
        }
        if (status < 0) {
            tell(b, FIRN_DETAIL_NONE, 0, names[i], why.text, "it is done without");
            continue;
        }
        verdicts[i] = i == 0 ? fmt_positions_decode(bytes, got, &positions) : fmt_reach_decode(bytes, got, &reach);
        if (verdicts[i] == FMT_OK && memcmp(hint->ledger_id, b->log->ledger_id, FIRN_LEDGER_ID_SIZE) != 0) {
            verdicts[i] = FMT_PLACE;
        }
        if (got != 0 && verdicts[i] != FMT_OK && verdicts[i] != FMT_BLANK) {
            tell(b, FIRN_DETAIL_NONE, 0, names[i], fmt_verdict_text(verdicts[i]), "it is done without");
        }
    }
    return FIRN_OK;
}

static bool is_accepted(const frn_log *log, uint64_t number)
{
    for (size_t i = 0; i < log->segments.count; i++) {
        if (log->segments.at[i]->number == number) {
            return true;
        }
    }
    return false;
}

/* A segment that the manifest names and that holds no record. */
static firn_status look_at_spare(beside *b, uint64_t number, bool *out_missing, firn_error *err)
{
    char name[FRN_SEGMENT_NAME_SIZE];
    uint8_t bytes[FMT_ALIGNMENT_MIN];
    fmt_segment header;
    fmt_verdict verdict;
    size_t got;
    firn_status status;

    frn_segment_name(number, name);
    status = read_head(b, name, bytes, sizeof bytes, &got, err);
    if (status < 0) {
        return frn_place(err, status, number, 0, 0);
    }
    verdict = fmt_segment_decode(bytes, got, &header);
    *out_missing = got == 0;
    if (verdict != FMT_OK && verdict != FMT_BLANK) {
        tell(b, FIRN_DETAIL_SEGMENT_HEADER, number, name, got == 0 ? "missing or empty" : fmt_verdict_text(verdict),
             "it held no record");
    }
    return FIRN_OK;
}

static firn_status look_at_spares(beside *b, firn_error *err)
{
    const fmt_manifest *manifest = &b->log->manifest;
    unsigned missing = 0;
    firn_status status = FIRN_OK;

    /* A run may name any number of files that are not there. */
    for (uint32_t i = 0; i < manifest->runs_count && status == FIRN_OK; i++) {
        for (uint64_t k = 0; k < manifest->runs[i].count && status == FIRN_OK && missing <= FRN_LOG_SPARES_MAX; k++) {
            bool gone = false;

            if (!is_accepted(b->log, manifest->runs[i].first + k)) {
                status = look_at_spare(b, manifest->runs[i].first + k, &gone, err);
            }
            missing += gone;
        }
    }
    return status;
}

/* ---- names ---- */

static bool is_named(const fmt_manifest *manifest, uint64_t number)
{
    for (uint32_t i = 0; i < manifest->runs_count; i++) {
        if (number >= manifest->runs[i].first && number - manifest->runs[i].first < manifest->runs[i].count) {
            return true;
        }
    }
    return false;
}

static void list_file(void *arg, const char *name, uint64_t size)
{
    static const char *const own[] = {
        "manifest.0",   "manifest.1", FRN_LOCK_NAME, FRN_POSITIONS_NAME,
        FRN_REACH_NAME, "index",      "cache"}; /* Whoever keeps the last two tells if they are no folders. */
    beside *b = arg;
    uint64_t number = frn_segment_number(name);

    (void)size;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strcmp(name, own[i]) == 0) {
            return;
        }
    }
    if (number != 0) {
        if (!is_named(&b->log->manifest, number) && b->status == FIRN_OK) {
            b->status = frn_recovery_number(b->log, &b->unnamed, number, b->err);
        }
        return;
    }
    if (b->strays++ == 0 || strcmp(name, b->stray) < 0) {
        (void)snprintf(b->stray, sizeof b->stray, "%s", name);
    }
}

/* A name as text that a terminal can take. */
static void printable(const char *name, char out[4 * FRN_IO_NAME_SIZE_MAX + 1])
{
    for (; *name != '\0'; name++) {
        if (*name >= ' ' && *name <= '~' && *name != '\\') {
            *out++ = *name;
        } else {
            out += snprintf(out, 5, "\\x%02x", (unsigned)(uint8_t)*name);
        }
    }
    *out = '\0';
}

/* Files of segments that the manifest does not name. Those that a writer began, or did with, are no surprise: their
   header is blank, or good. */
static firn_status look_at_unnamed(beside *b, firn_error *err)
{
    firn_status status = FIRN_OK;

    for (size_t i = 0; i < b->unnamed.count && status == FIRN_OK; i++) {
        char name[FRN_SEGMENT_NAME_SIZE];
        uint8_t bytes[FMT_ALIGNMENT_MIN];
        fmt_segment header;
        fmt_verdict verdict;
        size_t got;

        frn_segment_name(b->unnamed.at[i], name);
        status = read_head(b, name, bytes, sizeof bytes, &got, err);
        verdict = fmt_segment_decode(bytes, status == FIRN_OK ? got : 0, &header);
        if (status == FIRN_OK && verdict != FMT_OK && verdict != FMT_BLANK && verdict != FMT_SHORT) {
            tell(b, FIRN_DETAIL_SEGMENT_HEADER, b->unnamed.at[i], name, fmt_verdict_text(verdict),
                 "the manifest does not name it, and the next writer removes it");
        }
    }
    return status;
}

static firn_status look_at_names(beside *b, firn_error *err)
{
    char name[4 * FRN_IO_NAME_SIZE_MAX + 1], what[64];
    firn_status status = b->log->io->ops->list(b->log->io, list_file, b, err);

    if (status == FIRN_OK) {
        status = b->status;
    }
    /* Behind damage it is not known what is left over. */
    if (status == FIRN_OK && b->log->damage.status == FIRN_OK) {
        status = look_at_unnamed(b, err);
    }
    if (status == FIRN_OK && b->strays > 0) {
        printable(b->stray, name);
        (void)snprintf(what, sizeof what, "not a file of a ledger's, nor are %" PRIu64 " more", b->strays - 1);
        if (b->strays == 1) {
            what[strlen("not a file of a ledger's")] = '\0';
        }
        tell(b, FIRN_DETAIL_NONE, 0, name, what, "left alone");
    }
    return status;
}

firn_status frn_log_beside(frn_log *log, const frn_manifest_found *found, firn_finding_fn note, void *note_arg,
                           firn_error *err)
{
    beside b = {.log = log, .note = note, .note_arg = note_arg, .err = err};
    firn_status status;

    look_at_slots(&b, found);
    status = look_at_hints(&b, err);
    /* Behind damage nobody knows which segments hold no record. */
    if (status == FIRN_OK && log->damage.status == FIRN_OK) {
        status = look_at_spares(&b, err);
    }
    if (status == FIRN_OK) {
        status = look_at_names(&b, err);
    }
    frn_free(log->heap, b.unnamed.at);
    return status;
}
