/* SPDX-License-Identifier: Apache-2.0 */
/* git.c — read a repository through the git command. */
#include "tools/git.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/error.h"
#include "tools/program.h"

struct tool_git {
    const char *path;
    size_t oid_size;
    pid_t pid;  /**< Of the batch process; 0: none. */
    int to;     /**< Requests to it. */
    FILE *from; /**< Its answers. */
};

enum {
    HEADER_SIZE = 512
};

/** git -C PATH WORDS… */
static void make_argv(const char *path, const char *const *words, const char **argv)
{
    size_t count = 0;

    argv[count++] = "git";
    argv[count++] = "-C";
    argv[count++] = path;
    for (size_t i = 0; words[i] != NULL; i++)
        argv[count++] = words[i];
    argv[count] = NULL;
}

firn_status tool_git_read(const tool_git *git, const char *const *words, bool silent, firn_buf *out_text,
                          firn_error *err)
{
    const char *argv[TOOL_GIT_WORDS_MAX + 4];
    int code = 0;
    firn_status status;

    make_argv(git->path, words, argv);
    status = tool_spawn_read(argv, silent, out_text, &code, err);
    if (status == FIRN_OK && code != 0)
        status = tool_fail(err, FIRN_ENOTFOUND, "git %s ended with status %d", words[0], code);
    return status;
}

static firn_status start_batch(tool_git *git, firn_error *err)
{
    static const char *const words[] = {"cat-file", "--batch", NULL};
    const char *argv[TOOL_GIT_WORDS_MAX + 4];
    sigset_t none;
    tool_spawn_options options = {.in = -1, .out = -1, .err = -1, .blocked = &none};
    int from = -1;
    firn_status status;

    sigemptyset(&none);
    make_argv(git->path, words, argv);
    status = tool_pipe(&options.in, &git->to, err);
    if (status == FIRN_OK)
        status = tool_pipe(&from, &options.out, err);
    if (status == FIRN_OK)
        status = tool_spawn(argv, &options, &git->pid, err);
    if (options.in >= 0)
        close(options.in);
    if (options.out >= 0)
        close(options.out);
    if (status < 0) {
        git->pid = 0;
        if (from >= 0)
            close(from);
        return status;
    }
    git->from = fdopen(from, "rb");
    return git->from == NULL ? tool_fail_os(err, errno, "git cat-file") : FIRN_OK;
}

firn_status tool_git_open(const char *path, tool_git **out_git, firn_error *err)
{
    static const char *const format_words[] = {"rev-parse", "--show-object-format", NULL};
    tool_git *git = calloc(1, sizeof *git);
    firn_buf text = {0};
    firn_status status;

    if (git == NULL)
        return tool_fail(err, FIRN_ENOMEM, "out of memory");
    *git = (tool_git){.path = path, .to = -1};
    status = tool_git_read(git, format_words, true, &text, err);
    if (status == FIRN_ENOTFOUND)
        status = tool_fail(err, FIRN_EINVAL, "%s is not a git repository", path);
    if (status == FIRN_OK) {
        git->oid_size = strncmp(text.data, "sha256", 6) == 0 ? 32 : 20;
        status = start_batch(git, err);
    }
    free(text.data);
    if (status < 0) {
        tool_git_close(git);
        return status;
    }
    *out_git = git;
    return FIRN_OK;
}

void tool_git_close(tool_git *git)
{
    if (git == NULL)
        return;
    if (git->to >= 0)
        close(git->to);
    if (git->from != NULL)
        fclose(git->from);
    /* Without its input and a reader it ends by itself. */
    while (git->pid > 0 && waitpid(git->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    free(git);
}

size_t tool_git_oid_size(const tool_git *git)
{
    return git->oid_size;
}

void tool_git_oid_text(const tool_git *git, const tool_oid *oid, char *out_text)
{
    for (size_t i = 0; i < git->oid_size; i++)
        snprintf(out_text + 2 * i, 3, "%02x", oid->bytes[i]);
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool tool_git_oid_parse(const tool_git *git, firn_slice text, tool_oid *out_oid)
{
    const char *digits = text.data;
    tool_oid oid = {{0}};

    if (text.size != 2 * git->oid_size)
        return false;
    for (size_t i = 0; i < git->oid_size; i++) {
        int high = hex_value(digits[2 * i]);
        int low = hex_value(digits[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        oid.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *out_oid = oid;
    return true;
}

static firn_status send_request(tool_git *git, const char *name, firn_error *err)
{
    size_t left = strlen(name);

    for (const char *at = name; left > 0;) {
        ssize_t count = write(git->to, at, left);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return tool_fail_os(err, errno, "git cat-file");
        at += count;
        left -= (size_t)count;
    }
    return FIRN_OK;
}

/** Reads the bytes of an object and the newline behind them. */
static firn_status read_data(tool_git *git, size_t size, firn_buf *buf, firn_error *err)
{
    if (buf->capacity < size + 1) {
        void *larger = realloc(buf->data, size + 1);

        if (larger == NULL)
            return tool_fail(err, FIRN_ENOMEM, "git object of %zu bytes: out of memory", size);
        buf->data = larger;
        buf->capacity = size + 1;
    }
    if (fread(buf->data, 1, size + 1, git->from) != size + 1)
        return tool_fail(err, FIRN_EIO, "git cat-file ended in the middle of an object");
    buf->size = size;
    return FIRN_OK;
}

firn_status tool_git_object_read(tool_git *git, const char *name, firn_buf *buf, tool_git_object *out_object,
                                 firn_error *err)
{
    char header[HEADER_SIZE];
    tool_git_object object = {.type = ""};
    char *space;
    unsigned long long size;
    firn_status status = send_request(git, name, err);

    if (status == FIRN_OK)
        status = send_request(git, "\n", err);
    if (status < 0)
        return status;
    if (fgets(header, sizeof header, git->from) == NULL)
        return tool_fail(err, FIRN_EIO, "git cat-file ended");
    space = strchr(header, ' ');
    if (space == NULL || !tool_git_oid_parse(git, (firn_slice){header, (size_t)(space - header)}, &object.oid) ||
        sscanf(space + 1, "%15s %llu", object.type, &size) != 2)
        return tool_fail(err, FIRN_ENOTFOUND, "git object %.200s not found", name);
    status = read_data(git, (size_t)size, buf, err);
    if (status < 0)
        return status;
    object.data = (firn_slice){buf->data, buf->size};
    *out_object = object;
    return FIRN_OK;
}
