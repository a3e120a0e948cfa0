/* SPDX-License-Identifier: Apache-2.0 */
/* release.h — releases: the rows of the kinds of block "release". */
#ifndef FRN_STORE_RELEASE_H
#define FRN_STORE_RELEASE_H

#include "engine/intake/apply.h"

/** Stream names of releases begin so. */
#define FRN_RELEASE_WORD "release:"

enum {
    FRN_RELEASE_ROWS_VERSION = 1 /**< Counted up when keys or values of its rows change: older ones are built again. */
};

/** Applies the kinds of the block "release". */
firn_status frn_release_apply(frn_apply *apply, const fmt_record *record, firn_error *err);

#endif
