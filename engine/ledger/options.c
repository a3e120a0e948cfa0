/* SPDX-License-Identifier: Apache-2.0 */
/* options.c — the options of an open ledger: checked, defaults filled in. */
#include "engine/ledger/options.h"

#include "engine/base/error.h"
#include "engine/intake/apply.h"
#include "engine/intake/options.h"
#include "format/segment.h"

#define MIB (UINT64_C(1024) * 1024)
#define VIEW_AGE_DEFAULT_NS (UINT64_C(60) * 1000000000)

enum {
    OUTSTANDING_DEFAULT = 65536,
    REPLAY_RECORDS_DEFAULT = 1024 * 1024, /* A third of a second of replay. */
    OUTSTANDING_MAX = 16 * 1024 * 1024 /* A queue of 128 MiB of pointers. */
};

/* 0 becomes the default; anything else must lie in the range. */
static firn_status number(uint64_t *value, const char *name, uint64_t otherwise, uint64_t least, uint64_t most,
                          firn_error *err)
{
    if (*value == 0) {
        *value = otherwise;
    }
    if (*value < least || *value > most) {
        return frn_fail(err, FIRN_EINVAL, "option %s is %llu: out of range %llu to %llu", name,
                        (unsigned long long)*value, (unsigned long long)least, (unsigned long long)most);
    }
    return FIRN_OK;
}

static firn_status number32(uint32_t *value, const char *name, uint32_t otherwise, uint32_t least, uint32_t most,
                            firn_error *err)
{
    uint64_t wide = *value;
    firn_status status = number(&wide, name, otherwise, least, most, err);

    *value = (uint32_t)wide;
    return status;
}

static firn_status choice(unsigned value, const char *name, unsigned most, firn_error *err)
{
    return value <= most ? FIRN_OK
                         : frn_fail(err, FIRN_EINVAL, "option %s is %u: out of range 0 to %u", name, value, most);
}

static firn_status choices_check(const firn_options *options, firn_error *err)
{
    firn_status status = choice((unsigned)options->mode, "mode", FIRN_OPEN_READ, err);

    if (status == FIRN_OK) {
        status = choice((unsigned)options->io_path, "io_path", FIRN_IO_PORTABLE, err);
    }
    if (status == FIRN_OK) {
        status = choice((unsigned)options->durable_method, "durable_method", FIRN_DURABLE_BUFFERED_SYNC, err);
    }
    if (status == FIRN_OK) {
        status = choice((unsigned)options->progress, "progress", FIRN_PROGRESS_MANUAL, err);
    }
    if (status == FIRN_OK) {
        status = choice(options->index_anew, "index_anew", 1, err);
    }
    if (status == FIRN_OK) {
        status = choice((unsigned)options->event_validation, "event_validation", FIRN_VALIDATE_STRICT, err);
    }
    return status;
}

static firn_status numbers_check(firn_options *options, firn_error *err)
{
    firn_status status =
        number(&options->segment_size, "segment_size", 64 * MIB, FMT_SEGMENT_SIZE_MIN, FMT_SEGMENT_SIZE_MAX, err);

    if (status == FIRN_OK && options->segment_size % FMT_SEGMENT_SIZE_MIN != 0) {
        status = frn_fail(err, FIRN_EINVAL, "option segment_size is %llu: not a multiple of %d",
                          (unsigned long long)options->segment_size, FMT_SEGMENT_SIZE_MIN);
    }
    if (status == FIRN_OK) {
        status = number32(&options->spare_segments, "spare_segments", 2, 1, 64, err);
    }
    if (status == FIRN_OK) {
        status = number32(&options->groups_in_flight_max, "groups_in_flight_max", 4, 1, 16, err);
    }
    if (status == FIRN_OK) {
        status = number32(&options->group_size_max, "group_size_max", MIB, MIB / 16, 4 * MIB, err);
    }
    if (status == FIRN_OK) {
        status = number32(&options->outstanding_max, "outstanding_max", OUTSTANDING_DEFAULT, 1, OUTSTANDING_MAX, err);
    }
    if (status == FIRN_OK) {
        status = number(&options->index_size_max, "index_size_max", 8192 * MIB, 1, UINT64_MAX, err);
    }
    if (status == FIRN_OK) {
        status = number(&options->view_age_max_ns, "view_age_max_ns", VIEW_AGE_DEFAULT_NS, 1, UINT64_MAX, err);
    }
    if (status == FIRN_OK && options->mode != FIRN_OPEN_READ) {
        status = number(&options->replay_records_max, "replay_records_max", REPLAY_RECORDS_DEFAULT, 1, UINT64_MAX, err);
    }
    if (status == FIRN_OK) {
        status = number(&options->replay_bytes_max, "replay_bytes_max", 1024 * MIB, 1, UINT64_MAX, err);
    }
    if (status == FIRN_OK) {
        status = number(&options->index_map_size, "index_map_size", 1024 * 1024 * MIB, MIB, UINT64_MAX, err);
    }
    if (status == FIRN_OK) {
        status = number(&options->key_age_ns, "key_age_ns", FRN_KEY_AGE_DEFAULT_NS, 1, UINT64_MAX, err);
    }
    if (status == FIRN_OK) {
        status = number32(&options->content_chunk_size, "content_chunk_size", MIB, MIB / 16, 15 * MIB, err);
    }
    return status;
}

firn_status frn_ledger_options_read(const firn_options *given, firn_options *out_options, firn_error *err)
{
    firn_options own;
    firn_status status = frn_options_read(&own, sizeof own, given, "options", err);

    if (status == FIRN_OK) {
        status = choices_check(&own, err);
    }
    if (status == FIRN_OK) {
        status = numbers_check(&own, err);
    }
    if (status == FIRN_OK) {
        *out_options = own;
    }
    return status;
}
