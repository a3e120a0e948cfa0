/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_text.c — any bytes as the text of a digest and of an instant: what is one comes back as the same one. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "firn.h"

enum {
    TELLS_IN = 16 /* A message is asked for once in so many inputs: it takes longer than the parsing. */
};

static void take_digest(firn_slice text, firn_error *err)
{
    uint8_t digest[FIRN_DIGEST_SIZE], again[FIRN_DIGEST_SIZE];
    char written[FIRN_DIGEST_TEXT_SIZE];
    firn_status status = firn_digest_parse(text, digest, err);

    MUST(status == FIRN_OK || status == FIRN_EINVAL);
    MUST(status == FIRN_OK || err == NULL || strncmp(err->text, "invalid digest: ", 16) == 0);
    if (status == FIRN_OK) {
        firn_digest_format(digest, written);
        MUST(text.size == 64 && firn_digest_parse((firn_slice){written, 64}, again, NULL) == FIRN_OK);
        MUST(memcmp(digest, again, sizeof digest) == 0);
    }
}

static void take_time(firn_slice text, firn_error *err)
{
    char written[FIRN_TIME_TEXT_SIZE];
    firn_time time, again;
    firn_status status = firn_time_parse(text, &time, err);

    MUST(status == FIRN_OK || status == FIRN_EINVAL);
    MUST(status == FIRN_OK || err == NULL || strncmp(err->text, "invalid timestamp: ", 19) == 0);
    if (status == FIRN_OK) {
        MUST(firn_time_format(time, written, NULL) == FIRN_OK);
        MUST(firn_time_parse((firn_slice){written, strlen(written)}, &again, NULL) == FIRN_OK);
        MUST(memcmp(&time, &again, sizeof time) == 0);
    }
}

/** Any instant, not only one that can be written: as text it is itself again. */
static void take_instant(const uint8_t *data, size_t size)
{
    fuzz_reader in = {data, size, 0};
    firn_time time = {.seconds = (int64_t)fuzz_number(&in, 8)}, again;
    char written[FIRN_TIME_TEXT_SIZE];

    time.nanoseconds = (uint32_t)fuzz_number(&in, 4);
    if (firn_time_format(time, written, NULL) == FIRN_OK) {
        MUST(firn_time_parse((firn_slice){written, strlen(written)}, &again, NULL) == FIRN_OK);
        MUST(time.seconds == again.seconds && time.nanoseconds == again.nanoseconds);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static firn_error told;
    firn_error *err = fuzz_hash(data, size) % TELLS_IN == 0 ? &told : NULL;

    take_digest((firn_slice){data, size}, err);
    take_time((firn_slice){data, size}, err);
    if (size == 12)
        take_instant(data, size);
    return 0;
}
