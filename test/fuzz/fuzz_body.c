/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_body.c — any bytes as a body: what the strict walker accepts, msgpack-c must read to its very end. */
#include "test/fuzz/fuzz.h"

#include <msgpack.h>

#include "format/body.h"

enum {
    MEMBERS = 4 /* Members that are taken out. */
};

/** msgpack-c as the second opinion. Its memory is kept from one input to the next. */
static void read_by_msgpack(const uint8_t *data, size_t size)
{
    static msgpack_zone *zone;
    msgpack_object object;
    size_t at = 0;

    if (zone == NULL)
        zone = msgpack_zone_new(MSGPACK_ZONE_CHUNK_SIZE);
    MUST(zone != NULL);
    MUST(msgpack_unpack((const char *)data, size, &at, zone, &object) == MSGPACK_UNPACK_SUCCESS);
    MUST(at == size && object.type == MSGPACK_OBJECT_MAP);
    msgpack_zone_clear(zone);
}

/** Elements of an array are as many as it says and end where it ends. */
static void take_array(const fmt_value *array, const uint8_t *data, size_t size)
{
    fmt_value element;
    uint64_t count = 0;
    size_t at = 0;

    while (fmt_value_next(array, &at, &element)) {
        MUST(at <= array->bytes.size && element.type != FMT_VALUE_NONE);
        if (element.type >= FMT_VALUE_STR)
            fuzz_within(element.bytes, data, size);
        count++;
    }
    MUST(count == array->number && at == array->bytes.size);
}

static void take_members(firn_slice body)
{
    fmt_value values[MEMBERS];

    if (fmt_body_members(body, values, MEMBERS) != FMT_OK)
        return;
    for (size_t i = 0; i < MEMBERS; i++) {
        if (values[i].type >= FMT_VALUE_STR)
            fuzz_within(values[i].bytes, body.data, body.size);
        MUST(values[i].type != FMT_VALUE_STR || fmt_utf8_check(values[i].bytes));
        if (values[i].type == FMT_VALUE_ARRAY)
            take_array(&values[i], body.data, body.size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const firn_slice body = {data, size};
    uint8_t prefix[FMT_EVENT_PREFIX_MAX];
    firn_slice payload;
    uint64_t age;
    size_t bad = SIZE_MAX;
    fmt_verdict verdict = fmt_body_check(body, &bad);

    if (fmt_event_decode(body, &payload) == FMT_OK) {
        MUST(verdict == FMT_OK && payload.size < size);
        fuzz_within(payload, data, size);
        MUST(fmt_event_prefix(prefix, payload.size) + payload.size <= size);
    }
    if (fmt_key_age_decode(body, &age) == FMT_OK)
        MUST(verdict == FMT_OK);
    if (verdict == FMT_OK) {
        read_by_msgpack(data, size);
        take_members(body);
    } else {
        MUST(bad <= size);
    }
    MUST(fmt_body_check(body, NULL) == verdict);
    return 0;
}
