/* SPDX-License-Identifier: Apache-2.0 */
/* files.h — find the segment, the open file and the place to start for a seq. */
#ifndef FRN_LOG_FILES_H
#define FRN_LOG_FILES_H

#include "engine/log/private.h"

/** Where a seq that is in the log is to be sought: *out_offset is that of a group at or before it. The file is given
   back with frn_log_file_give(). ECORRUPT if no segment holds it; EIO, ENOMEM. */
firn_status frn_log_seek(frn_log *log, uint64_t seq, const frn_segment **out_segment, frn_log_file **out_file,
                         uint64_t *out_offset, firn_error *err) FIRN_NODISCARD;

/** The segment number if it holds seq, with its file, given back with frn_log_file_give(). false: it does not, or the
   file cannot be had. */
bool frn_log_at(frn_log *log, uint64_t seq, uint64_t number, const frn_segment **out_segment, frn_log_file **out_file);

#endif
