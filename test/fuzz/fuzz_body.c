/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_body.c — any bytes as a body: what the strict walker accepts, msgpack-c must read to its very end. */
#include "test/fuzz/fuzz.h"

#include <msgpack.h>

#include "format/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const firn_slice body = {data, size};
    firn_slice payload;
    uint64_t age;
    size_t bad = SIZE_MAX, at = 0;
    fmt_verdict verdict = fmt_body_check(body, &bad);

    if (fmt_event_decode(body, &payload) == FMT_OK) {
        MUST(verdict == FMT_OK && payload.size < size);
        MUST((const uint8_t *)payload.data >= data && (const uint8_t *)payload.data + payload.size <= data + size);
    }
    if (fmt_key_age_decode(body, &age) == FMT_OK)
        MUST(verdict == FMT_OK);
    if (verdict == FMT_OK) {
        msgpack_unpacked unpacked;

        msgpack_unpacked_init(&unpacked);
        MUST(msgpack_unpack_next(&unpacked, (const char *)data, size, &at) == MSGPACK_UNPACK_SUCCESS);
        MUST(at == size && unpacked.data.type == MSGPACK_OBJECT_MAP);
        msgpack_unpacked_destroy(&unpacked);
    } else {
        MUST(bad <= size);
    }
    return 0;
}
