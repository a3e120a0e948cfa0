/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_names.c — any bytes as what people name things by: streams, keys, ids, texts, URLs, numbers with units.
 *
 * The first byte chooses. What is refused is refused with a text that is UTF-8 whatever the input was, or it could not
 * be printed; what is accepted keeps the rules that its header states.
 */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "engine/intake/field.h"
#include "engine/intake/name.h"
#include "engine/ledger/url.h"
#include "format/body.h"
#include "format/json.h"
#include "tools/text.h"
#include "tools/values.h"

enum {
    TEXT_MAX = 4096
};

static bool has_control(firn_slice text)
{
    const uint8_t *at = text.data;

    for (size_t i = 0; i < text.size; i++)
        if (at[i] < 0x20 || at[i] == 0x7f)
            return true;
    return false;
}

static void refused(firn_status status, const firn_error *err)
{
    MUST(status == FIRN_EINVAL || status == FIRN_ETOOBIG);
    MUST(err->status == status && err->text[0] != '\0' && memchr(err->text, '\0', sizeof err->text) != NULL);
}

static void take_name(firn_slice text)
{
    firn_error err;
    firn_status status = frn_name_check(text, &err);

    if (status != FIRN_OK) {
        refused(status, &err);
        return;
    }
    MUST(text.size >= 1 && text.size <= FIRN_STREAM_NAME_SIZE_MAX && fmt_utf8_check(text) && !has_control(text));
    MUST(fmt_utf8_check((firn_slice){text.data, (size_t)frn_name_shown(text)}));
}

static void take_key(firn_slice text)
{
    size_t half = text.size / 2;
    firn_slice scope = {text.data, half}, key = {(const uint8_t *)text.data + half, text.size - half};
    firn_error err;
    firn_status status = frn_key_check(scope, key, &err);

    if (status != FIRN_OK)
        refused(status, &err);
    else
        MUST(key.size >= 1 && key.size <= FIRN_KEY_SIZE_MAX && scope.size <= FIRN_KEY_SIZE_MAX);
}

static void take_field(firn_slice text, bool id)
{
    firn_error err;
    firn_status status =
        id ? frn_field_id("run_id", text, FIRN_RUN_ID_SIZE_MAX, &err) : frn_field_text("kind", text, 255, &err);

    MUST(fmt_utf8_check((firn_slice){text.data, (size_t)frn_field_shown(text)}) || !fmt_utf8_check(text));
    if (status != FIRN_OK) {
        refused(status, &err);
        return;
    }
    MUST(fmt_utf8_check(text) && text.size <= 255);
    MUST(!id || (text.size >= 1 && !has_control(text)));
}

static void take_json(firn_slice text)
{
    firn_slice trimmed;
    firn_error err;
    size_t at;
    firn_status status = frn_field_json("payload", text, TEXT_MAX / 2, &trimmed, &err);

    if (status != FIRN_OK) {
        refused(status, &err);
        return;
    }
    fuzz_within(trimmed, text.data, text.size);
    MUST(trimmed.size <= TEXT_MAX / 2 && fmt_json_check(trimmed, &at) == NULL);
}

static void take_url(const char *text)
{
    frn_url url;
    firn_error err;
    firn_status status = frn_url_parse(text, &url, &err);

    if (status != FIRN_OK)
        refused(status, &err);
    else
        MUST(url.name >= text && url.name <= text + strlen(text));
}

/** Numbers as they are typed: what is printed of one is the same number. */
static void take_values(const char *text)
{
    uint64_t number, again;
    char written[32];

    if (tool_parse_number(text, &number)) {
        (void)snprintf(written, sizeof written, "%llu", (unsigned long long)number);
        MUST(tool_parse_number(written, &again) && again == number);
        MUST(tool_parse_size(written, &again) && again == number);
    }
    (void)tool_parse_size(text, &again);
    (void)tool_parse_duration(text, &again);
}

static void take_utf8(firn_slice text)
{
    const uint8_t *at = text.data;
    size_t left = text.size, step = 1;

    MUST(tool_utf8_valid(text) == fmt_utf8_check(text));
    while (left > 0 && step > 0) {
        step = tool_utf8_step(at, left);
        MUST(step <= left && step <= 4);
        at += step;
        left -= step;
    }
    MUST((left == 0) == fmt_utf8_check(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    firn_slice text;
    char *line;

    if (size < 1 || size > TEXT_MAX)
        return 0;
    text = (firn_slice){data + 1, size - 1};
    line = (char *)fuzz_memory(0, size);
    memcpy(line, data + 1, size - 1);
    line[size - 1] = '\0';
    switch (data[0] % 8) {
    case 0:
        take_name(text);
        break;
    case 1:
        take_key(text);
        break;
    case 2:
        take_field(text, true);
        break;
    case 3:
        take_field(text, false);
        break;
    case 4:
        take_json(text);
        break;
    case 5:
        take_url(line);
        break;
    case 6:
        take_values(line);
        break;
    default:
        take_utf8(text);
        break;
    }
    return 0;
}
