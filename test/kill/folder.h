/* SPDX-License-Identifier: Apache-2.0 */
/* folder.h — remove a folder that processes may still be putting files into. */
#ifndef TEST_KILL_FOLDER_H
#define TEST_KILL_FOLDER_H

/** Removes a folder with all that is in it; what is not there is fine. Mounts in it are left alone. */
void folder_remove(const char *name);

#endif
