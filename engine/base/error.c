/* SPDX-License-Identifier: Apache-2.0 */
/* error.c — fill in and extend a firn_error. */
#include "engine/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STATUS_NAME(name, value, text) \
    case value:                        \
        return "FIRN_" #name;
#define STATUS_TEXT(name, value, text) \
    case value:                        \
        return text;

const char *firn_status_name(firn_status status)
{
    switch (status) {
        FIRN_STATUS_MAP(STATUS_NAME)
    default:
        return "FIRN_UNKNOWN";
    }
}

const char *firn_status_text(firn_status status)
{
    switch (status) {
        FIRN_STATUS_MAP(STATUS_TEXT)
    default:
        return "unknown status";
    }
}

/* Cuts a text to at most size bytes, and a character at its end that is not whole. */
static void cut(char *text, size_t size)
{
    size_t end = strnlen(text, size), at = end, need;
    uint8_t first;

    while (at > 0 && end - at < 3 && ((uint8_t)text[at - 1] & 0xc0) == 0x80) {
        at--;
    }
    text[end] = '\0';
    if (at > 0) {
        first = (uint8_t)text[at - 1];
        need = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
        if (need > end - at + 1) {
            text[at - 1] = '\0';
        }
    }
}

static void __attribute__((format(printf, 5, 0)))
set(firn_error *err, firn_status status, uint16_t detail, int os_errno, const char *format, va_list args)
    __attribute__((format(printf, 5, 0)));

static void __attribute__((format(printf, 5, 0)))
set(firn_error *err, firn_status status, uint16_t detail, int os_errno, const char *format, va_list args)
{
    if (err == NULL) {
        return;
    }
    *err = (firn_error){.status = status, .detail = detail, .os_errno = os_errno};
    (void)vsnprintf(err->text, sizeof err->text, format, args);
    cut(err->text, sizeof err->text - 1);
}

firn_status frn_fail(firn_error *err, firn_status status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    set(err, status, FIRN_DETAIL_NONE, 0, format, args);
    va_end(args);
    return status;
}

firn_status frn_fail_detail(firn_error *err, firn_status status, uint16_t detail, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    set(err, status, detail, 0, format, args);
    va_end(args);
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
        return FIRN_ENOTFOUND;
    case EEXIST:
        return FIRN_EEXISTS;
    default:
        return FIRN_EIO;
    }
}

firn_status frn_fail_os(firn_error *err, int os_errno, const char *format, ...)
{
    const char *reason = strerrordesc_np(os_errno);
    va_list args;
    size_t used;

    reason = reason != NULL ? reason : "unknown errno";
    va_start(args, format);
    set(err, status_of_errno(os_errno), os_errno == EROFS ? FIRN_DETAIL_READ_ONLY : FIRN_DETAIL_NONE, os_errno, format,
        args);
    va_end(args);
    if (err != NULL) {
        /* The reason comes last and must not be what a long name drives out. */
        cut(err->text, sizeof err->text - sizeof ": " - strlen(reason));
        used = strlen(err->text);
        (void)snprintf(err->text + used, sizeof err->text - used, ": %s", reason);
    }
    return status_of_errno(os_errno);
}

firn_status frn_wrap(firn_error *err, firn_status status, const char *format, ...)
{
    char inner[FIRN_ERROR_TEXT_SIZE];
    va_list args;
    size_t used, room;

    if (err == NULL) {
        return status;
    }
    memcpy(inner, err->text, sizeof inner);
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    /* What stands innermost says most: context gives way. */
    room = sizeof inner - 1 - strnlen(inner, sizeof inner - 1);
    cut(err->text, room > 2 ? room - 2 : 0);
    used = strlen(err->text);
    (void)snprintf(err->text + used, sizeof err->text - used, "%s%.*s", used == 0 ? "" : ": ", (int)sizeof inner - 1,
                   inner);
    err->status = status;
    return status;
}

firn_status frn_place(firn_error *err, firn_status status, uint64_t segment, uint64_t offset, uint64_t seq)
{
    if (err != NULL) {
        err->segment = segment;
        err->offset = offset;
        err->seq = seq;
    }
    return status;
}
