/* SPDX-License-Identifier: Apache-2.0 */
/* input.c — lines or whole files out of standard input and files, without waiting where there is nothing to read. */
#include "tools/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/error.h"

enum {
    READ_SIZE = 256 * 1024
};

struct tool_input {
    char **names;
    int names_count;
    int position; /**< The file being read; names_count: no more. */
    bool whole;
    bool at_end;   /**< The file being read has no more bytes than those in the buffer. */
    int fd;        /**< Of the file being read. */
    uint64_t line; /**< Of the item that came last. */
    char *data;    /**< Bytes [begin, end) are read and not given out; none in [begin, scanned) is a newline. */
    size_t capacity;
    size_t begin;
    size_t scanned;
    size_t end;
};

static const char *file_name(const tool_input *input)
{
    const char *name = input->names[input->position < input->names_count ? input->position : input->names_count - 1];

    return strcmp(name, "-") == 0 ? "standard input" : name;
}

/** Opens the file at position, if there is one. */
static firn_status open_file(tool_input *input, firn_error *err)
{
    const char *name;

    input->line = 0;
    input->at_end = false;
    if (input->position == input->names_count)
        return FIRN_OK;
    name = input->names[input->position];
    input->fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (input->fd < 0)
        return tool_fail_os(err, errno, "%s", name);
    return FIRN_OK;
}

static void close_file(tool_input *input)
{
    if (input->fd > STDIN_FILENO)
        close(input->fd);
    input->fd = -1;
}

firn_status tool_input_open(char **names, int names_count, bool whole, tool_input **out_input, firn_error *err)
{
    static char standard_input[] = "-";
    static char *standard_names[] = {standard_input};
    tool_input *input = calloc(1, sizeof *input);
    firn_status status;

    if (input == NULL)
        return tool_fail(err, FIRN_ENOMEM, "input: out of memory");
    *input = (tool_input){
        .names = names_count > 0 ? names : standard_names,
        .names_count = names_count > 0 ? names_count : 1,
        .whole = whole,
        .fd = -1,
    };
    status = open_file(input, err);
    if (status < 0) {
        tool_input_close(input);
        return status;
    }
    *out_input = input;
    return FIRN_OK;
}

void tool_input_close(tool_input *input)
{
    if (input == NULL)
        return;
    close_file(input);
    free(input->data);
    free(input);
}

static void give_out(tool_input *input, size_t size, size_t skip, firn_slice *out_item)
{
    *out_item = (firn_slice){input->data + input->begin, size};
    input->begin += size + skip;
    input->scanned = input->begin;
    input->line++;
}

tool_input_found tool_input_next(tool_input *input, firn_slice *out_item)
{
    size_t rest = input->end - input->begin;
    char *newline = NULL;

    if (input->position == input->names_count)
        return TOOL_INPUT_END;
    if (!input->whole && input->end > input->scanned)
        newline = memchr(input->data + input->scanned, '\n', input->end - input->scanned);
    if (newline != NULL) {
        give_out(input, (size_t)(newline - (input->data + input->begin)), 1, out_item);
        return TOOL_INPUT_ITEM;
    }
    input->scanned = input->end;
    if (!input->at_end || (rest == 0 && (!input->whole || input->line > 0)))
        return TOOL_INPUT_WAIT;
    /* The end of the file ends the last item: a line without a newline, or the whole file, be it empty. */
    give_out(input, rest, 0, out_item);
    return TOOL_INPUT_ITEM;
}

int tool_input_fd(const tool_input *input)
{
    return input->at_end ? -1 : input->fd;
}

/** Makes room for another read behind end. */
static firn_status make_room(tool_input *input, firn_error *err)
{
    size_t size = input->end - input->begin;
    char *larger;

    if (input->begin > 0) {
        memmove(input->data, input->data + input->begin, size);
        input->scanned -= input->begin;
        input->end = size;
        input->begin = 0;
    }
    if (input->capacity - input->end >= READ_SIZE)
        return FIRN_OK;
    larger = realloc(input->data, input->capacity * 2 + READ_SIZE);
    if (larger == NULL)
        return tool_fail(err, FIRN_ENOMEM, "%s: out of memory", file_name(input));
    input->data = larger;
    input->capacity = input->capacity * 2 + READ_SIZE;
    return FIRN_OK;
}

firn_status tool_input_fill(tool_input *input, firn_error *err)
{
    firn_status status;
    ssize_t count;

    if (input->at_end) {
        close_file(input);
        input->position++;
        return open_file(input, err);
    }
    status = make_room(input, err);
    if (status < 0)
        return status;
    count = read(input->fd, input->data + input->end, READ_SIZE);
    if (count < 0 && (errno == EINTR || errno == EAGAIN))
        return FIRN_OK;
    if (count < 0)
        return tool_fail_os(err, errno, "%s", file_name(input));
    if (count == 0)
        input->at_end = true;
    input->end += (size_t)count;
    if (input->end - input->begin <= FIRN_EVENT_SIZE_MAX)
        return FIRN_OK;
    if (input->whole)
        return tool_fail(err, FIRN_ETOOBIG, "%s: above %d bytes", file_name(input), FIRN_EVENT_SIZE_MAX);
    if (memchr(input->data + input->scanned, '\n', FIRN_EVENT_SIZE_MAX + 1 - (input->scanned - input->begin)) == NULL)
        return tool_fail(err, FIRN_ETOOBIG, "%s:%llu: line above %d bytes", file_name(input),
                         (unsigned long long)input->line + 1, FIRN_EVENT_SIZE_MAX);
    return FIRN_OK;
}

const char *tool_input_name(const tool_input *input)
{
    return file_name(input);
}

uint64_t tool_input_line(const tool_input *input)
{
    return input->whole ? 0 : input->line;
}
