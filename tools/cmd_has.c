/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_has.c — firn has: is there content with these digests? */
#include "tools/commands.h"

#include <stdio.h>

#include "tools/content.h"
#include "tools/error.h"
#include "tools/wire.h"

static firn_status tell(const tool_call *call, firn_view *view, const char *operand, tool_json_text *text,
                        bool *all_there, firn_error *err)
{
    uint8_t digest[FIRN_DIGEST_SIZE];
    char name[FIRN_DIGEST_TEXT_SIZE];
    int has = 0;
    firn_status status = firn_digest_parse(tool_slice(operand), digest, err);

    if (status == FIRN_OK)
        status = firn_content_has(view, digest, &has, err);
    if (status < 0)
        return status;
    *all_there = *all_there && has != 0;
    if (call->json) {
        tool_json_text_raw(text, "{");
        tool_wire_digest(text, "digest", digest);
        tool_wire_bool(text, "present", has != 0);
        tool_json_text_raw(text, "}");
        tool_wire_print(text);
        return FIRN_OK;
    }
    firn_digest_format(digest, name);
    printf("%s %s\n", name, has != 0 ? "present" : "missing");
    return FIRN_OK;
}

int tool_cmd_has(tool_call *call)
{
    firn_ledger *ledger = NULL;
    firn_view *view = NULL;
    tool_json_text text = {0};
    bool all_there = true;
    firn_error err;
    firn_status status = tool_view_read(call, &ledger, &view, &err);
    int code;

    for (int i = 0; i < call->operands_count && status == FIRN_OK; i++)
        status = tell(call, view, call->operands[i], &text, &all_there, &err);
    code = status < 0 ? tool_error_report(&err, call->json) : all_there ? TOOL_EXIT_OK : TOOL_EXIT_NO;
    tool_json_text_done(&text);
    firn_view_close(view);
    firn_close(ledger, NULL);
    return code;
}
