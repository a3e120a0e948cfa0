/* SPDX-License-Identifier: Apache-2.0 */
/* deadline.h — timeouts of the public interface as deadlines of the monotonic clock, and back. */
#ifndef FRN_INTAKE_DEADLINE_H
#define FRN_INTAKE_DEADLINE_H

#include "engine/base/thread.h"

/** < 0, for ever, stays. A deadline beyond the clock's range is for ever too. */
static inline int64_t frn_deadline(int64_t timeout_ns)
{
    int64_t now;

    if (timeout_ns < 0) {
        return -1;
    }
    now = frn_monotonic_ns();
    return timeout_ns > INT64_MAX - now ? -1 : now + timeout_ns;
}

/** < 0 for ever; 0: it has passed. */
static inline int64_t frn_deadline_left(int64_t deadline_ns)
{
    int64_t now;

    if (deadline_ns < 0) {
        return -1;
    }
    now = frn_monotonic_ns();
    return deadline_ns > now ? deadline_ns - now : 0;
}

#endif
