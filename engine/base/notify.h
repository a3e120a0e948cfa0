/* SPDX-License-Identifier: Apache-2.0 */
/* notify.h — a file descriptor that can be made readable, for event loops of the host. */
#ifndef FRN_BASE_NOTIFY_H
#define FRN_BASE_NOTIFY_H

#include "firn/status.h"

/** FIRN_OK or FIRN_EIO. The descriptor does not block and is closed on exec. */
firn_status frn_notify_open(int *out_fd, firn_error *err) FIRN_NODISCARD;
/** Makes it readable; 8 bytes read from it make it quiet again. Any thread. */
void frn_notify_signal(int fd);
void frn_notify_close(int fd);

#endif
