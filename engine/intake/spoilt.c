/* SPDX-License-Identifier: Apache-2.0 */
/* spoilt.c — records that a read found damaged, as a ring of their seqs. */
#include "engine/intake/spoilt.h"

#include <string.h>

void frn_spoilt_init(frn_spoilt *spoilt)
{
    memset(spoilt, 0, sizeof *spoilt);
    frn_mutex_init(&spoilt->mutex);
}

void frn_spoilt_done(frn_spoilt *spoilt)
{
    frn_mutex_done(&spoilt->mutex);
}

/* With the mutex. */
static bool is_noted(const frn_spoilt *spoilt, uint64_t seq)
{
    for (uint32_t i = 0; i < FRN_SPOILT_MAX; i++) {
        if (spoilt->seqs[i] == seq) {
            return true;
        }
    }
    return false;
}

void frn_spoilt_note(frn_spoilt *spoilt, uint64_t seq)
{
    frn_mutex_lock(&spoilt->mutex);
    if (!is_noted(spoilt, seq)) {
        spoilt->seqs[spoilt->next] = seq;
        spoilt->next = (spoilt->next + 1) % FRN_SPOILT_MAX;
        atomic_store(&spoilt->any, true);
    }
    frn_mutex_unlock(&spoilt->mutex);
}

bool frn_spoilt_has(frn_spoilt *spoilt, uint64_t seq)
{
    bool noted;

    if (!atomic_load(&spoilt->any)) {
        return false;
    }
    frn_mutex_lock(&spoilt->mutex);
    noted = is_noted(spoilt, seq);
    frn_mutex_unlock(&spoilt->mutex);
    return noted;
}
