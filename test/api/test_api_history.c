/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_history.c — the logical digest: what it rests on, what it does not, and which parts it can be asked of. */
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/ledger/ledger.h"
#include "format/bytes.h"
#include "test/api/history.h"

enum {
    STREAMS_MANY = 1300, /* More than the engine remembers names of. */
    HEAD_SIZE = 25       /* Of a batch and of a record, as docs/format.md says. */
};

static firn_history digest_of(firn_ledger *ledger, uint64_t first_seq, uint64_t last_seq, bool without_time)
{
    firn_history_options options = {
        .struct_size = sizeof options, .first_seq = first_seq, .last_seq = last_seq, .without_time = without_time};
    firn_history history = {.struct_size = sizeof history};
    firn_error err;

    OK(err, firn_history_digest(ledger, &options, &history, &err));
    return history;
}

static bool same(const firn_history *a, const firn_history *b)
{
    return memcmp(a->digest, b->digest, sizeof a->digest) == 0;
}

static void use_clock(api_world *world, int64_t ns)
{
    world->clock_ns = ns;
    world->options.clock = api_clock;
    world->options.clock_arg = world;
    world->options.content_chunk_size = 65536;
}

/* ---- the definition, once more and by other means: for events without keys ---- */

static void put_start(EVP_MD_CTX *sha, bool without_time)
{
    uint8_t start[16] = "firn.his";

    fmt_put32(start + 8, 1);
    fmt_put32(start + 12, without_time ? 1 : 0);
    assert_int_equal(EVP_DigestUpdate(sha, start, sizeof start), 1);
}

static void put_record(EVP_MD_CTX *sha, firn_view *view, const firn_record *record, bool begins_batch,
                       bool without_time)
{
    uint8_t head[HEAD_SIZE] = {'B'};
    firn_stream stream = {0};
    firn_error err;

    if (begins_batch) {
        fmt_put64(head + 1, record->batch_first_seq);
        fmt_put32(head + 9, record->batch_count);
        fmt_put64(head + 13, without_time ? 0 : (uint64_t)record->time_ns);
        assert_int_equal(EVP_DigestUpdate(sha, head, sizeof head), 1);
    }
    OK(err, firn_stream_get_by_id(view, record->stream, &stream, &err));
    head[0] = 'R';
    fmt_put64(head + 1, record->seq);
    fmt_put16(head + 9, (uint16_t)record->kind);
    fmt_put64(head + 11, record->version);
    fmt_put16(head + 19, (uint16_t)stream.name_size);
    fmt_put32(head + 21, (uint32_t)record->body.size);
    assert_int_equal(EVP_DigestUpdate(sha, head, sizeof head), 1);
    assert_int_equal(EVP_DigestUpdate(sha, stream.name, stream.name_size), 1);
    assert_int_equal(EVP_DigestUpdate(sha, record->body.data, record->body.size), 1);
}

static void expect_defined(firn_ledger *ledger, uint64_t first_seq, uint64_t last_seq, bool without_time)
{
    firn_scan_options options = {.struct_size = sizeof options, .first_seq = first_seq, .last_seq = last_seq};
    firn_history got = digest_of(ledger, first_seq, last_seq, without_time);
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    uint8_t want[FIRN_DIGEST_SIZE];
    uint64_t batch = 0, count = 0;
    firn_record record;
    firn_scan *scan;
    firn_view *view;
    firn_error err;

    OK(err, firn_view_open(ledger, &view, &err));
    OK(err, firn_scan_open(ledger, &options, &scan, &err));
    assert_int_equal(EVP_DigestInit_ex(sha, EVP_sha256(), NULL), 1);
    put_start(sha, without_time);
    while (firn_scan_next(scan, &record, &err) == FIRN_OK) {
        put_record(sha, view, &record, record.batch_first_seq != batch, without_time);
        batch = record.batch_first_seq;
        count++;
    }
    assert_int_equal(EVP_DigestFinal_ex(sha, want, NULL), 1);
    EVP_MD_CTX_free(sha);
    firn_scan_close(scan);
    firn_view_close(view);
    assert_memory_equal(got.digest, want, sizeof want);
    assert_int_equal(got.records, count);
}

static void on_done(void *arg, firn_status status, const firn_receipt *receipt, const firn_error *err)
{
    (void)arg;
    (void)status;
    (void)receipt;
    (void)err;
}

/* Without waiting; its answer is that of the sync that comes later. */
static void submit(firn_batch *batch)
{
    firn_submit_options options = {.struct_size = sizeof options, .done = on_done};
    firn_status status;
    firn_error err;

    while ((status = firn_batch_submit(batch, &options, NULL, &err)) == FIRN_FULL) {
        (void)usleep(1000);
    }
    OK(err, status);
}

/* Events of more streams than are remembered, in batches of several sizes, some bodies too large to be gathered: the
   whole and parts of it, beginning within batches, have the digest that the page on the format defines. */
static void test_definition(void **state)
{
    static char large[70000];
    api_world *world = *state;
    firn_history whole;
    firn_batch *batch;
    firn_error err;
    char name[40];

    memset(large, 'x', sizeof large);
    OK(err, firn_batch_new(world->ledger, &batch, &err));
    for (unsigned i = 0; i < STREAMS_MANY; i++) {
        firn_batch_reset(batch);
        for (unsigned k = 0; k <= i % 3; k++) {
            size_t size = (i * 7 + k) % 60 == 0 ? sizeof large : (size_t)(i % 2 == 0 ? i : 4095 + k);

            (void)snprintf(name, sizeof name, "stream %u", i * (k + 1) % STREAMS_MANY);
            OK(err, firn_batch_event(batch, S(name), 1 + i, (firn_slice){large, size}, &err));
        }
        submit(batch);
    }
    firn_batch_free(batch);
    OK(err, firn_sync(world->ledger, &err));
    whole = digest_of(world->ledger, 0, 0, false);
    assert_int_equal(whole.batches, STREAMS_MANY);
    assert_int_equal(whole.first_seq, 1);
    assert_int_equal(whole.last_seq, whole.records);
    expect_defined(world->ledger, 0, 0, false);
    expect_defined(world->ledger, 0, 0, true);
    for (uint64_t first = 2; first < whole.last_seq; first += 397) {
        expect_defined(world->ledger, first, first + 61, false);
        expect_defined(world->ledger, first, 0, true);
    }
    api_reopen(world);
    expect_defined(world->ledger, 0, 0, false);
}

/* ---- what it does not rest on ---- */

/* The same history in this world and in another ledger: in memory, with other segments, and in two lives. */
static void test_equal_histories(void **state)
{
    api_world *world = *state;
    api_world other = {.options = world->options};
    firn_history want, got;
    firn_error err;

    use_clock(world, 0);
    use_clock(&other, 0);
    api_reopen(world);
    history_fill(world->ledger, &world->clock_ns, 0);
    history_fill(world->ledger, &world->clock_ns, 1);
    want = digest_of(world->ledger, 0, 0, false);
    other.options.mode = FIRN_OPEN_NEW;
    other.options.segment_size = 65536;
    other.options.group_size_max = 65536;
    OK(err, firn_open("mem:", &other.options, &other.ledger, &err));
    history_fill(other.ledger, &other.clock_ns, 0);
    got = digest_of(other.ledger, 0, 0, false);
    assert_false(same(&want, &got));
    want = digest_of(world->ledger, 0, got.last_seq, false);
    assert_true(same(&want, &got));
    history_fill(other.ledger, &other.clock_ns, 1);
    want = digest_of(world->ledger, 0, 0, false);
    got = digest_of(other.ledger, 0, 0, false);
    assert_true(same(&want, &got));
    assert_int_equal(want.records, got.records);
    assert_int_equal(want.bytes, got.bytes);
    OK(err, firn_close(other.ledger, &err));
    api_check_and_reopen(world);
    got = digest_of(world->ledger, 0, 0, false);
    assert_true(same(&want, &got));
}

/* The same calls an hour later: another history, and the same one without times, those in bodies included. */
static void test_without_time(void **state)
{
    api_world *world = *state;
    api_world other = {.options = world->options};
    firn_history want, got;
    int64_t shift = INT64_C(3600) * 1000000000;
    firn_error err;

    use_clock(world, 1700000000 * INT64_C(1000000000));
    use_clock(&other, world->clock_ns + shift);
    api_reopen(world);
    other.options.mode = FIRN_OPEN_NEW;
    OK(err, firn_open("mem:", &other.options, &other.ledger, &err));
    for (int i = 0; i < 2; i++) {
        api_world *w = i == 0 ? world : &other;
        uint8_t digest[FIRN_DIGEST_SIZE];
        firn_run_args run = {.struct_size = sizeof run, .run_id = S("run"), .spec_digest = digest, .agent_name = S("")};
        firn_run_event event = {.event_seq = 1, .kind = S("k"), .payload = S("1"), .timestamp = {.seconds = i}};
        firn_run_summary summary = {0};
        firn_release_args release = {.struct_size = sizeof release, .name = S("r"), .spec_digest = digest};

        OK(err, firn_content_put(w->ledger, history_content(2), NULL, NULL, &err));
        OK(err, firn_content_put(w->ledger, history_content(4), NULL, NULL, &err));
        OK(err, firn_digest_of(history_content(2), digest, &err));
        OK(err, firn_run_create(w->ledger, &run, NULL, &err));
        OK(err, firn_run_append(w->ledger, S("run"), &event, 1, NULL, NULL, &err));
        OK(err, firn_run_end(w->ledger, S("run"), FIRN_RUN_FAILED, &summary, &err));
        OK(err, firn_release_promote(w->ledger, &release, NULL, &err));
        (void)APPEND(w->ledger, "stream", 1, "event");
    }
    want = digest_of(world->ledger, 0, 0, false);
    got = digest_of(other.ledger, 0, 0, false);
    assert_false(same(&want, &got));
    want = digest_of(world->ledger, 0, 0, true);
    got = digest_of(other.ledger, 0, 0, true);
    assert_true(same(&want, &got));
    got = digest_of(other.ledger, 0, got.last_seq - 1, true);
    assert_false(same(&want, &got));
    OK(err, firn_close(other.ledger, &err));
}

/* ---- what it rests on ---- */

/* One batch of two events; each member, changed alone, makes another history. */
typedef struct one_batch {
    const char *payload, *stream, *second, *scope, *key;
    uint32_t kind;
    int64_t ns;
    uint8_t digest;
    unsigned batches; /* That the two events are in. */
    unsigned before;  /* Batches before. */
} one_batch;

static firn_history digest_of_batch(const one_batch *with)
{
    uint8_t digest[FIRN_DIGEST_SIZE] = {with->digest};
    api_world world = {.options = {.struct_size = sizeof world.options, .mode = FIRN_OPEN_NEW, .segment_size = 65536}};
    firn_history history;
    firn_batch *batch;
    firn_error err;

    use_clock(&world, with->ns);
    OK(err, firn_open("mem:", &world.options, &world.ledger, &err));
    for (unsigned i = 0; i < with->before; i++) {
        (void)APPEND(world.ledger, "before", 1, "");
    }
    OK(err, firn_batch_new(world.ledger, &batch, &err));
    OK(err, firn_batch_event(batch, S(with->stream), with->kind, S(with->payload), &err));
    if (with->batches == 2) {
        OK(err, firn_batch_commit(batch, NULL, &err));
        firn_batch_reset(batch);
    }
    OK(err, firn_batch_event(batch, S(with->second), 7, S("second"), &err));
    if (with->key != NULL) {
        OK(err, firn_batch_key(batch, S(with->scope), S(with->key), digest, &err));
    }
    OK(err, firn_batch_commit(batch, NULL, &err));
    firn_batch_free(batch);
    history = digest_of(world.ledger, with->before + 1, 0, false);
    OK(err, firn_close(world.ledger, &err));
    return history;
}

/* Histories that differ in one thing have different digests: all of them, pair by pair. */
static void test_every_member_counts(void **state)
{
    static const one_batch plain = {"payload", "stream", "stream", "ab", "c", 1, 1000, 0, 1, 0};
    enum {
        CASES = 13
    };
    one_batch cases[CASES];
    firn_history histories[CASES];

    (void)state;
    for (int i = 0; i < CASES; i++) {
        cases[i] = plain;
    }
    cases[1].payload = "pbyload";
    cases[2].payload = "payloa";
    cases[3].stream = "ftream";
    cases[4].second = "streams";
    cases[5].kind = 2;
    cases[6].ns = 1001;
    cases[7].key = NULL;
    cases[8].scope = "a";
    cases[8].key = "bc"; /* The same bytes in another place. */
    cases[9].digest = 1;
    cases[10].batches = 2;
    cases[11].before = 1;
    cases[12].second = "stream\xc3\xa9";
    for (int i = 0; i < CASES; i++) {
        histories[i] = digest_of_batch(&cases[i]);
        for (int k = 0; k < i; k++) {
            if (same(&histories[i], &histories[k])) {
                fail_msg("cases %d and %d have the same digest", i, k);
            }
        }
    }
    histories[1] = digest_of_batch(&plain);
    assert_true(same(&histories[0], &histories[1]));
}

/* ---- parts, and the ways out ---- */

/* Parts that hold nothing have the digest of nothing; what lies behind the end does not count. */
static void test_parts(void **state)
{
    api_world *world = *state;
    firn_history empty = digest_of(world->ledger, 0, 0, false), got;

    assert_int_equal(empty.records, 0);
    assert_int_equal(empty.batches, 0);
    assert_int_equal(empty.first_seq, 0);
    for (int i = 0; i < 10; i++) {
        (void)APPEND(world->ledger, "s", 1, "event");
    }
    got = digest_of(world->ledger, 11, 0, false);
    assert_true(same(&empty, &got));
    got = digest_of(world->ledger, 7, 6, false);
    assert_true(same(&empty, &got));
    got = digest_of(world->ledger, 3, 5, false);
    assert_int_equal(got.first_seq, 3);
    assert_int_equal(got.last_seq, 5);
    assert_int_equal(got.batches, 3);
    assert_false(same(&empty, &got));
    empty = digest_of(world->ledger, 3, UINT64_MAX, false);
    got = digest_of(world->ledger, 3, 10, false);
    assert_true(same(&empty, &got));
}

static int stop_at_once(void *arg, uint64_t bytes_done, uint64_t bytes_total, uint64_t records)
{
    assert_true(bytes_done <= bytes_total);
    *(uint64_t *)arg = records;
    return 1;
}

/* Bad options are refused, and who is told of progress may end it; outputs are left alone. */
static void test_refused(void **state)
{
    api_world *world = *state;
    uint64_t records = 0;
    firn_history_options options = {.struct_size = sizeof options, .progress = stop_at_once, .progress_arg = &records};
    firn_history history = {.struct_size = 0, .records = 77};
    firn_error err;

    (void)APPEND(world->ledger, "s", 1, "event");
    EXPECT(FIRN_EINVAL, err, "history digest: history: struct_size 0 is not the size of one",
           firn_history_digest(world->ledger, NULL, &history, &err));
    history.struct_size = sizeof history;
    EXPECT(FIRN_ESTATE, err, "history digest: stopped by the caller after 1 records",
           firn_history_digest(world->ledger, &options, &history, &err));
    assert_int_equal(records, 1);
    assert_int_equal(history.records, 77);
    options.struct_size = 1;
    EXPECT(FIRN_EINVAL, err, "history digest: history options: struct_size 1 is not the size of one",
           firn_history_digest(world->ledger, &options, &history, &err));
    EXPECT(FIRN_EINVAL, err, "history digest: out_history is NULL",
           firn_history_digest(world->ledger, NULL, NULL, &err));
    EXPECT(FIRN_EINVAL, err, "history digest: ledger is NULL", firn_history_digest(NULL, NULL, &history, &err));
}

/* Whichever allocation fails: FIRN_ENOMEM, nothing is left behind, and the next call gives the digest. */
static void test_no_memory(void **state)
{
    frn_heap heap = {0};
    frn_memory_disk *disk;
    frn_ledger_seam seam = {.heap = &heap};
    firn_options options = {.struct_size = sizeof options, .mode = FIRN_OPEN_NEW, .segment_size = 65536};
    firn_history_options part = {.struct_size = sizeof part, .first_seq = 2};
    firn_history want, got = {.struct_size = sizeof got};
    firn_ledger *ledger;
    firn_status status;
    firn_error err;
    int64_t live;
    int failed = 0;

    (void)state;
    OK(err, frn_memory_disk_new(&heap, &disk, &err));
    OK(err, frn_io_open_memory(&heap, disk, &seam.io, &err));
    OK(err, frn_ledger_open_on(&seam, &options, &ledger, &err));
    (void)APPEND(ledger, "s", 1, "event");
    (void)APPEND(ledger, "s", 1, "event");
    want = digest_of(ledger, 2, 0, false);
    live = atomic_load(&heap.live);
    do {
        atomic_store(&heap.fail_at, failed + 1);
        status = firn_history_digest(ledger, &part, &got, &err);
        failed += status != FIRN_OK ? 1 : 0;
        assert_true(status == FIRN_OK || status == FIRN_ENOMEM);
        assert_int_equal(atomic_load(&heap.live), live);
    } while (status != FIRN_OK);
    atomic_store(&heap.fail_at, 0);
    assert_true(failed > 3);
    assert_true(same(&want, &got));
    OK(err, firn_close(ledger, &err));
    seam.io->ops->close(seam.io);
    frn_memory_disk_free(disk);
}

/* A record that decayed is told with its place, and no digest is. */
static void test_damage(void **state)
{
    api_world *world = *state;
    firn_history history = {.struct_size = sizeof history, .records = 77};
    firn_stats stats = {.struct_size = sizeof stats};
    char path[300];
    firn_error err;
    FILE *file;

    for (int i = 0; i < 3; i++) {
        (void)APPEND(world->ledger, "s", 1, "event");
    }
    OK(err, firn_stat(world->ledger, &stats, &err));
    (void)snprintf(path, sizeof path, "%s/0000000000000001.seg", world->folder);
    file = fopen(path, "r+b");
    assert_non_null(file);
    /* In the second group: header, batch, record, body. */
    assert_int_equal(fseek(file, 2 * (long)stats.alignment + 64 + 28 + 24 + 5, SEEK_SET), 0);
    assert_int_equal(fputc('E', file), 'E');
    assert_int_equal(fclose(file), 0);
    EXPECT(FIRN_ECORRUPT, err, NULL, firn_history_digest(world->ledger, NULL, &history, &err));
    assert_int_equal(err.seq, 2);
    assert_int_equal(history.records, 77);
    world->broken = true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_definition),
        ON_BOTH(test_equal_histories),
        ON_MEMORY(test_without_time),
        cmocka_unit_test(test_every_member_counts),
        ON_BOTH(test_parts),
        ON_MEMORY(test_refused),
        cmocka_unit_test(test_no_memory),
        ON_FOLDER(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
