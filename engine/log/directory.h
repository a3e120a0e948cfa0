/* SPDX-License-Identifier: Apache-2.0 */
/* directory.h — where in a segment a record stands, by its seq. */
#ifndef FRN_LOG_DIRECTORY_H
#define FRN_LOG_DIRECTORY_H

#include "engine/log/private.h"

void frn_directory_init(frn_directory *directory);
/** Frees all that it remembers. */
void frn_directory_done(frn_log *log);

/**
 * Reads a durable record of a segment by what the directory knows, which may need a walk from anchor: the offset of the
 * last group with an anchor at or before seq. *out_there false: it does not know, or what it knew is not so; then the
 * record is to be sought by walking, which finds out why. Otherwise buf holds the body, verified, and the outputs are
 * filled in. FIRN_OK, FIRN_EIO, FIRN_ENOMEM.
 */
firn_status frn_directory_get(frn_log *log, const frn_segment *segment, frn_log_file *file, uint64_t anchor,
                              uint64_t seq, firn_buf *buf, fmt_record *out_record, uint64_t *out_offset,
                              frn_batch_facts *out_batch, bool *out_there, firn_error *err) FIRN_NODISCARD;

#endif
