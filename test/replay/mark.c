/* SPDX-License-Identifier: Apache-2.0 */
/* mark.c — marks as text and back. */
#include "test/replay/mark.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

_Static_assert(THREADS_MAX == 4, "a mark names four threads");

void mark_write(const mark *m, char *out, size_t out_size)
{
    switch (m->kind) {
    case MARK_OTHER:
        (void)snprintf(out, out_size, "other");
        break;
    case MARK_PHASE:
        (void)snprintf(out, out_size, "phase.%" PRIu32 ".%u.%" PRIu64 ".%d", m->round, (unsigned)m->phase,
                       m->incarnation, m->was_clean);
        break;
    case MARK_ACK:
        (void)snprintf(out, out_size, "ack.%" PRIu32 ".%" PRIu32 ".%" PRIu64 ".%" PRIu64 ".%" PRIu32, m->round,
                       m->thread, m->number, m->first_seq, m->count);
        break;
    case MARK_SUBMITTED:
        (void)snprintf(out, out_size, "submitted.%" PRIu32 ".%" PRIu64 ".%" PRIu64 ".%" PRIu64 ".%" PRIu64, m->round,
                       m->submitted[0], m->submitted[1], m->submitted[2], m->submitted[3]);
        break;
    case MARK_END:
        (void)snprintf(out, out_size, "end");
        break;
    }
}

bool mark_read(const char *text, mark *out)
{
    unsigned phase = 0, clean = 0;
    mark m = {0};

    if (sscanf(text, "phase.%" SCNu32 ".%u.%" SCNu64 ".%u", &m.round, &phase, &m.incarnation, &clean) == 4) {
        m.kind = MARK_PHASE;
        m.phase = (writer_phase)phase;
        m.was_clean = clean != 0;
    } else if (sscanf(text, "ack.%" SCNu32 ".%" SCNu32 ".%" SCNu64 ".%" SCNu64 ".%" SCNu32, &m.round, &m.thread,
                      &m.number, &m.first_seq, &m.count) == 5) {
        m.kind = MARK_ACK;
    } else if (sscanf(text, "submitted.%" SCNu32 ".%" SCNu64 ".%" SCNu64 ".%" SCNu64 ".%" SCNu64, &m.round,
                      &m.submitted[0], &m.submitted[1], &m.submitted[2], &m.submitted[3]) == 5) {
        m.kind = MARK_SUBMITTED;
    } else if (strcmp(text, "end") == 0) {
        m.kind = MARK_END;
    } else {
        return false;
    }
    *out = m;
    return true;
}
