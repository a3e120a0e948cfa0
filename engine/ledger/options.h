/* SPDX-License-Identifier: Apache-2.0 */
/* options.h — the options of an open ledger: checked, defaults filled in. */
#ifndef FRN_LEDGER_OPTIONS_H
#define FRN_LEDGER_OPTIONS_H

#include "firn/ledger.h"

/** given may be NULL. FIRN_OK, FIRN_EINVAL: the text names the option. */
firn_status frn_ledger_options_read(const firn_options *given, firn_options *out_options,
                                    firn_error *err) FIRN_NODISCARD;

#endif
