/* SPDX-License-Identifier: Apache-2.0 */
/* stores.c — which store owns which block of kinds: the one place that knows them all. */
#include "engine/ledger/private.h"
#include "engine/store/setting.h"

#define BLOCK_OF(first) (((first)-FMT_BLOCK_LEDGER) / FRN_APPLY_BLOCK_SIZE)

const frn_apply_table frn_stores = {.fns = {
                                        [BLOCK_OF(FMT_BLOCK_LEDGER)] = frn_setting_apply,
                                    }};
