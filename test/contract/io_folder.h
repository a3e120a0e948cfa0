/* SPDX-License-Identifier: Apache-2.0 */
/* io_folder.h — scratch folders for tests of engine/io. A failure of the surroundings ends the test program. */
#ifndef FRN_TEST_IO_FOLDER_H
#define FRN_TEST_IO_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

/** Makes an empty folder in parent and writes its path. */
void io_folder_make(const char *parent, char *path, size_t path_size);
/** Removes a folder with the files in it. */
void io_folder_remove(const char *path);
/** Whether a scratch folder could be made in parent. */
bool io_folder_usable(const char *parent);
/** Whether the kernel offers io_uring to this process. */
bool io_folder_has_uring(void);
/** Ends the program with a failure; errno is printed. */
void io_folder_failed(void) __attribute__((noreturn));

#endif
