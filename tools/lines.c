/* SPDX-License-Identifier: Apache-2.0 */
/* lines.c — cut a stream of bytes into lines as it comes in, long lines into pieces. */
#include "tools/lines.h"

#include <stdlib.h>
#include <string.h>

/** Bytes of the first piece of a line that is too long: whole UTF-8 characters, if the line is made of them. */
static size_t piece_size(const char *line)
{
    size_t size = TOOL_LINE_SIZE_MAX;

    for (size_t back = 0; back < 4; back++)
        if (((unsigned char)line[size - back] & 0xc0) != 0x80)
            return size - back;
    return size;
}

/** Tells the pieces of a line for which there is room no more, and returns the bytes told. */
static size_t tell_pieces(const char *line, size_t size, tool_line_fn told, void *arg)
{
    size_t done = 0;

    while (size - done > TOOL_LINE_SIZE_MAX) {
        size_t piece = piece_size(line + done);

        told(arg, (firn_slice){line + done, piece}, TOOL_LINE_MORE);
        done += piece;
    }
    return done;
}

static void tell_line(const char *line, size_t size, tool_line_end end, tool_line_fn told, void *arg)
{
    size_t done = tell_pieces(line, size, told, arg);

    told(arg, (firn_slice){line + done, size - done}, end);
}

/**
 * Keeps the beginning of a line. The room is twice the longest piece, so that bytes behind it show where its
 * last character ends.
 */
static firn_status keep(tool_lines *lines, const char *bytes, size_t size, tool_line_fn told, void *arg)
{
    if (size == 0)
        return FIRN_OK;
    if (lines->data == NULL)
        lines->data = malloc(2 * (size_t)TOOL_LINE_SIZE_MAX);
    if (lines->data == NULL)
        return FIRN_ENOMEM;
    while (size > 0) {
        size_t part = 2 * (size_t)TOOL_LINE_SIZE_MAX - lines->size;
        size_t done;

        if (part > size)
            part = size;
        memcpy(lines->data + lines->size, bytes, part);
        lines->size += part;
        bytes += part;
        size -= part;
        done = tell_pieces(lines->data, lines->size, told, arg);
        memmove(lines->data, lines->data + done, lines->size - done);
        lines->size -= done;
    }
    return FIRN_OK;
}

firn_status tool_lines_feed(tool_lines *lines, firn_slice bytes, tool_line_fn told, void *arg)
{
    const char *at = bytes.data;
    size_t left = bytes.size;
    firn_status status;

    while (left > 0) {
        const char *newline = memchr(at, '\n', left);
        size_t size;

        if (newline == NULL)
            return keep(lines, at, left, told, arg);
        size = (size_t)(newline - at);
        if (lines->size == 0) {
            tell_line(at, size, TOOL_LINE_NEWLINE, told, arg);
        } else {
            status = keep(lines, at, size, told, arg);
            if (status < 0)
                return status;
            tell_line(lines->data, lines->size, TOOL_LINE_NEWLINE, told, arg);
            lines->size = 0;
        }
        at += size + 1;
        left -= size + 1;
    }
    return FIRN_OK;
}

void tool_lines_finish(tool_lines *lines, tool_line_fn told, void *arg)
{
    if (lines->size > 0)
        tell_line(lines->data, lines->size, TOOL_LINE_NOTHING, told, arg);
    lines->size = 0;
}

void tool_lines_done(tool_lines *lines)
{
    free(lines->data);
    *lines = (tool_lines){0};
}
