/* SPDX-License-Identifier: Apache-2.0 */
/* boot.c — start a user-mode-linux and wait for its end. */
#include "test/replay/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/kill/shared.h"
#include "test/replay/guest.h"

#define KERNEL "/usr/bin/linux.uml"
#define MODULES "/usr/lib/uml/modules"
#define SHARED_MEMORY "/dev/shm"

enum {
    ARGUMENTS_MAX = 20,
    END_WAIT_MS = 180000 /* It needs a few seconds; many on a busy machine. */
};

const char *boot_unavailable(void)
{
    if (access(KERNEL, X_OK) != 0 || access(MODULES, R_OK) != 0) {
        return "there is no user-mode-linux (Debian package user-mode-linux)";
    }
    return NULL;
}

/* In the process that becomes the kernel; its memory is a file, which belongs into memory. */
_Noreturn static void become_kernel(const char *folder, const char *guest, const char *file_system, uint64_t seed)
{
    char text[ARGUMENTS_MAX][1024];
    char *argv[ARGUMENTS_MAX + 1] = {0};
    const char *fixed[] = {KERNEL, "mem=256M", "rootfstype=hostfs", "root=/dev/root", "rootflags=/",
                           "ro",   "quiet",    "con=null",          "con0=null,fd:1"};
    unsigned count = sizeof fixed / sizeof fixed[0];
    int console, null;

    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(text[i], sizeof text[i], "%s", fixed[i]);
    }
    (void)snprintf(text[count++], sizeof text[0], "uml_dir=%s/", folder);
    (void)snprintf(text[count++], sizeof text[0], "umid=guest");
    (void)snprintf(text[count++], sizeof text[0], "ubd0=%s/disk", folder);
    (void)snprintf(text[count++], sizeof text[0], "ubd1=%s/log", folder);
    (void)snprintf(text[count++], sizeof text[0], "init=%s", guest);
    (void)snprintf(text[count++], sizeof text[0], GUEST_FILE_SYSTEM "=%s", file_system);
    (void)snprintf(text[count++], sizeof text[0], GUEST_SEED "=%llu", (unsigned long long)seed);
    for (unsigned i = 0; i < count; i++) {
        argv[i] = text[i];
    }
    (void)snprintf(text[count], sizeof text[0], "%s/console", folder);
    console = open(text[count], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (console < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(console, STDOUT_FILENO) < 0 ||
        dup2(console, STDERR_FILENO) < 0) {
        _exit(1);
    }
    if (access(SHARED_MEMORY, W_OK) == 0) {
        (void)setenv("TMPDIR", SHARED_MEMORY, 1);
    }
    (void)execv(KERNEL, argv);
    _exit(1);
}

/*
 * Of its processes some outlive the kernel if that is killed. So they live in a process namespace, whose first process
 * takes all others with it: whatever becomes of the test, nothing is left.
 */
_Noreturn static void keep_kernel(const char *folder, const char *guest, const char *file_system, uint64_t seed)
{
    pid_t first, kernel;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || unshare(CLONE_NEWPID) != 0) {
        _exit(1);
    }
    first = fork();
    if (first == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
            _exit(1);
        }
        kernel = fork();
        if (kernel == 0) {
            become_kernel(folder, guest, file_system, seed);
        }
        while (waitpid(-1, NULL, 0) != kernel) {
        }
        _exit(0);
    }
    (void)process_wait(first);
    _exit(0);
}

static bool console_says(const char *folder, const char *line)
{
    char name[1024], text[512];
    bool says = false;
    FILE *console;

    (void)snprintf(name, sizeof name, "%s/console", folder);
    console = fopen(name, "r");
    while (console != NULL && !says && fgets(text, sizeof text, console) != NULL) {
        says = strncmp(text, line, strlen(line)) == 0;
    }
    if (console != NULL) {
        (void)fclose(console);
    }
    return says;
}

boot_end boot(const char *folder, const char *guest, const char *file_system, uint64_t seed)
{
    struct pollfd ended = {.events = POLLIN};
    int ready = 0;
    pid_t pid;

    (void)fflush(NULL);
    pid = fork();
    if (pid < 0) {
        violation("fork: %s", strerror(errno));
    }
    if (pid == 0) {
        keep_kernel(folder, guest, file_system, seed);
    }
    ended.fd = (int)syscall(SYS_pidfd_open, pid, 0);
    do {
        ready = poll(&ended, 1, END_WAIT_MS);
    } while (ready < 0 && errno == EINTR);
    (void)process_kill(pid);
    (void)close(ended.fd);
    if (console_says(folder, GUEST_DONE)) {
        return BOOT_DONE;
    }
    return console_says(folder, GUEST_UP) ? BOOT_FAILED : BOOT_NEVER;
}
