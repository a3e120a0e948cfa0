/* SPDX-License-Identifier: Apache-2.0 */
/* verdict.c — the texts of verdicts. */
#include "format/verdict.h"

#include <stddef.h>

#define FMT_VERDICT_TEXT(name, text) text,
static const char *const texts[] = {FMT_VERDICT_MAP(FMT_VERDICT_TEXT)};
#undef FMT_VERDICT_TEXT

const char *fmt_verdict_text(fmt_verdict verdict)
{
    return (size_t)verdict < sizeof texts / sizeof texts[0] ? texts[verdict] : "unknown verdict";
}
