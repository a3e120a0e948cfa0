/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_verify.c — figures, verification and replay: on sound ledgers, on damaged ones, and how they can be stopped.
 */
#include "test/api/api.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void fill(api_world *world, int batches)
{
    static const char payload[1000] = "payload";
    firn_event events[3] = {{1, {payload, 500}}, {2, {payload, 1000}}, {3, {payload, 0}}};
    firn_error err;

    for (int i = 0; i < batches; i++) {
        OK(err, firn_append(world->ledger, i % 2 == 0 ? S("even") : S("odd"), events, 3, NULL, NULL, &err));
    }
}

/* The figures of a ledger after some work, and after it was opened again. */
static void test_stat(void **state)
{
    api_world *world = *state;
    firn_stats stats = {.struct_size = sizeof stats};
    firn_cut cuts[1];
    size_t count = 77;
    firn_error err;

    fill(world, 10);
    OK(err, firn_stat(world->ledger, &stats, &err));
    assert_int_equal(stats.struct_size, sizeof stats);
    assert_int_equal(stats.format_version, 1);
    assert_int_equal(stats.segment_size, world->options.segment_size);
    assert_int_equal(stats.incarnation, 1);
    assert_int_equal(stats.incarnations_count, 1);
    assert_int_equal(stats.allocated_seq, 30);
    assert_int_equal(stats.durable_seq, 30);
    assert_int_equal(stats.records_count, 30);
    assert_int_equal(stats.streams_count, 2);
    assert_int_equal(stats.records_written, 30);
    assert_int_equal(stats.batches_written, 10);
    assert_int_equal(stats.tickets_count, 0);
    assert_int_equal(stats.views_count, 0);
    assert_int_equal(stats.writable, 1);
    assert_int_equal(stats.poisoned_errno, 0);
    assert_int_equal(stats.damage.status, FIRN_OK);
    assert_int_equal(stats.cuts_count, 0);
    assert_true(stats.index_size > 0);
    assert_true(stats.bytes_written >= 10 * 1500);
    OK(err, firn_stat_cuts(world->ledger, cuts, 1, &count, &err));
    assert_int_equal(count, 0);
    api_reopen(world);
    OK(err, firn_stat(world->ledger, &stats, &err));
    /* An index on disk was merged when the ledger was closed. */
    assert_int_equal(stats.merged_seq, world->folder[0] != '\0' ? 30 : 0);
    assert_int_equal(stats.replayed_records, world->folder[0] != '\0' ? 0 : 30);
    assert_int_equal(stats.records_written, 0);
    assert_int_equal(stats.was_clean, 1);
    assert_int_equal(stats.durable_seq, 30);
}

/* A caller that knows fewer fields gets those, one that knows more gets zeros behind; none is a mistake. */
static void test_stat_sizes(void **state)
{
    api_world *world = *state;
    struct {
        firn_stats stats;
        uint64_t later;
    } newer = {.stats = {.struct_size = sizeof newer}, .later = 77};
    firn_stats older;
    firn_report report;
    size_t count = 77;
    firn_error err;

    OK(err, firn_stat(world->ledger, &newer.stats, &err));
    assert_int_equal(newer.stats.struct_size, sizeof newer);
    assert_int_equal(newer.later, 0);
    memset(&older, 0x77, sizeof older);
    older.struct_size = offsetof(firn_stats, incarnation);
    OK(err, firn_stat(world->ledger, &older, &err));
    assert_int_equal(older.segment_size, world->options.segment_size);
    assert_int_equal(older.incarnation, 0x7777777777777777);
    older.struct_size = 0;
    EXPECT(FIRN_EINVAL, err, "stat: struct_size 0 is not the size of one", firn_stat(world->ledger, &older, &err));
    older.struct_size = SIZE_MAX;
    EXPECT(FIRN_EINVAL, err, "stat: struct_size 18446744073709551615 is not the size of one",
           firn_stat(world->ledger, &older, &err));
    report.struct_size = SIZE_MAX;
    EXPECT(FIRN_EINVAL, err, "replay: report: struct_size 18446744073709551615 is not the size of one",
           firn_replay(world->ledger, NULL, &report, &err));
    OK(err, firn_stat_cuts(world->ledger, NULL, 0, &count, &err));
    assert_int_equal(count, 0);
    EXPECT(FIRN_EINVAL, err, "stat: ledger is NULL", firn_stat(NULL, &older, &err));
    EXPECT(FIRN_EINVAL, err, "stat: stats is NULL", firn_stat(world->ledger, NULL, &err));
    EXPECT(FIRN_EINVAL, err, "stat: out_count is NULL", firn_stat_cuts(world->ledger, NULL, 0, NULL, &err));
}

/* A sound ledger verifies, open or closed, and its rows have the digest that a replay of it gives. */
static void test_verify_sound(void **state)
{
    api_world *world = *state;
    firn_report live = {.struct_size = sizeof live}, closed = {.struct_size = sizeof closed};
    firn_report replayed = {.struct_size = sizeof replayed};
    firn_error err;

    fill(world, 200);
    OK(err, firn_replay(world->ledger, NULL, &replayed, &err));
    assert_int_equal(replayed.records, 600);
    assert_int_equal(replayed.batches, 200);
    assert_int_equal(replayed.first_seq, 1);
    assert_int_equal(replayed.last_seq, 600);
    /* Two streams of three rows each, and their number. */
    assert_int_equal(replayed.rows, 7);
    OK(err, firn_verify(world->url, NULL, &live, &err));
    assert_int_equal(live.findings, 0);
    api_close(world);
    OK(err, firn_verify(world->url, NULL, &closed, &err));
    assert_int_equal(closed.findings, 0);
    assert_int_equal(closed.records, 600);
    assert_int_equal(closed.batches, 200);
    assert_int_equal(closed.last_seq, 600);
    assert_int_equal(closed.tail_bytes, 0);
    assert_int_equal(closed.rows, 7);
    assert_memory_equal(closed.digest, replayed.digest, FIRN_DIGEST_SIZE);
    OK(err, firn_verify(world->url, NULL, NULL, &err));
    closed.struct_size = 3;
    EXPECT(FIRN_EINVAL, err, NULL, firn_verify(world->url, NULL, &closed, &err));
    assert_non_null(strstr(err.text, "report: struct_size 3 is not the size of one"));
    api_open(world);
}

static int stop_at_once(void *arg, uint64_t bytes_done, uint64_t bytes_total, uint64_t records)
{
    (void)bytes_done;
    (void)bytes_total;
    (void)records;
    ++*(int *)arg;
    return 1;
}

/* Long work tells how far it is, and stops when asked to. */
static void test_progress_stops(void **state)
{
    api_world *world = *state;
    int calls = 0;
    firn_replay_options replay = {.struct_size = sizeof replay, .progress = stop_at_once, .progress_arg = &calls};
    firn_verify_options verify = {.struct_size = sizeof verify, .progress = stop_at_once, .progress_arg = &calls};
    firn_error err;

    fill(world, 10);
    EXPECT(FIRN_ESTATE, err, "replay: stopped by the caller after 30 records",
           firn_replay(world->ledger, &replay, NULL, &err));
    assert_int_equal(calls, 1);
    EXPECT(FIRN_ESTATE, err, NULL, firn_verify(world->url, &verify, NULL, &err));
    assert_int_equal(calls, 2);
    api_close(world);
    api_remove_index(world);
    world->options.mode = FIRN_OPEN_WRITE;
    world->options.replay_progress = stop_at_once;
    world->options.replay_progress_arg = &calls;
    EXPECT(FIRN_ESTATE, err, NULL, firn_open(world->url, &world->options, &world->ledger, &err));
    assert_int_equal(calls, 3);
    world->options.replay_progress = NULL;
    api_open(world);
}

/* Places that cannot be verified, and arguments that are wrong. */
static void test_verify_refusals(void **state)
{
    firn_error err;

    (void)state;
    EXPECT(FIRN_EINVAL, err, "verify: url is NULL", firn_verify(NULL, NULL, NULL, &err));
    EXPECT(FIRN_ENOTFOUND, err, NULL, firn_verify("./there-is-no-such-folder", NULL, NULL, &err));
    assert_int_equal(err.detail, FIRN_DETAIL_NOT_A_LEDGER);
    EXPECT(FIRN_ENOTFOUND, err, "verify mem:: there is no ledger", firn_verify("mem:", NULL, NULL, &err));
    EXPECT(FIRN_EINVAL, err, "verify sqlite:x: storage backend not built in",
           firn_verify("sqlite:x", NULL, NULL, &err));
    EXPECT(FIRN_EINVAL, err, "replay: ledger is NULL", firn_replay(NULL, NULL, NULL, &err));
    EXPECT(FIRN_ENOTFOUND, err, NULL, firn_verify(".", NULL, NULL, &err));
    assert_int_equal(err.detail, FIRN_DETAIL_NOT_A_LEDGER);
}

/* The file of a folder's ledger that holds this text, and where. */
static off_t find_text(const char *folder, const char *text, char *path, size_t path_size)
{
    char command[800], line[64] = "";
    FILE *found;

    (void)snprintf(command, sizeof command, "grep -l -a -- '%s' %s/* | head -1", text, folder);
    found = popen(command, "r");
    assert_non_null(found);
    assert_non_null(fgets(path, (int)path_size, found));
    (void)pclose(found);
    path[strcspn(path, "\n")] = '\0';
    (void)snprintf(command, sizeof command, "grep -o -a -b -m 1 -- '%s' %s | head -1 | cut -d: -f1", text, path);
    found = popen(command, "r");
    assert_non_null(found);
    assert_non_null(fgets(line, sizeof line, found));
    (void)pclose(found);
    return (off_t)strtoll(line, NULL, 10);
}

static void count_finding(void *arg, const firn_error *finding)
{
    assert_int_equal(finding->status, FIRN_ECORRUPT);
    assert_true(finding->segment > 0);
    ++*(unsigned *)arg;
}

static void keep_note(void *arg, const firn_error *note)
{
    *(firn_error *)arg = *note;
}

/* One slot of the manifest decays: a note and no finding, for the other one holds all of it; the next writer mends it.
 */
static void test_note(void **state)
{
    api_world *world = *state;
    firn_error note = {.status = FIRN_ECORRUPT}, err;
    firn_verify_options options = {.struct_size = sizeof options, .note = keep_note, .note_arg = &note};
    firn_report report = {.struct_size = sizeof report};
    char path[300];
    int fd;

    fill(world, 5);
    api_close(world);
    (void)snprintf(path, sizeof path, "%s/manifest.0", world->folder);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "x", 1, 100), 1);
    assert_int_equal(close(fd), 0);
    OK(err, firn_verify(world->url, &options, &report, &err));
    assert_int_equal(report.findings, 0);
    assert_int_equal(report.notes, 1);
    assert_int_equal(note.status, FIRN_OK);
    assert_int_equal(note.detail, FIRN_DETAIL_MANIFEST);
    assert_string_equal(note.text, "manifest.0: checksum mismatch; the other slot holds all of it");
    api_open(world);
    api_close(world);
    OK(err, firn_verify(world->url, NULL, &report, &err));
    assert_int_equal(report.notes, 0);
    api_open(world);
}

/* One byte of an early record is flipped: verify names the place, a writer is refused or meets it, a reader comes up to
 * it. */
static void test_damage(void **state)
{
    api_world *world = *state;
    unsigned findings = 0;
    firn_verify_options options = {.struct_size = sizeof options, .finding = count_finding, .finding_arg = &findings};
    firn_report report = {.struct_size = sizeof report};
    firn_options reading = world->options;
    firn_stats stats = {.struct_size = sizeof stats};
    firn_ledger *reader;
    firn_record record;
    firn_scan *scan;
    firn_error err;
    firn_stream stream;
    char path[600];
    off_t at;
    int fd;

    (void)APPEND(world->ledger, "s", 1, "before");
    (void)APPEND(world->ledger, "s", 1, "look-here-for-damage");
    fill(world, 50);
    api_close(world);
    at = find_text(world->folder, "look-here-for-damage", path, sizeof path);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "L", 1, at), 1);
    assert_int_equal(close(fd), 0);
    EXPECT(FIRN_ECORRUPT, err, NULL, firn_verify(world->url, &options, &report, &err));
    assert_true(findings > 0);
    assert_int_equal(report.findings, findings);
    assert_true(err.segment > 0);
    EXPECT(FIRN_ECORRUPT, err, NULL, firn_open(world->url, NULL, &reader, &err));
    assert_true(err.segment > 0);
    reading.mode = FIRN_OPEN_READ;
    OK(err, firn_open(world->url, &reading, &reader, &err));
    OK(err, firn_stat(reader, &stats, &err));
    assert_int_equal(stats.damage.status, FIRN_ECORRUPT);
    assert_true(stats.damage.segment > 0);
    OK(err, firn_scan_open(reader, NULL, &scan, &err));
    OK(err, firn_scan_next(scan, &record, &err));
    assert_int_equal(record.seq, 1);
    if (stats.durable_seq > 1) {
        for (int twice = 0; twice < 2; twice++) {
            EXPECT(FIRN_ECORRUPT, err, NULL, firn_scan_next(scan, &record, &err));
        }
    } else {
        assert_int_equal(firn_scan_next(scan, &record, &err), FIRN_END);
    }
    firn_scan_close(scan);
    stream = api_stream(reader, "s");
    assert_int_equal(stream.version, 1);
    OK(err, firn_close(reader, &err));
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "l", 1, at), 1);
    assert_int_equal(close(fd), 0);
    api_open(world);
    assert_int_equal(api_count(world->ledger), 152);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_stat),
        ON_MEMORY(test_stat_sizes),
        ON_BOTH(test_verify_sound),
        ON_BOTH(test_progress_stops),
        cmocka_unit_test(test_verify_refusals),
        ON_FOLDER(test_note),
        ON_FOLDER(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
