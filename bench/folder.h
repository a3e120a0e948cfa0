/* SPDX-License-Identifier: Apache-2.0 */
/* folder.h — fresh folders for ledgers that are measured. */
#ifndef BENCH_FOLDER_H
#define BENCH_FOLDER_H

#include <limits.h>

#include "firn.h"

/** Makes `dir`/firn-bench-XXXXXX. */
firn_status bench_folder_make(const char *dir, char out_path[PATH_MAX], firn_error *err) FIRN_NODISCARD;

/** Removes a folder that was made here, with all that is in it. */
void bench_folder_remove(const char *path);

/** Asks the kernel to forget the cached pages of all files in it. */
void bench_folder_forget(const char *path);

#endif
