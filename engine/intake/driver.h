/* SPDX-License-Identifier: Apache-2.0 */
/* driver.h — the thread that drives calls which were submitted and are waited for by nobody. */
#ifndef FRN_INTAKE_DRIVER_H
#define FRN_INTAKE_DRIVER_H

#include "engine/base/thread.h"
#include "engine/intake/answer.h"

typedef struct frn_driver {
    frn_answers *answers;
    frn_thread thread;
    frn_word work; /**< Bumped when there is work for a sleeping driver, and to stop it. */
    _Atomic bool stop;
} frn_driver;

/** The answers' log must be set. FIRN_OK or FIRN_ENOMEM. */
firn_status frn_driver_start(frn_driver *driver, frn_answers *answers, firn_error *err) FIRN_NODISCARD;
/** Nothing if it was not started. */
void frn_driver_stop(frn_driver *driver);

#endif
