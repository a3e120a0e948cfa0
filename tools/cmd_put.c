/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_put.c — firn put: keep files as content, and print their digests. */
#include "tools/commands.h"

#include <stdio.h>

#include "tools/content.h"
#include "tools/error.h"
#include "tools/open.h"
#include "tools/options.h"
#include "tools/wire.h"

static void print_result(const tool_call *call, const char *name, const firn_content_put_result *result,
                         tool_json_text *text)
{
    char digest[FIRN_DIGEST_TEXT_SIZE];

    if (call->json) {
        tool_json_text_raw(text, "{");
        tool_wire_digest(text, "digest", result->digest);
        tool_wire_number(text, "size", result->size);
        tool_wire_bool(text, "existing", result->existing != 0);
        tool_json_text_member(text, "file", tool_slice(name));
        tool_json_text_raw(text, "}");
        tool_wire_print(text);
        return;
    }
    firn_digest_format(result->digest, digest);
    puts(digest);
}

int tool_cmd_put(tool_call *call)
{
    firn_options options;
    firn_ledger *ledger = NULL;
    firn_content_put_result result;
    tool_json_text text = {0};
    firn_error err;
    firn_error late;
    firn_status status =
        tool_open_options(call, tool_option_given(call, "create") ? FIRN_OPEN_CREATE : FIRN_OPEN_WRITE, &options, &err);
    int code = TOOL_EXIT_OK;

    if (status == FIRN_OK)
        status = tool_open_with(call, &options, &ledger, &err);
    for (int i = 0; i < call->operands_count && status == FIRN_OK; i++) {
        status = tool_content_put_file(ledger, call->operands[i], &result, &err);
        if (status == FIRN_OK)
            print_result(call, call->operands[i], &result, &text);
    }
    if (status < 0)
        code = tool_error_report(&err, call->json);
    if (firn_close(ledger, &late) < 0 && status == FIRN_OK)
        code = tool_error_report(&late, call->json);
    tool_json_text_done(&text);
    return code;
}
