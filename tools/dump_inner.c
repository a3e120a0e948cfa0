/* SPDX-License-Identifier: Apache-2.0 */
/* dump_inner.c — read, fail, and tell bad places, for the files of the dump. */
#include "tools/dump_inner.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

firn_status dump_fail(dumping *dump, firn_status status, const char *format, ...)
{
    firn_error *err = dump->err;
    va_list args;

    if (err != NULL) {
        *err = (firn_error){.status = status, .os_errno = status == FIRN_EINVAL ? 0 : errno};
        va_start(args, format);
        (void)vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
    }
    return status;
}

const char *dump_os_text(dumping *dump)
{
    return strerror_r(errno, dump->os_text, sizeof dump->os_text);
}

firn_status dump_fail_os(dumping *dump, const char *what)
{
    int number = errno;
    firn_status status = number == ENOENT                      ? FIRN_ENOTFOUND
                         : number == ENOMEM                    ? FIRN_ENOMEM
                         : number == EACCES || number == EPERM ? FIRN_EACCES
                                                               : FIRN_EIO;

    return dump_fail(dump, status, "%s %s: %s", what, dump->path, dump_os_text(dump));
}

ssize_t dump_read(int fd, uint8_t *data, size_t size, uint64_t offset)
{
    size_t done = 0;

    while (done < size) {
        ssize_t got = pread(fd, data + done, size - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

const char *dump_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

void dump_print_bad(dumping *dump, int depth, const char *what, uint64_t offset, const char *why)
{
    dump->summary.bad++;
    dump_begin(&dump->lines, depth, "bad");
    dump_text(&dump->lines, "what", what);
    dump_number(&dump->lines, "offset", offset);
    dump_text(&dump->lines, "why", why);
    dump_end(&dump->lines);
}

void dump_print_newer(dumping *dump, const char *what, uint32_t version, uint64_t compatible, uint64_t incompatible)
{
    dump->summary.newer = true;
    dump_begin(&dump->lines, 0, "newer");
    dump_text(&dump->lines, "what", what);
    dump_number(&dump->lines, "version", version);
    dump_number(&dump->lines, "compatible", compatible);
    dump_number(&dump->lines, "incompatible", incompatible);
    dump_end(&dump->lines);
}
