/* SPDX-License-Identifier: Apache-2.0 */
/* url.h — what a ledger's URL names. */
#ifndef FRN_LEDGER_URL_H
#define FRN_LEDGER_URL_H

#include "firn/ledger.h"

typedef enum frn_url_kind {
    FRN_URL_FOLDER, /**< name is a path. */
    FRN_URL_MEMORY  /**< name is that of a disk in memory; "" a private one. */
} frn_url_kind;

/** name is borrowed from the text that was parsed. */
typedef struct frn_url {
    frn_url_kind kind;
    const char *name;
} frn_url;

/** FIRN_OK; FIRN_EINVAL: empty, no path, or a scheme that is not built in or unknown (detail SCHEME). */
firn_status frn_url_parse(const char *text, frn_url *out_url, firn_error *err) FIRN_NODISCARD;

#endif
