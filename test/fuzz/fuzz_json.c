/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_json.c — any bytes as a JSON text: what is accepted, yajl accepts too, and is as good without white space. */
#include "test/fuzz/fuzz.h"

#include <stdbool.h>

#include <yajl/yajl_parse.h>

#include "format/body.h"
#include "format/json.h"

static bool yajl_says(const void *text, size_t size)
{
    yajl_handle handle = yajl_alloc(NULL, NULL, NULL);
    bool good;

    MUST(handle != NULL);
    good = yajl_parse(handle, text, size) == yajl_status_ok && yajl_complete_parse(handle) == yajl_status_ok;
    yajl_free(handle);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const firn_slice text = {data, size}, trimmed = fmt_json_trim(text);
    size_t at = SIZE_MAX;
    const char *reason = fmt_json_check(text, &at);

    MUST(trimmed.size <= size);
    MUST(trimmed.size == 0 ||
         ((const uint8_t *)trimmed.data >= data && (const uint8_t *)trimmed.data + trimmed.size <= data + size));
    if (reason != NULL) {
        MUST(at <= size && fmt_json_check(trimmed, &at) != NULL);
        return 0;
    }
    MUST(fmt_utf8_check(text) && yajl_says(data, size));
    MUST(fmt_json_check(trimmed, &at) == NULL);
    (void)fmt_json_has_member(trimmed, "node_id");
    return 0;
}
