/* SPDX-License-Identifier: Apache-2.0 */
/* time.h — instants as RFC 3339 text and back. */
#ifndef FMT_TIME_H
#define FMT_TIME_H

#include <stdbool.h>

#include "firn/time.h"

/** Whether an instant lies in the years 0000 … 9999 and its nanoseconds in a second. */
bool fmt_time_check(firn_time time);
/** Of an instant that fmt_time_check() accepts; with a final NUL. */
void fmt_time_format(firn_time time, char out_text[FIRN_TIME_TEXT_SIZE]);
/** false: text is no instant. */
bool fmt_time_parse(firn_slice text, firn_time *out_time);

#endif
