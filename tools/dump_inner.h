/* SPDX-License-Identifier: Apache-2.0 */
/* dump_inner.h — what the files of the dump share: the file being dumped, and how failures and bad places are told. */
#ifndef TOOLS_DUMP_INNER_H
#define TOOLS_DUMP_INNER_H

#include <sys/types.h>

#include "format/record.h"
#include "format/segment.h"
#include "tools/dump.h"
#include "tools/dump_lines.h"

/** A file being dumped. */
typedef struct dumping {
    const char *path;
    const dump_options *options;
    firn_error *err;
    dump_lines lines;
    dump_summary summary;
    char os_text[128]; /**< What dump_os_text() returns. */
    int fd;
    uint64_t file_size;
    uint8_t *buffer; /**< Holds one group or footer. */
    size_t buffer_size;
    /* Of a segment; what its header does not tell is guessed as the essay above says. */
    bool header_good;
    bool id_known;
    uint8_t ledger_id[FIRN_LEDGER_ID_SIZE];
    uint64_t number;
    uint64_t incarnation; /**< 0: unknown. */
    uint64_t size;
    uint32_t alignment;
    /* What the good groups add up to, to hold against the footer. */
    fmt_footer seen;
} dumping;

/** Fills in the error; returns status. */
firn_status dump_fail(dumping *dump, firn_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
/** The same for the system call that just failed: "open PATH: No such file or directory". */
firn_status dump_fail_os(dumping *dump, const char *what);
/** What errno means; until the next call. */
const char *dump_os_text(dumping *dump);
/** Reads at most size bytes; returns how many there are, or -1. */
ssize_t dump_read(int fd, uint8_t *data, size_t size, uint64_t offset);
const char *dump_base_name(const char *path);
void dump_print_bad(dumping *dump, int depth, const char *what, uint64_t offset, const char *why);
void dump_print_newer(dumping *dump, const char *what, uint32_t version, uint64_t compatible, uint64_t incompatible);

/** Prints the members of the record's body if it is of a store's; the record stands at offset of the file. */
void dump_print_body(dumping *dump, const fmt_record *record, uint64_t offset);

firn_status dump_manifest(dumping *dump);
/** Takes ledger id and alignment from a slot beside the file, if one can be believed. */
firn_status dump_ask_manifest(dumping *dump);

#endif
