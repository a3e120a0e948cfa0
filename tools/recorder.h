/* SPDX-License-Identifier: Apache-2.0 */
/* recorder.h — events of one run, collected into batches that are sent without waiting for their answers. */
#ifndef TOOLS_RECORDER_H
#define TOOLS_RECORDER_H

#include <stdbool.h>

#include "firn.h"
#include "tools/lines.h"

/** Which output of a command. */
typedef enum tool_output_stream {
    TOOL_STDOUT = 0,
    TOOL_STDERR = 1
} tool_output_stream;

/**
 * The writing half of a recording. The first failure ends it: it is told once on standard error, and every
 * later call does nothing, so that what is recorded never suffers from it. One thread.
 */
typedef struct tool_recorder tool_recorder;

/** Both arguments must outlive the recorder. */
firn_status tool_recorder_new(firn_ledger *ledger, const char *run_id, bool json, tool_recorder **out_recorder,
                              firn_error *err) FIRN_NODISCARD;
/** NULL is accepted. */
void tool_recorder_free(tool_recorder *recorder);

/** A line of output, seen at a time: an event of kind stdout or stderr, or stdout_json, stderr_json. */
void tool_recorder_line(tool_recorder *recorder, tool_output_stream stream, firn_slice line, tool_line_end end,
                        firn_time time);
/** Any other event; kind must be a literal. */
void tool_recorder_event(tool_recorder *recorder, const char *kind, firn_slice payload, firn_time time);

/** Send what is collected at once, as a batch of its own. */
void tool_recorder_flush(tool_recorder *recorder);
/** Milliseconds until collected events must be sent; -1: there are none. */
int tool_recorder_wait(const tool_recorder *recorder);
/** Send what has waited long enough, and take answers. */
void tool_recorder_step(tool_recorder *recorder);

/** Send everything with the end of the run behind it, and wait for all answers. */
void tool_recorder_end(tool_recorder *recorder, firn_run_status status, firn_run_summary summary);

/** Something failed outside of the recorder: tell it and stop, as if it had failed inside. */
void tool_recorder_stop(tool_recorder *recorder, const firn_error *err);
/** Events sent or collected. */
uint64_t tool_recorder_count(const tool_recorder *recorder);
/** Has it stopped? */
bool tool_recorder_failed(const tool_recorder *recorder);

#endif
