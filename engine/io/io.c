/* SPDX-License-Identifier: Apache-2.0 */
/* io.c — choose the way that bytes take to a folder, and say why if it is not the best one. */
#include "engine/io/io.h"

#include "engine/base/error.h"
#include "engine/io/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Why io_uring is not even tried: "" if it is. */
static const char *switched_off(void)
{
    const char *value = getenv("FIRN_NO_IO_URING");

    return value != NULL && value[0] != '\0' && strcmp(value, "0") != 0 ? "io_uring is switched off by FIRN_NO_IO_URING"
                                                                        : "";
}

firn_status frn_io_open_folder(frn_heap *heap, const char *path, const frn_io_options *options, frn_io **out_io,
                               firn_error *err)
{
    char note[128] = "";
    firn_status status = FIRN_EIO;
    int missing = 0;

    if (options->path == FIRN_IO_PORTABLE) {
        return frn_io_open_portable(heap, path, options, "", out_io, err);
    }
    (void)snprintf(note, sizeof note, "%s", switched_off());
    if (note[0] == '\0') {
        status = frn_io_open_uring(heap, path, options, FRN_URING_WAKE_AUTO, &missing, out_io, err);
        if (status == FIRN_OK || missing == 0) {
            return status;
        }
        (void)snprintf(note, sizeof note, "no io_uring: %s", strerrordesc_np(missing));
    }
    if (options->path == FIRN_IO_URING) {
        return missing != 0 ? status : frn_fail(err, FIRN_EIO, "%s", note);
    }
    frn_trace_say(&options->trace, "io: %s; using pwritev2 and fdatasync", note);
    return frn_io_open_portable(heap, path, options, note, out_io, err);
}
