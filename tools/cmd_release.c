/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_release.c — firn release promote, current, history: names that point to digests. */
#include "tools/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/content.h"
#include "tools/error.h"
#include "tools/open.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/text.h"
#include "tools/wire.h"

static void print_release(const tool_call *call, const firn_release *release)
{
    tool_json_text text = {0};
    char digest[FIRN_DIGEST_TEXT_SIZE];
    char time[FIRN_TIME_TEXT_SIZE];
    firn_error err;

    if (call->json) {
        tool_wire_release(&text, release);
        tool_wire_print(&text);
        tool_json_text_done(&text);
        return;
    }
    if (firn_time_format(release->created_at, time, &err) < 0)
        time[0] = '\0';
    firn_digest_format(release->spec_digest, digest);
    printf("%" PRIu64 "\t%s\t%s\t", release->release_number, digest, time);
    tool_print_escaped(stdout, release->version_label.data != NULL ? release->version_label : tool_slice("-"));
    putchar('\t');
    tool_print_escaped(stdout, release->promoted_by);
    if (release->rollback_of > 0)
        printf("\trollback of %" PRIu64, release->rollback_of);
    if (release->notes.data != NULL) {
        putchar('\t');
        tool_print_escaped(stdout, release->notes);
    }
    putchar('\n');
}

static firn_status promote(const tool_call *call, firn_ledger *ledger, firn_error *err)
{
    const char *by = tool_option_text(call, "by");
    const char *user = getenv("USER");
    uint8_t digest[FIRN_DIGEST_SIZE];
    firn_release_args args = {
        .struct_size = sizeof args,
        .name = tool_slice(call->operands[0]),
        .spec_digest = digest,
        .version_label = tool_slice(tool_option_text(call, "label")),
        .promoted_by = tool_slice(by != NULL     ? by
                                  : user != NULL ? user
                                                 : ""),
        .notes = tool_slice(tool_option_text(call, "notes")),
    };
    firn_release_result result;
    firn_release release;
    firn_status status = firn_digest_parse(tool_slice(call->operands[1]), digest, err);

    if (status == FIRN_OK)
        status = firn_release_promote(ledger, &args, &result, err);
    if (status < 0)
        return status;
    release = (firn_release){
        .name = args.name,
        .version_label = args.version_label,
        .promoted_by = args.promoted_by,
        .notes = args.notes,
        .created_at = result.created_at,
        .release_number = result.release_number,
        .seq = result.seq,
    };
    for (size_t i = 0; i < sizeof digest; i++)
        release.spec_digest[i] = digest[i];
    print_release(call, &release);
    return FIRN_OK;
}

int tool_cmd_release_promote(tool_call *call)
{
    firn_options options;
    firn_ledger *ledger = NULL;
    firn_error err;
    firn_error late;
    firn_status status = tool_open_options(call, FIRN_OPEN_WRITE, &options, &err);
    int code = TOOL_EXIT_OK;

    if (status == FIRN_OK)
        status = tool_open_with(call, &options, &ledger, &err);
    if (status == FIRN_OK)
        status = promote(call, ledger, &err);
    if (status < 0)
        code = tool_error_report(&err, call->json);
    if (firn_close(ledger, &late) < 0 && status == FIRN_OK)
        code = tool_error_report(&late, call->json);
    return code;
}

/** No release of the name: the answer is no. */
static int tell_none(const tool_call *call, const char *name)
{
    if (call->json)
        puts("null");
    else
        fprintf(stderr, "firn: release not found: %s\n", name);
    return TOOL_EXIT_NO;
}

int tool_cmd_release_current(tool_call *call)
{
    firn_ledger *ledger = NULL;
    firn_view *view = NULL;
    firn_buf buf = {0};
    firn_release release;
    firn_error err;
    firn_status status = tool_view_read(call, &ledger, &view, &err);
    int code = TOOL_EXIT_OK;

    if (status == FIRN_OK)
        status = firn_release_current(view, tool_slice(call->operands[0]), &buf, &release, &err);
    if (status == FIRN_OK)
        print_release(call, &release);
    else
        code = status < 0 ? tool_error_report(&err, call->json) : tell_none(call, call->operands[0]);
    firn_buf_free(&buf);
    firn_view_close(view);
    firn_close(ledger, NULL);
    return code;
}

int tool_cmd_release_history(tool_call *call)
{
    uint64_t before = 0;
    uint64_t limit = UINT64_MAX;
    firn_ledger *ledger = NULL;
    firn_view *view = NULL;
    firn_buf buf = {0};
    firn_release release;
    firn_error err;
    firn_status status = tool_option_number(call, "before", 1, UINT64_MAX, &before, &err);
    int code = TOOL_EXIT_OK;

    if (status == FIRN_OK)
        status = tool_option_number(call, "limit", 1, UINT64_MAX, &limit, &err);
    if (status == FIRN_OK)
        status = tool_view_read(call, &ledger, &view, &err);
    for (; status == FIRN_OK && limit > 0 && before != 1 && !ferror(stdout); limit--) {
        status = firn_release_history(view, tool_slice(call->operands[0]), before, &buf, &release, &err);
        if (status != FIRN_OK)
            break;
        print_release(call, &release);
        before = release.release_number;
    }
    if (status < 0) {
        tool_output_flush();
        code = tool_error_report(&err, call->json);
    }
    firn_buf_free(&buf);
    firn_view_close(view);
    firn_close(ledger, NULL);
    return code;
}
