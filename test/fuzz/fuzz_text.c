/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_text.c — any bytes as the text of a digest and of an instant: what is one comes back as the same one. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "firn.h"

static void take_digest(firn_slice text)
{
    uint8_t digest[FIRN_DIGEST_SIZE], again[FIRN_DIGEST_SIZE];
    char written[FIRN_DIGEST_TEXT_SIZE];
    firn_error err;
    firn_status status = firn_digest_parse(text, digest, &err);

    MUST(status == FIRN_OK || (status == FIRN_EINVAL && strncmp(err.text, "invalid digest: ", 16) == 0));
    if (status == FIRN_OK) {
        firn_digest_format(digest, written);
        MUST(text.size == 64 && firn_digest_parse((firn_slice){written, 64}, again, NULL) == FIRN_OK);
        MUST(memcmp(digest, again, sizeof digest) == 0);
    }
}

static void take_time(firn_slice text)
{
    char written[FIRN_TIME_TEXT_SIZE];
    firn_time time, again;
    firn_error err;
    firn_status status = firn_time_parse(text, &time, &err);

    MUST(status == FIRN_OK || (status == FIRN_EINVAL && strncmp(err.text, "invalid timestamp: ", 19) == 0));
    if (status == FIRN_OK) {
        MUST(firn_time_format(time, written, NULL) == FIRN_OK);
        MUST(firn_time_parse((firn_slice){written, strlen(written)}, &again, NULL) == FIRN_OK);
        MUST(memcmp(&time, &again, sizeof time) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    take_digest((firn_slice){data, size});
    take_time((firn_slice){data, size});
    return 0;
}
