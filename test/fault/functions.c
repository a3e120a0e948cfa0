/* SPDX-License-Identifier: Apache-2.0 */
/*
 * functions.c — every public function: what makes it fail, and what it may then answer.
 *
 * fails_by is what the sweep must see, no less and no more: a function of which no fault is seen any more has lost its
 * case, and one that is seen failing by a fault which its row does not name does more than was known.
 */
#include "test/fault/functions.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define H (1U << FAULT_HEAP)
#define D (1U << FAULT_DISK)
#define M (1U << FAULT_MALLOC)
#define C (1U << FAULT_CALL)

#define IO FUNCTION_STATUS(FIRN_EIO)
#define SPACE FUNCTION_STATUS(FIRN_ENOSPC)
#define POISON FUNCTION_STATUS(FIRN_EPOISONED)
#define INDEX FUNCTION_STATUS(FIRN_ECORRUPT)
/* Of a call that appends: no segment could be made, or the fate of the batch is unknown. */
#define APPENDS (SPACE | POISON | IO)

fault_function functions_that_fail[] = {
    {"firn_append", H | D | M | C, APPENDS, 0, 0},
    {"firn_append_submit", H | D | M | C, APPENDS, 0, 0},
    {"firn_batch_commit", H | D | M | C, APPENDS, 0, 0},
    {"firn_batch_content_put", H | M, 0, 0, 0},
    {"firn_batch_event", H | M, 0, 0, 0},
    {"firn_batch_expect", H | M, 0, 0, 0},
    {"firn_batch_key", H | M, 0, 0, 0},
    {"firn_batch_new", H | M, 0, 0, 0},
    {"firn_batch_release_promote", H | M, 0, 0, 0},
    {"firn_batch_run_append", H | M, 0, 0, 0},
    {"firn_batch_run_create", H | M, 0, 0, 0},
    {"firn_batch_run_end", H | M, 0, 0, 0},
    {"firn_batch_submit", H | D | M | C, APPENDS, 0, 0},
    {"firn_close", D | C, IO | SPACE | POISON, 0, 0},
    {"firn_content_get", H | D | M | C, IO, 0, 0},
    {"firn_content_has", H | M, 0, 0, 0},
    {"firn_content_next", H | M, 0, 0, 0},
    {"firn_content_put", H | D | M | C, APPENDS, 0, 0},
    {"firn_content_put_submit", H | D | M | C, APPENDS, 0, 0},
    {"firn_content_reader_open", H | D | M | C, IO, 0, 0},
    {"firn_content_reader_read", H | D | M | C, IO, 0, 0},
    {"firn_content_stat", H | M, 0, 0, 0},
    {"firn_content_writer_finish", H | D | M | C, APPENDS, 0, 0},
    {"firn_content_writer_open", H | D | M | C, IO, 0, 0},
    {"firn_content_writer_write", H | D | M | C, APPENDS, 0, 0},
    {"firn_digest_of", M, 0, 0, 0},
    {"firn_eventfd", C, IO, 0, 0},
    {"firn_get", H | D | M | C, IO, 0, 0},
    {"firn_history_digest", H | D | M | C, IO, 0, 0},
    {"firn_key_age_set", H | D | M | C, APPENDS, 0, 0},
    {"firn_key_age_set_submit", H | D | M | C, APPENDS, 0, 0},
    {"firn_key_get", H | D | M | C, IO, 0, 0},
    {"firn_open", H | D | M | C, IO | SPACE | POISON, 0, 0},
    {"firn_poll", D | C, POISON, 0, 0},
    {"firn_release_current", H | D | M | C, IO, 0, 0},
    {"firn_release_history", H | D | M | C, IO, 0, 0},
    {"firn_release_next", H | D | M | C, IO, 0, 0},
    {"firn_release_promote", H | D | M | C, APPENDS, 0, 0},
    {"firn_release_promote_submit", H | D | M | C, APPENDS, 0, 0},
    {"firn_replay", H | D | M | C, IO | INDEX, 0, 0},
    {"firn_run_append", H | D | M | C, APPENDS, 0, 0},
    {"firn_run_append_submit", H | D | M | C, APPENDS, 0, 0},
    {"firn_run_create", H | D | M | C, APPENDS, 0, 0},
    {"firn_run_create_submit", H | D | M | C, APPENDS, 0, 0},
    {"firn_run_end", H | D | M | C, APPENDS, 0, 0},
    {"firn_run_end_submit", H | D | M | C, APPENDS, 0, 0},
    {"firn_run_events_next", H | D | M | C, IO, 0, 0},
    {"firn_run_events_open", H | M, 0, 0, 0},
    {"firn_run_get", H | D | M | C, IO, 0, 0},
    {"firn_run_list_next", H | D | M | C, IO, 0, 0},
    {"firn_run_list_open", H | M, 0, 0, 0},
    {"firn_scan_next", H | D | M | C, IO, 0, 0},
    {"firn_scan_open", H | M, 0, 0, 0},
    {"firn_stat", 0, 0, 0, 0},
    {"firn_stat_cuts", 0, 0, 0, 0},
    {"firn_stream_get", H | M, 0, 0, 0},
    {"firn_stream_get_by_id", H | M, 0, 0, 0},
    {"firn_stream_next", H | M, 0, 0, 0},
    {"firn_sync", D | C, POISON, 0, 0},
    {"firn_tail_next", H | D | M | C, IO | POISON, 0, 0},
    {"firn_tail_open", H | M, 0, 0, 0},
    {"firn_ticket_poll", D | C, APPENDS, 0, 0},
    {"firn_ticket_wait", D | C, APPENDS, 0, 0},
    {"firn_verify", H | D | M | C, IO | INDEX, 0, 0},
    {"firn_view_open", H | M, 0, 0, 0},
    {"firn_wait", H | D | M | C, IO | POISON, 0, 0},
    {NULL, 0, 0, 0, 0},
};

const char *const functions_that_do_not[] = {
    "firn_batch_count",
    "firn_batch_free",
    "firn_batch_reset",
    "firn_buf_free",
    "firn_content_reader_close",
    "firn_content_writer_close",
    "firn_digest_format",
    "firn_digest_parse",
    "firn_digest_short",
    "firn_position",
    "firn_run_events_close",
    "firn_run_list_close",
    "firn_run_list_cursor",
    "firn_run_status_name",
    "firn_scan_close",
    "firn_status_name",
    "firn_status_text",
    "firn_tail_close",
    "firn_ticket_free",
    "firn_time_format",
    "firn_time_of_ns",
    "firn_time_parse",
    "firn_version",
    "firn_view_close",
    "firn_view_seq",
    NULL,
};

fault_function *function_of(const char *name)
{
    for (fault_function *f = functions_that_fail; f->name != NULL; f++) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return NULL;
}

unsigned functions_tried(void)
{
    unsigned count = 0;

    for (const fault_function *f = functions_that_fail; f->name != NULL; f++) {
        count += f->tried > 0;
    }
    return count;
}

unsigned functions_judge(unsigned kinds)
{
    static const char *const names[] = {"none", "heap", "disk", "malloc", "call", "seam"};
    unsigned wrong = 0;

    for (const fault_function *f = functions_that_fail; f->name != NULL; f++) {
        for (unsigned kind = FAULT_HEAP; kind <= FAULT_CALL; kind++) {
            bool said = (f->fails_by & (1U << kind)) != 0, seen = (f->failed & (1U << kind)) != 0;

            if ((kinds & (1U << kind)) != 0 && said != seen) {
                (void)printf("%s: %s failing by %s\n", f->name,
                             said ? "was not seen" : "was seen, and is not said to be,", names[kind]);
                wrong++;
            }
        }
    }
    return wrong;
}

/* ---- against the headers ---- */

static bool listed(const char *name)
{
    for (const char *const *other = functions_that_do_not; *other != NULL; other++) {
        if (strcmp(*other, name) == 0) {
            return true;
        }
    }
    return false;
}

/* The functions that a header declares: each must stand in one of the tables. */
static unsigned compare_header(const char *path, unsigned *count)
{
    static char text[1 << 18];
    FILE *file = fopen(path, "re");
    size_t size = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
    const char *at = text;
    unsigned wrong = 0;
    char name[64];

    if (file == NULL || size == 0 || size == sizeof text - 1) {
        (void)printf("cannot read %s\n", path);
        abort();
    }
    (void)fclose(file);
    text[size] = '\0';
    while ((at = strstr(at, "\nFIRN_API ")) != NULL) {
        const char *end = strchr(at, '('), *begin = end;

        while (begin[-1] != ' ' && begin[-1] != '*') {
            begin--;
        }
        (void)snprintf(name, sizeof name, "%.*s", (int)(end - begin), begin);
        if ((function_of(name) != NULL) == listed(name)) {
            (void)printf("%s must be in one of the tables of functions.c\n", name);
            wrong++;
        }
        (*count)++;
        at = end;
    }
    return wrong;
}

unsigned functions_compare(const char *headers)
{
    unsigned wrong = 0, declared = 0, rows = 0;
    const struct dirent *entry;
    DIR *folder = opendir(headers);
    char path[512];

    if (folder == NULL) {
        (void)printf("cannot read %s\n", headers);
        return 1;
    }
    while ((entry = readdir(folder)) != NULL) {
        if (strstr(entry->d_name, ".h") != NULL) {
            (void)snprintf(path, sizeof path, "%s/%s", headers, entry->d_name);
            wrong += compare_header(path, &declared);
        }
    }
    (void)closedir(folder);
    for (const fault_function *f = functions_that_fail; f->name != NULL; f++) {
        rows++;
    }
    for (const char *const *other = functions_that_do_not; *other != NULL; other++) {
        rows++;
    }
    if (rows != declared) {
        (void)printf("%u rows in the tables of functions.c, %u functions in the headers\n", rows, declared);
        wrong++;
    }
    return wrong;
}
