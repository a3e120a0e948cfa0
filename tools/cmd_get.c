/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_get.c — firn get: give back content by its digest. */
#include "tools/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/content.h"
#include "tools/error.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/wire.h"

enum {
    PIECE_SIZE = 1024 * 1024
};

/** Copies the content to a file, piece by piece. */
static firn_status copy(firn_content_reader *reader, FILE *file, const char *name, firn_error *err)
{
    char *piece = malloc(PIECE_SIZE);
    uint64_t offset = 0;
    size_t size = 0;
    firn_status status = FIRN_OK;

    if (piece == NULL)
        return tool_fail(err, FIRN_ENOMEM, "out of memory");
    do {
        status = firn_content_reader_read(reader, offset, piece, PIECE_SIZE, &size, err);
        if (status < 0)
            break;
        if (fwrite(piece, 1, size, file) != size) {
            /* Of standard output, tool_output_finish() tells it. */
            if (file != stdout)
                status = tool_fail_os(err, errno, "%s", name);
            break;
        }
        offset += size;
    } while (size > 0);
    free(piece);
    return status;
}

/** A device or a pipe is written as it is: a file of that name would take its place. */
static firn_status copy_into(firn_content_reader *reader, const char *name, firn_error *err)
{
    FILE *file = fopen(name, "wb");
    firn_status status;

    if (file == NULL)
        return tool_fail_os(err, errno, "%s", name);
    status = copy(reader, file, name, err);
    if (fclose(file) != 0 && status == FIRN_OK)
        status = tool_fail_os(err, errno, "%s", name);
    return status;
}

/** Writes into a file of its own, which takes the name only when it is whole. */
static firn_status copy_to(firn_content_reader *reader, const char *name, firn_error *err)
{
    char *temporary = NULL;
    FILE *file = NULL;
    struct stat info;
    firn_status status;
    mode_t mask;
    int fd;

    if (stat(name, &info) == 0 && !S_ISREG(info.st_mode))
        return copy_into(reader, name, err);
    if (asprintf(&temporary, "%s.XXXXXX", name) < 0)
        return tool_fail(err, FIRN_ENOMEM, "out of memory");
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        status = tool_fail_os(err, errno, "%s", name);
        free(temporary);
        return status;
    }
    /* As any program would make it: mkostemp() makes files that only their owner reads. */
    mask = umask(0);
    umask(mask);
    (void)fchmod(fd, 0666 & ~mask);
    file = fdopen(fd, "wb");
    status = file == NULL ? tool_fail_os(err, errno, "%s", name) : copy(reader, file, name, err);
    if (file == NULL)
        close(fd);
    else if (fclose(file) != 0 && status == FIRN_OK)
        status = tool_fail_os(err, errno, "%s", name);
    if (status == FIRN_OK && rename(temporary, name) != 0)
        status = tool_fail_os(err, errno, "%s", name);
    if (status < 0)
        unlink(temporary);
    free(temporary);
    return status;
}

int tool_cmd_get(tool_call *call)
{
    firn_content_read_options options = {.struct_size = sizeof options,
                                         .check_digest = tool_option_given(call, "check") ? 1 : 0};
    const char *name = tool_option_text(call, "output");
    uint8_t digest[FIRN_DIGEST_SIZE];
    firn_ledger *ledger = NULL;
    firn_view *view = NULL;
    firn_content_reader *reader = NULL;
    firn_error err;
    firn_status status = firn_digest_parse(tool_slice(call->operands[0]), digest, &err);
    int code = TOOL_EXIT_OK;

    if (status == FIRN_OK)
        status = tool_view_read(call, &ledger, &view, &err);
    if (status == FIRN_OK)
        status = firn_content_reader_open(view, digest, &options, &reader, NULL, &err);
    if (status == FIRN_OK)
        status = name != NULL ? copy_to(reader, name, &err) : copy(reader, stdout, "standard output", &err);
    if (status < 0) {
        tool_output_flush();
        code = tool_error_report(&err, call->json);
    }
    firn_content_reader_close(reader);
    firn_view_close(view);
    firn_close(ledger, NULL);
    return code;
}
