/* SPDX-License-Identifier: Apache-2.0 */
/* stores.c — which store owns which block of kinds and of tables: the one place that knows them all. */
#include "engine/ledger/private.h"
#include "engine/store/content.h"
#include "engine/store/release.h"
#include "engine/store/run.h"
#include "engine/store/setting.h"

#define BLOCK_OF(first) (((first)-FMT_BLOCK_LEDGER) / FRN_APPLY_BLOCK_SIZE)

const frn_apply_table frn_stores = {
    .fns =
        {
            [BLOCK_OF(FMT_BLOCK_LEDGER)] = frn_setting_apply,
            [BLOCK_OF(FMT_BLOCK_CONTENT)] = frn_content_apply,
            [BLOCK_OF(FMT_BLOCK_RUN)] = frn_run_apply,
            [BLOCK_OF(FMT_BLOCK_RELEASE)] = frn_release_apply,
        },
    .run_flush = frn_run_flush,
};

const frn_table frn_stores_unread[FRN_STORES_UNREAD] = {FRN_TABLE_DIGEST, FRN_TABLE_RUN_BY_AGE};

const frn_index_store frn_stores_rows[FRN_STORES] = {
    {FRN_TABLE_STREAM_BY_NAME, FRN_APPLY_ROWS_VERSION},
    {FRN_TABLE_DIGEST, FRN_CONTENT_ROWS_VERSION},
    {FRN_TABLE_RUN, FRN_RUN_ROWS_VERSION},
    {FRN_TABLE_RELEASE, FRN_RELEASE_ROWS_VERSION},
};
