/* SPDX-License-Identifier: Apache-2.0 */
/* api.c — a ledger for one test, in memory or in a folder, and short forms of what tests do with it. */
#include "test/api/api.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/ledger/ledger.h"

void api_expect_at(firn_status got, firn_status wanted, const firn_error *err, const char *text, const char *file,
                   int line)
{
    if (got != wanted) {
        print_error("%s: expected %s, got %s: %s\n", file, firn_status_name(wanted), firn_status_name(got),
                    got < 0 ? err->text : "");
        _fail(file, line);
    }
    if (got < 0 && err->status != got) {
        print_error("%s: the error says %s: %s\n", file, firn_status_name(err->status), err->text);
        _fail(file, line);
    }
    if (text != NULL) {
        _assert_string_equal(err->text, text, file, line);
    }
}

static api_world *world_new(firn_progress progress)
{
    api_world *world = calloc(1, sizeof *world);

    assert_non_null(world);
    world->options = (firn_options){
        .struct_size = sizeof world->options,
        .progress = progress,
        .segment_size = 512 * 1024,
        .spare_segments = 1,
        .group_size_max = 128 * 1024,
    };
    return world;
}

static void open_first(api_world *world)
{
    firn_error err;

    world->options.mode = FIRN_OPEN_NEW;
    OK(err, firn_open(world->url, &world->options, &world->ledger, &err));
}

static int setup_memory(void **state, firn_progress progress)
{
    static unsigned serial;
    api_world *world = world_new(progress);
    firn_options reading = world->options;
    firn_error err;

    (void)snprintf(world->url, sizeof world->url, "mem:test-%u", serial++);
    open_first(world);
    reading.mode = FIRN_OPEN_READ;
    OK(err, firn_open(world->url, &reading, &world->keeper, &err));
    *state = world;
    return 0;
}

static int setup_folder(void **state, firn_progress progress)
{
    api_world *world = world_new(progress);

    (void)snprintf(world->folder, sizeof world->folder, "./api-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    (void)snprintf(world->url, sizeof world->url, "%s", world->folder);
    open_first(world);
    *state = world;
    return 0;
}

int api_setup_memory(void **state)
{
    return setup_memory(state, FIRN_PROGRESS_AUTO);
}

int api_setup_folder(void **state)
{
    return setup_folder(state, FIRN_PROGRESS_AUTO);
}

int api_setup_memory_manual(void **state)
{
    return setup_memory(state, FIRN_PROGRESS_MANUAL);
}

int api_setup_folder_manual(void **state)
{
    return setup_folder(state, FIRN_PROGRESS_MANUAL);
}

void api_remove_index(const api_world *world)
{
    char path[300];

    (void)snprintf(path, sizeof path, "%s/index", world->folder);
    if (world->folder[0] != '\0') {
        api_remove_folder(path);
    }
}

void api_remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    char name[1024];

    if (dir == NULL) {
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (snprintf(name, sizeof name, "%s/%s", path, entry->d_name) >= (int)sizeof name) {
            continue;
        }
        if (entry->d_name[0] != '.' && unlink(name) != 0) {
            api_remove_folder(name);
        }
    }
    (void)closedir(dir);
    (void)rmdir(path);
}

int api_teardown(void **state)
{
    api_world *world = *state;
    firn_report report = {.struct_size = sizeof report};
    firn_error err;

    /* Need N9: after whatever a test did, the rows are those that follow from the log. */
    if (world->ledger != NULL && !world->broken) {
        api_expect_at(firn_replay(world->ledger, NULL, &report, &err), FIRN_OK, &err, NULL, __FILE__, __LINE__);
    }
    api_expect_at(firn_close(world->ledger, &err), FIRN_OK, &err, NULL, __FILE__, __LINE__);
    api_expect_at(firn_close(world->keeper, &err), FIRN_OK, &err, NULL, __FILE__, __LINE__);
    if (world->folder[0] != '\0') {
        api_remove_folder(world->folder);
    }
    free(world);
    return 0;
}

void api_close(api_world *world)
{
    firn_error err;

    OK(err, firn_close(world->ledger, &err));
    world->ledger = NULL;
}

void api_open(api_world *world)
{
    firn_error err;

    world->options.mode = FIRN_OPEN_WRITE;
    OK(err, firn_open(world->url, &world->options, &world->ledger, &err));
}

void api_reopen(api_world *world)
{
    api_close(world);
    api_open(world);
}

void api_check_and_reopen(api_world *world)
{
    firn_error err;

    OK(err, frn_ledger_check(world->ledger, &err));
    api_reopen(world);
    OK(err, frn_ledger_check(world->ledger, &err));
    api_close(world);
    api_remove_index(world);
    api_open(world);
    OK(err, frn_ledger_check(world->ledger, &err));
}

int64_t api_clock(void *arg)
{
    return ((api_world *)arg)->clock_ns;
}

firn_receipt api_append_at(firn_ledger *ledger, const char *stream, uint32_t kind, const char *payload,
                           const char *file, int line)
{
    firn_event event = {kind, S(payload)};
    firn_receipt receipt;
    firn_error err;

    api_expect_at(firn_append(ledger, S(stream), &event, 1, NULL, &receipt, &err), FIRN_OK, &err, NULL, file, line);
    return receipt;
}

firn_stream api_stream(firn_ledger *ledger, const char *name)
{
    firn_stream stream = {0};
    firn_view *view;
    firn_error err;
    firn_status status;

    OK(err, firn_view_open(ledger, &view, &err));
    status = firn_stream_get(view, S(name), &stream, &err);
    assert_true(status == FIRN_OK || status == FIRN_ENOTFOUND);
    firn_view_close(view);
    return stream;
}

uint64_t api_count(firn_ledger *ledger)
{
    uint64_t count = 0;
    firn_record record;
    firn_scan *scan;
    firn_error err;
    firn_status status;

    OK(err, firn_scan_open(ledger, NULL, &scan, &err));
    while ((status = firn_scan_next(scan, &record, &err)) == FIRN_OK) {
        count++;
    }
    api_expect_at(status, FIRN_END, &err, NULL, __FILE__, __LINE__);
    firn_scan_close(scan);
    return count;
}
