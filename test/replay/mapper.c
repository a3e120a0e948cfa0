/* SPDX-License-Identifier: Apache-2.0 */
/* mapper.c — a device whose writes are recorded. */
#include "test/replay/mapper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "test/kill/shared.h"

#define DEVICE_NAME "recorded"
#define CONTROL "/dev/mapper/control"

enum {
    SECTOR = 512,
    ARGUMENT_MAX = 1024
};

/* An ioctl of the mapper takes its head and what belongs to it in one piece. */
typedef union request {
    struct dm_ioctl head;
    uint8_t bytes[sizeof(struct dm_ioctl) + ARGUMENT_MAX];
} request;

static request request_of(uint32_t flags)
{
    request r = {.head = {
                     .version = {DM_VERSION_MAJOR, 0, 0},
                     .data_size = sizeof r,
                     .data_start = sizeof r.head,
                     .flags = flags,
                 }};

    (void)snprintf(r.head.name, sizeof r.head.name, "%s", DEVICE_NAME);
    return r;
}

static void ask(unsigned long what, request *r, const char *text)
{
    /* Open from the first call on, in all processes: a mark costs one call. */
    static int control = -1;

    if (control < 0) {
        control = open(CONTROL, O_RDWR | O_CLOEXEC);
    }
    if (control < 0 || ioctl(control, what, r) != 0) {
        violation("device mapper: %s: %s", text, strerror(errno));
    }
}

void mapper_module(const char *name)
{
    struct utsname about;
    char path[512];
    int fd;

    (void)uname(&about);
    (void)snprintf(path, sizeof path, "/usr/lib/uml/modules/%s/kernel/drivers/%s.ko", about.release, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST)) {
        violation("%s: %s", path, strerror(errno));
    }
    (void)close(fd);
}

static uint64_t sectors_of(const char *device)
{
    int fd = open(device, O_RDONLY | O_CLOEXEC);
    uint64_t bytes = 0;

    if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes) != 0) {
        violation("%s: %s", device, strerror(errno));
    }
    (void)close(fd);
    return bytes / SECTOR;
}

const char *mapper_create(const char *device, const char *log)
{
    request r = request_of(0);
    struct dm_target_spec spec = {.length = sectors_of(device), .target_type = "log-writes"};
    static char name[32];

    ask(DM_DEV_CREATE, &r, "create");
    (void)snprintf(name, sizeof name, "/dev/dm-%u", (unsigned)(r.head.dev & 0xff));
    r = request_of(0);
    r.head.target_count = 1;
    memcpy(r.bytes + sizeof r.head, &spec, sizeof spec);
    (void)snprintf((char *)r.bytes + sizeof r.head + sizeof spec, ARGUMENT_MAX - sizeof spec, "%s %s", device, log);
    ask(DM_TABLE_LOAD, &r, "load the table");
    r = request_of(0);
    ask(DM_DEV_SUSPEND, &r, "resume");
    return name;
}

void mapper_mark(const char *text)
{
    request r = request_of(0);

    /* Behind the sector that a message is for, which is 0. */
    (void)snprintf((char *)r.bytes + sizeof r.head + sizeof(struct dm_target_msg), MAPPER_MARK_MAX, "mark %s", text);
    ask(DM_TARGET_MSG, &r, text);
}

void mapper_remove(void)
{
    request r = request_of(0);

    ask(DM_DEV_REMOVE, &r, "remove");
}
