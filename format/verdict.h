/* SPDX-License-Identifier: Apache-2.0 */
/* verdict.h — what a decoder says about bytes: it judges, its caller decides. */
#ifndef FMT_VERDICT_H
#define FMT_VERDICT_H

#define FMT_VERDICT_MAP(X)                 \
    X(OK, "good")                          \
    X(BLANK, "all zero")                   \
    X(SHORT, "ends too early")             \
    X(MAGIC, "no such thing here")         \
    X(CHECKSUM, "checksum mismatch")       \
    X(LENGTH, "impossible length")         \
    X(ORDER, "out of order")               \
    X(PLACE, "belongs elsewhere")          \
    X(NEWER, "written by a newer version") \
    X(SYNTAX, "malformed")                 \
    X(PADDING, "padding is not zero")

#define FMT_VERDICT_ENUM(name, text) FMT_##name,
typedef enum fmt_verdict {
    FMT_VERDICT_MAP(FMT_VERDICT_ENUM)
} fmt_verdict;
#undef FMT_VERDICT_ENUM

/** "checksum mismatch" and the like; never NULL. */
const char *fmt_verdict_text(fmt_verdict verdict);

#endif
