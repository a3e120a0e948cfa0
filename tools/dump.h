/* SPDX-License-Identifier: Apache-2.0 */
/* dump.h — print a segment or a slot of the manifest as it stands on disk, broken ones too. */
#ifndef TOOLS_DUMP_H
#define TOOLS_DUMP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "firn/types.h"

/** Zero means: text, down to groups, ledger id from the file. */
typedef struct dump_options {
    bool json;                /**< JSON lines. */
    bool batches;             /**< Each batch with its names and key. */
    bool records;             /**< Each record too; implies batches. */
    bool no_link;             /**< A link is no file: for names that were found, not given. */
    const uint8_t *ledger_id; /**< FIRN_LEDGER_ID_SIZE bytes for files whose header is lost. NULL: from the file's
                                   header, else from the manifest beside it. */
} dump_options;

/** What was met. */
typedef struct dump_summary {
    uint64_t groups; /**< Groups that verify. */
    uint64_t bad;    /**< Places that do not: headers, groups, footer. A torn tail counts; blank space does not. */
    bool newer;      /**< The file was written by a newer version. */
} dump_summary;

/**
 * Print one file. Memory is bounded by the largest group that the format allows.
 * @param out_summary  May be NULL.
 * @return FIRN_OK: printed as far as it can be read, see out_summary. FIRN_ENOTFOUND: no such file. FIRN_EACCES.
 *   FIRN_EINVAL: neither content nor name say that it belongs to a ledger. FIRN_EIO. FIRN_ENOMEM.
 */
FIRN_NODISCARD firn_status dump_file(FILE *out, const char *path, const dump_options *options,
                                     dump_summary *out_summary, firn_error *err);

/** The bytes of a ledger id given as 32 hexadecimal digits. false: it is not. */
bool dump_parse_ledger_id(const char *text, uint8_t out_id[FIRN_LEDGER_ID_SIZE]);

#endif
