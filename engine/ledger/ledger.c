/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.c — open and close: the order in which a ledger's parts come and go.
 *
 * Opening: index, log (which recovers), rows from records, then the thread that drives submitted calls. Closing goes
 * the other way: nothing comes in, everything outstanding is answered, the log leaves its clean mark. A part that fails
 * takes down those before it; house_free() accepts any half of a ledger.
 */
#include "engine/ledger/ledger.h"

#include "engine/base/error.h"
#include "engine/ledger/options.h"
#include "engine/ledger/private.h"
#include "firn/batch.h"

#include <assert.h>
#include <string.h>

static void house_free(frn_house *house)
{
    frn_heap *heap;

    if (house == NULL) {
        return;
    }
    heap = house->core.heap;
    frn_intake_done(&house->core.intake);
    frn_digests_done(&house->core.digests);
    frn_answers_done(&house->core.answers);
    frn_index_close(house->core.index);
    frn_index_close(house->index_damaged);
    frn_mutex_done(&house->following);
    frn_mutex_done(&house->merger.busy);
    frn_mutex_done(&house->merger.telling);
    frn_free(heap, house->index_folder);
    frn_free(heap, house);
}

static firn_status house_new(const frn_ledger_seam *seam, const firn_options *options, frn_house **out_house,
                             firn_error *err)
{
    bool writable = options->mode != FIRN_OPEN_READ;
    frn_house *house = frn_alloc_aligned(seam->heap, _Alignof(frn_house), sizeof *house);
    firn_status status;

    if (house == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "ledger");
    }
    memset(house, 0, sizeof *house);
    frn_mutex_init(&house->following);
    frn_mutex_init(&house->merger.busy);
    frn_mutex_init(&house->merger.telling);
    house->io = seam->io;
    house->options = *options;
    house->core.heap = seam->heap;
    house->core.io = seam->io;
    house->core.content_chunk_size = options->content_chunk_size;
    house->core.event_validation = options->event_validation;
    house->core.applies = &frn_stores;
    house->core.writable = writable;
    house->core.trace = (frn_trace){options->trace, options->trace_arg};
    frn_digests_init(&house->core.digests, seam->heap);
    frn_intake_init(&house->core.intake, seam->heap);
    status = frn_answers_init(&house->core.answers, seam->heap, writable ? options->outstanding_max : 1,
                              options->progress == FIRN_PROGRESS_MANUAL, err);
    if (status == FIRN_OK && seam->index_folder != NULL) {
        house->index_folder = frn_strdup(seam->heap, seam->index_folder);
        status = house->index_folder == NULL ? frn_fail(err, FIRN_ENOMEM, "ledger") : FIRN_OK;
    }
    if (status != FIRN_OK) {
        house_free(house);
        return status;
    }
    *out_house = house;
    return FIRN_OK;
}

/* The log's progress: rows may be reclaimed, calls be answered. */
static void progress(void *arg, uint64_t durable, int poisoned)
{
    frn_house *house = arg;

    (void)poisoned; /* The answers ask the log themselves. */
    if (house->core.index != NULL) { /* NULL: opening gives up. */
        frn_index_durable(house->core.index, durable);
    }
    frn_answers_deliver(&house->core.answers);
    frn_merger_moved(&house->merger, durable);
}

static frn_log_options log_options(const frn_ledger_seam *seam, const firn_options *options, frn_house *house)
{
    return (frn_log_options){
        .read_only = options->mode == FIRN_OPEN_READ,
        .threads = seam->threads,
        .durable_method = options->durable_method,
        .segment_size = options->segment_size,
        .spare_segments = options->spare_segments,
        .groups_in_flight_max = options->groups_in_flight_max,
        .group_size_max = options->group_size_max,
        .clock = options->clock,
        .clock_arg = options->clock_arg,
        .trace = house->core.trace,
        .progress = progress,
        .progress_arg = house,
        .witness = frn_rows_witness,
        .witness_arg = house,
    };
}

/* How this disk makes writes durable: measured where there is a disk, else any method will do. */
static firn_status choose_method(const frn_ledger_seam *seam, firn_durable_method *method, firn_error *err)
{
    frn_io_facts facts;

    if (*method != FIRN_DURABLE_AUTO) {
        return FIRN_OK;
    }
    seam->io->ops->facts(seam->io, &facts);
    if (facts.path == FIRN_IO_AUTO) {
        *method = FIRN_DURABLE_DIRECT_DSYNC;
        return FIRN_OK;
    }
    return frn_io_calibrate(seam->io, seam->heap, method, err);
}

/* Makes the ledger if the mode asks for it. */
static firn_status create_if_asked(const frn_ledger_seam *seam, const firn_options *options,
                                   const frn_log_options *for_log, firn_error *err)
{
    frn_log_options own = *for_log;
    bool there;
    firn_status status = frn_log_exists(seam->io, &there, err);

    if (status != FIRN_OK) {
        return status;
    }
    if (there) {
        return options->mode == FIRN_OPEN_NEW ? frn_fail(err, FIRN_EEXISTS, "there is a ledger") : FIRN_OK;
    }
    if (options->mode != FIRN_OPEN_CREATE && options->mode != FIRN_OPEN_NEW) {
        return frn_fail_detail(err, FIRN_ENOTFOUND, FIRN_DETAIL_NOT_A_LEDGER, "there is no ledger");
    }
    status = choose_method(seam, &own.durable_method, err);
    return status == FIRN_OK ? frn_log_create(seam->heap, seam->io, &own, err) : status;
}

/* Whether the wish for another age of keys must still be recorded. Not only right after creation: a crash may have come
   between the two, and an empty ledger has recorded nothing else. */
static bool key_age_is_due(const frn_house *house, const firn_options *options)
{
    return (options->mode == FIRN_OPEN_CREATE || options->mode == FIRN_OPEN_NEW) &&
           options->key_age_ns != FRN_KEY_AGE_DEFAULT_NS && frn_log_allocated(house->core.log) == 0;
}

static firn_status log_begin(frn_house *house, const frn_ledger_seam *seam, const firn_options *options,
                             firn_error *err)
{
    frn_log_options for_log = log_options(seam, options, house);
    firn_status status, closed;

    status = create_if_asked(seam, options, &for_log, err);
    if (status != FIRN_OK) {
        return status;
    }
    status = frn_log_open(seam->heap, seam->io, &for_log, &house->core.log, err);
    if (status != FIRN_OK) {
        return status;
    }
    house->core.answers.log = house->core.log;
    status = frn_rows_build(house, err);
    if (status == FIRN_OK && seam->threads && !house->core.writable) {
        house->core.follow = frn_ledger_follow;
    }
    if (status == FIRN_OK && key_age_is_due(house, options)) {
        status = firn_key_age_set(&house->core, options->key_age_ns, NULL, err);
    }
    if (status == FIRN_OK && seam->threads && house->core.writable && options->progress == FIRN_PROGRESS_AUTO) {
        status = frn_driver_start(&house->driver, &house->core.answers, err);
    }
    if (status == FIRN_OK && house->index_on_disk && house->core.writable) {
        status = frn_merger_start(&house->merger, &house->core, options, seam->threads, err);
    }
    if (status != FIRN_OK) {
        frn_driver_stop(&house->driver);
        closed = frn_log_close(house->core.log, NULL);
        (void)closed; /* The reason of the failure is the one that counts. */
        house->core.log = NULL;
    }
    return status;
}

firn_status frn_ledger_open_on(const frn_ledger_seam *seam, const firn_options *options, firn_ledger **out_ledger,
                               firn_error *err)
{
    firn_options own;
    frn_house *house = NULL;
    firn_status status = frn_ledger_options_read(options, &own, err);

    if (status != FIRN_OK) {
        return status;
    }
    status = house_new(seam, &own, &house, err);
    if (status != FIRN_OK) {
        return status;
    }
    status = log_begin(house, seam, &own, err);
    if (status != FIRN_OK) {
        house_free(house);
        return status;
    }
    *out_ledger = &house->core;
    return FIRN_OK;
}

firn_status firn_open(const char *url, const firn_options *options, firn_ledger **out_ledger, firn_error *err)
{
    frn_ground *ground = NULL;
    firn_ledger *ledger;
    firn_options own;
    firn_status status;

    if (url == NULL || out_ledger == NULL) {
        return frn_fail(err, FIRN_EINVAL, "open ledger: %s is NULL", url == NULL ? "url" : "out_ledger");
    }
    status = frn_ledger_options_read(options, &own, err);
    if (status == FIRN_OK) {
        bool create = own.mode == FIRN_OPEN_CREATE || own.mode == FIRN_OPEN_NEW;

        status = frn_ground_open(url, own.io_path, create, own.mode == FIRN_OPEN_READ,
                                 (frn_trace){own.trace, own.trace_arg}, &ground, err);
    }
    if (status == FIRN_OK) {
        /* As in frn_ground_open(): a private disk in memory that is written is created. */
        if (own.mode == FIRN_OPEN_WRITE && strcmp(url, "mem:") == 0) {
            own.mode = FIRN_OPEN_CREATE;
        }
        status = frn_ledger_open_on(&(frn_ledger_seam){&ground->heap, ground->io, true, ground->index_folder}, &own,
                                    &ledger, err);
    }
    if (status != FIRN_OK) {
        frn_ground_close(ground);
        return frn_wrap(err, status, "open ledger %s", url);
    }
    frn_house_of(ledger)->ground = ground;
    *out_ledger = ledger;
    return FIRN_OK;
}

/* Every call that was submitted gets its answer, in callbacks that can submit no more. */
static void answer_all(frn_house *house)
{
    firn_ledger *ledger = &house->core;
    firn_status status;

    atomic_store(&ledger->closing, true);
    frn_driver_stop(&house->driver);
    status = frn_log_wait(ledger->log, frn_log_allocated(ledger->log), -1, NULL);
    (void)status; /* Durable or poisoned: either way everything can be answered. */
    frn_answers_deliver(&ledger->answers);
    assert(frn_answers_outstanding(&ledger->answers) == 0);
}

firn_status firn_close(firn_ledger *ledger, firn_error *err)
{
    frn_house *house = NULL;
    frn_ground *ground;
    firn_status status;

    if (ledger == NULL) {
        return FIRN_OK;
    }
    house = frn_house_of(ledger);
    ground = house->ground;
    if (ledger->writable) {
        answer_all(house);
        frn_merger_stop(&house->merger);
    }
    status = frn_log_close(ledger->log, err);
    house_free(house);
    frn_ground_close(ground);
    return status;
}

void frn_ledger_abandon(firn_ledger *ledger)
{
    frn_house *house = frn_house_of(ledger);

    assert(house->ground == NULL && !house->driver.thread.started);
    frn_log_abandon(ledger->log);
    house_free(house);
}

bool frn_ledger_step_make(firn_ledger *ledger)
{
    return frn_log_step_make(ledger->log);
}

firn_status frn_ledger_step_follow(firn_ledger *ledger, firn_error *err)
{
    return frn_ledger_follow(ledger, err);
}

bool frn_ledger_step_merge(firn_ledger *ledger)
{
    return frn_merger_step(&frn_house_of(ledger)->merger);
}

bool frn_ledger_step_drive(firn_ledger *ledger)
{
    bool moved = frn_log_drive(ledger->log, 0);

    frn_answers_deliver(&ledger->answers);
    return moved;
}
