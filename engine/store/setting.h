/* SPDX-License-Identifier: Apache-2.0 */
/* setting.h — settings of the ledger that are records of its log. */
#ifndef FRN_STORE_SETTING_H
#define FRN_STORE_SETTING_H

#include "engine/intake/apply.h"

/** Applies the kinds of the block "ledger". */
firn_status frn_setting_apply(frn_apply *apply, const fmt_record *record, firn_error *err);

#endif
