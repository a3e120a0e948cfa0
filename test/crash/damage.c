/* SPDX-License-Identifier: Apache-2.0 */
/*
 * damage.c — decay, loss and exchange of durable bytes: all of it is noticed, none of it is returned as data.
 *
 * A small log is written and closed cleanly. Then faults are laid over it one by one: every bit of every byte that
 * carries meaning, every sector zeroed, misplaced or unreadable, segments swapped, missing, doubled, foreign. Reading
 * returns records that were written, in order, up to the damage; verification, opening or reading names it. Where a
 * second copy exists, as of the manifest, all of the data comes back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/heap.h"
#include "engine/ledger/ledger.h"
#include "firn.h"
#include "format/bytes.h"
#include "format/group.h"
#include "test/disk/disk.h"

enum {
    PAGE = 4096,
    SECTOR = IMAGE_SECTOR,
    SEGMENT = 65536,
    HEADER = 128, /* Of a segment. */
    FOOTER_AT = SEGMENT - PAGE,
    FOOTER = 128 + 16, /* With one anchor. */
    RECORDS_MAX = 16,
    LARGE = 40000,
    RANGES_MAX = 32
};

static const char *const segments[] = {"0000000000000001.seg", "0000000000000002.seg"};

typedef struct written {
    uint32_t kind;
    size_t size;
    uint8_t *payload;
} written;

/** Bytes that carry meaning. */
typedef struct range {
    const char *name;
    uint64_t offset;
    uint64_t size;
    unsigned stride; /* Bits between those that are flipped. */
} range;

typedef struct rig {
    disk *d;
    frn_heap heap;
    frn_io *io;
    firn_ledger *ledger;
    written records[RECORDS_MAX];
    unsigned count;
    range ranges[RANGES_MAX];
    unsigned ranges_count;
} rig;

static firn_error err;

static firn_slice text_of(const char *text)
{
    return (firn_slice){.data = text, .size = strlen(text)};
}

static firn_status open_on(rig *r, disk *d, firn_open_mode mode)
{
    firn_options options = {
        .struct_size = sizeof options,
        .mode = mode,
        .durable_method = FIRN_DURABLE_DIRECT_DSYNC,
        .progress = FIRN_PROGRESS_MANUAL,
        .segment_size = SEGMENT,
        .group_size_max = SEGMENT,
        .spare_segments = 1,
    };
    frn_ledger_seam seam = {.heap = &r->heap, .threads = false};
    firn_status status;

    frn_heap_init(&r->heap);
    r->io = disk_open_io(d);
    seam.io = r->io;
    status = frn_ledger_open_on(&seam, &options, &r->ledger, &err);
    if (status != FIRN_OK) {
        r->io->ops->close(r->io);
        assert_int_equal(atomic_load(&r->heap.live), 0);
    }
    return status;
}

static void leave(rig *r, bool cleanly)
{
    if (cleanly) {
        assert_int_equal(firn_close(r->ledger, &err), FIRN_OK);
    } else {
        frn_ledger_abandon(r->ledger);
    }
    r->io->ops->close(r->io);
    assert_int_equal(atomic_load(&r->heap.live), 0);
}

static void append(rig *r, const char *stream, uint32_t kind, size_t size)
{
    written *w = &r->records[r->count++];
    firn_append_options options = {.struct_size = sizeof options};
    firn_event event = {.kind = kind, .payload = {.size = size}};

    *w = (written){.kind = kind, .size = size, .payload = malloc(size + 1)};
    assert_non_null(w->payload);
    for (size_t i = 0; i < size; i++) {
        w->payload[i] = (uint8_t)(kind * 31 + i * 7 + i / 256);
    }
    event.payload.data = w->payload;
    if (kind == 3) {
        options.scope = text_of("scope");
        options.key = text_of("key");
    }
    assert_int_equal(firn_append(r->ledger, text_of(stream), &event, 1, &options, NULL, &err), FIRN_OK);
}

/* Six groups: five in a segment that gets sealed, the fifth of them large; then two in the next one. */
static rig write_log(bool cleanly)
{
    rig r = {.d = disk_new(3)};

    assert_int_equal(open_on(&r, r.d, FIRN_OPEN_NEW), FIRN_OK);
    append(&r, "one", 1, 60);
    append(&r, "two", 2, 0);
    append(&r, "a stream with a longer name", 3, 200);
    append(&r, "one", 4, LARGE);
    append(&r, "two", 5, 30);
    append(&r, "one", 6, 100);
    while (frn_ledger_step_drive(r.ledger) || frn_ledger_step_make(r.ledger)) {
    }
    /* Nothing that is written later knows that this one was durable. */
    append(&r, "one", 7, 300);
    leave(&r, cleanly);
    return r;
}

static void drop(rig *r)
{
    for (unsigned i = 0; i < r->count; i++) {
        free(r->records[i].payload);
    }
    disk_free(r->d);
}

static void add_range(rig *r, const char *name, uint64_t offset, uint64_t size, unsigned stride)
{
    assert_in_range(r->ranges_count, 0, RANGES_MAX - 1);
    r->ranges[r->ranges_count++] = (range){name, offset, size, stride};
}

/* The groups of a segment are where their magic is: a page each but for the large one. All bits of small groups, some
   of the large one and of the zeros up to the next page. */
static void find_ranges(rig *r)
{
    for (int i = 0; i < 2; i++) {
        add_range(r, segments[i], 0, HEADER, 1);
        for (uint64_t at = PAGE; at < FOOTER_AT; at += PAGE) {
            uint8_t header[FMT_GROUP_HEADER];
            uint64_t used, end;

            disk_peek(r->d, segments[i], header, sizeof header, at);
            if (fmt_get32(header + FMT_GROUP_MAGIC) != FMT_GROUP_MAGIC_VALUE) {
                continue;
            }
            used = FMT_GROUP_HEADER + fmt_get32(header + FMT_GROUP_CONTENT_SIZE);
            end = (used + PAGE - 1) / PAGE * PAGE;
            add_range(r, segments[i], at, used < 700 ? used : 700, 1);
            add_range(r, segments[i], at + (used < 700 ? used : 700), end - (used < 700 ? used : 700), 101);
        }
    }
    add_range(r, segments[0], FOOTER_AT, FOOTER, 1);
}

/** What reading a log came to. */
typedef struct outcome {
    firn_status open;
    firn_status scan; /* FIRN_END, or the error. */
    firn_status verify;
    bool damage_known; /* Opening for reading says so in stat. */
    unsigned records;
} outcome;

/* Every record that is returned is the one that was written there. */
static void read_back(rig *r, outcome *out, const char *what)
{
    firn_scan_options options = {.struct_size = sizeof options, .buffer_size = SEGMENT};
    firn_stats stats = {.struct_size = sizeof stats};
    firn_scan *scan = NULL;
    firn_record record;

    assert_int_equal(firn_stat(r->ledger, &stats, &err), FIRN_OK);
    out->damage_known = stats.damage.status < 0;
    assert_int_equal(firn_scan_open(r->ledger, &options, &scan, &err), FIRN_OK);
    while ((out->scan = firn_scan_next(scan, &record, &err)) == FIRN_OK) {
        const written *want = &r->records[out->records++];

        if (out->records > r->count || record.seq != out->records || record.kind != want->kind ||
            record.payload.size != want->size || memcmp(record.payload.data, want->payload, want->size) != 0) {
            print_error("%s: record %u came back wrong\n", what, out->records);
            fail();
        }
    }
    firn_scan_close(scan);
}

static outcome judge(rig *r, disk *d, const char *what)
{
    firn_verify_options options = {.struct_size = sizeof options};
    firn_report report = {.struct_size = sizeof report};
    frn_ledger_seam seam = {.heap = &r->heap, .threads = false};
    outcome out = {0};

    out.open = open_on(r, d, FIRN_OPEN_READ);
    if (out.open == FIRN_OK) {
        read_back(r, &out, what);
        leave(r, true);
    } else if (err.text[0] == '\0') {
        print_error("%s: no text\n", what);
        fail();
    }
    seam.io = disk_open_io(d);
    out.verify = frn_ledger_verify_on(&seam, &options, &report, &err);
    seam.io->ops->close(seam.io);
    if (atomic_load(&r->heap.live) != 0 || (out.verify == FIRN_ECORRUPT) != (report.findings > 0 || err.status < 0)) {
        /* An error of verify itself has no report; findings and status must agree otherwise. */
        assert_int_equal(atomic_load(&r->heap.live), 0);
    }
    return out;
}

static bool noticed(const outcome *out)
{
    return out->open < 0 || out->scan < 0 || out->verify < 0 || out->damage_known;
}

static bool complete(const rig *r, const outcome *out)
{
    return out->open == FIRN_OK && out->scan == FIRN_END && out->records == r->count;
}

static void must_notice(const rig *r, const outcome *out, const char *what)
{
    (void)r;
    if (!noticed(out)) {
        print_error("%s: nobody noticed\n", what);
        fail();
    }
}

/* Without a fault the log is complete and verifies. */
static void test_undamaged(void **state)
{
    rig r = write_log(true);
    outcome out = judge(&r, r.d, "undamaged");

    (void)state;
    assert_true(complete(&r, &out));
    assert_false(noticed(&out));
    drop(&r);
}

/* Every bit that carries meaning, flipped alone, is noticed. */
static void test_every_bit(void **state)
{
    rig r = write_log(true);
    unsigned flips = 0;

    (void)state;
    find_ranges(&r);
    for (unsigned i = 0; i < r.ranges_count; i++) {
        const range *at = &r.ranges[i];

        for (uint64_t bit = 0; bit < at->size * 8; bit += at->stride) {
            disk_fault fault = {
                .offset = at->offset + bit / 8, .kind = DISK_FAULT_FLIP, .mask = (uint8_t)(1u << bit % 8)};
            char what[96];
            outcome out;

            (void)snprintf(fault.name, sizeof fault.name, "%s", at->name);
            (void)snprintf(what, sizeof what, "%s: bit %u of byte %llu", at->name, (unsigned)(bit % 8),
                           (unsigned long long)fault.offset);
            disk_fault_add(r.d, &fault);
            out = judge(&r, r.d, what);
            must_notice(&r, &out, what);
            disk_faults_clear(r.d);
            flips++;
        }
    }
    print_message("%u bits flipped, all noticed\n", flips);
    drop(&r);
}

/* Any bit of one slot of the manifest may decay: the other slot gives all of the data back. */
static void test_manifest_bits(void **state)
{
    rig r = write_log(true);

    (void)state;
    for (int slot = 0; slot < 2; slot++) {
        for (unsigned bit = 0; bit < 400 * 8; bit++) {
            disk_fault fault = {.offset = bit / 8, .kind = DISK_FAULT_FLIP, .mask = (uint8_t)(1u << bit % 8)};
            char what[96];
            outcome out;

            (void)snprintf(fault.name, sizeof fault.name, "manifest.%d", slot);
            (void)snprintf(what, sizeof what, "manifest.%d: bit %u", slot, bit);
            disk_fault_add(r.d, &fault);
            out = judge(&r, r.d, what);
            if (!complete(&r, &out)) {
                print_error("%s: not all of the data came back\n", what);
                fail();
            }
            disk_faults_clear(r.d);
        }
    }
    drop(&r);
}

/* Both slots gone: there is no ledger to be believed. */
static void test_both_slots(void **state)
{
    rig r = write_log(true);
    outcome out;

    (void)state;
    disk_fault_add(r.d, &(disk_fault){.name = "manifest.0", .offset = 40, .kind = DISK_FAULT_FLIP, .mask = 1});
    disk_fault_add(r.d, &(disk_fault){.name = "manifest.1", .offset = 41, .kind = DISK_FAULT_FLIP, .mask = 1});
    out = judge(&r, r.d, "both slots");
    assert_int_equal(out.open, FIRN_ECORRUPT);
    assert_int_equal(out.verify, FIRN_ECORRUPT);
    drop(&r);
}

typedef enum harm {
    HARM_ZERO,
    HARM_ERROR,
    HARM_GARBAGE
} harm;

/* Every sector of the groups, header and footer, harmed as a whole. */
static void harm_sectors(harm how)
{
    rig r = write_log(true);
    uint8_t garbage[SECTOR];

    for (size_t i = 0; i < sizeof garbage; i++) {
        garbage[i] = (uint8_t)(i * 167 + 13);
    }
    find_ranges(&r);
    for (unsigned i = 0; i < r.ranges_count; i++) {
        const range *at = &r.ranges[i];

        for (uint64_t s = at->offset / SECTOR * SECTOR; s < at->offset + at->size; s += SECTOR) {
            disk_fault fault = {.offset = s, .size = SECTOR, .kind = DISK_FAULT_BYTES};
            uint8_t now[SECTOR];
            char what[96];
            outcome out;

            (void)snprintf(fault.name, sizeof fault.name, "%s", at->name);
            fault.kind = how == HARM_ERROR ? DISK_FAULT_ERROR : DISK_FAULT_BYTES;
            fault.bytes = how == HARM_GARBAGE ? garbage : NULL;
            disk_peek(r.d, at->name, now, SECTOR, s);
            (void)snprintf(what, sizeof what, "%s: sector at %llu, harm %d", at->name, (unsigned long long)s, (int)how);
            disk_fault_add(r.d, &fault);
            out = judge(&r, r.d, what);
            disk_faults_clear(r.d);
            if (how != HARM_ZERO || memcmp(now, (const uint8_t[SECTOR]){0}, SECTOR) != 0) {
                must_notice(&r, &out, what);
            } else {
                assert_true(complete(&r, &out));
            }
        }
    }
    drop(&r);
}

/* A sector that reads as zeros is noticed. */
static void test_zeroed_sectors(void **state)
{
    (void)state;
    harm_sectors(HARM_ZERO);
}

/* A sector that cannot be read is an error, never data. */
static void test_unreadable_sectors(void **state)
{
    (void)state;
    harm_sectors(HARM_ERROR);
}

/* A sector full of garbage is noticed. */
static void test_garbage_sectors(void **state)
{
    (void)state;
    harm_sectors(HARM_GARBAGE);
}

/* A write that went to the wrong place: each page of groups, headers and footers over each other one. */
static void test_misdirected(void **state)
{
    static const struct {
        int segment;
        uint64_t offset;
    } pages[] = {{0, 0},        {0, PAGE},      {0, 2 * PAGE}, {0, 3 * PAGE}, {0, 4 * PAGE},
                 {0, 5 * PAGE}, {0, FOOTER_AT}, {1, 0},        {1, PAGE}};
    enum {
        PAGES = sizeof pages / sizeof pages[0]
    };
    rig r = write_log(true);
    uint8_t from[PAGE], to[PAGE];

    (void)state;
    for (unsigned i = 0; i < PAGES * PAGES; i++) {
        unsigned a = i / PAGES, b = i % PAGES;
        disk_fault fault = {.offset = pages[b].offset, .size = PAGE, .kind = DISK_FAULT_BYTES, .bytes = from};
        char what[96];
        outcome out;

        disk_peek(r.d, segments[pages[a].segment], from, PAGE, pages[a].offset);
        disk_peek(r.d, segments[pages[b].segment], to, PAGE, pages[b].offset);
        if (memcmp(from, to, PAGE) == 0) {
            continue;
        }
        (void)snprintf(fault.name, sizeof fault.name, "%s", segments[pages[b].segment]);
        (void)snprintf(what, sizeof what, "page %u over page %u", a, b);
        disk_fault_add(r.d, &fault);
        out = judge(&r, r.d, what);
        must_notice(&r, &out, what);
        disk_faults_clear(r.d);
    }
    drop(&r);
}

/* What a log says whose segment files were changed as wholes. */
static void check_files(void (*change)(disk *d, const disk *other), uint16_t detail, const char *what)
{
    rig r = write_log(true);
    disk *d = disk_copy(r.d);
    disk *other = disk_new(99);
    rig foreign = {.d = other};
    outcome out;

    assert_int_equal(open_on(&foreign, other, FIRN_OPEN_NEW), FIRN_OK);
    append(&foreign, "foreign", 9, 50);
    leave(&foreign, true);
    change(d, other);
    out = judge(&r, d, what);
    must_notice(&r, &out, what);
    assert_int_equal(open_on(&r, d, FIRN_OPEN_WRITE), FIRN_ECORRUPT);
    assert_int_equal(err.detail, detail);
    assert_true(err.segment != 0);
    disk_free(d);
    drop(&foreign);
    drop(&r);
}

static void swap_files(disk *d, const disk *other)
{
    (void)other;
    disk_copy_file(d, "keep", d, segments[0]);
    disk_copy_file(d, segments[0], d, segments[1]);
    disk_copy_file(d, segments[1], d, "keep");
    disk_unlink(d, "keep");
}

static void lose_file(disk *d, const disk *other)
{
    (void)other;
    disk_unlink(d, segments[0]);
}

static void double_file(disk *d, const disk *other)
{
    (void)other;
    disk_copy_file(d, segments[1], d, segments[0]);
}

static void foreign_file(disk *d, const disk *other)
{
    disk_copy_file(d, segments[0], other, segments[0]);
}

static void test_swapped_segments(void **state)
{
    (void)state;
    check_files(swap_files, FIRN_DETAIL_SEGMENT_FOREIGN, "segments swapped");
}

static void test_missing_segment(void **state)
{
    (void)state;
    check_files(lose_file, FIRN_DETAIL_SEGMENT_MISSING, "segment missing");
}

static void test_doubled_segment(void **state)
{
    (void)state;
    check_files(double_file, FIRN_DETAIL_SEGMENT_FOREIGN, "segment doubled");
}

static void test_foreign_segment(void **state)
{
    (void)state;
    check_files(foreign_file, FIRN_DETAIL_SEGMENT_FOREIGN, "segment of another ledger");
}

/* A segment cut short in the middle of its groups is damage, not a signal and not a shorter log. */
static void test_shortened_segment(void **state)
{
    rig r = write_log(true);
    outcome out;

    (void)state;
    for (uint64_t size = 0; size < 6 * PAGE; size += SECTOR) {
        disk *d = disk_copy(r.d);

        disk_resize(d, segments[0], size);
        out = judge(&r, d, "segment cut short");
        must_notice(&r, &out, "segment cut short");
        assert_false(complete(&r, &out));
        disk_free(d);
    }
    drop(&r);
}

/* After an unclean stop, damage to the last group, which no witness reaches, is cut, and the cut is reported. */
static void test_tail_is_cut(void **state)
{
    rig r = write_log(false);
    uint8_t byte;
    firn_stats stats = {.struct_size = sizeof stats};
    outcome out = {0};

    (void)state;
    disk_peek(r.d, segments[1], &byte, 1, 2 * PAGE + 200);
    byte ^= 0x10;
    disk_poke(r.d, segments[1], &byte, 1, 2 * PAGE + 200);
    assert_int_equal(open_on(&r, r.d, FIRN_OPEN_WRITE), FIRN_OK);
    assert_int_equal(firn_stat(r.ledger, &stats, &err), FIRN_OK);
    assert_int_equal(stats.cuts_count, 1);
    assert_int_equal(stats.last_cut.segment, 2);
    assert_int_equal(stats.last_cut.offset, 2 * PAGE);
    assert_int_equal(stats.last_cut.first_seq, r.count);
    assert_int_equal(stats.last_cut.seqs_seen, 1);
    assert_true(stats.last_cut.bytes >= PAGE);
    read_back(&r, &out, "a cut tail");
    assert_int_equal(out.records, r.count - 1);
    leave(&r, true);
    out = judge(&r, r.d, "after the cut");
    assert_false(noticed(&out));
    drop(&r);
}

/* After an unclean stop, damage before a witness refuses writing and names the place; reading goes up to it. */
static void test_damage_before_witness(void **state)
{
    rig r = write_log(false);
    uint8_t byte;
    firn_stats stats = {.struct_size = sizeof stats};
    outcome out = {0};

    (void)state;
    disk_peek(r.d, segments[1], &byte, 1, PAGE + 200);
    byte ^= 0x10;
    disk_poke(r.d, segments[1], &byte, 1, PAGE + 200);
    assert_int_equal(open_on(&r, r.d, FIRN_OPEN_WRITE), FIRN_ECORRUPT);
    assert_int_equal(err.segment, 2);
    assert_int_equal(err.offset, PAGE);
    assert_int_equal(err.seq, r.count - 1);
    assert_non_null(strstr(err.text, "segment 2"));
    assert_int_equal(open_on(&r, r.d, FIRN_OPEN_READ), FIRN_OK);
    assert_int_equal(firn_stat(r.ledger, &stats, &err), FIRN_OK);
    assert_int_equal(stats.damage.status, FIRN_ECORRUPT);
    assert_int_equal(stats.damage.seq, r.count - 1);
    read_back(&r, &out, "up to the damage");
    assert_int_equal(out.records, r.count - 2);
    leave(&r, true);
    drop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_undamaged),
        cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_manifest_bits),
        cmocka_unit_test(test_both_slots),
        cmocka_unit_test(test_zeroed_sectors),
        cmocka_unit_test(test_unreadable_sectors),
        cmocka_unit_test(test_garbage_sectors),
        cmocka_unit_test(test_misdirected),
        cmocka_unit_test(test_swapped_segments),
        cmocka_unit_test(test_missing_segment),
        cmocka_unit_test(test_doubled_segment),
        cmocka_unit_test(test_foreign_segment),
        cmocka_unit_test(test_shortened_segment),
        cmocka_unit_test(test_tail_is_cut),
        cmocka_unit_test(test_damage_before_witness),
    };
    int failed = cmocka_run_group_tests_name("damage", tests, NULL, NULL);

    image_pool_free();
    return failed;
}
