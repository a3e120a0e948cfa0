/* SPDX-License-Identifier: Apache-2.0 */
/*
 * damage_sweep.c — the damage sweep: faults in the durable bytes of a small ledger, every bit of it and by dice.
 *
 *   damage_sweep [--log clean|unclean] [--bits K/N] [--stride S] [--bytes K/N] [--step S] [--sectors]
 *                [--files] [--random COUNT] [--seed N]
 *                [--long FILE] [--seconds N]
 *
 * The ledger (damage_world.h) has two segments of 64 KiB with records, a spare, and all files that a ledger has; it was
 * closed cleanly, or its writer died. What is tried, and what is asked each time:
 *
 *   fault                                       open, scan   verify   get, streams, content, runs,    open for writing,
 *                                               (read)                releases, replay (with index)   append, reopen
 *   --bits: each bit that a check covers, and   each         each     –                               –
 *     every S-th of those that none covers
 *   --bytes: each byte, one bit of it in turn   each         each     each                            each, with and
 *                                                                                                     without index
 *   --sectors: each sector zeroed, noise,         each         each     –                               –
 *     unreadable, stale, misdirected, foreign
 *   --files: each file missing, cut, longer,    each         each     –                               –
 *     doubled, swapped, foreign, past, stale
 *   --random: one to three of flip, burst,      each         each     each                            each, with or
 *     zeroed, garbage, stale, misdirected,                                                            without index
 *     foreign and unreadable sectors,
 *     swapped, doubled, missing, truncated,
 *     extended, foreign, past and stale files
 *   --long: both by turns: every operation of --bytes on each bit, and --random, which goes on for ever
 *   damage.c: cases told one by one             each         each     –                               each
 *   test/tool/damage_table.py: the same and marker files, folders, names, a writer beside: exit codes and texts
 *   test/api/test_api_index_pages.c: every page of the index
 *
 * Never is anything wrong returned (damage_judge.c). What must be said follows from the part of the format that the
 * byte belongs to (damage_map.c): a finding of firn verify with segment and offset, a cut, a note; of bytes that no
 * check covers nothing is said, and all is there. Their number is printed.
 *
 * --bits K/N and --bytes K/N take the K-th of N shares. --long goes on from the position kept in a file, for --seconds,
 * and keeps the next one there. A violation prints where it is, and ends the program with status 1.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/crash/damage_random.h"
#include "test/number.h"

enum {
    STRIDE_DEFAULT = 61,
    SLOTS_LESS = 64, /* The unused rest of a slot is large: of its bits one in so many strides. */
    ROUND = 500,     /* Random faults between two looks at the clock. */
    SECONDS_DEFAULT = 3600
};

static struct totals {
    uint64_t by_part[PART_KINDS]; /* Bits flipped. */
    uint64_t queried;
    uint64_t written, refused; /* Opens for writing. */
    uint64_t random, first_seed, last_seed;
    uint64_t by_fault[FAULT_KINDS];
    uint64_t sectors, files;        /* Faults of these lists. */
    uint64_t said, noted, complete; /* Of random faults. */
} sum;

/* One bit, and with all what takes longer. */
static void try_bit(damage_world *w, const part *p, uint64_t bit, bool all)
{
    disk_fault fault = {.offset = p->offset + bit / 8, .kind = DISK_FAULT_FLIP, .mask = (uint8_t)(1u << bit % 8)};
    outcome out;

    (void)snprintf(damage_place, sizeof damage_place, "%s log, %s: bit %u of byte %" PRIu64 " (%s)",
                   w->clean ? "clean" : "unclean", p->name, (unsigned)(bit % 8), fault.offset,
                   part_rules[p->kind].name);
    (void)snprintf(fault.name, sizeof fault.name, "%s", p->name);
    disk_fault_add(w->d, &fault);
    damage_read(w, w->d, &out);
    damage_verify(w, w->d, &out);
    damage_expect(w, p, fault.offset, &out);
    sum.by_part[p->kind]++;
    if (all) {
        damage_query(w, w->d, &out);
        sum.queried++;
    }
    disk_faults_clear(w->d);
    for (int warm = 0; warm < 2 && all; warm++) {
        disk *copy = disk_copy(w->d);
        uint8_t byte;
        firn_status status;

        disk_peek(copy, p->name, &byte, 1, fault.offset);
        byte ^= fault.mask;
        disk_poke(copy, p->name, &byte, 1, fault.offset);
        status = damage_write(w, copy, warm == 1, w->proven, true);
        if (part_rules[p->kind].duty == DUTY_FINDING ? status == FIRN_OK && p->kind == PART_HEADER
                                                     : status != FIRN_OK) {
            damage_violation("open for writing: %s", firn_status_name(status));
        }
        sum.written++;
        sum.refused += status != FIRN_OK;
        disk_free(copy);
    }
}

static uint64_t share_begin(uint64_t total, unsigned k, unsigned n)
{
    return total / n * (k - 1);
}

static uint64_t share_end(uint64_t total, unsigned k, unsigned n)
{
    return k == n ? total : total / n * k;
}

/* Of how many bits of a part one is taken when all are: of all that are covered or stand in a segment each. */
static uint64_t stride_of(const part *p)
{
    return p->kind == PART_UNUSED && p->segment == 0 ? SLOTS_LESS : 1;
}

/* The bits of share k of n: all that are covered, and of the others one in stride. */
static void sweep_bits(damage_world *w, unsigned k, unsigned n, unsigned stride)
{
    for (unsigned i = 0; i < w->parts_count; i++) {
        const part *p = &w->parts[i];
        uint64_t step = p->kind == PART_UNUSED ? stride * stride_of(p) : 1;

        for (uint64_t bit = share_begin(p->size * 8, k, n); bit < share_end(p->size * 8, k, n); bit += step) {
            try_bit(w, p, bit, false);
        }
    }
}

/* Every byte, one bit of it in turn; of those that no check covers one in stride. */
static void sweep_bytes(damage_world *w, unsigned k, unsigned n, unsigned stride, unsigned stride_covered)
{
    for (unsigned i = 0; i < w->parts_count; i++) {
        const part *p = &w->parts[i];
        uint64_t step = p->kind == PART_UNUSED ? stride : stride_covered;

        for (uint64_t byte = share_begin(p->size, k, n); byte < share_end(p->size, k, n); byte += step) {
            try_bit(w, p, byte * 8 + byte % 8, true);
        }
    }
}

static uint64_t bits_count(const damage_world *w)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < w->parts_count; i++) {
        count += w->parts[i].size * 8 / stride_of(&w->parts[i]);
    }
    return count;
}

static void bit_by_number(damage_world *w, uint64_t number)
{
    for (unsigned i = 0; i < w->parts_count; i++) {
        const part *p = &w->parts[i];

        uint64_t bits = p->size * 8 / stride_of(p);

        if (number < bits) {
            try_bit(w, p, number * stride_of(p), true);
            return;
        }
        number -= bits;
    }
}

/* ---- by dice ---- */

static void try_random(const damage_world *w, uint64_t seed)
{
    dice by = dice_of(seed);
    disk *d = disk_copy(w->d);
    unsigned faults = 1 + (unsigned)dice_roll(&by, 3);
    fault_sum f = {0};
    outcome out;

    (void)snprintf(damage_place, sizeof damage_place, "%s log, seed %" PRIu64 ":", w->clean ? "clean" : "unclean",
                   seed);
    for (unsigned i = 0; i < faults; i++) {
        fault_kind kind = damage_do(w, d, &by, faults == 1, &f);
        size_t used = strlen(damage_place);

        (void)snprintf(damage_place + used, sizeof damage_place - used, " %s", fault_names[kind]);
        sum.by_fault[kind]++;
    }
    damage_sum(w, d, &f);
    damage_read(w, d, &out);
    damage_verify(w, d, &out);
    damage_judge_faults(w, &f, faults, &out);
    sum.said += damage_is_said(&out);
    sum.noted += !damage_is_said(&out) && out.report.notes > 0;
    sum.complete += damage_is_complete(w, &out);
    damage_query(w, d, &out);
    (void)damage_write(w, d, dice_chance(&by, 2), damage_proofs_stand(w, &f, faults) ? w->proven : 0, false);
    disk_free(d);
    sum.first_seed = sum.random++ == 0 ? seed : sum.first_seed;
    sum.last_seed = seed;
}

/* ---- the program ---- */

static uint64_t read_position(const char *name)
{
    FILE *file = fopen(name, "r");
    unsigned long long position = 0;

    if (file != NULL) {
        if (fscanf(file, "%llu", &position) != 1) {
            position = 0;
        }
        (void)fclose(file);
    }
    return position;
}

static void write_position(const char *name, uint64_t position)
{
    FILE *file = fopen(name, "w");

    if (file == NULL || fprintf(file, "%" PRIu64 "\n", position) < 0 || fclose(file) != 0) {
        (void)fprintf(stderr, "damage_sweep: %s: %s\n", name, strerror(errno));
        exit(2);
    }
}

/* Every bit of both logs with every operation, and faults by dice. */
static void run_long(damage_world *w[2], const char *name, uint64_t seconds)
{
    uint64_t position = read_position(name), bits[2] = {bits_count(w[0]), bits_count(w[1])};
    time_t until = time(NULL) + (time_t)seconds;

    while (time(NULL) < until) {
        for (unsigned i = 0; i < ROUND; i++, position++) {
            if (position < bits[0]) {
                bit_by_number(w[0], position);
            } else if (position < bits[0] + bits[1]) {
                bit_by_number(w[1], position - bits[0]);
            }
            try_random(w[position % 2], position);
        }
        write_position(name, position);
    }
}

static void report(void)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < PART_KINDS; i++) {
        bits += sum.by_part[i];
        if (sum.by_part[i] != 0) {
            printf("  %-26s %9" PRIu64 " bits: %s\n", part_rules[i].name, sum.by_part[i],
                   part_rules[i].duty == DUTY_FINDING ? "each found, with its place"
                   : part_rules[i].duty == DUTY_CUT   ? "each cut, and the cut told"
                   : part_rules[i].duty == DUTY_NOTE  ? "each noted, nothing missing"
                                                      : "covered by no check, nothing missing");
        }
    }
    for (unsigned i = 0; i < FAULT_KINDS; i++) {
        if (sum.by_fault[i] != 0) {
            printf("  %-26s %9" PRIu64 " times\n", fault_names[i], sum.by_fault[i]);
        }
    }
    printf("summary: bits=%" PRIu64 " bits_uncovered=%" PRIu64 " bits_queried=%" PRIu64 " opens_for_writing=%" PRIu64
           " refused=%" PRIu64 " sectors=%" PRIu64 " files=%" PRIu64 " random=%" PRIu64 " random_said=%" PRIu64
           " random_noted=%" PRIu64 " random_complete=%" PRIu64 " first_seed=%" PRIu64 " last_seed=%" PRIu64
           " violations=0\n",
           bits, sum.by_part[PART_UNUSED], sum.queried, sum.written, sum.refused, sum.sectors, sum.files, sum.random,
           sum.said, sum.noted, sum.complete, sum.first_seed, sum.last_seed);
}

static _Noreturn void usage(void)
{
    (void)fprintf(stderr, "usage: damage_sweep [--log clean|unclean] [--bits K/N] [--bytes K/N] [--stride S] "
                          "[--step S] [--sectors] [--files] [--random COUNT] [--seed N] [--long FILE] [--seconds N]\n");
    exit(2);
}

typedef struct wishes {
    unsigned bits[2], bytes[2]; /* K of N; N 0: none. */
    unsigned stride, step;
    uint64_t random, seed, seconds;
    const char *position;
    bool logs[2]; /* Clean, unclean. */
    bool sectors, files;
} wishes;

static void share(const char *text, unsigned out[2])
{
    if (sscanf(text, "%u/%u", &out[0], &out[1]) != 2 || out[0] == 0 || out[0] > out[1]) {
        usage();
    }
}

static wishes read_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"log", required_argument, NULL, 'l'},     {"bits", required_argument, NULL, 'b'},
        {"bytes", required_argument, NULL, 'B'},   {"stride", required_argument, NULL, 's'},
        {"step", required_argument, NULL, 'p'},    {"random", required_argument, NULL, 'r'},
        {"seed", required_argument, NULL, 'S'},    {"long", required_argument, NULL, 'L'},
        {"seconds", required_argument, NULL, 't'}, {"sectors", no_argument, NULL, 'x'},
        {"files", no_argument, NULL, 'f'},         {0}};
    wishes want = {.stride = STRIDE_DEFAULT, .step = 1, .seconds = SECONDS_DEFAULT, .logs = {true, true}};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'l':
            want.logs[0] = strcmp(optarg, "clean") == 0;
            want.logs[1] = strcmp(optarg, "unclean") == 0;
            break;
        case 'b':
            share(optarg, want.bits);
            break;
        case 'B':
            share(optarg, want.bytes);
            break;
        case 's':
            want.stride = (unsigned)number_of("damage_sweep", optarg);
            break;
        case 'p':
            want.step = (unsigned)number_of("damage_sweep", optarg);
            break;
        case 'r':
            want.random = number_of("damage_sweep", optarg);
            break;
        case 'S':
            want.seed = number_of("damage_sweep", optarg);
            break;
        case 'L':
            want.position = optarg;
            break;
        case 't':
            want.seconds = number_of("damage_sweep", optarg);
            break;
        case 'x':
            want.sectors = true;
            break;
        case 'f':
            want.files = true;
            break;
        default:
            usage();
        }
    }
    if (optind != argc || want.stride == 0 || want.step == 0 || !(want.logs[0] || want.logs[1])) {
        usage();
    }
    return want;
}

int main(int argc, char **argv)
{
    static damage_world clean, unclean;
    damage_world *worlds[2] = {&clean, &unclean};
    wishes want = read_options(argc, argv);
    outcome out;

    for (int i = 0; i < 2; i++) {
        damage_world_make(worlds[i], i == 0);
        (void)snprintf(damage_place, sizeof damage_place, "%s log, undamaged", i == 0 ? "clean" : "unclean");
        damage_read(worlds[i], worlds[i]->d, &out);
        damage_verify(worlds[i], worlds[i]->d, &out);
        if (!damage_is_complete(worlds[i], &out) || damage_is_said(&out) || out.report.notes != 0) {
            damage_violation("not as it was written: %s%s%s", out.damage.text, out.finding.text, out.note.text);
        }
        damage_query(worlds[i], worlds[i]->d, &out);
        for (unsigned at = 0; at < 1 && want.logs[i]; at++) {
            if (want.bits[1] != 0) {
                sweep_bits(worlds[i], want.bits[0], want.bits[1], want.stride);
            }
            if (want.bytes[1] != 0) {
                sweep_bytes(worlds[i], want.bytes[0], want.bytes[1], want.stride, want.step);
            }
            sum.sectors += want.sectors ? damage_list_sectors(worlds[i]) : 0;
            sum.files += want.files ? damage_list_files(worlds[i]) : 0;
            for (uint64_t seed = want.seed; seed < want.seed + want.random; seed++) {
                try_random(worlds[i], seed);
            }
        }
    }
    if (want.position != NULL) {
        run_long(worlds, want.position, want.seconds);
    }
    damage_world_free(&clean);
    damage_world_free(&unclean);
    report();
    return 0;
}
