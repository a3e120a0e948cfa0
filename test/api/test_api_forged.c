/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_api_forged.c — a log of good checksums whose records contradict each other: what no device does, but a faulty or
 * a hostile writer.
 *
 * A ledger with something of everything is copied record by record into a new log, which is sound in itself, with one
 * thing changed on the way. It is refused with the record that does not fit, or it is a history that could have been:
 * then its rows are those of a replay. A list says which contradictions must have been told.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/ledger/ledger.h"
#include "engine/log/log.h"
#include "format/kinds.h"
#include "format/stores.h"
#include "test/api/runs.h"

enum {
    RECORDS_MAX = 64,
    NAMES_MAX = 16,
    STREAMS_MAX = 24,
    BIG = 130 * 1024, /* Three chunks. */
    SEGMENT = 1 << 20
};

/** A record, and what its batch says if it is the first of one. */
typedef struct item {
    fmt_record record;
    bool begins;
    uint32_t names_count;
    fmt_name names[NAMES_MAX];
    bool has_key;
    fmt_batch_key key;
} item;

/** What is changed at one record, or at the names of its batch. */
typedef enum change {
    NOTHING,
    DROP,
    TWICE,
    NO_BODY, /* None of its members. */
    OTHER_BODY,
    ROLLBACK, /* What no verb writes yet. */
    NO_STREAM,
    STREAM_BEFORE,
    STREAM_BEHIND,
    VERSION,
    NO_NAMES,
    NAME_NUMBER,
    NAME_TAKEN,
    CHANGES
} change;

static firn_error err;
static frn_heap heap;
static item items[RECORDS_MAX];
static size_t items_count;
static frn_memory_disk *source;

/* What must be found out at some record or other, and whether it was. */
static struct {
    const char *text;
    bool told;
} contradictions[] = {
    {"a stream's number is not the next one", false},
    {"a stream's name is taken", false},
    {"a record of a stream without a name", false},
    {"a record's version is not the next of its stream", false},
    {"a run is created twice", false},
    {"a record of a run that was not created", false},
    {"a record behind the end of its run", false},
    {"an event of a run has the number of another", false},
    {"the end of a run counts other events than there are", false},
    {"a record of a run outside any stream", false},
    {"a manifest names a chunk that is not there", false},
    {"a release's number is not the next one", false},
    {"a release is not later than the one before", false},
    {"a release outside any stream", false},
    {"body of ledger.key_age", false},
    {"body of content.blob", false},
    {"body of content.chunk", false},
    {"body of content.manifest", false},
    {"body of run.create", false},
    {"body of run.event", false},
    {"body of run.end", false},
    {"body of release.promote", false},
};

static firn_status open_ledger(frn_memory_disk *disk, frn_io **out_io, firn_ledger **out_ledger)
{
    firn_options options = {.struct_size = sizeof options,
                            .mode = FIRN_OPEN_CREATE,
                            .progress = FIRN_PROGRESS_MANUAL,
                            .segment_size = SEGMENT,
                            .content_chunk_size = 64 * 1024};
    frn_ledger_seam seam = {.heap = &heap};
    firn_status status;

    OK(err, frn_io_open_memory(&heap, disk, out_io, &err));
    seam.io = *out_io;
    status = frn_ledger_open_on(&seam, &options, out_ledger, &err);
    if (status != FIRN_OK) {
        (*out_io)->ops->close(*out_io);
    }
    return status;
}

static void close_ledger(frn_io *io, firn_ledger *ledger)
{
    OK(err, firn_close(ledger, &err));
    io->ops->close(io);
}

/* Something of everything. */
static void fill(firn_ledger *ledger)
{
    static const uint8_t big[BIG];
    firn_append_options keyed = {.struct_size = sizeof keyed, .key = S("key"), .scope = S("scope")};
    firn_release_args release = {.struct_size = sizeof release, .name = S("release"), .spec_digest = spec};
    firn_event event[] = {{.kind = 1, .payload = S("one")}, {.kind = 2, .payload = S("two")}};
    firn_run_args args = meta("run");
    firn_content_writer *writer = NULL;

    OK(err, firn_key_age_set(ledger, UINT64_C(10000000000), NULL, &err));
    OK(err, firn_append(ledger, S("a"), event, 2, &keyed, NULL, &err));
    OK(err, firn_append(ledger, S("b"), event, 1, NULL, NULL, &err));
    OK(err, firn_content_put(ledger, S("small"), NULL, NULL, &err));
    OK(err, firn_content_writer_open(ledger, &writer, &err));
    OK(err, firn_content_writer_write(writer, (firn_slice){big, sizeof big}, &err));
    OK(err, firn_content_writer_finish(writer, NULL, NULL, &err));
    firn_content_writer_close(writer);
    OK(err, firn_run_create(ledger, &args, NULL, &err));
    for (uint64_t number = 1; number <= 3; number++) {
        firn_run_event of_run = ev(number, "tool");

        OK(err, firn_run_append(ledger, S("run"), &of_run, 1, NULL, NULL, &err));
    }
    OK(err, firn_run_end(ledger, S("run"), FIRN_RUN_COMPLETED, &sum0, &err));
    for (int i = 0; i < 3; i++) {
        OK(err, firn_release_promote(ledger, &release, NULL, &err));
    }
}

static firn_slice kept(firn_slice bytes)
{
    uint8_t *copy = malloc(bytes.size + 1);

    assert_non_null(copy);
    if (bytes.size != 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    return (firn_slice){copy, bytes.size};
}

static void take(const frn_log_record *record)
{
    const fmt_batch *batch = record->batch;
    item *next = &items[items_count++];
    size_t at = 0;

    assert_true(items_count <= RECORDS_MAX);
    *next = (item){.record = record->record, .begins = record->record.seq == batch->first_seq};
    next->record.body = kept(record->record.body);
    if (next->begins) {
        while (fmt_batch_name_next(batch, &at, &next->names[next->names_count])) {
            next->names[next->names_count].name = kept(next->names[next->names_count].name);
            next->names_count++;
        }
        next->has_key = batch->has_key;
        if (batch->has_key) {
            next->key = (fmt_batch_key){kept(batch->key.scope), kept(batch->key.key),
                                        kept((firn_slice){batch->key.digest, FIRN_DIGEST_SIZE}).data};
        }
    }
}

static frn_log *open_log(frn_io *io, bool read_only)
{
    frn_log_options options = {.read_only = read_only,
                               .durable_method = FIRN_DURABLE_DIRECT_DSYNC,
                               .segment_size = SEGMENT,
                               .spare_segments = 1,
                               .groups_in_flight_max = 2,
                               .group_size_max = SEGMENT / 2};
    frn_log *log = NULL;

    if (!read_only) {
        OK(err, frn_log_create(&heap, io, &options, &err));
    }
    OK(err, frn_log_open(&heap, io, &options, &log, &err));
    return log;
}

/* Makes the ledger, and keeps its records. */
static int set_up(void **state)
{
    frn_log_reader *reader = NULL;
    frn_log_record record;
    firn_ledger *ledger;
    frn_log *log;
    frn_io *io;

    (void)state;
    frn_heap_init(&heap);
    OK(err, frn_memory_disk_new(&heap, &source, &err));
    OK(err, open_ledger(source, &io, &ledger));
    fill(ledger);
    close_ledger(io, ledger);
    OK(err, frn_io_open_memory(&heap, source, &io, &err));
    log = open_log(io, true);
    OK(err, frn_log_reader_open(log, 1, 0, &reader, &err));
    while (frn_log_reader_next(reader, frn_log_durable(log), &record, &err) == FIRN_OK) {
        take(&record);
    }
    assert_int_equal(items_count, frn_log_durable(log));
    frn_log_reader_close(reader);
    OK(err, frn_log_close(log, &err));
    io->ops->close(io);
    return 0;
}

static void forget(firn_slice bytes)
{
    free((void *)(uintptr_t)bytes.data);
}

static int tear_down(void **state)
{
    (void)state;
    frn_memory_disk_free(source);
    for (size_t i = 0; i < items_count; i++) {
        forget(items[i].record.body);
        for (uint32_t k = 0; k < items[i].names_count; k++) {
            forget(items[i].names[k].name);
        }
        if (items[i].has_key) {
            forget(items[i].key.scope);
            forget(items[i].key.key);
            free((void *)(uintptr_t)items[i].key.digest);
        }
    }
    return atomic_load(&heap.live) == 0 ? 0 : -1;
}

/* A body that can be read, and says what cannot be. Returns its size; 0: there is none for this kind. */
static size_t other_body(const fmt_record *record, uint8_t out[SEGMENT])
{
    static const uint8_t digest[FIRN_DIGEST_SIZE], upload[FMT_UPLOAD_SIZE];
    fmt_content_chunk chunk = {.upload = upload, .index = UINT64_C(1) << 40};
    fmt_content_manifest manifest = {.digest = digest, .upload = upload, .chunk_size = 65536};
    firn_release release;
    size_t size;

    switch (record->kind) {
    case FMT_KIND_CONTENT_CHUNK:
        return fmt_content_chunk_prefix(out, &chunk);
    case FMT_KIND_CONTENT_MANIFEST:
        size = fmt_content_manifest_prefix(out, &manifest);
        return size + fmt_content_manifest_suffix(out + size, t0);
    case FMT_KIND_RELEASE_PROMOTE:
        assert_int_equal(fmt_release_decode(record->body, false, &release), FMT_OK);
        release.created_at = (firn_time){.seconds = 1};
        size = fmt_release_prefix(out, &release);
        return size + fmt_release_suffix(out + size, &release);
    default:
        return 0;
    }
}

/* A rollback to the first release, with all else as it was. Returns its size. */
static size_t rollback_body(const fmt_record *record, uint8_t out[SEGMENT])
{
    firn_release release;
    size_t size;

    assert_int_equal(fmt_release_decode(record->body, false, &release), FMT_OK);
    release.rollback_of = 1;
    release.rollback_from = release.release_number;
    size = fmt_release_prefix(out, &release);
    return size + fmt_release_suffix(out + size, &release);
}

/** A log that is being written. */
typedef struct forger {
    frn_log *log;
    uint64_t versions[STREAMS_MAX];
    frn_log_place place;
    fmt_batch_writer writer;
    const item *first; /* Of the batch. */
    change how;
    bool changed; /* It is the batch's first record that was chosen. */
} forger;

static void write_record(forger *f, const item *from, change how)
{
    static uint8_t other[SEGMENT];
    static const uint8_t empty[] = {0x81, 0x00, 0x01};
    fmt_record record = from->record;

    if (how == NO_STREAM) {
        record.stream = 0;
    } else if (how == STREAM_BEHIND) {
        record.stream++;
    } else if (how == STREAM_BEFORE && record.stream > 1) {
        record.stream--;
    }
    assert_true(record.stream < STREAMS_MAX);
    record.version = ++f->versions[record.stream] + (how == VERSION);
    if (how == NO_BODY) {
        record.body = (firn_slice){empty, sizeof empty};
    } else if (how == ROLLBACK && record.kind == FMT_KIND_RELEASE_PROMOTE) {
        record.kind = FMT_KIND_RELEASE_ROLLBACK;
        record.body = (firn_slice){other, rollback_body(&from->record, other)};
    } else if (how == OTHER_BODY) {
        record.body = (firn_slice){other, other_body(&from->record, other)};
        record.body = record.body.size == 0 ? from->record.body : record.body;
    }
    (void)fmt_batch_add(&f->writer, record.kind, record.stream, record.version, &record.body, 1);
}

static void begin(forger *f, const item *first)
{
    frn_log_lock(f->log);
    OK(err, frn_log_reserve(f->log, SEGMENT / 4, &f->place, &err));
    fmt_batch_begin(&f->writer, f->place.data, f->place.size, f->place.salt, f->place.first_seq, f->place.time_ns,
                    f->place.content_crc);
    f->first = first;
}

/* A batch that lost its only record is none. */
static void finish(forger *f, change how)
{
    fmt_name names[NAMES_MAX];
    uint32_t count = how == NO_NAMES ? 0 : f->first->names_count;
    uint64_t last;

    memcpy(names, f->first->names, sizeof names);
    if (count != 0 && how == NAME_NUMBER) {
        names[0].stream++;
    } else if (count != 0 && how == NAME_TAKEN) {
        names[0].name = S("a");
    }
    if (f->writer.count == 0) {
        frn_log_cancel(f->log, &f->place);
        frn_log_unlock(f->log);
        return;
    }
    (void)fmt_batch_finish(&f->writer, names, count, f->first->has_key ? &f->first->key : NULL);
    last = f->place.first_seq + f->writer.count - 1;
    frn_log_commit(f->log, &f->place, &f->writer);
    frn_log_send(f->log, true);
    frn_log_unlock(f->log);
    OK(err, frn_log_wait(f->log, last, -1, &err));
}

/* The log with a change at record `at`. */
static void forge(frn_memory_disk *disk, size_t at, change how)
{
    forger f = {0};
    change of_batch = NOTHING;
    frn_io *io;

    OK(err, frn_io_open_memory(&heap, disk, &io, &err));
    f.log = open_log(io, false);
    for (size_t i = 0; i < items_count; i++) {
        change here = i == at ? how : NOTHING;

        if (items[i].begins) {
            begin(&f, &items[i]);
            of_batch = NOTHING;
        }
        of_batch = here != NOTHING ? here : of_batch;
        if (here != DROP) {
            write_record(&f, &items[i], here);
        }
        if (here == TWICE) {
            write_record(&f, &items[i], here);
        }
        if (i + 1 == items_count || items[i + 1].begins) {
            finish(&f, of_batch);
        }
    }
    OK(err, frn_log_close(f.log, &err));
    io->ops->close(io);
}

/* What opening it says. True: it is refused. */
static bool judge(size_t at, change how)
{
    frn_memory_disk *disk;
    firn_ledger *ledger;
    firn_status status;
    frn_io *io;

    OK(err, frn_memory_disk_new(&heap, &disk, &err));
    forge(disk, at, how);
    status = open_ledger(disk, &io, &ledger);
    if (status == FIRN_OK) {
        OK(err, frn_ledger_check(ledger, &err));
        close_ledger(io, ledger);
    } else {
        if (status != FIRN_ECORRUPT || err.detail != FIRN_DETAIL_RECORD || err.seq == 0 || err.seq > items_count + 1) {
            fail_msg("change %d at record %zu: %s at seq %llu: %s", (int)how, at + 1, firn_status_name(status),
                     (unsigned long long)err.seq, err.text);
        }
        for (size_t i = 0; i < sizeof contradictions / sizeof contradictions[0]; i++) {
            contradictions[i].told |= strstr(err.text, contradictions[i].text) != NULL;
        }
    }
    frn_memory_disk_free(disk);
    return status != FIRN_OK;
}

/* Each change at each record of the ledger. */
static void test_contradictions(void **state)
{
    unsigned refused[CHANGES] = {0};

    (void)state;
    assert_false(judge(0, NOTHING));
    for (change how = DROP; how < CHANGES; how++) {
        for (size_t i = 0; i < items_count; i++) {
            refused[how] += judge(i, how);
        }
        assert_true(refused[how] > 0 || how == ROLLBACK);
    }
    assert_int_equal(refused[VERSION], items_count);
    assert_int_equal(refused[ROLLBACK], 0);
    for (size_t i = 0; i < sizeof contradictions / sizeof contradictions[0]; i++) {
        if (!contradictions[i].told) {
            print_error("never told: %s\n", contradictions[i].text);
        }
        assert_true(contradictions[i].told);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_contradictions, set_up, tear_down)};

    return cmocka_run_group_tests_name("forged", tests, NULL, NULL);
}
