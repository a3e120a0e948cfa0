/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_main.c — run a fuzz target over files and folders of kept inputs, where there is no libFuzzer. */
#include "test/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static unsigned inputs;

/** Hands over a file's bytes in memory of exactly their size. Returns 1 if it cannot be read. */
static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat st;
    uint8_t *data;
    size_t size;

    if (file == NULL || fstat(fileno(file), &st) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        if (file != NULL)
            (void)fclose(file);
        return 1;
    }
    data = malloc(st.st_size > 0 ? (size_t)st.st_size : 1);
    MUST(data != NULL);
    size = fread(data, 1, (size_t)st.st_size, file);
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    inputs++;
    return size == (size_t)st.st_size ? 0 : 1;
}

int main(int argc, char **argv)
{
    int failed = 0;

    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        const struct dirent *entry;

        if (folder == NULL) {
            failed |= run_file(argv[i]);
            continue;
        }
        while ((entry = readdir(folder)) != NULL) {
            char path[4096];

            if (entry->d_name[0] == '.')
                continue;
            (void)snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            failed |= run_file(path);
        }
        (void)closedir(folder);
    }
    printf("%u inputs\n", inputs);
    return failed != 0 || inputs == 0;
}
