/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_operations.c — what a host does with a ledger, crashes and damage in between, against the model of the sweep.
 *
 * The input is the crash sweep (test/crash/world.h) with its dice taken away: two bytes choose the options, then come
 * operations, each a byte and its arguments. What the sweep rolls is here a number of two bytes, from which the dice of
 * one operation are made anew; so a changed byte changes one operation and nothing behind it.
 *
 *   0 … 159    act         2 dice            one thing that a host does, every answer checked against the model
 *   160 … 175  states      2 dice            crash states at this moment, each recovered and checked; it goes on as it
 * was 176 … 191  power cut   how, number, sector, rest, 2 dice: it goes on with what is left 192 … 207  death how, 2
 * dice       of the process; it goes on with what is left 208 … 223  damage      faults            in a copy of the
 * disk, see below 224 … 239  clean       faults            the same behind a clean close 240 … 247  merge the index 248
 * … 255  end of the history
 *
 * Faults are a count and for each: file, 2 block and offset, kind, and what the kind needs. In the damaged copy nothing
 * may be handed out that is not, byte for byte, what the whole disk holds at that seq. Behind a clean close nothing may
 * be missing without being told.
 */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "test/crash/recover.h"

enum {
    OPERATIONS_MAX = 48,
    RECORDS_MAX = 4096,
    FAULTS_MAX = 4,
    FILES_MAX = 32,
    BLOCK = 512
};

/** Seq n of the whole disk: a hash of all that is handed out of it. */
static uint64_t whole[RECORDS_MAX];
static size_t whole_count;

typedef struct file_list {
    char names[FILES_MAX][FRN_IO_NAME_SIZE_MAX + 1];
    uint64_t sizes[FILES_MAX];
    unsigned count;
} file_list;

_Noreturn void __wrap__exit(int status);

/** A violation ends the sweep by _exit(); here it must be seen by libFuzzer. */
_Noreturn void __wrap__exit(int status)
{
    (void)status;
    abort();
}

static uint64_t hash_of(const firn_record *record)
{
    uint64_t hash = fuzz_hash(record->body.data, record->body.size);

    hash = (hash ^ record->seq) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ record->version ^ (uint64_t)record->kind << 32) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ record->stream ^ (uint64_t)record->time_ns) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ record->batch_first_seq ^ (uint64_t)record->batch_count << 40;
}

/* ---- a ledger on a disk that is looked at and thrown away ---- */

typedef struct visit {
    frn_heap heap;
    frn_io *io;
    firn_ledger *ledger;
} visit;

static firn_status visit_open(visit *v, disk *d, firn_open_mode mode, firn_error *err)
{
    frn_ledger_seam seam = {.heap = &v->heap, .threads = false};
    firn_options options = {.struct_size = sizeof options,
                            .mode = mode,
                            .progress = FIRN_PROGRESS_MANUAL,
                            .spare_segments = 1,
                            .group_size_max = 65536,
                            .index_size_max = 64 << 20};
    firn_status status;

    frn_heap_init(&v->heap);
    v->io = disk_open_io(d);
    seam.io = v->io;
    status = frn_ledger_open_on(&seam, &options, &v->ledger, err);
    fuzz_tell("visit in mode %d: %s", (int)mode, status == FIRN_OK ? "open" : err->text);
    if (status != FIRN_OK) {
        v->io->ops->close(v->io);
        MUST(atomic_load(&v->heap.live) == 0);
    }
    return status;
}

static void visit_close(visit *v, bool abandon)
{
    firn_error err;

    if (abandon)
        frn_ledger_abandon(v->ledger);
    else
        MUST(firn_close(v->ledger, &err) == FIRN_OK);
    v->io->ops->close(v->io);
    MUST(atomic_load(&v->heap.live) == 0);
}

/** All records in order: learnt, or held against those that were learnt. Returns how many; *out_ended: why no more. */
static size_t scan(firn_ledger *ledger, bool learn, firn_status *out_ended)
{
    firn_scan_options options = {.struct_size = sizeof options, .buffer_size = 65536};
    firn_scan *scan = NULL;
    firn_record record;
    firn_error err;
    size_t count = 0;

    *out_ended = firn_scan_open(ledger, &options, &scan, &err);
    while (*out_ended == FIRN_OK && (*out_ended = firn_scan_next(scan, &record, &err)) == FIRN_OK) {
        MUST(record.seq == count + 1);
        if (learn && count < RECORDS_MAX)
            whole[count] = hash_of(&record);
        MUST(learn || count >= RECORDS_MAX || (count < whole_count && whole[count] == hash_of(&record)));
        count++;
    }
    firn_scan_close(scan);
    fuzz_tell("scan: %zu records, %s", count, *out_ended < 0 ? err.text : "all of them");
    return count;
}

/* ---- damage ---- */

static void take_name(void *arg, const char *name, uint64_t size)
{
    file_list *list = arg;

    if (list->count < FILES_MAX) {
        (void)snprintf(list->names[list->count], sizeof list->names[0], "%s", name);
        list->sizes[list->count++] = size;
    }
}

static void do_fault(disk *d, fuzz_reader *in)
{
    static file_list list;
    static uint8_t block[BLOCK];
    const char *name;
    uint64_t number, offset, size;
    firn_slice bytes;

    list.count = 0;
    disk_names(d, take_name, &list);
    if (list.count == 0)
        return;
    number = fuzz_number(in, 1) % list.count;
    name = list.names[number];
    size = list.sizes[number];
    offset = fuzz_number(in, 2) * 64;
    offset = size == 0 ? 0 : offset % size;
    fuzz_tell("fault in %s of %llu bytes, at %llu", name, (unsigned long long)size, (unsigned long long)offset);
    switch (fuzz_number(in, 1) % 8) {
    case 0: /* Bytes. */
        bytes = fuzz_bytes(in, fuzz_number(in, 1) % 64);
        if (bytes.size <= size - offset)
            disk_poke(d, name, bytes.data, bytes.size, offset);
        break;
    case 1: /* One bit. */
        number = fuzz_number(in, 2);
        if (offset + number % BLOCK < size) {
            disk_peek(d, name, block, 1, offset + number % BLOCK);
            block[0] ^= (uint8_t)(1u << number / BLOCK % 8);
            disk_poke(d, name, block, 1, offset + number % BLOCK);
        }
        break;
    case 2: /* A block from elsewhere. */
        number = fuzz_number(in, 2) * BLOCK;
        if (number + BLOCK <= size && offset + BLOCK <= size) {
            disk_peek(d, name, block, BLOCK, number);
            disk_poke(d, name, block, BLOCK, offset);
        }
        break;
    case 3: /* Zeros. */
        memset(block, 0, sizeof block);
        disk_poke(d, name, block, size - offset < BLOCK ? size - offset : BLOCK, offset);
        break;
    case 4:
        disk_resize(d, name, offset);
        break;
    case 5:
        disk_unlink(d, name);
        break;
    default: /* Another file's content. */
        number = fuzz_number(in, 1) % list.count;
        if (number < list.count && strcmp(list.names[number], name) != 0)
            disk_copy_file(d, name, d, list.names[number]);
        break;
    }
}

static void look_at_damaged(disk *d, bool was_clean)
{
    firn_stats stats = {.struct_size = sizeof stats};
    firn_status ended;
    firn_error err;
    size_t count, again;
    visit v;

    if (visit_open(&v, d, FIRN_OPEN_READ, &err) == FIRN_OK) {
        count = scan(v.ledger, false, &ended);
        MUST(firn_stat(v.ledger, &stats, &err) == FIRN_OK);
        MUST(!was_clean || count == whole_count || ended < 0 || stats.damage.status < 0);
        visit_close(&v, true);
    }
    if (visit_open(&v, d, FIRN_OPEN_WRITE, &err) != FIRN_OK)
        return;
    count = scan(v.ledger, false, &ended);
    MUST(!was_clean || count == whole_count || ended < 0);
    visit_close(&v, false);
    if (ended != FIRN_END)
        return;
    /* What a writer could open, and showed, stays, or its loss is told: recovery does not look into groups of which the
       writer before had said that they are durable. */
    if (visit_open(&v, d, FIRN_OPEN_WRITE, &err) != FIRN_OK) {
        MUST(err.status == FIRN_ECORRUPT);
        return;
    }
    again = scan(v.ledger, false, &ended);
    MUST(ended < 0 || again == count);
    visit_close(&v, true);
}

static void damage(const disk *from, fuzz_reader *in, bool was_clean)
{
    disk *d = disk_copy(from), *damaged = disk_copy(from);
    uint64_t faults = 1 + fuzz_number(in, 1) % FAULTS_MAX;
    firn_status ended;
    firn_error err;
    visit v;

    MUST(visit_open(&v, d, FIRN_OPEN_READ, &err) == FIRN_OK);
    whole_count = scan(v.ledger, true, &ended);
    MUST(ended == FIRN_END);
    visit_close(&v, true);
    disk_free(d);
    while (faults-- > 0)
        do_fault(damaged, in);
    look_at_damaged(damaged, was_clean);
    disk_free(damaged);
}

/* ---- the history ---- */

typedef struct history {
    settings with;
    sweep sweep;
    crash_point at;
    seen seen;
    seen disks;
    model m;
    world w;
} history;

static uint64_t dice_from(fuzz_reader *in)
{
    return fuzz_number(in, 2);
}

/** The history goes on in what a crash left, which becomes its disk. */
static void go_on(history *h, disk *left, uint64_t seed)
{
    firn_error err;

    world_abandon(&h->w);
    world_done(&h->w);
    world_init(&h->w, &h->with, left, &h->m, seed);
    disk_controls_of(left)->land_in = 20;
    MUST(world_open(&h->w, FIRN_OPEN_WRITE, &err) == FIRN_OK);
    h->at.incarnation = h->w.incarnation;
    model_truncate(&h->m, world_check_log(&h->w));
}

static void power_cut(history *h, fuzz_reader *in)
{
    unsigned open_effects = disk_open_effects(h->w.d);
    disk_cut_plan plan = {.how = DISK_CUT_NONE};
    unsigned how = (unsigned)fuzz_number(in, 1) % (DISK_CUT_RANDOM + 1);

    plan.number = fuzz_number(in, 1);
    plan.sector = (unsigned)fuzz_number(in, 1);
    plan.rest = (disk_rest)(fuzz_number(in, 1) % 3);
    plan.seed = dice_from(in);
    if (open_effects > 0) {
        plan.how = (unsigned char)how;
        plan.number = how == DISK_CUT_MASK ? plan.number * UINT64_C(0x0101010101010101) : plan.number % open_effects;
        plan.sector %= how == DISK_CUT_MASK ? 1 : disk_effect_sectors(h->w.d, (unsigned)plan.number) + 1;
    }
    trace("power cut %u", how);
    go_on(h, disk_cut(h->w.d, &plan), plan.seed);
}

static void operate(history *h, fuzz_reader *in, unsigned operation)
{
    firn_error err;
    unsigned how;

    if (operation < 160) {
        h->w.dice = dice_of(dice_from(in));
        h->w.merge_dice = dice_of(~h->w.dice.state);
        world_act(&h->w, true);
    } else if (operation < 176) {
        h->at.seed = dice_from(in);
        crash_step(&h->at, h->w.d, DISK_SYNC);
    } else if (operation < 192) {
        power_cut(h, in);
    } else if (operation < 208) {
        how = (unsigned)fuzz_number(in, 1) % 3;
        go_on(h, disk_die(h->w.d, (disk_late)how, dice_from(in)), how);
    } else if (operation < 224) {
        damage(h->w.d, in, false);
    } else if (operation < 240) {
        disk_controls_of(h->w.d)->space_limited = false;
        world_close(&h->w);
        damage(h->w.d, in, true);
        MUST(world_open(&h->w, FIRN_OPEN_WRITE, &err) == FIRN_OK);
    } else if (h->with.indexed) {
        world_merge(&h->w);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static history h;
    fuzz_reader in = {data, size, 0};
    uint64_t seed = fuzz_number(&in, 2);
    unsigned operation;
    firn_error err;

    h = (history){.with = settings_of(seed)};
    h.with.options.outstanding_max = h.with.options.outstanding_max > 64 ? 64 : h.with.options.outstanding_max;
    h.sweep = (sweep){.with = &h.with, .seen = &h.seen, .disks = &h.disks, .depth_max = CRASH_DEPTH_MAX};
    h.at = (crash_point){.sweep = &h.sweep, .m = &h.m, .seed = seed, .steps_in = 1, .states_mean = 1};
    place = (sweep_place){.seed = seed};
    trace_level = getenv("FUZZ_TELL") != NULL ? 1 : 0;
    model_init(&h.m);
    world_init(&h.w, &h.with, disk_new(seed), &h.m, seed);
    MUST(world_create(&h.w, &err) == FIRN_OK);
    h.at.incarnation = h.w.incarnation;
    while (fuzz_more(&in) && place.action < OPERATIONS_MAX && (operation = (unsigned)fuzz_number(&in, 1)) < 248) {
        place.action++;
        operate(&h, &in, operation);
    }
    crash_end_history(&h.w);
    model_done(&h.m);
    seen_free(&h.seen);
    seen_free(&h.disks);
    return 0;
}
