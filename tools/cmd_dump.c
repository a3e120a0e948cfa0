/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_dump.c — firn dump: print the files of a log as they stand on disk. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/dump.h"
#include "tools/error.h"
#include "tools/history.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/values.h"

/** The folder that a ledger's URL names; NULL if it names none. */
static const char *folder_of(const char *url)
{
    if (strncmp(url, "dir:", 4) == 0)
        return url + 4;
    if (strncmp(url, "file://", 7) == 0)
        return url + 7;
    return strncmp(url, "mem:", 4) == 0 ? NULL : url;
}

/** Files of a ledger that hold bytes of its format: the manifest's slots and the segments, SEGMENT.seg. */
static int is_dumped(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return strncmp(entry->d_name, "manifest.", 9) == 0 || (dot != NULL && strcmp(dot, ".seg") == 0);
}

/** The number in "0000000000000003.seg"; false if the name is not of that form. */
static bool segment_number(const char *name, uint64_t *out_number)
{
    char *end = NULL;

    errno = 0;
    *out_number = strtoull(name, &end, 16);
    return end != name && strcmp(end, ".seg") == 0 && errno == 0;
}

static firn_status dump_one(const char *path, const dump_options *options, bool *newer, firn_error *err)
{
    dump_summary summary = {0};
    firn_status status;

    if (!options->json)
        printf("%s\n", path);
    status = dump_file(stdout, path, options, &summary, err);
    if (status == FIRN_OK)
        *newer = *newer || summary.newer;
    return status;
}

/** Dumps the files of a ledger: all of them, or the segment of that number. */
static firn_status dump_folder(const char *url, const uint64_t *number, const dump_options *options, bool *newer,
                               firn_error *err)
{
    const char *folder = folder_of(url);
    dump_options found_by_name = *options;
    struct dirent **entries = NULL;
    firn_status status = FIRN_OK;
    int dumped = 0;
    int count;

    if (folder == NULL)
        return tool_fail(err, FIRN_EINVAL, "%s has no files", url);
    found_by_name.no_link = true;
    count = scandir(folder, &entries, is_dumped, alphasort);
    if (count <= 0) {
        status = tool_fail(err, FIRN_ENOTFOUND, "%s: no ledger there", folder);
        err->detail = FIRN_DETAIL_NOT_A_LEDGER;
    }
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        uint64_t found = 0;
        bool wanted = number == NULL || (segment_number(entries[i]->d_name, &found) && found == *number);

        if (wanted && status == FIRN_OK && tool_output_flush()) {
            snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
            status = dump_one(path, &found_by_name, newer, err);
            dumped++;
        }
        free(entries[i]);
    }
    free(entries);
    if (status == FIRN_OK && dumped == 0 && number != NULL)
        return tool_fail(err, FIRN_ENOTFOUND, "%s: no segment %llu", folder, (unsigned long long)*number);
    return status;
}

static int print_history(const tool_call *call)
{
    firn_error err;

    if (tool_history_print(call, &err) == FIRN_OK)
        return TOOL_EXIT_OK;
    tool_output_flush();
    return tool_error_report(&err, call->json);
}

int tool_cmd_dump(tool_call *call)
{
    const char *ledger_id = tool_option_text(call, "ledger-id");
    uint8_t id[FIRN_LEDGER_ID_SIZE];
    dump_options options = {
        .json = call->json,
        .batches = tool_option_given(call, "batches"),
        .records = tool_option_given(call, "records"),
        .ledger_id = ledger_id != NULL ? id : NULL,
    };
    firn_status status = FIRN_OK;
    bool newer = false;
    firn_error err;

    if (tool_option_given(call, "digest"))
        return print_history(call);
    if (tool_history_asked(call))
        status = tool_fail(&err, FIRN_EINVAL, "dump: --from, --to, --every and --no-time need --digest");
    if (status == FIRN_OK && ledger_id != NULL && !dump_parse_ledger_id(ledger_id, id))
        status = tool_fail(&err, FIRN_EINVAL, "dump: --ledger-id: '%s' is not 32 hexadecimal digits", ledger_id);
    if (status == FIRN_OK && call->operands_count == 0)
        status = dump_folder(call->ledger, NULL, &options, &newer, &err);
    for (int i = 0; status == FIRN_OK && i < call->operands_count; i++) {
        uint64_t number;

        if (tool_parse_number(call->operands[i], &number))
            status = dump_folder(call->ledger, &number, &options, &newer, &err);
        else
            status = dump_one(call->operands[i], &options, &newer, &err);
    }
    if (status < 0) {
        /* Nobody reads any more: no error of the dump's. */
        if (!tool_output_flush() && err.os_errno == EPIPE)
            return TOOL_EXIT_OK;
        return tool_error_report(&err, call->json);
    }
    if (!newer)
        return TOOL_EXIT_OK;
    tool_fail(&err, FIRN_ENEWER, "dump: a file was written by a newer version");
    tool_output_flush();
    return tool_error_report(&err, call->json);
}
