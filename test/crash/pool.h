/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h — memory that a sweep can afford: see pool.c, which takes malloc's place in the programs that link it. */
#ifndef TEST_CRASH_POOL_H
#define TEST_CRASH_POOL_H

/** Small blocks come from the pool as well, from here on; not under the address sanitizer, which watches libc's. */
void pool_serve_small(void);

#endif
