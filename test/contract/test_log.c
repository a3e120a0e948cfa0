/* SPDX-License-Identifier: Apache-2.0 */
/* test_log.c — the log over every backend: append, read back, roll, reopen, recover, verify. */
#include "engine/log/log.h"

#include "format/manifest.h"
#include "format/segment.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    SEGMENT = 64 * 1024
};

/* What a test stands on: a place for files and a way to open it. */
struct place {
    const char *name;
    firn_io_path path;
    bool memory;
    firn_durable_method method;
    frn_heap heap;
    frn_memory_disk *disk;
    char folder[64];
};

static struct place places[] = {
    {.name = "memory", .memory = true, .method = FIRN_DURABLE_DIRECT_DSYNC},
    {.name = "memory, synced", .memory = true, .method = FIRN_DURABLE_BUFFERED_SYNC},
    {.name = "portable", .path = FIRN_IO_PORTABLE, .method = FIRN_DURABLE_DIRECT_DSYNC},
    {.name = "portable, synced", .path = FIRN_IO_PORTABLE, .method = FIRN_DURABLE_BUFFERED_SYNC},
    {.name = "io_uring", .path = FIRN_IO_URING, .method = FIRN_DURABLE_DIRECT_DSYNC},
    {.name = "io_uring, synced", .path = FIRN_IO_URING, .method = FIRN_DURABLE_DIRECT_SYNC},
    {.name = "io_uring, buffered and synced", .path = FIRN_IO_URING, .method = FIRN_DURABLE_BUFFERED_SYNC},
};

static void ok_at(firn_status status, const firn_error *err, const char *file, int line)
{
    if (status != FIRN_OK) {
        (void)fprintf(stderr, "%s: %s\n", firn_status_name(status), err->text);
        _fail(file, line);
    }
}
#define assert_ok(call) ok_at((call), &err, __FILE__, __LINE__)

static frn_io *open_io(struct place *place)
{
    frn_io_options options = {.path = place->path, .create = true};
    firn_error err = {0};
    frn_io *io = NULL;

    if (place->memory) {
        assert_ok(frn_io_open_memory(&place->heap, place->disk, &io, &err));
    } else {
        assert_ok(frn_io_open_folder(&place->heap, place->folder, &options, &io, &err));
    }
    return io;
}

static int setup(void **state)
{
    struct place *place = *state;
    firn_error err = {0};

    frn_heap_init(&place->heap);
    if (place->memory) {
        assert_ok(frn_memory_disk_new(&place->heap, &place->disk, &err));
    } else {
        (void)snprintf(place->folder, sizeof place->folder, "log-XXXXXX");
        assert_non_null(mkdtemp(place->folder));
    }
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    char command[128];

    if (place->memory) {
        frn_memory_disk_free(place->disk);
    } else {
        (void)snprintf(command, sizeof command, "rm -rf '%s'", place->folder);
        assert_int_equal(system(command), 0);
    }
    assert_int_equal(atomic_load(&place->heap.live), 0);
    return 0;
}

static const frn_log_options plain = {
    .threads = true,
    .segment_size = SEGMENT,
    .spare_segments = 2,
    .groups_in_flight_max = 4,
    .group_size_max = SEGMENT,
};

static frn_log *open_log(frn_io *io, struct place *place, const frn_log_options *options)
{
    frn_log_options with_method = *options;
    firn_error err = {0};
    frn_log *log = NULL;

    with_method.durable_method = place->method;
    assert_ok(frn_log_open(&place->heap, io, &with_method, &log, &err));
    return log;
}

/* The body of record seq: its size and bytes follow from the seq. */
static size_t body_size(uint64_t seq)
{
    return (size_t)(seq * 37 % 700);
}

static void fill_body(uint64_t seq, uint8_t *body)
{
    for (size_t i = 0; i < body_size(seq); i++) {
        body[i] = (uint8_t)(seq * 7 + i);
    }
}

/* Appends count records as one batch; waits if asked. Returns the last seq. */
static uint64_t append(frn_log *log, uint32_t count, size_t extra, bool waits)
{
    static uint8_t body[8 * SEGMENT];
    firn_error err = {0};
    frn_log_place place;
    fmt_batch_writer writer;
    uint64_t last;
    uint32_t seen;

    frn_log_lock(log);
    for (;;) {
        firn_status status;

        seen = frn_log_room(log);
        status = frn_log_reserve(log, 28 + count * (24 + 700 + extra), &place, &err);
        if (status != FIRN_FULL) {
            assert_ok(status);
            break;
        }
        frn_log_unlock(log);
        frn_log_wait_room(log, seen);
        frn_log_lock(log);
    }
    fmt_batch_begin(&writer, place.data, place.size, place.salt, place.first_seq, place.time_ns, place.content_crc);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t seq = place.first_seq + i;
        firn_slice part = {.data = body, .size = body_size(seq) + extra};

        fill_body(seq, body);
        (void)fmt_batch_add(&writer, 1, 1, seq, &part, 1);
    }
    (void)fmt_batch_finish(&writer, NULL, 0, NULL);
    frn_log_commit(log, &place, &writer);
    last = place.first_seq + count - 1;
    frn_log_send(log, waits);
    frn_log_unlock(log);
    if (waits) {
        assert_ok(frn_log_wait(log, last, -1, &err));
    }
    return last;
}

static void read_all(frn_log *log, uint64_t first, uint64_t last)
{
    static uint8_t body[1024];
    firn_error err = {0};
    frn_log_reader *reader = NULL;
    frn_log_record record;

    assert_ok(frn_log_reader_open(log, first, 0, &reader, &err));
    for (uint64_t seq = first; seq <= last; seq++) {
        assert_ok(frn_log_reader_next(reader, last, &record, &err));
        assert_int_equal(record.record.seq, seq);
        assert_true(record.record.body.size >= body_size(seq));
        fill_body(seq, body);
        assert_memory_equal(record.record.body.data, body, body_size(seq));
    }
    assert_int_equal(frn_log_reader_next(reader, last, &record, &err), FIRN_END);
    frn_log_reader_close(reader);
}

static void verify_is_healthy(struct place *place, uint64_t last)
{
    firn_error err = {0};
    firn_report report = {.struct_size = sizeof report};
    frn_io *io = open_io(place);

    assert_ok(frn_log_verify(&place->heap, io, NULL, NULL, NULL, &report, &err));
    assert_int_equal(report.findings, 0);
    assert_int_equal(report.last_seq, last);
    assert_int_equal(report.records, last);
    io->ops->close(io);
}

/* A log is filled over many segments, read back, closed, opened again and goes on where it was. */
static void test_append_roll_reopen(void **state)
{
    struct place *place = *state;
    firn_error err = {0};
    frn_io *io = open_io(place);
    frn_log *log;
    uint64_t last = 0;
    bool there = true;

    assert_ok(frn_log_exists(io, &there, &err));
    assert_false(there);
    assert_ok(frn_log_create(&place->heap, io, &plain, &err));
    log = open_log(io, place, &plain);
    for (int i = 0; i < 300; i++) {
        last = append(log, (uint32_t)(1 + i % 5), 0, i % 3 == 0);
    }
    assert_ok(frn_log_wait(log, last, -1, &err));
    read_all(log, 1, last);
    read_all(log, last / 2, last);
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);
    verify_is_healthy(place, last);

    io = open_io(place);
    log = open_log(io, place, &plain);
    assert_int_equal(frn_log_durable(log), last);
    assert_int_equal(frn_log_incarnation(log), 1);
    last = append(log, 3, 0, true);
    read_all(log, 1, last);
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);
    verify_is_healthy(place, last);
}

/* A batch larger than a segment gets a segment of its own, in its place in the order. */
static void test_large_batch(void **state)
{
    struct place *place = *state;
    firn_error err = {0};
    frn_io *io = open_io(place);
    frn_log *log;
    uint64_t last;

    assert_ok(frn_log_create(&place->heap, io, &plain, &err));
    log = open_log(io, place, &plain);
    (void)append(log, 2, 0, true);
    (void)append(log, 1, 3 * SEGMENT, true);
    (void)append(log, 2, 0, false);
    (void)append(log, 4, SEGMENT, false);
    last = append(log, 2, 0, true);
    read_all(log, 1, last);
    assert_ok(frn_log_close(log, &err));
    log = open_log(io, place, &plain);
    read_all(log, 1, last);
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);
    verify_is_healthy(place, last);
}

/* A log dropped without a close keeps what was acknowledged and begins a new incarnation in a fresh segment. */
static void test_unclean_stop(void **state)
{
    struct place *place = *state;
    frn_log_options options = plain;
    firn_error err = {0};
    frn_io *io = open_io(place);
    frn_log *log;
    uint64_t last = 0;

    options.threads = false;
    assert_ok(frn_log_create(&place->heap, io, &options, &err));
    for (uint64_t round = 1; round <= 5; round++) {
        log = open_log(io, place, &options);
        assert_int_equal(frn_log_durable(log), last);
        assert_int_equal(frn_log_incarnation(log), round);
        for (int i = 0; i < 40; i++) {
            last = append(log, 3, 0, true);
        }
        read_all(log, 1, last);
        frn_log_abandon(log);
        io->ops->close(io);
        io = open_io(place);
    }
    log = open_log(io, place, &options);
    read_all(log, 1, last);
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);
    verify_is_healthy(place, last);
}

/* Records are found one by one, in any order, and one that does not exist is not found. */
static void test_get(void **state)
{
    struct place *place = *state;
    firn_error err = {0};
    frn_io *io = open_io(place);
    frn_log *log;
    firn_buf buf = {0};
    frn_log_record record;
    uint64_t last = 0, batch_first;
    uint32_t batch_count;
    int64_t time_ns;

    assert_ok(frn_log_create(&place->heap, io, &plain, &err));
    log = open_log(io, place, &plain);
    for (int i = 0; i < 200; i++) {
        last = append(log, 4, 0, i == 199);
    }
    for (uint64_t i = 0; i < 100; i++) {
        uint64_t seq = 1 + i * 7919 % last;

        assert_ok(frn_log_get(log, seq, &buf, &record, &batch_first, &batch_count, &time_ns, &err));
        assert_int_equal(record.record.seq, seq);
        assert_int_equal(batch_count, 4);
        assert_int_equal(batch_first, (seq - 1) / 4 * 4 + 1);
        assert_int_equal(buf.size, body_size(seq));
    }
    assert_int_equal(frn_log_get(log, last + 1, &buf, &record, &batch_first, &batch_count, &time_ns, &err),
                     FIRN_ENOTFOUND);
    assert_int_equal(frn_log_get(log, 0, &buf, &record, &batch_first, &batch_count, &time_ns, &err), FIRN_ENOTFOUND);
    firn_buf_free(&buf);
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);
}

/* Where the ring carries the writes, the bytes that it completed are the bytes that the log says it wrote, no more and
   no less: zeros of new segments, headers, groups, footers, manifests. */
static void test_every_write_through_the_ring(void **state)
{
    struct place *place = *state;
    frn_log_options options = plain;
    firn_error err = {0};
    frn_io *io = open_io(place);
    frn_io_facts before, after;
    firn_stats stats = {0};
    frn_log *log;

    options.threads = false;
    assert_ok(frn_log_create(&place->heap, io, &options, &err));
    io->ops->facts(io, &before);
    log = open_log(io, place, &options);
    for (int i = 0; i < 200; i++) {
        (void)append(log, 2, 0, true);
    }
    while (frn_log_step_make(log) || frn_log_drive(log, 0)) {
    }
    frn_log_stat(log, &stats);
    io->ops->facts(io, &after);
    if (place->path == FIRN_IO_URING) {
        assert_int_equal(after.ring_bytes - before.ring_bytes, stats.bytes_filled + stats.bytes_written);
    } else {
        assert_int_equal(after.ring_bytes, 0);
    }
    assert_true(stats.bytes_written > 200 * 4096);
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);
}

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
    int failed = 0;

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate_setup_teardown(test_append_roll_reopen, setup, teardown, &places[i]),
            cmocka_unit_test_prestate_setup_teardown(test_large_batch, setup, teardown, &places[i]),
            cmocka_unit_test_prestate_setup_teardown(test_unclean_stop, setup, teardown, &places[i]),
            cmocka_unit_test_prestate_setup_teardown(test_get, setup, teardown, &places[i]),
            cmocka_unit_test_prestate_setup_teardown(test_every_write_through_the_ring, setup, teardown, &places[i]),
            cmocka_unit_test_prestate_setup_teardown(test_footer_beyond_the_file, setup, teardown, &places[i]),
            cmocka_unit_test_prestate_setup_teardown(test_newer_orphan, setup, teardown, &places[i]),
            cmocka_unit_test_prestate_setup_teardown(test_endless_run, setup, teardown, &places[i]),
            cmocka_unit_test_prestate_setup_teardown(test_shortened_files, setup, teardown, &places[i]),
            cmocka_unit_test_prestate_setup_teardown(test_names_not_durable, setup, teardown, &places[i]),
            cmocka_unit_test_prestate_setup_teardown(test_no_room_for_a_group, setup, teardown, &places[i]),
            cmocka_unit_test_prestate_setup_teardown(test_largest_batch, setup, teardown, &places[i]),
            cmocka_unit_test_prestate_setup_teardown(test_read_open_overtaken, setup, teardown, &places[i]),
            cmocka_unit_test_prestate_setup_teardown(test_read_behind_a_write, setup, teardown, &places[i]),
            cmocka_unit_test_prestate_setup_teardown(test_turn_without_work, setup, teardown, &places[i]),
        };

        (void)fprintf(stderr, "backend %s\n", places[i].name);
        failed += cmocka_run_group_tests_name(places[i].name, tests, NULL, NULL);
    }
    return failed;
}
