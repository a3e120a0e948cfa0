/* SPDX-License-Identifier: Apache-2.0 */
/* trace.c — say a line to the host's trace sink. */
#include "engine/base/trace.h"

#include <stdarg.h>
#include <stdio.h>

void frn_trace_say(const frn_trace *trace, const char *format, ...)
{
    char line[512];
    va_list args;

    if (trace->fn == NULL) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    trace->fn(trace->arg, line);
}
