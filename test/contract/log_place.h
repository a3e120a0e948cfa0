/* SPDX-License-Identifier: Apache-2.0 */
/* log_place.h — what the tests of the log stand on: a place for files on each backend, and records that tell their seq.
 */
#ifndef TEST_CONTRACT_LOG_PLACE_H
#define TEST_CONTRACT_LOG_PLACE_H

#include "engine/log/log.h"

enum {
    SEGMENT = 64 * 1024,
    PLACES = 7
};

/** What a test stands on: a place for files and a way to open it. */
struct place {
    const char *name;
    firn_io_path path;
    bool memory;
    firn_durable_method method;
    frn_heap heap;
    frn_memory_disk *disk;
    char folder[64];
};

struct CMUnitTest;

extern struct place places[PLACES];
extern const frn_log_options plain;

void ok_at(firn_status status, const firn_error *err, const char *file, int line);
#define assert_ok(call) ok_at((call), &err, __FILE__, __LINE__)

int setup(void **state);
int teardown(void **state);
frn_io *open_io(struct place *place);
frn_log *open_log(frn_io *io, struct place *place, const frn_log_options *options);

/** The body of record seq begins with so many bytes that follow from the seq. */
size_t body_size(uint64_t seq);
/** Appends count records as one batch; waits if asked. Returns the last seq. */
uint64_t append(frn_log *log, uint32_t count, size_t extra, bool waits);
/** Reads the records first … last and compares them. */
void read_all(frn_log *log, uint64_t first, uint64_t last);
void verify_is_healthy(struct place *place, uint64_t last);

/** Runs the tests, at most 16, at every place that this machine has; returns how many failed. */
int run_everywhere(const struct CMUnitTest *tests, size_t count);

#endif
