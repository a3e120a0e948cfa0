/* SPDX-License-Identifier: Apache-2.0 */
/* trace.h — say a line to the host's trace sink. */
#ifndef FRN_BASE_TRACE_H
#define FRN_BASE_TRACE_H

/** Where lines go. fn may be NULL. Copied by value into what uses it. */
typedef struct frn_trace {
    void (*fn)(void *arg, const char *line);
    void *arg;
} frn_trace;

/** Formats one line (at most 511 bytes) and hands it over; nothing if there is no sink. */
void frn_trace_say(const frn_trace *trace, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
