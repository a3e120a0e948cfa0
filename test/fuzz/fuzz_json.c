/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_json.c — any bytes as a JSON text: what is accepted, yajl accepts too, and is as good without white space. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include <yajl/yajl_parse.h>

#include "format/body.h"
#include "format/json.h"

/** Memory for yajl that is taken back all at once: malloc() for each input would cost more than the parsing. */
enum {
    ARENA_SIZE = 1 << 20,
    ALIGN = 16
};
static _Alignas(16) uint8_t arena[ARENA_SIZE];
static size_t arena_used;

static void *arena_alloc(void *context, size_t size)
{
    size_t at = arena_used + ALIGN;

    (void)context;
    if (size > ARENA_SIZE || at > ARENA_SIZE - size)
        return NULL;
    memcpy(arena + arena_used, &size, sizeof size);
    arena_used = (at + size + ALIGN - 1) / ALIGN * ALIGN;
    return arena + at;
}

static void arena_free(void *context, void *p)
{
    (void)context;
    (void)p;
}

static void *arena_realloc(void *context, void *p, size_t size)
{
    void *more = arena_alloc(context, size);
    size_t before;

    if (p != NULL && more != NULL) {
        memcpy(&before, (uint8_t *)p - ALIGN, sizeof before);
        memcpy(more, p, before < size ? before : size);
    }
    return more;
}

static bool yajl_says(const void *text, size_t size)
{
    yajl_alloc_funcs memory = {arena_alloc, arena_realloc, arena_free, NULL};
    yajl_handle handle;

    arena_used = 0;
    handle = yajl_alloc(NULL, &memory, NULL);
    MUST(handle != NULL);
    return yajl_parse(handle, text, size) == yajl_status_ok && yajl_complete_parse(handle) == yajl_status_ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const firn_slice text = {data, size}, trimmed = fmt_json_trim(text);
    size_t at = SIZE_MAX, again = SIZE_MAX;
    const char *reason = fmt_json_check(text, &at);

    fuzz_within(trimmed, data, size);
    MUST(fmt_json_check(text, &again) == reason && (reason == NULL || again == at));
    if (reason != NULL) {
        MUST(at <= size && fmt_json_check(trimmed, &at) != NULL);
        return 0;
    }
    MUST(fmt_utf8_check(text) && yajl_says(data, size));
    MUST(fmt_json_check(trimmed, &at) == NULL);
    (void)fmt_json_has_member(trimmed, "node_id");
    return 0;
}
