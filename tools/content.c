/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.c — files into the content store, whatever their size.
 *
 * A stream appends chunks before it knows the digest; what was there already would leave them behind as dead
 * bytes. So a large file that can be read twice is digested first, and streamed only if it is not there.
 */
#include "tools/content.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/error.h"
#include "tools/open.h"

enum {
    PIECE_SIZE = 1024 * 1024,
    WHOLE_SIZE_MAX = 8 * 1024 * 1024 /**< Files up to this are put in one call. */
};

static const char *shown(const char *name)
{
    return strcmp(name, "-") == 0 ? "standard input" : name;
}

static firn_status open_file(const char *name, int *out_fd, firn_error *err)
{
    *out_fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    return *out_fd < 0 ? tool_fail_os(err, errno, "%s", name) : FIRN_OK;
}

static void close_file(int fd)
{
    if (fd > STDIN_FILENO)
        close(fd);
}

/** Reads up to size bytes behind what the buffer holds; fewer only at the end of the file. */
static firn_status read_some(int fd, const char *name, size_t size, firn_buf *buf, firn_error *err)
{
    size_t end = buf->size + size;

    while (buf->size < end) {
        size_t part = end - buf->size > PIECE_SIZE ? PIECE_SIZE : end - buf->size;
        ssize_t count;

        if (buf->capacity < buf->size + part) {
            size_t capacity = buf->capacity * 2 > buf->size + part ? buf->capacity * 2 : buf->size + part;
            void *larger = realloc(buf->data, capacity);

            if (larger == NULL)
                return tool_fail(err, FIRN_ENOMEM, "%s: out of memory", shown(name));
            buf->data = larger;
            buf->capacity = capacity;
        }
        count = read(fd, (char *)buf->data + buf->size, part);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return tool_fail_os(err, errno, "%s", shown(name));
        if (count == 0)
            return FIRN_OK;
        buf->size += (size_t)count;
    }
    return FIRN_OK;
}

firn_status tool_file_read(const char *name, size_t size_max, firn_buf *buf, firn_error *err)
{
    int fd = -1;
    firn_status status = open_file(name, &fd, err);

    if (status < 0)
        return status;
    buf->size = 0;
    status = read_some(fd, name, size_max + 1, buf, err);
    close_file(fd);
    if (status == FIRN_OK && buf->size > size_max)
        status = tool_fail(err, FIRN_ETOOBIG, "%s: above %zu bytes", shown(name), size_max);
    return status;
}

/** Digests the whole file from its beginning, and says whether the ledger has it. The file stands at its start then. */
static firn_status find_existing(firn_ledger *ledger, int fd, const char *name, firn_buf *piece,
                                 firn_content_put_result *result, int *out_has, firn_error *err)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    firn_view *view = NULL;
    firn_status status = FIRN_OK;

    result->size = 0;
    if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
        status = tool_fail(err, FIRN_ENOMEM, "%s: out of memory", shown(name));
    if (status == FIRN_OK && lseek(fd, 0, SEEK_SET) != 0)
        status = tool_fail_os(err, errno, "%s", shown(name));
    while (status == FIRN_OK) {
        piece->size = 0;
        status = read_some(fd, name, PIECE_SIZE, piece, err);
        if (status < 0 || piece->size == 0)
            break;
        result->size += piece->size;
        if (EVP_DigestUpdate(context, piece->data, piece->size) != 1)
            status = tool_fail(err, FIRN_ENOMEM, "%s: out of memory", shown(name));
    }
    if (status == FIRN_OK && EVP_DigestFinal_ex(context, result->digest, NULL) != 1)
        status = tool_fail(err, FIRN_ENOMEM, "%s: out of memory", shown(name));
    EVP_MD_CTX_free(context);
    if (status == FIRN_OK)
        status = firn_view_open(ledger, &view, err);
    if (status == FIRN_OK)
        status = firn_content_has(view, result->digest, out_has, err);
    firn_view_close(view);
    if (status == FIRN_OK && lseek(fd, 0, SEEK_SET) != 0)
        status = tool_fail_os(err, errno, "%s", shown(name));
    return status;
}

/** Streams what is in the buffer already and all that follows. */
static firn_status put_stream(firn_ledger *ledger, int fd, const char *name, firn_buf *piece,
                              firn_content_put_result *out_result, firn_error *err)
{
    firn_content_writer *writer = NULL;
    firn_status status = firn_content_writer_open(ledger, &writer, err);

    while (status == FIRN_OK) {
        if (piece->size > 0)
            status = firn_content_writer_write(writer, (firn_slice){piece->data, piece->size}, err);
        if (status < 0)
            break;
        piece->size = 0;
        status = read_some(fd, name, PIECE_SIZE, piece, err);
        if (status == FIRN_OK && piece->size == 0)
            break;
    }
    if (status == FIRN_OK)
        status = firn_content_writer_finish(writer, NULL, out_result, err);
    firn_content_writer_close(writer);
    return status;
}

firn_status tool_content_put_file(firn_ledger *ledger, const char *name, firn_content_put_result *out_result,
                                  firn_error *err)
{
    firn_content_put_result result = {.existing = 1};
    firn_buf piece = {0};
    struct stat info;
    int fd = -1;
    int has = 0;
    firn_status status = open_file(name, &fd, err);

    if (status < 0)
        return status;
    status = read_some(fd, name, WHOLE_SIZE_MAX + 1, &piece, err);
    if (status < 0)
        goto out;
    if (piece.size <= WHOLE_SIZE_MAX) {
        status = firn_content_put(ledger, (firn_slice){piece.data, piece.size}, NULL, &result, err);
        goto out;
    }
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
        status = find_existing(ledger, fd, name, &piece, &result, &has, err);
        if (status < 0 || has != 0)
            goto out;
        piece.size = 0;
    }
    status = put_stream(ledger, fd, name, &piece, &result, err);
out:
    close_file(fd);
    free(piece.data);
    if (status == FIRN_OK)
        *out_result = result;
    return status;
}

firn_status tool_view_read(const struct tool_call *call, firn_ledger **out_ledger, firn_view **out_view,
                           firn_error *err)
{
    firn_status status = tool_open_read(call, out_ledger, err);

    return status < 0 ? status : firn_view_open(*out_ledger, out_view, err);
}
