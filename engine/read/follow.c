/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow.c — wait for records, whether this process writes them or another one.
 *
 * No process is told what another one writes, so a handle that is open for reading looks again and again: often at
 * first, for a writer at work brings the next record soon, then less and less, down to a look every 50 ms. A look that
 * finds nothing costs two system calls.
 */
#include "engine/read/follow.h"

#include "engine/intake/deadline.h"

#define PAUSE_MIN_NS INT64_C(1000000)
#define PAUSE_MAX_NS INT64_C(50000000)

firn_status frn_follow(firn_ledger *ledger, firn_error *err)
{
    return ledger->follow == NULL ? FIRN_OK : ledger->follow(ledger, err);
}

firn_status frn_follow_wait(firn_ledger *ledger, uint64_t seq, int64_t deadline_ns, firn_error *err)
{
    int64_t pause_ns = PAUSE_MIN_NS;
    firn_status status;

    if (ledger->follow == NULL) {
        return frn_log_wait(ledger->log, seq, deadline_ns, err);
    }
    for (;;) {
        frn_word nobody = 0;
        int64_t until_ns = frn_monotonic_ns() + pause_ns;

        status = ledger->follow(ledger, err);
        if (status != FIRN_OK || frn_log_durable(ledger->log) >= seq) {
            return status;
        }
        if (deadline_ns >= 0 && frn_deadline_left(deadline_ns) == 0) {
            return FIRN_TIMEOUT;
        }
        (void)frn_word_wait(&nobody, 0, deadline_ns >= 0 && deadline_ns < until_ns ? deadline_ns : until_ns);
        pause_ns = pause_ns * 2 < PAUSE_MAX_NS ? pause_ns * 2 : PAUSE_MAX_NS;
    }
}
