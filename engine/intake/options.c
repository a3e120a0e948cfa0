/* SPDX-License-Identifier: Apache-2.0 */
/* options.c — read a caller's option struct of any age. */
#include "engine/intake/options.h"

#include "engine/base/error.h"

#include <string.h>

/* More than any future struct: a larger struct_size was never set. */
enum {
    STRUCT_SIZE_MAX = 65536
};

firn_status frn_struct_size_check(size_t size, const char *name, firn_error *err)
{
    if (size < sizeof size || size > STRUCT_SIZE_MAX) {
        return frn_fail(err, FIRN_EINVAL, "%s: struct_size %zu is not the size of one", name, size);
    }
    return FIRN_OK;
}

firn_status frn_options_read(void *own, size_t own_size, const void *given, const char *name, firn_error *err)
{
    const uint8_t *bytes = given;
    size_t size = own_size;
    firn_status status;

    memset(own, 0, own_size);
    if (given != NULL) {
        memcpy(&size, given, sizeof size);
        status = frn_struct_size_check(size, name, err);
        if (status != FIRN_OK) {
            return status;
        }
        for (size_t i = own_size; i < size; i++) {
            if (bytes[i] != 0) {
                return frn_fail(err, FIRN_EINVAL, "%s: this version does not know the option at byte %zu", name, i);
            }
        }
        memcpy(own, given, size < own_size ? size : own_size);
    }
    memcpy(own, &own_size, sizeof own_size);
    return FIRN_OK;
}
