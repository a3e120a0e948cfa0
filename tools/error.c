/* SPDX-License-Identifier: Apache-2.0 */
/* error.c — failures of the tool itself, and how a failure is told. */
#include "tools/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/json.h"

__attribute__((format(printf, 3, 0))) static void put_text(firn_error *err, size_t at, const char *format,
                                                           va_list arguments)
{
    vsnprintf(err->text + at, sizeof err->text - at, format, arguments);
}

firn_status tool_fail(firn_error *err, firn_status status, const char *format, ...)
{
    va_list arguments;

    *err = (firn_error){.status = status};
    va_start(arguments, format);
    put_text(err, 0, format, arguments);
    va_end(arguments);
    return status;
}

static firn_status status_of_errno(int os_errno)
{
    switch (os_errno) {
    case ENOSPC:
    case EDQUOT:
        return FIRN_ENOSPC;
    case ENOMEM:
        return FIRN_ENOMEM;
    case EACCES:
    case EPERM:
    case EROFS:
        return FIRN_EACCES;
    case ENAMETOOLONG:
        return FIRN_ETOOBIG;
    case ENOENT:
    case EISDIR:
    case ENOTDIR:
        return FIRN_EINVAL;
    default:
        return FIRN_EIO;
    }
}

firn_status tool_fail_os(firn_error *err, int os_errno, const char *format, ...)
{
    va_list arguments;
    size_t end;

    *err = (firn_error){.status = status_of_errno(os_errno), .os_errno = os_errno};
    va_start(arguments, format);
    put_text(err, 0, format, arguments);
    va_end(arguments);
    end = strlen(err->text);
    snprintf(err->text + end, sizeof err->text - end, ": %s", strerrordesc_np(os_errno));
    return err->status;
}

firn_status tool_wrap(firn_error *err, firn_status status, const char *format, ...)
{
    char inner[FIRN_ERROR_TEXT_SIZE];
    va_list arguments;
    size_t end;

    memcpy(inner, err->text, sizeof inner);
    va_start(arguments, format);
    put_text(err, 0, format, arguments);
    va_end(arguments);
    end = strlen(err->text);
    snprintf(err->text + end, sizeof err->text - end, ": %s", inner);
    return status;
}

static void report_json(const firn_error *err)
{
    tool_json *json = tool_json_new(stderr, false);

    tool_json_map(json);
    tool_json_key(json, "error");
    tool_json_map(json);
    tool_json_text_of(json, "status", firn_status_name(err->status));
    tool_json_signed_of(json, "code", err->status);
    tool_json_text_of(json, "message", err->text);
    if (err->detail != 0)
        tool_json_number_of(json, "detail", err->detail);
    if (err->os_errno != 0)
        tool_json_signed_of(json, "errno", err->os_errno);
    if (err->segment != 0) {
        tool_json_number_of(json, "segment", err->segment);
        tool_json_number_of(json, "offset", err->offset);
    }
    if (err->seq != 0)
        tool_json_number_of(json, "seq", err->seq);
    tool_json_map_end(json);
    tool_json_map_end(json);
    tool_json_write(json);
    tool_json_free(json);
}

int tool_error_report(const firn_error *err, bool json)
{
    if (json)
        report_json(err);
    else
        fprintf(stderr, "firn: %s\n", err->text);
    return tool_exit_code(err->status, err->detail);
}
