/* SPDX-License-Identifier: Apache-2.0 */
/* content.h — files into the content store, whatever their size. */
#ifndef TOOLS_CONTENT_H
#define TOOLS_CONTENT_H

#include "firn.h"

/**
 * Put a file as content; "-" is standard input. Small ones in one piece, large ones in a stream.
 * @return As firn_content_put(); or the failure of opening or reading, with the name.
 */
firn_status tool_content_put_file(firn_ledger *ledger, const char *name, firn_content_put_result *out_result,
                                  firn_error *err) FIRN_NODISCARD;

/** Read a whole file, or standard input, of at most size_max bytes. Frees nothing on failure: the caller owns buf. */
firn_status tool_file_read(const char *name, size_t size_max, firn_buf *buf, firn_error *err) FIRN_NODISCARD;

/** A view of what is durable in a ledger opened for reading; both are the caller's. */
struct tool_call;
firn_status tool_view_read(const struct tool_call *call, firn_ledger **out_ledger, firn_view **out_view,
                           firn_error *err) FIRN_NODISCARD;

#endif
