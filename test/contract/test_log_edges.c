/* SPDX-License-Identifier: Apache-2.0 */
/* test_log_edges.c — the log where bytes are hostile, threads meet badly, files lost their ends, or sizes are extreme.
 */
#include "test/contract/log_place.h"

#include "format/manifest.h"
#include "format/segment.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* The bytes of a segment's file with this number, read from or written to the place at an offset. */
static void poke(frn_io *io, unsigned number, uint64_t offset, void *data, size_t size, bool writes)
{
    firn_error err = {0};
    frn_file *file = NULL;
    char name[32];
    size_t got;

    (void)snprintf(name, sizeof name, "%016x.seg", number);
    assert_ok(io->ops->open(io, name, writes ? FRN_IO_WRITE : 0, &file, &err));
    assert_ok(writes ? io->ops->write(file, data, size, offset, &err)
                     : io->ops->read(file, data, size, offset, &got, &err));
    io->ops->file_close(file);
}

/* A footer that verifies but says that its groups end far behind the file is not believed: the groups are walked. */
static void test_footer_beyond_the_file(void **state)
{
    static uint8_t bytes[4096];
    struct place *place = *state;
    firn_error err = {0};
    frn_io *io = open_io(place);
    fmt_anchor anchor;
    fmt_footer footer;
    frn_log *log;
    uint64_t last = 0;
    uint32_t salt;

    assert_ok(frn_log_create(&place->heap, io, &plain, &err));
    log = open_log(io, place, &plain);
    for (int i = 0; i < 40; i++) {
        last = append(log, 1, 0, true);
    }
    salt = fmt_salt(frn_log_id(log), 1, 1);
    assert_ok(frn_log_close(log, &err));
    poke(io, 1, SEGMENT - sizeof bytes, bytes, sizeof bytes, false);
    assert_int_equal(fmt_footer_decode(bytes, sizeof bytes, salt, &footer), FMT_OK);
    anchor = fmt_footer_anchor(bytes, 0);
    footer.end_offset = UINT64_C(1) << 62;
    fmt_footer_encode(bytes, sizeof bytes, salt, &footer, &anchor);
    poke(io, 1, SEGMENT - sizeof bytes, bytes, sizeof bytes, true);
    log = open_log(io, place, &plain);
    assert_int_equal(frn_log_durable(log), last);
    read_all(log, 1, last);
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);
}

/* A manifest that names no durable method is opened all the same, with one that works everywhere. */
static void test_no_method(void **state)
{
    struct place *place = *state;
    firn_error err = {0};
    firn_stats stats = {0};
    frn_io *io = open_io(place);
    frn_log *log = NULL;

    assert_ok(frn_log_create(&place->heap, io, &plain, &err));
    assert_ok(frn_log_open(&place->heap, io, &plain, &log, &err));
    frn_log_stat(log, &stats);
    assert_int_equal(stats.durable_method, FIRN_DURABLE_BUFFERED_SYNC);
    (void)append(log, 1, 0, true);
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);
}

/* A file that no manifest names and that a later version wrote is left alone, and the log is not opened. */
static void test_newer_orphan(void **state)
{
    static uint8_t bytes[4096];
    struct place *place = *state;
    fmt_segment header = {
        .version = FMT_VERSION + 1, .number = 77, .incarnation = 1, .size = SEGMENT, .alignment = sizeof bytes};
    frn_log_options with_method = plain;
    firn_error err = {0};
    frn_io *io = open_io(place);
    frn_file *file = NULL;
    frn_log *log;
    uint64_t size;

    assert_ok(frn_log_create(&place->heap, io, &plain, &err));
    log = open_log(io, place, &plain);
    memcpy(header.ledger_id, frn_log_id(log), sizeof header.ledger_id);
    assert_ok(frn_log_close(log, &err));
    fmt_segment_encode(bytes, &header);
    assert_ok(io->ops->open(io, "000000000000004d.seg", FRN_IO_WRITE | FRN_IO_CREATE, &file, &err));
    assert_ok(io->ops->write(file, bytes, sizeof bytes, 0, &err));
    io->ops->file_close(file);
    with_method.durable_method = place->method;
    assert_int_equal(frn_log_open(&place->heap, io, &with_method, &log, &err), FIRN_ENEWER);
    assert_int_equal(err.segment, 77);
    assert_ok(io->ops->open(io, "000000000000004d.seg", 0, &file, &err));
    assert_ok(io->ops->size(file, &size, &err));
    assert_int_equal(size, sizeof bytes);
    io->ops->file_close(file);
    io->ops->close(io);
}

/* A manifest that verifies but names segments without end is answered, not counted to the end. */
static void test_endless_run(void **state)
{
    static uint8_t bytes[FMT_MANIFEST_SIZE];
    static fmt_run runs[FMT_MANIFEST_RUNS_MAX];
    static fmt_incarnation incarnations[FMT_MANIFEST_INCARNATIONS_MAX];
    static firn_cut cuts[FMT_MANIFEST_CUTS_MAX];
    struct place *place = *state;
    fmt_manifest manifest = {.runs = runs, .incarnations = incarnations, .cuts = cuts};
    frn_log_options with_method = plain;
    firn_error err = {0};
    frn_io *io = open_io(place);
    frn_log *log;

    assert_ok(frn_log_create(&place->heap, io, &plain, &err));
    log = open_log(io, place, &plain);
    (void)append(log, 1, 0, true);
    assert_ok(frn_log_close(log, &err));
    for (int i = 0; i < 2; i++) {
        frn_file *file = NULL;
        char name[16];
        size_t got;

        (void)snprintf(name, sizeof name, "manifest.%d", i);
        assert_ok(io->ops->open(io, name, FRN_IO_WRITE, &file, &err));
        assert_ok(io->ops->read(file, bytes, sizeof bytes, 0, &got, &err));
        assert_int_equal(fmt_manifest_decode(bytes, got, &manifest), FMT_OK);
        runs[0].count = UINT64_C(1) << 62;
        manifest.segment_highest = UINT64_C(1) << 63;
        manifest.durable = 2;
        fmt_manifest_encode(bytes, &manifest);
        assert_ok(io->ops->write(file, bytes, fmt_manifest_size(&manifest), 0, &err));
        io->ops->file_close(file);
    }
    with_method.durable_method = place->method;
    assert_int_equal(frn_log_open(&place->heap, io, &with_method, &log, &err), FIRN_ECORRUPT);
    io->ops->close(io);
}

/* After a clean close a spare and the last segment lost the ends of their files: nothing is appended to either. */
static void test_shortened_files(void **state)
{
    struct place *place = *state;
    firn_error err = {0};
    frn_io *io;
    frn_log *log;
    uint64_t last = 0;
    char path[128];

    if (place->memory) {
        return; /* Files in memory cannot be made shorter. */
    }
    io = open_io(place);
    assert_ok(frn_log_create(&place->heap, io, &plain, &err));
    log = open_log(io, place, &plain);
    (void)append(log, 1, 0, true);
    while (frn_log_step_make(log)) {
    }
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);
    for (unsigned number = 1; number <= 2; number++) {
        (void)snprintf(path, sizeof path, "%s/%016x.seg", place->folder, number);
        assert_int_equal(truncate(path, 8192), 0);
    }
    io = open_io(place);
    log = open_log(io, place, &plain);
    for (int i = 0; i < 40; i++) {
        last = append(log, 1, 0, true);
    }
    read_all(log, 1, last);
    assert_ok(frn_log_close(log, &err));
    for (unsigned number = 1; number <= 2; number++) {
        struct stat stat_now;

        (void)snprintf(path, sizeof path, "%s/%016x.seg", place->folder, number);
        assert_true(stat(path, &stat_now) != 0 || stat_now.st_size == 8192);
    }
    io->ops->close(io);
}

/* A writer that comes and goes while another instance opens its first segment. */
static struct {
    const frn_io_ops *real;
    struct place *place;
    uint64_t last;
} passer;

static firn_status pass_by(frn_io *io, const char *name, unsigned flags, frn_file **out_file, firn_error *err)
{
    if (passer.last == 0 && strstr(name, ".seg") != NULL) {
        frn_io *own = open_io(passer.place);
        firn_error passed = {0};
        frn_log *log;

        log = open_log(own, passer.place, &plain);
        passer.last = append(log, 3, 0, true);
        if (frn_log_close(log, &passed) != FIRN_OK) {
            fail_msg("%s", passed.text);
        }
        own->ops->close(own);
    }
    return passer.real->open(io, name, flags, out_file, err);
}

/* A writer opens, appends and closes while a reader opens: the reader finds no damage, and what was appended. */
static void test_read_open_overtaken(void **state)
{
    struct place *place = *state;
    frn_log_options reads = plain;
    firn_error err = {0};
    firn_stats stats = {0};
    frn_io *io = open_io(place);
    frn_io_ops passing;
    frn_log *log;

    assert_ok(frn_log_create(&place->heap, io, &plain, &err));
    log = open_log(io, place, &plain);
    (void)append(log, 3, 0, true);
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);

    io = open_io(place);
    passer.real = io->ops;
    passer.place = place;
    passer.last = 0;
    passing = *io->ops;
    passing.open = pass_by;
    io->ops = &passing;
    reads.read_only = true;
    reads.threads = false;
    log = open_log(io, place, &reads);
    frn_log_stat(log, &stats);
    assert_int_equal(stats.damage.status, FIRN_OK);
    assert_int_equal(frn_log_durable(log), passer.last);
    read_all(log, 1, passer.last);
    assert_ok(frn_log_close(log, &err));
    io->ops = passer.real;
    io->ops->close(io);
}

static unsigned names_synced;

static firn_status fail_names(frn_io *io, firn_error *err)
{
    (void)io;
    names_synced++;
    *err = (firn_error){.status = FIRN_EIO, .os_errno = EIO};
    return FIRN_EIO;
}

/* Names that could not be made durable poison: nothing tries that again, nothing more is appended. */
static void test_names_not_durable(void **state)
{
    struct place *place = *state;
    frn_log_options options = plain;
    firn_error err = {0};
    frn_io *io = open_io(place);
    const frn_io_ops *real = io->ops;
    frn_io_ops failing = *real;
    frn_log *log;

    options.threads = false;
    assert_ok(frn_log_create(&place->heap, io, &options, &err));
    log = open_log(io, place, &options);
    (void)append(log, 1, 0, true);
    failing.sync_names = fail_names;
    io->ops = &failing;
    names_synced = 0;
    while (frn_log_step_make(log)) {
    }
    assert_false(frn_log_step_make(log));
    assert_int_equal(names_synced, 1);
    assert_int_equal(frn_log_poisoned(log), EIO);
    io->ops = real;
    assert_int_equal(frn_log_close(log, &err), FIRN_EPOISONED);
    io->ops->close(io);
}

enum {
    DEATHS = 25
};

/* The segments of a log, as files. */
struct files {
    unsigned count;
    unsigned numbers[4 * DEATHS];
};

static void add_number(void *arg, const char *name, uint64_t size)
{
    struct files *files = arg;

    (void)size;
    if (strstr(name, ".seg") != NULL) {
        assert_true(files->count < sizeof files->numbers / sizeof files->numbers[0]);
        (void)sscanf(name, "%x", &files->numbers[files->count++]);
    }
}

static struct files list_files(frn_io *io)
{
    struct files files = {0};
    firn_error err = {0};

    assert_ok(io->ops->list(io, add_number, &files, &err));
    return files;
}

static bool has_footer(frn_io *io, unsigned number)
{
    static uint8_t bytes[4096];
    fmt_segment header;
    fmt_footer footer;

    poke(io, number, 0, bytes, sizeof bytes, false);
    assert_int_equal(fmt_segment_decode(bytes, sizeof bytes, &header), FMT_OK);
    poke(io, number, SEGMENT - sizeof bytes, bytes, sizeof bytes, false);
    return fmt_footer_decode(bytes, sizeof bytes, fmt_salt(header.ledger_id, number, header.incarnation), &footer) ==
           FMT_OK;
}

static unsigned count_footers(frn_io *io, const struct files *files)
{
    unsigned count = 0;

    for (unsigned i = 0; i < files->count; i++) {
        count += has_footer(io, files->numbers[i]) ? 1 : 0;
    }
    return count;
}

static uint64_t disk_of(const struct place *place, const struct files *files)
{
    struct stat about;
    char path[128];
    uint64_t sum = 0;

    for (unsigned i = 0; i < files->count && !place->memory; i++) {
        (void)snprintf(path, sizeof path, "%s/%016x.seg", place->folder, files->numbers[i]);
        assert_int_equal(stat(path, &about), 0);
        sum += (uint64_t)about.st_blocks * 512;
    }
    return sum;
}

/* Writers that come, write, find no quiet moment, and die, one after the other: what they leave does not pile up. The
   first one that closes the log leaves a footer in each segment in which writing ended, and no space behind; but for
   the one of which opening walked only a part, for which the next opening does it. */
static void test_many_deaths(void **state)
{
    enum {
        LEFT_MAX = 4 + 3, /* As settle.c says, and those of the last death. */
        KEPT = 5 * 4096   /* Header, group, footer, and what a file system adds. */
    };
    struct place *place = *state;
    frn_log_options options = plain;
    firn_error err = {0};
    frn_io *io = open_io(place);
    struct files files;
    uint64_t last = 0;
    frn_log *log;

    options.threads = false;
    assert_ok(frn_log_create(&place->heap, io, &options, &err));
    for (unsigned i = 1; i <= DEATHS; i++) {
        log = open_log(io, place, &options);
        last = append(log, 1, 0, true);
        frn_log_abandon(log);
        if (!place->memory) {
            io->ops->close(io);
            io = open_io(place);
        }
        files = list_files(io);
        assert_in_range(files.count, i, i + LEFT_MAX);
        assert_in_range(disk_of(place, &files), 0, LEFT_MAX * SEGMENT + i * KEPT);
    }
    log = open_log(io, place, &options);
    read_all(log, 1, last);
    assert_ok(frn_log_close(log, &err));
    files = list_files(io);
    assert_in_range(files.count, DEATHS, DEATHS + 1 + options.spare_segments);
    assert_in_range(disk_of(place, &files), 0, (1 + options.spare_segments) * SEGMENT + DEATHS * KEPT);
    assert_in_range(count_footers(io, &files), DEATHS - 1, DEATHS);
    log = open_log(io, place, &options);
    read_all(log, 1, last);
    assert_ok(frn_log_close(log, &err));
    assert_int_equal(count_footers(io, &files), DEATHS);
    io->ops->close(io);
    verify_is_healthy(place, last);
}

/* A writer goes on behind what another one closed, in the same segment, and dies: opening walks only what is new in the
   segment, and writes no footer from that. The opening after that walks all of it, and writes one. */
static void test_footer_of_a_part(void **state)
{
    struct place *place = *state;
    frn_log_options options = plain;
    firn_error err = {0};
    frn_io *io = open_io(place);
    unsigned footers[3];
    struct files files;
    uint64_t last = 0;
    frn_log *log;

    options.threads = false;
    assert_ok(frn_log_create(&place->heap, io, &options, &err));
    for (unsigned i = 0; i < 2; i++) {
        log = open_log(io, place, &options);
        (void)append(log, 1, 0, true);
        (void)append(log, 9, 0, i == 0); /* What nobody waited for is known to nobody. */
        if (i == 0) {
            assert_ok(frn_log_close(log, &err));
        } else {
            frn_log_abandon(log);
        }
        if (!place->memory) {
            io->ops->close(io);
            io = open_io(place);
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        log = open_log(io, place, &options);
        last = append(log, 1, 0, true);
        assert_ok(frn_log_close(log, &err));
        files = list_files(io);
        footers[i] = count_footers(io, &files);
    }
    assert_int_equal(footers[0], 0);
    assert_int_equal(footers[2], 1);
    io->ops->close(io);
    verify_is_healthy(place, last);
}

static void wide_facts(frn_io *io, frn_io_facts *out_facts)
{
    passer.real->facts(io, out_facts);
    out_facts->alignment = FRN_IO_ALIGNMENT_MAX;
}

/* Segments in which a disk's alignment leaves room for no group are refused, and nothing is created. */
static void test_no_room_for_a_group(void **state)
{
    struct place *place = *state;
    firn_error err = {0};
    frn_io *io = open_io(place);
    frn_io_ops wide = *io->ops;
    bool there = true;

    passer.real = io->ops;
    wide.facts = wide_facts;
    io->ops = &wide;
    assert_int_equal(frn_log_create(&place->heap, io, &plain, &err), FIRN_EINVAL);
    assert_ok(frn_log_exists(io, &there, &err));
    assert_false(there);
    io->ops = passer.real;
    io->ops->close(io);
}

/* A batch of the largest size gathers while a group is in flight: the next one does not join its group, which could not
   be read back. */
static void test_largest_batch(void **state)
{
    static uint8_t body[FMT_BODY_SIZE_MAX];
    const size_t each = (FMT_BATCH_SIZE_MAX - FMT_BATCH_HEADER) / 4 - FMT_RECORD_HEADER;
    struct place *place = *state;
    frn_log_options options = plain;
    firn_slice part = {.data = body, .size = each};
    firn_error err = {0};
    frn_io *io;
    frn_log_reader *reader = NULL;
    frn_log_record record;
    frn_log_place at;
    fmt_batch_writer writer;
    frn_log *log;

    if (!place->memory) {
        return; /* Once is enough: nothing of it depends on the disk. */
    }
    io = open_io(place);
    options.groups_in_flight_max = 1;
    assert_ok(frn_log_create(&place->heap, io, &plain, &err));
    log = open_log(io, place, &options);
    for (;;) {
        uint32_t seen;
        firn_status status;

        frn_log_lock(log);
        seen = frn_log_room(log);
        status = frn_log_reserve(log, FMT_BATCH_SIZE_MAX, &at, &err);
        if (status == FIRN_OK) {
            break;
        }
        frn_log_unlock(log);
        assert_int_equal(status, FIRN_FULL);
        frn_log_wait_room(log, seen);
    }
    frn_log_cancel(log, &at);
    frn_log_unlock(log);
    (void)append(log, 1, 0, false);
    frn_log_lock(log);
    frn_log_send(log, true);
    assert_ok(frn_log_reserve(log, FMT_BATCH_SIZE_MAX, &at, &err));
    fmt_batch_begin(&writer, at.data, at.size, at.salt, at.first_seq, at.time_ns, at.content_crc);
    for (int i = 0; i < 4; i++) {
        (void)fmt_batch_add(&writer, 1, 1, at.first_seq, &part, 1);
    }
    (void)fmt_batch_finish(&writer, NULL, 0, NULL);
    frn_log_commit(log, &at, &writer);
    frn_log_unlock(log);
    (void)append(log, 1, 0, true);
    assert_ok(frn_log_reader_open(log, 6, 0, &reader, &err));
    assert_ok(frn_log_reader_next(reader, 6, &record, &err));
    frn_log_reader_close(reader);
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);
}

/* A write that is held back between its first bytes and the rest. */
static struct {
    const frn_io_ops *real;
    frn_file *file;
    const void *data;
    size_t size;
    uint64_t offset, tag;
    bool durable;
} held;

static void hold_write(frn_file *file, const void *data, size_t size, uint64_t offset, bool durable, uint64_t tag)
{
    firn_error err = {0};

    held.file = file;
    held.data = data;
    held.size = size;
    held.offset = offset;
    held.durable = durable;
    held.tag = tag;
    assert_ok(held.real->write(file, data, 64, offset, &err));
}

/* A reader whose buffer holds a group of which only the header had arrived reads it again once it is durable. */
static void test_read_behind_a_write(void **state)
{
    struct place *place = *state;
    frn_log_options options = plain;
    firn_error err = {0};
    frn_io *io = open_io(place);
    frn_io_ops holding = *io->ops;
    frn_log_reader *reader = NULL;
    frn_log_record record;
    frn_log *log;

    options.threads = false;
    assert_ok(frn_log_create(&place->heap, io, &plain, &err));
    log = open_log(io, place, &options);
    (void)append(log, 1, 0, true);
    held.real = io->ops;
    holding.queue_write = hold_write;
    io->ops = &holding;
    (void)append(log, 1, 0, false);
    frn_log_lock(log);
    frn_log_send(log, true);
    frn_log_unlock(log);
    assert_ok(frn_log_reader_open(log, 1, 0, &reader, &err));
    assert_ok(frn_log_reader_next(reader, 1, &record, &err));
    io->ops = held.real;
    frn_log_lock(log);
    io->ops->queue_write(held.file, held.data, held.size, held.offset, held.durable, held.tag);
    io->ops->queue_send(io);
    frn_log_unlock(log);
    assert_ok(frn_log_wait(log, 2, -1, &err));
    assert_ok(frn_log_reader_next(reader, 2, &record, &err));
    assert_int_equal(record.record.seq, 2);
    frn_log_reader_close(reader);
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);
}

/* A log whose progress callback holds up the thread that reaps, until another thread wants its turn. */
struct turns {
    frn_log *log;
    uint64_t last;
    atomic_bool reaped;
};

static void *wait_for_last(void *arg)
{
    struct turns *turns = arg;
    firn_error err = {0};

    assert_ok(frn_log_wait(turns->log, turns->last, -1, &err));
    return NULL;
}

static void hold_up(void *arg, uint64_t durable, int poisoned)
{
    struct turns *turns = arg;

    (void)durable;
    (void)poisoned;
    if (!atomic_exchange(&turns->reaped, true)) {
        (void)usleep(50 * 1000);
    }
}

/* Who waits for a turn while the last work is being reaped by another thread is woken, though no work is left. */
static void test_turn_without_work(void **state)
{
    struct place *place = *state;
    struct turns turns = {0};
    frn_log_options options = plain;
    firn_error err = {0};
    frn_io *io = open_io(place);
    pthread_t reaper;

    options.progress = hold_up;
    options.progress_arg = &turns;
    assert_ok(frn_log_create(&place->heap, io, &plain, &err));
    turns.log = open_log(io, place, &options);
    turns.last = append(turns.log, 1, 0, false);
    assert_int_equal(pthread_create(&reaper, NULL, wait_for_last, &turns), 0);
    while (!atomic_load(&turns.reaped)) {
        (void)usleep(1000);
    }
    (void)frn_log_drive(turns.log, -1);
    assert_int_equal(pthread_join(reaper, NULL), 0);
    assert_ok(frn_log_close(turns.log, &err));
    io->ops->close(io);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_footer_beyond_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_method, setup, teardown),
        cmocka_unit_test_setup_teardown(test_newer_orphan, setup, teardown),
        cmocka_unit_test_setup_teardown(test_endless_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shortened_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_not_durable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_deaths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_footer_of_a_part, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_room_for_a_group, setup, teardown),
        cmocka_unit_test_setup_teardown(test_largest_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_open_overtaken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_behind_a_write, setup, teardown),
        cmocka_unit_test_setup_teardown(test_turn_without_work, setup, teardown),
    };

    return run_everywhere(tests, sizeof tests / sizeof tests[0]);
}
