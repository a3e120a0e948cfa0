/* SPDX-License-Identifier: Apache-2.0 */
/* device.c — a file system on a device that can be told to fail, stall, vanish or fill up. */
#include "test/kernel/device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "test/kill/image.h"
#include "test/kill/shared.h"

enum {
    PAGE = 4096,
    FILL_STEP = 64 << 20,
    WAIT_US = 1000,
    WAITS_MAX = 20000,       /* Twenty seconds: the machine may be busy. */
    THIN_SIZE = 100 << 20,   /* mkfs.xfs writes 64 MiB of it. */
    SERVED_REQUEST_KIB = 64, /* Less than what FUSE cuts writes into. */
    THIN_REQUEST_KIB = 4     /* The page, which is what tmpfs has room for, or has not. */
};

const char *device_unavailable(const char *file_system)
{
    static char reason[64];
    static const char *const programs[] = {"nbdkit", "nbdfuse"};
    const char *argv[] = {NULL, "--version", NULL};

    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        argv[0] = programs[i];
        if (command_run(argv) != 0) {
            (void)snprintf(reason, sizeof reason, "there is no %s", programs[i]);
            return reason;
        }
    }
    if (access("/dev/fuse", R_OK | W_OK) != 0) {
        return "there is no /dev/fuse";
    }
    return image_unavailable(file_system);
}

/* A file of the device's folder. */
static const char *file_of(const device *d, const char *name, char out[700])
{
    (void)snprintf(out, 700, "%s/%s", d->store, name);
    return out;
}

static void exec_program(void *arg)
{
    const char *const *argv = arg;
    int null = open("/dev/null", O_RDWR);

    if (null >= 0 && dup2(null, 0) >= 0 && dup2(null, 1) >= 0 && dup2(null, 2) >= 0) {
        /* Nothing writes to them. */
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    }
    _exit(127);
}

static void wait_for_file(const char *name, bool with_size)
{
    struct stat about;

    for (unsigned i = 0; stat(name, &about) != 0 || (with_size && about.st_size == 0); i++) {
        if (i == WAITS_MAX) {
            violation("%s does not come", name);
        }
        sleep_us(WAIT_US);
    }
}

static void mount_top(device *d)
{
    static const unsigned request_kib[DEVICE_KINDS] = {SERVED_REQUEST_KIB, SERVED_REQUEST_KIB, THIN_REQUEST_KIB, 0};

    image_mount(d->top, d->file_system, d->mount, request_kib[d->kind], d->loop);
}

void device_mount(device *d)
{
    image_wait_free(d->loop);
    mount_top(d);
}

/* The block server, and the file in which it shows. */
static void serve(device *d)
{
    char socket[700], pause[700], reads[700], writes[700], control[740], read_file[740], write_file[740];
    char zero_file[740];
    const char *server[24] = {"nbdkit", "-f", "-U", socket, "--filter=pause"};
    const char *fuse[] = {"nbdfuse", d->top, "--unix", socket, NULL};
    size_t n = 5;

    (void)unlink(file_of(d, "socket", socket));
    (void)unlink(file_of(d, "control", pause));
    (void)snprintf(control, sizeof control, "pause-control=%s", pause);
    (void)snprintf(read_file, sizeof read_file, "error-pread-file=%s", file_of(d, "fail-reads", reads));
    (void)snprintf(write_file, sizeof write_file, "error-pwrite-file=%s", file_of(d, "fail-writes", writes));
    (void)snprintf(zero_file, sizeof zero_file, "error-zero-file=%s", writes);
    if (d->kind == DEVICE_CACHED) {
        server[n++] = "--filter=cache";
    }
    server[n++] = "--filter=error";
    server[n++] = "file";
    server[n++] = d->back;
    server[n++] = control;
    server[n++] = read_file;
    server[n++] = write_file;
    server[n++] = zero_file;
    server[n++] = "error-pread-rate=100%";
    server[n++] = "error-pwrite-rate=100%";
    server[n++] = "error-zero-rate=100%";
    if (d->kind == DEVICE_CACHED) {
        server[n++] = "cache=writeback";
    }
    d->server = process_start(exec_program, server);
    wait_for_file(socket, false);
    d->fuse = process_start(exec_program, fuse);
    wait_for_file(d->top, true);
}

/* Whoever still holds the file gets errors. */
static void serve_no_more(device *d)
{
    char folder[700];

    if (d->fuse != 0) {
        (void)process_kill(d->fuse);
        (void)umount2(file_of(d, "top", folder), MNT_DETACH);
    }
    device_unplug(d);
    d->fuse = 0;
}

void device_unplug(device *d)
{
    if (d->server != 0) {
        (void)process_kill(d->server);
    }
    d->server = 0;
}

static void make_folder(const char *name)
{
    if (mkdir(name, 0700) != 0 && errno != EEXIST) {
        violation("mkdir %s: %s", name, strerror(errno));
    }
}

void device_make(device *d, device_kind kind, const char *file_system, const char *folder)
{
    char options[32] = "", name[700];

    *d = (device){.kind = kind, .file_system = file_system};
    (void)snprintf(d->store, sizeof d->store, "%s/store", folder);
    (void)snprintf(d->mount, sizeof d->mount, "%s/mount", folder);
    (void)snprintf(d->back, sizeof d->back, "%s/back", d->store);
    make_folder(d->store);
    make_folder(d->mount);
    if (kind == DEVICE_THIN) {
        (void)snprintf(options, sizeof options, "size=%d", THIN_SIZE);
    }
    if (mount("store", d->store, "tmpfs", 0, options) != 0) {
        violation("mount %s: %s", d->store, strerror(errno));
    }
    image_make(d->back, file_system);
    if (kind == DEVICE_SERVED || kind == DEVICE_CACHED) {
        make_folder(file_of(d, "top", name));
        (void)snprintf(d->top, sizeof d->top, "%s/top/nbd", d->store);
        serve(d);
    } else {
        (void)snprintf(d->top, sizeof d->top, "%s", d->back);
    }
    mount_top(d);
}

void device_drop(device *d)
{
    image_unmount(d->mount);
    image_wait_free(d->loop);
    serve_no_more(d);
    if (umount2(d->store, 0) != 0) {
        violation("unmount %s: %s", d->store, strerror(errno));
    }
}

void device_again(device *d)
{
    image_unmount(d->mount);
    image_wait_free(d->loop);
    image_mend(d->top, d->file_system);
    mount_top(d);
}

void device_replace(device *d)
{
    device_unplug(d);
    image_unmount(d->mount);
    image_wait_free(d->loop);
    serve_no_more(d);
    serve(d);
    image_mend(d->top, d->file_system);
    mount_top(d);
}

static void trigger(const device *d, const char *name, bool on)
{
    char path[700];
    int fd;

    (void)file_of(d, name, path);
    if (!on) {
        (void)unlink(path);
        return;
    }
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) {
        violation("%s: %s", path, strerror(errno));
    }
    (void)close(fd);
}

void device_fail_reads(const device *d, bool on)
{
    trigger(d, "fail-reads", on);
}

void device_fail_writes(const device *d, bool on)
{
    trigger(d, "fail-writes", on);
}

/* The server answers when it has done so: held with nothing under way, or going on. */
void device_stall(const device *d, bool on)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[700], link_path[64], answer = 0;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int folder = open(d->store, O_PATH | O_CLOEXEC);

    /* The name of a socket is short: it is reached through its folder. */
    (void)snprintf(link_path, sizeof link_path, "/proc/self/fd/%d/control", folder);
    memcpy(address.sun_path, link_path, sizeof link_path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0 || write(fd, on ? "p" : "r", 1) != 1 ||
        read(fd, &answer, 1) != 1 || answer != (on ? 'P' : 'R')) {
        violation("%s: %s", file_of(d, "control", path), strerror(errno));
    }
    (void)close(fd);
    (void)close(folder);
}

void device_fill(const char *folder, uint64_t keep)
{
    off_t step = FILL_STEP, size = 0;
    char name[700];
    int fd;

    (void)snprintf(name, sizeof name, "%s/filler", folder);
    fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    while (fd >= 0 && step >= PAGE) {
        if (fallocate(fd, 0, size, step) == 0) {
            size += step;
        } else {
            step /= 2;
        }
    }
    if (fd < 0 || ftruncate(fd, size > (off_t)keep ? size - (off_t)keep : 0) != 0) {
        violation("fill %s: %s", folder, strerror(errno));
    }
    (void)close(fd);
}

void device_make_room(const char *folder)
{
    char name[700];
    int fd;

    (void)snprintf(name, sizeof name, "%s/filler", folder);
    /* xfs gives the blocks of a removed file back later, those of one that is cut with its log. */
    fd = open(name, O_RDWR | O_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 0) != 0 || unlink(name) != 0 || syncfs(fd) != 0) {
        violation("%s: %s", name, strerror(errno));
    }
    (void)close(fd);
}

int device_campaign(campaign *c, int argc, char **argv, campaign_ledger_fn run)
{
    const char *reason;

    campaign_options(c, argc, argv);
    reason = device_unavailable(c->file_system != NULL ? c->file_system : "xfs");
    return reason != NULL ? campaign_skip(reason) : campaign_run(c, run);
}
