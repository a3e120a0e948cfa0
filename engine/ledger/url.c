/* SPDX-License-Identifier: Apache-2.0 */
/*
 * url.c — what a ledger's URL names.
 *
 *   PATH            a folder; a colon behind a slash, or behind what cannot be a scheme, belongs to the path
 *   dir:PATH        the same, for paths that begin like a scheme
 *   file:///PATH    the same, absolute; nothing is decoded
 *   mem:            a private disk in memory
 *   mem:NAME        one that all opens of that name share
 *   sqlite: postgres: rados:   set aside
 */
#include "engine/ledger/url.h"

#include "engine/base/error.h"

#include <string.h>

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
static const char scheme_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";

/* Bytes of the scheme, without the colon; 0: there is none (RFC 3986: a letter first). */
static size_t scheme_size(const char *text)
{
    size_t size = 0;

    while (text[size] != '\0' && strchr(scheme_characters, text[size]) != NULL) {
        size++;
    }
    return text[size] == ':' && size > 0 && strchr(letters, text[0]) != NULL ? size : 0;
}

static int scheme_is(const char *text, size_t size, const char *scheme)
{
    return strlen(scheme) == size && memcmp(text, scheme, size) == 0;
}

static firn_status folder(const char *path, frn_url *out_url, firn_error *err)
{
    if (path[0] == '\0') {
        return frn_fail(err, FIRN_EINVAL, "the path is empty");
    }
    *out_url = (frn_url){.kind = FRN_URL_FOLDER, .name = path};
    return FIRN_OK;
}

firn_status frn_url_parse(const char *text, frn_url *out_url, firn_error *err)
{
    static const char *const reserved[] = {"sqlite", "postgres", "rados"};
    size_t size = scheme_size(text);
    const char *rest = text + size + 1;

    if (size == 0) {
        return folder(text, out_url, err);
    }
    if (scheme_is(text, size, "dir")) {
        return folder(rest, out_url, err);
    }
    if (scheme_is(text, size, "file")) {
        if (strncmp(rest, "///", 3) != 0) {
            return frn_fail(err, FIRN_EINVAL, "a file URL has the form file:///PATH");
        }
        return folder(rest + 2, out_url, err);
    }
    if (scheme_is(text, size, "mem")) {
        *out_url = (frn_url){.kind = FRN_URL_MEMORY, .name = rest};
        return FIRN_OK;
    }
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (scheme_is(text, size, reserved[i])) {
            return frn_fail_detail(err, FIRN_EINVAL, FIRN_DETAIL_SCHEME, "storage backend not built in");
        }
    }
    return frn_fail_detail(err, FIRN_EINVAL, FIRN_DETAIL_SCHEME, "unknown URL scheme");
}
