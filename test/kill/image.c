/* SPDX-License-Identifier: Apache-2.0 */
/* image.c — a file system in a file, whose power can be cut. */
#include "test/kill/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/kill/shared.h"

/* The same number for ext4, xfs and f2fs; no header of the kernel's exports it for all of them. */
#define IOC_SHUTDOWN _IOR('X', 125, uint32_t)

enum {
    SHUTDOWN_WITHOUT_LOG_FLUSH = 2,
    SIZE = 128 << 20,
    XFS_SIZE = 300 << 20, /* The smallest that mkfs.xfs makes. */
    WAIT_US = 500,
    WAITS_MAX = 20000, /* Ten seconds. */
    RANGES_MAX = 24,
    COMMAND_NOT_FOUND = 127
};

int command_run(const char *const argv[])
{
    int status;
    pid_t pid;

    (void)fflush(NULL);
    pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        if (null < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0) {
            _exit(1);
        }
        /* Nothing writes to them. */
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(COMMAND_NOT_FOUND);
    }
    if (pid < 0) {
        violation("fork: %s", strerror(errno));
    }
    status = process_wait(pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

const char *image_unavailable(const char *file_system)
{
    static char reason[128];
    char mkfs[32];
    const char *argv[] = {mkfs, "-V", NULL};
    int control;

    (void)snprintf(mkfs, sizeof mkfs, "mkfs.%s", file_system);
    if (geteuid() != 0) {
        return "mounting needs root";
    }
    if (command_run(argv) == COMMAND_NOT_FOUND) {
        (void)snprintf(reason, sizeof reason, "there is no %s", mkfs);
        return reason;
    }
    control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0) {
        (void)snprintf(reason, sizeof reason, "/dev/loop-control: %s", strerror(errno));
        return reason;
    }
    (void)close(control);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        (void)snprintf(reason, sizeof reason, "no mount namespace: %s", strerror(errno));
        return reason;
    }
    return NULL;
}

void image_make(const char *file, const char *file_system)
{
    bool is_ext4 = strcmp(file_system, "ext4") == 0;
    bool is_xfs = strcmp(file_system, "xfs") == 0;
    char mkfs[32], name[512];
    const char *ext4[] = {mkfs, "-q", "-F", "-e", "remount-ro", name, NULL};
    const char *others[] = {mkfs, "-q", "-f", name, NULL};
    int fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    (void)snprintf(mkfs, sizeof mkfs, "mkfs.%s", file_system);
    (void)snprintf(name, sizeof name, "%s", file);
    if (fd < 0 || ftruncate(fd, is_xfs ? XFS_SIZE : SIZE) != 0) {
        violation("%s: %s", file, strerror(errno));
    }
    (void)close(fd);
    if (command_run(is_ext4 ? ext4 : others) != 0) {
        violation("%s %s failed", mkfs, file);
    }
}

/* A loop device over the file, which frees itself when nobody has it open; its name in `name`. */
static int attach(const char *file, char name[32])
{
    struct loop_config config = {.info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int image = open(file, O_RDWR | O_CLOEXEC);

    if (control < 0 || image < 0) {
        violation("loop device for %s: %s", file, strerror(errno));
    }
    config.fd = (uint32_t)image;
    for (;;) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        int loop;

        (void)snprintf(name, 32, "/dev/loop%d", number);
        loop = number < 0 ? -1 : open(name, O_RDWR | O_CLOEXEC);
        if (loop < 0) {
            violation("%s: %s", name, strerror(errno));
        }
        if (ioctl(loop, LOOP_CONFIGURE, &config) == 0) {
            (void)close(control);
            (void)close(image);
            return loop;
        }
        if (errno != EBUSY) {
            violation("%s: %s", name, strerror(errno));
        }
        /* Somebody else took it in between. */
        (void)close(loop);
    }
}

static void request_limit(const char *loop, unsigned kib)
{
    char name[64], text[16];
    int length = snprintf(text, sizeof text, "%u", kib);
    int fd;

    (void)snprintf(name, sizeof name, "/sys/block/%.24s/queue/max_sectors_kb", loop + strlen("/dev/"));
    fd = open(name, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, (size_t)length) != length) {
        violation("%s: %s", name, strerror(errno));
    }
    (void)close(fd);
}

void image_mount(const char *file, const char *file_system, const char *where, unsigned request_kib, char out_loop[32])
{
    char name[32];
    int loop = attach(file, name);

    request_limit(name, request_kib);
    if (mount(name, where, file_system, MS_NOATIME, NULL) != 0) {
        violation("mount %s: %s", where, strerror(errno));
    }
    (void)close(loop);
    if (out_loop != NULL) {
        memcpy(out_loop, name, sizeof name);
    }
}

void image_wait_free(const char *loop)
{
    char name[64];

    (void)snprintf(name, sizeof name, "/sys/block/%.24s/loop/backing_file", loop + strlen("/dev/"));
    for (unsigned i = 0; access(name, F_OK) == 0; i++) {
        if (i == WAITS_MAX) {
            violation("%s is still held", loop);
        }
        sleep_us(WAIT_US);
    }
}

void image_mend(const char *file, const char *file_system)
{
    char name[1024];
    const char *check[] = {"e2fsck", "-f", "-y", name, NULL};
    int status;

    /* xfs looks after itself when it is mounted. */
    if (strcmp(file_system, "ext4") != 0) {
        return;
    }
    (void)snprintf(name, sizeof name, "%s", file);
    status = command_run(check);
    if (status > 2) {
        violation("e2fsck %s ends with %d", file, status);
    }
}

void image_unmount(const char *where)
{
    for (unsigned i = 0; umount2(where, UMOUNT_NOFOLLOW) != 0; i++) {
        if (errno != EBUSY || i == WAITS_MAX) {
            violation("unmount %s: %s", where, strerror(errno));
        }
        sleep_us(WAIT_US);
    }
}

void image_write_some(const char *folder, dice *d)
{
    DIR *entries = opendir(folder);
    const struct dirent *entry;

    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        int fd = openat(dirfd(entries), entry->d_name, O_RDONLY | O_CLOEXEC);
        struct stat about;

        if (fd >= 0 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0) {
            for (uint64_t i = dice_roll(d, RANGES_MAX); i > 0; i--) {
                off64_t at = (off64_t)dice_roll(d, (uint64_t)about.st_size);

                /* Whether it works does not matter: it only disturbs. */
                (void)sync_file_range(fd, at, (off64_t)dice_roll(d, 16) * 4096 + 1, SYNC_FILE_RANGE_WRITE);
            }
        }
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
}

void image_shut(const char *where, uint32_t how)
{
    int fd = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || ioctl(fd, IOC_SHUTDOWN, &how) != 0) {
        violation("shut down %s: %s", where, strerror(errno));
    }
    (void)close(fd);
}

void image_cut(const char *where)
{
    image_shut(where, SHUTDOWN_WITHOUT_LOG_FLUSH);
}
