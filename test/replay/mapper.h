/* SPDX-License-Identifier: Apache-2.0 */
/* mapper.h — a device whose writes are recorded: the kernel's log-writes target, asked for by ioctl. */
#ifndef TEST_REPLAY_MAPPER_H
#define TEST_REPLAY_MAPPER_H

/** Bytes of a mark, at most: it shares a sector of 512 with the head of its entry. */
enum {
    MAPPER_MARK_MAX = 400
};

/** Load what a module of the kernel has, by its name below the modules' "kernel/drivers/"; loaded already is fine. */
void mapper_module(const char *name);

/** Make the device: what is written to it goes to `device`, and every write, flush and mark into `log`. Returns the
 * name of its file. */
const char *mapper_create(const char *device, const char *log);

/** Put a mark behind all that is durable at this moment. Any thread, any process. */
void mapper_mark(const char *text);

/** Remove the device; all that it recorded is in the log then. */
void mapper_remove(void);

#endif
