/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver.c — the thread that drives calls which were submitted and are waited for by nobody.
 *
 * It sleeps on a word while no call is outstanding, so a ledger with blocking writers alone never meets it. A
 * submission wakes it only if it says that it sleeps; it says so, then looks once more, then sleeps, and the
 * submission is published before the look at the flag: one of the two sees the other.
 */
#include "engine/intake/driver.h"

#include "engine/base/error.h"

static void sleep_until_work(frn_driver *driver)
{
    frn_answers *answers = driver->answers;
    uint32_t seen = atomic_load(&driver->work);

    atomic_store_explicit(&answers->driver_asleep, true, memory_order_seq_cst);
    if (atomic_load(&answers->answered) == atomic_load(&answers->submitted) && !atomic_load(&driver->stop)) {
        (void)frn_word_wait(&driver->work, seen, -1);
    }
    atomic_store_explicit(&answers->driver_asleep, false, memory_order_relaxed);
}

static void run(void *arg)
{
    frn_driver *driver = arg;
    frn_answers *answers = driver->answers;
    uint64_t before;

    while (!atomic_load(&driver->stop)) {
        before = atomic_load(&answers->answered);
        if (frn_answers_outstanding(answers) == 0) {
            sleep_until_work(driver);
            continue;
        }
        if (!frn_log_drive(answers->log, -1)) {
            frn_answers_deliver(answers);
            if (atomic_load(&answers->answered) == before) {
                /* Another thread runs their callbacks. */
                (void)frn_word_wait(&driver->work, atomic_load(&driver->work),
                                    frn_monotonic_ns() + FRN_ANSWERS_REST_NS);
            }
            continue;
        }
        frn_answers_deliver(answers);
    }
}

firn_status frn_driver_start(frn_driver *driver, frn_answers *answers, firn_error *err)
{
    driver->answers = answers;
    atomic_init(&driver->work, 0);
    atomic_init(&driver->stop, false);
    answers->driver_work = &driver->work;
    if (frn_thread_start(&driver->thread, "firn-driver", run, driver) != FIRN_OK) {
        answers->driver_work = NULL;
        return frn_fail(err, FIRN_ENOMEM, "start the driver thread");
    }
    return FIRN_OK;
}

void frn_driver_stop(frn_driver *driver)
{
    if (!driver->thread.started) {
        return;
    }
    atomic_store(&driver->stop, true);
    atomic_fetch_add(&driver->work, 1);
    frn_word_wake(&driver->work, FRN_WAKE_ALL);
    frn_log_wake(driver->answers->log);
    frn_thread_join(&driver->thread);
    driver->answers->driver_work = NULL;
}
