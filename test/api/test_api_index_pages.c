/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_api_index_pages.c — every page of an index on disk harmed in every way: what is answered, found, and healed.
 *
 * A small ledger has an index of some dozen pages. Each page is zeroed, made noise, has a bit flipped, is exchanged
 * with the next one, is as it was at the merge before, or is that of another ledger's index; and the file is cut,
 * longer, of the merge before, another ledger's. Each time
 *
 *   verify    in this process, which it must not take down: a finding of the index or none, never one of the log;
 *   a reader  in a child: each answer is that of the pristine ledger, or a status, or, where whole pages are of another
 *             time or place, less: a row is not found, never a wrong one. LMDB may end the child. Both are limits that
 *             docs/recovery.md#the-index tells, and are counted;
 *   if verify finds nothing, the child must have answered everything, and a writer in a child goes on;
 *   replay, then a writer: the index is built anew, and every answer is there again.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/api/runs.h"
#include "test/disk/dice.h"

enum {
    PAGE = 4096,
    FILE_MAX = 256 * PAGE,
    STREAMS = 30,
    KEYS = 60,
    QUESTIONS = 2 * STREAMS + KEYS + 20
};

static const firn_slice content = {"content that is found by its digest", 35};

/* ---- the ledger ---- */

static void keyed(firn_ledger *ledger, int number)
{
    firn_append_options options = {.struct_size = sizeof options};
    firn_event event = {1, S("event")};
    char stream[16], key[24];
    firn_error err;

    (void)snprintf(stream, sizeof stream, "s%d", number % STREAMS);
    (void)snprintf(key, sizeof key, "key-%d", number);
    options.scope = S("scope");
    options.key = S(key);
    OK(err, firn_append(ledger, S(stream), &event, 1, &options, NULL, &err));
}

static void promote(firn_ledger *ledger, const char *name)
{
    firn_release_args args = {.struct_size = sizeof args, .name = S(name), .spec_digest = spec};
    firn_error err;

    OK(err, firn_release_promote(ledger, &args, NULL, &err));
}

static void fill(firn_ledger *ledger, int first, int last)
{
    firn_error err;

    for (int i = first; i < last; i++) {
        keyed(ledger, i);
    }
    if (first == 0) {
        OK(err, firn_content_put(ledger, content, NULL, NULL, &err));
        (void)create(ledger, "run");
    }
    append_ok(ledger, "run", (uint64_t)first + 1, "step");
    promote(ledger, "app");
}

/* ---- questions ---- */

typedef struct told {
    firn_status status;
    uint64_t value;   /* Of one row. */
    uint64_t seqs[4]; /* Of those of a walk, a bit each. */
    bool strange;     /* A walk came upon a seq that there is not. */
} told;

static void note(told *all, unsigned *count, firn_status status, uint64_t value)
{
    if (*count == QUESTIONS) {
        abort(); /* Also in a child. */
    }
    all[(*count)++] = (told){.status = status, .value = status == FIRN_OK ? value : 0};
}

/* A walk came upon a seq, or ended. */
static void came_upon(told *all, unsigned count, uint64_t seq)
{
    if (seq < 256) {
        all[count].seqs[seq / 64] |= UINT64_C(1) << seq % 64;
    } else {
        all[count].strange = true;
    }
}

static void ended(told *all, unsigned *count, firn_status status)
{
    all[(*count)++].status = status;
}

static void ask_streams(firn_view *view, told *all, unsigned *count)
{
    firn_stream stream = {0};
    firn_receipt receipt = {0};
    char name[24];
    firn_status status;

    for (int i = 0; i < STREAMS; i++) {
        (void)snprintf(name, sizeof name, "s%d", i);
        status = firn_stream_get(view, S(name), &stream, NULL);
        note(all, count, status, stream.last_seq * 31 + stream.version);
        status = firn_stream_get_by_id(view, (uint32_t)i + 1, &stream, NULL);
        note(all, count, status, stream.last_seq * 31 + stream.version);
    }
    stream.id = 0;
    while ((status = firn_stream_next(view, stream.id, &stream, NULL)) == FIRN_OK) {
        came_upon(all, *count, stream.last_seq);
    }
    ended(all, count, status);
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(name, sizeof name, "key-%d", i);
        status = firn_key_get(view, S("scope"), S(name), &receipt, NULL);
        note(all, count, status, receipt.first_seq);
    }
}

static void ask_stores(firn_view *view, told *all, unsigned *count)
{
    uint8_t digest[FIRN_DIGEST_SIZE];
    firn_run_events *events = NULL;
    firn_run_list *list = NULL;
    firn_run_event event;
    firn_release release = {0};
    firn_content stored = {0};
    firn_run run = {0};
    firn_buf buf = {0};
    int has = 0;
    firn_status status;
    firn_error err;

    status = firn_digest_of(content, digest, &err);
    status = status < 0 ? status : firn_content_has(view, digest, &has, NULL);
    note(all, count, status, (uint64_t)has);
    status = firn_content_get(view, digest, NULL, &buf, NULL);
    note(all, count, status, buf.size);
    status = firn_content_next(view, NULL, &stored, NULL);
    note(all, count, status, stored.seq);
    status = firn_run_get(view, S("run"), &buf, &run, NULL);
    note(all, count, status, run.event_count * 31 + run.create_seq);
    status = firn_run_events_open(view, S("run"), NULL, &events, NULL);
    while (status == FIRN_OK && (status = firn_run_events_next(events, &event, NULL)) == FIRN_OK) {
        came_upon(all, *count, event.seq);
    }
    firn_run_events_close(events);
    ended(all, count, status);
    status = firn_run_list_open(view, NULL, &list, NULL);
    while (status == FIRN_OK && (status = firn_run_list_next(list, &run, NULL)) == FIRN_OK) {
        came_upon(all, *count, run.create_seq);
    }
    firn_run_list_close(list);
    ended(all, count, status);
    while ((status = firn_release_history(view, S("app"), release.release_number, &buf, &release, NULL)) == FIRN_OK) {
        came_upon(all, *count, release.seq);
        if (release.release_number == 1) {
            break;
        }
    }
    ended(all, count, status == FIRN_OK ? FIRN_END : status);
    firn_buf_free(&buf);
}

/* Every question; FIRN_OK, or why there is no view. */
static firn_status ask(firn_ledger *ledger, told *all, unsigned *count)
{
    firn_view *view = NULL;
    firn_status status = firn_view_open(ledger, &view, NULL);

    *count = 0;
    memset(all, 0, QUESTIONS * sizeof *all);
    if (status == FIRN_OK) {
        ask_streams(view, all, count);
        ask_stores(view, all, count);
        firn_view_close(view);
    }
    return status;
}

/* ---- what came of it ---- */

typedef enum answer {
    SAME,
    LESS,   /**< Something is not found. */
    STATUS, /**< Some answers are a status; of the others some may be less. */
    WRONG,
    KILLED /**< LMDB ended the process. */
} answer;

static told right[QUESTIONS];
static unsigned questions;

static answer compare_one(const told *now, const told *was)
{
    bool subset = true, same = true;

    for (int i = 0; i < 4; i++) {
        subset = subset && (now->seqs[i] & ~was->seqs[i]) == 0;
        same = same && now->seqs[i] == was->seqs[i];
    }
    subset = subset && !now->strange;
    if (now->status == FIRN_ECORRUPT) {
        return subset ? STATUS : WRONG;
    }
    if (now->status == was->status && now->value == was->value && same && subset) {
        return SAME;
    }
    /* Content that is not there is told by a number. */
    return subset && (now->status == FIRN_ENOTFOUND || now->status == FIRN_END || now->value == 0) ? LESS : WRONG;
}

static answer compare(firn_ledger *ledger)
{
    static told now[QUESTIONS];
    unsigned count;
    answer all = SAME;

    if (ask(ledger, now, &count) != FIRN_OK) {
        return STATUS;
    }
    for (unsigned i = 0; i < questions; i++) {
        answer one = count == questions ? compare_one(&now[i], &right[i]) : WRONG;

        all = one > all ? one : all;
    }
    return all;
}

/* What a process that may die of it is answered; writing: it appends as well. */
static answer in_child(const api_world *world, bool writing)
{
    firn_options options = world->options;
    firn_ledger *ledger;
    int end;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
        struct rlimit none = {0};
        answer all;

        /* Else the framework would go on with the next test here. */
        for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
            (void)signal(signals[i], SIG_DFL);
        }

        (void)setrlimit(RLIMIT_CORE, &none);
        if (freopen("/dev/null", "w", stderr) == NULL) {
            _exit(2);
        }
        options.mode = writing ? FIRN_OPEN_WRITE : FIRN_OPEN_READ;
        if (firn_open(world->url, &options, &ledger, NULL) != FIRN_OK) {
            _exit(STATUS);
        }
        all = compare(ledger);
        if (firn_close(ledger, NULL) != FIRN_OK) {
            _exit(STATUS);
        }
        _exit((int)all);
    }
    assert_int_equal(waitpid(child, &end, 0), child);
    return WIFEXITED(end) && WEXITSTATUS(end) <= KILLED ? (answer)WEXITSTATUS(end) : KILLED;
}

static uint8_t good[FILE_MAX], before[FILE_MAX], other[FILE_MAX], harmed[FILE_MAX];
static size_t good_size, before_size, other_size;
static char data_path[300];

static size_t load(const char *path, uint8_t *bytes)
{
    int fd = open(path, O_RDONLY);
    ssize_t size = fd < 0 ? -1 : read(fd, bytes, FILE_MAX);

    assert_in_range(size, 4 * PAGE, FILE_MAX - 1);
    (void)close(fd);
    return (size_t)size;
}

static void store(const uint8_t *bytes, size_t size)
{
    int fd = open(data_path, O_WRONLY | O_TRUNC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    (void)close(fd);
}

static struct totals {
    unsigned faults, found, same, less, status, killed, healed;
} sum;

static void heal(api_world *world, const char *what, unsigned page)
{
    firn_ledger *reader = NULL;
    firn_options options = world->options;
    firn_status status;
    firn_error err;

    options.mode = FIRN_OPEN_READ;
    OK(err, firn_open(world->url, &options, &reader, &err));
    status = firn_replay(reader, NULL, NULL, &err);
    assert_true(status == FIRN_OK || err.detail == FIRN_DETAIL_INDEX);
    OK(err, firn_close(reader, &err));
    api_open(world);
    if (compare(world->ledger) != SAME) {
        fail_msg("%s, page %u: not healed", what, page);
    }
    OK(err, firn_replay(world->ledger, NULL, NULL, &err));
    api_close(world);
    sum.healed++;
}

static void restore(bool killed)
{
    char path[320];

    store(good, good_size);
    (void)snprintf(path, sizeof path, "%.*s/distrusted", (int)(strlen(data_path) - strlen("/data.mdb")), data_path);
    (void)unlink(path);
    if (killed) {
        /* Who died of it did not give its places in LMDB's table of readers back. */
        (void)snprintf(path, sizeof path, "%.*s/lock.mdb", (int)(strlen(data_path) - strlen("/data.mdb")), data_path);
        (void)unlink(path);
    }
}

/* The file is these bytes: asked, found, healed. */
static void judge(api_world *world, const uint8_t *bytes, size_t size, const char *what, unsigned page)
{
    firn_report report = {.struct_size = sizeof report};
    firn_error err;
    firn_status status;
    answer read;

    store(bytes, size);
    status = firn_verify(world->url, NULL, &report, &err);
    if (status != FIRN_OK && (status != FIRN_ECORRUPT || err.detail != FIRN_DETAIL_INDEX)) {
        fail_msg("%s, page %u: verify: %s", what, page, err.text);
    }
    read = in_child(world, false);
    if (read == WRONG || (status == FIRN_OK && read != SAME)) {
        fail_msg("%s, page %u: verify says %d, a reader's answers are %d", what, page, (int)status, (int)read);
    }
    sum.faults++;
    sum.found += status != FIRN_OK;
    sum.same += read == SAME;
    sum.less += read == LESS;
    sum.status += read == STATUS;
    sum.killed += read == KILLED;
    /* A fault in what nobody reads may stay; every eighth of the others is healed. */
    if (status == FIRN_OK) {
        assert_int_equal(in_child(world, true), SAME);
    } else if (sum.faults % 8 == 0) {
        heal(world, what, page);
    }
    restore(read == KILLED);
}

/* ---- the faults ---- */

/* A ledger that is closed, its index as it was at two merges, and that of another ledger. */
static void prepare(api_world *world)
{
    char path[300];
    api_world stranger = {.options = world->options};
    void *at = &stranger;
    firn_error err;

    (void)meta("run"); /* Fixtures: spec. */
    (void)snprintf(data_path, sizeof data_path, "%s/index/data.mdb", world->folder);
    fill(world->ledger, 0, KEYS - 20);
    api_reopen(world);
    before_size = load(data_path, before);
    fill(world->ledger, KEYS - 20, KEYS);
    OK(err, ask(world->ledger, right, &questions));
    api_close(world);
    good_size = load(data_path, good);
    assert_int_equal(api_setup_folder(&at), 0);
    fill(((api_world *)at)->ledger, 0, KEYS);
    api_close(at);
    (void)snprintf(path, sizeof path, "%s/index/data.mdb", ((api_world *)at)->folder);
    other_size = load(path, other);
    api_open(at);
    assert_int_equal(api_teardown(&at), 0);
    sum = (struct totals){0};
}

static void finish(api_world *world, const char *what)
{
    print_message("%s: %u faults, %u found; a reader: %u as before, %u with a status, %u with less, %u ended by LMDB; "
                  "%u healed\n",
                  what, sum.faults, sum.found, sum.same, sum.status, sum.less, sum.killed, sum.healed);
    assert_int_equal(sum.same + sum.less + sum.status + sum.killed, sum.faults);
    assert_true(sum.found > 0 && sum.healed > 0);
    store(good, good_size);
    api_open(world);
    assert_int_equal(compare(world->ledger), SAME);
}

typedef enum harm {
    HARM_ZERO,
    HARM_NOISE,
    HARM_FLIP,
    HARM_SWAP,
    HARM_BEFORE,
    HARM_OTHER,
    HARMS
} harm;

static const char *const harms[HARMS] = {
    "zeros", "noise", "a flipped bit", "exchanged with the next", "as at the merge before", "another ledger's"};

/* False: the page is as it was. */
static bool do_harm(harm how, unsigned page, dice *d)
{
    uint8_t *at = harmed + page * PAGE;

    memcpy(harmed, good, good_size);
    switch (how) {
    case HARM_ZERO:
        memset(at, 0, PAGE);
        break;
    case HARM_NOISE:
        for (unsigned i = 0; i < PAGE; i++) {
            at[i] = (uint8_t)dice_next(d);
        }
        break;
    case HARM_FLIP:
        at[dice_roll(d, PAGE)] ^= (uint8_t)(1u << dice_roll(d, 8));
        break;
    case HARM_SWAP:
        if ((page + 2) * PAGE <= good_size) {
            memcpy(at, good + (page + 1) * PAGE, PAGE);
            memcpy(at + PAGE, good + page * PAGE, PAGE);
        }
        break;
    case HARM_BEFORE:
        if ((page + 1) * PAGE <= before_size) {
            memcpy(at, before + page * PAGE, PAGE);
        }
        break;
    default:
        if ((page + 1) * PAGE <= other_size) {
            memcpy(at, other + page * PAGE, PAGE);
        }
        break;
    }
    return memcmp(harmed, good, good_size) != 0;
}

/* Every page in every way. */
static void test_pages(void **state)
{
    enum {
        SEED = 7
    };
    api_world *world = *state;
    dice d = dice_of(SEED);

    world->broken = true;
    prepare(world);
    for (unsigned page = 0; page < good_size / PAGE; page++) {
        for (int how = 0; how < HARMS; how++) {
            if (do_harm((harm)how, page, &d)) {
                judge(world, harmed, good_size, harms[how], page);
            }
        }
    }
    print_message("seed %d\n", SEED);
    finish(world, "pages");
}

/* The file as a whole: cut at each page and within, longer, of the merge before, another ledger's, a mark that is not
   true yet, because the log is the one of before. */
static void test_files(void **state)
{
    api_world *world = *state;

    world->broken = true;
    prepare(world);
    for (size_t size = 0; size < good_size; size += PAGE / 2) {
        judge(world, good, size, "cut", (unsigned)(size / PAGE));
    }
    memcpy(harmed, good, good_size);
    memset(harmed + good_size, 0x5a, 3 * PAGE);
    judge(world, harmed, good_size + 1, "longer by a byte", 0);
    judge(world, harmed, good_size + 3 * PAGE, "longer by pages", 0);
    judge(world, before, before_size, "of the merge before", 0);
    judge(world, other, other_size, "another ledger's", 0);
    finish(world, "files");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_FOLDER(test_pages),
        ON_FOLDER(test_files),
    };

    return cmocka_run_group_tests_name("api_index_pages", tests, NULL, NULL);
}
