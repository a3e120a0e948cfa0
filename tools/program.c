/* SPDX-License-Identifier: Apache-2.0 */
/* program.c — start other programs with their ends of pipes, and collect what they print. */
#include "tools/program.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/error.h"

extern char **environ;

enum {
    READ_SIZE = 64 * 1024
};

static int prepare(const tool_spawn_options *options, posix_spawn_file_actions_t *actions, posix_spawnattr_t *attr)
{
    const int fds[3] = {options->in, options->out, options->err};
    sigset_t restored;
    int code = 0;

    for (int i = 0; i < 3 && code == 0; i++)
        if (fds[i] >= 0)
            code = posix_spawn_file_actions_adddup2(actions, fds[i], i);
    sigemptyset(&restored);
    sigaddset(&restored, SIGPIPE);
    sigaddset(&restored, SIGXFSZ);
    if (code == 0)
        code = posix_spawnattr_setsigdefault(attr, &restored);
    if (code == 0)
        code = posix_spawnattr_setsigmask(attr, options->blocked);
    if (code == 0)
        code = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    return code;
}

firn_status tool_spawn(const char *const *argv, const tool_spawn_options *options, pid_t *out_pid, firn_error *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int code = posix_spawn_file_actions_init(&actions);

    if (code != 0)
        return tool_fail_os(err, code, "%s", argv[0]);
    code = posix_spawnattr_init(&attr);
    if (code == 0) {
        code = prepare(options, &actions, &attr);
        if (code == 0)
            code = posix_spawnp(out_pid, argv[0], &actions, &attr, (char *const *)(uintptr_t)argv, environ);
        posix_spawnattr_destroy(&attr);
    }
    posix_spawn_file_actions_destroy(&actions);
    return code == 0 ? FIRN_OK : tool_fail_os(err, code, "%s", argv[0]);
}

firn_status tool_pipe(int *out_read, int *out_write, firn_error *err)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0)
        return tool_fail_os(err, errno, "pipe");
    *out_read = fds[0];
    *out_write = fds[1];
    return FIRN_OK;
}

/** Reads to the end, and puts a NUL behind it that does not count. */
static firn_status read_all(int fd, firn_buf *buf, firn_error *err)
{
    buf->size = 0;
    for (;;) {
        ssize_t count;

        if (buf->capacity - buf->size < READ_SIZE + 1) {
            void *larger = realloc(buf->data, buf->capacity * 2 + READ_SIZE + 1);

            if (larger == NULL)
                return tool_fail(err, FIRN_ENOMEM, "out of memory");
            buf->data = larger;
            buf->capacity = buf->capacity * 2 + READ_SIZE + 1;
        }
        count = read(fd, (char *)buf->data + buf->size, READ_SIZE);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return tool_fail_os(err, errno, "read");
        ((char *)buf->data)[buf->size + (size_t)count] = '\0';
        if (count == 0)
            return FIRN_OK;
        buf->size += (size_t)count;
    }
}

firn_status tool_spawn_read(const char *const *argv, bool silent, firn_buf *out_text, int *out_code, firn_error *err)
{
    sigset_t none;
    tool_spawn_options options = {.in = -1, .out = -1, .err = -1, .blocked = &none};
    int from = -1;
    pid_t pid;
    int end;
    firn_status status;

    sigemptyset(&none);
    status = tool_pipe(&from, &options.out, err);
    if (status < 0)
        return status;
    options.in = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (silent)
        options.err = options.in;
    status = tool_spawn(argv, &options, &pid, err);
    close(options.out);
    if (options.in >= 0)
        close(options.in);
    if (status == FIRN_OK) {
        status = read_all(from, out_text, err);
        close(from);
        while (waitpid(pid, &end, 0) < 0 && errno == EINTR)
            continue;
        *out_code = WIFEXITED(end) ? WEXITSTATUS(end) : 128 + WTERMSIG(end);
    } else {
        close(from);
    }
    return status;
}
