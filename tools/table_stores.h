/* SPDX-License-Identifier: Apache-2.0 */
/* table_stores.h — rows of the command table for content, runs, releases and imports. */
#ifndef TOOLS_TABLE_STORES_H
#define TOOLS_TABLE_STORES_H

#include "tools/table.h"

extern const tool_option tool_no_options[];
extern const tool_option tool_put_options[];
extern const tool_option tool_get_options[];
extern const tool_option tool_has_options[];
extern const tool_option tool_run_create_options[];
extern const tool_option tool_run_append_options[];
extern const tool_option tool_run_end_options[];
extern const tool_option tool_run_events_options[];
extern const tool_option tool_run_list_options[];
extern const tool_option tool_run_record_options[];
extern const tool_option tool_release_promote_options[];
extern const tool_option tool_release_history_options[];
extern const tool_option tool_import_git_options[];
extern const tool_example tool_put_examples[];
extern const tool_example tool_get_examples[];
extern const tool_example tool_has_examples[];
extern const tool_example tool_run_create_examples[];
extern const tool_example tool_run_append_examples[];
extern const tool_example tool_run_complete_examples[];
extern const tool_example tool_run_fail_examples[];
extern const tool_example tool_run_cancel_examples[];
extern const tool_example tool_run_show_examples[];
extern const tool_example tool_run_events_examples[];
extern const tool_example tool_run_list_examples[];
extern const tool_example tool_run_record_examples[];
extern const tool_example tool_release_promote_examples[];
extern const tool_example tool_release_current_examples[];
extern const tool_example tool_release_history_examples[];
extern const tool_example tool_import_git_examples[];

#endif
