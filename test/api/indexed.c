/* SPDX-License-Identifier: Apache-2.0 */
/* indexed.c — a ledger whose index something happens to: fill it, ask all of it, damage it, compare. */
#include "test/api/indexed.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "format/bytes.h"

enum {
    STREAMS = 40
};

void indexed_fill(api_world *world, int batches)
{
    firn_batch *batch;
    firn_receipt receipt;
    firn_error err;
    char name[16], key[24];
    static unsigned serial;

    for (int i = 0; i < batches; i++) {
        OK(err, firn_batch_new(world->ledger, &batch, &err));
        for (int k = 0; k < 3; k++) {
            (void)snprintf(name, sizeof name, "s%d", (i * 7 + k * 13) % STREAMS);
            OK(err, firn_batch_event(batch, S(name), 1, S("event"), &err));
        }
        (void)snprintf(key, sizeof key, "key-%u", serial++);
        OK(err, firn_batch_key(batch, S("scope"), S(key), NULL, &err));
        OK(err, firn_batch_commit(batch, &receipt, &err));
        firn_batch_free(batch);
    }
}

indexed_answers indexed_ask(firn_ledger *ledger)
{
    indexed_answers all = {0};
    firn_report report = {.struct_size = sizeof report};
    firn_stream stream = {0};
    firn_receipt receipt;
    firn_view *view;
    firn_error err;
    char key[24];

    all.records = api_count(ledger);
    OK(err, firn_view_open(ledger, &view, &err));
    assert_int_equal(firn_view_seq(view), all.records);
    while (firn_stream_next(view, stream.id, &stream, &err) == FIRN_OK) {
        firn_stream again = {0};

        all.streams++;
        all.stream_sum = all.stream_sum * 31 + stream.version * 7 + stream.first_seq * 5 + stream.last_seq;
        OK(err, firn_stream_get(view, (firn_slice){stream.name, stream.name_size}, &again, &err));
        assert_true(again.id == stream.id && again.last_seq == stream.last_seq);
        OK(err, firn_stream_get_by_id(view, stream.id, &again, &err));
        assert_true(again.id == stream.id && again.last_seq == stream.last_seq);
    }
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(key, sizeof key, "key-%d", i);
        if (firn_key_get(view, S("scope"), S(key), &receipt, &err) == FIRN_OK) {
            all.keys_found++;
            all.key_sum = all.key_sum * 31 + receipt.first_seq * 3 + receipt.count;
        }
    }
    firn_view_close(view);
    /* Compares the rows in use with those of a replay. */
    OK(err, firn_replay(ledger, NULL, &report, &err));
    memcpy(all.digest, report.digest, sizeof all.digest);
    return all;
}

void indexed_same(const indexed_answers *a, const indexed_answers *b)
{
    assert_int_equal(a->records, b->records);
    assert_int_equal(a->streams, b->streams);
    assert_int_equal(a->stream_sum, b->stream_sum);
    assert_int_equal(a->keys_found, b->keys_found);
    assert_int_equal(a->key_sum, b->key_sum);
    assert_memory_equal(a->digest, b->digest, sizeof a->digest);
}

firn_stats indexed_stat(firn_ledger *ledger)
{
    firn_stats stats = {.struct_size = sizeof stats};
    firn_error err;

    OK(err, firn_stat(ledger, &stats, &err));
    return stats;
}

/* Runs a command in which @ is the ledger's folder. */
void indexed_shell(const api_world *world, const char *template)
{
    char command[2000];
    size_t used = 0;

    for (; *template != '\0'; template ++) {
        if (*template == '@') {
            used += (size_t)snprintf(command + used, sizeof command - used, "%s", world->folder);
        } else {
            command[used++] = *template;
        }
    }
    command[used] = '\0';
    assert_int_equal(system(command), 0);
}

/* Opens with whatever index there is: the indexed_answers are those of before, for a writer and for a reader, and an
   append goes on behind them. */
void indexed_check(api_world *world, const indexed_answers *before)
{
    firn_options options = world->options;
    firn_ledger *reader;
    firn_receipt receipt;
    indexed_answers now;
    firn_error err;

    options.mode = FIRN_OPEN_READ;
    OK(err, firn_open(world->url, &options, &reader, &err));
    now = indexed_ask(reader);
    indexed_same(&now, before);
    OK(err, firn_close(reader, &err));
    api_open(world);
    now = indexed_ask(world->ledger);
    indexed_same(&now, before);
    receipt = APPEND(world->ledger, "s1", 1, "more");
    assert_int_equal(receipt.first_seq, before->records + 1);
    OK(err, firn_replay(world->ledger, NULL, NULL, &err));
    api_close(world);
    api_open(world);
    OK(err, firn_replay(world->ledger, NULL, NULL, &err));
    assert_int_equal(indexed_stat(world->ledger).replayed_records, 0);
    assert_int_equal(indexed_stat(world->ledger).merged_seq, receipt.first_seq);
}

enum {
    PAGE = 4096,
    PAGE_NUMBER = 0,
    PAGE_FLAGS = 10,
    PAGE_LOWER = 12,
    PAGE_NODES = 16,
    LEAF = 2,
    NODE_SIZE = 0,
    NODE_IS_BIG = 4,
    NODE_KEY_SIZE = 6,
    NODE_KEY = 8
};

/* Which byte of a row is changed, and how. */
typedef struct harm {
    bool in_key;
    size_t at; /* In the key: from where the part that names it begins. Else it is the last of the row. */
    uint8_t mask;
} harm;

/* The rows of a table in a page of LMDB's: one byte of each is another one. */
static unsigned spoil_page(uint8_t *page, uint64_t number, unsigned table, firn_slice part, const harm *how)
{
    unsigned spoilt = 0;

    if (fmt_get64(page + PAGE_NUMBER) != number || fmt_get16(page + PAGE_FLAGS) != LEAF) {
        return 0;
    }
    for (unsigned at = PAGE_NODES; at < fmt_get16(page + PAGE_LOWER); at += 2) {
        uint8_t *node = page + fmt_get16(page + at);
        size_t key_size = fmt_get16(node + NODE_KEY_SIZE), size = fmt_get32(node + NODE_SIZE);
        uint8_t *found = part.size == 0 ? node + NODE_KEY : memmem(node + NODE_KEY, key_size, part.data, part.size);

        if (node[NODE_KEY] == table && node[NODE_IS_BIG] == 0 && found != NULL) {
            *(how->in_key ? found + how->at : node + NODE_KEY + key_size + size - 1) ^= how->mask;
            spoilt++;
        }
    }
    return spoilt;
}

static void spoil(const api_world *world, unsigned table, const char *part, const harm *how)
{
    char path[300];
    uint8_t page[PAGE];
    unsigned spoilt = 0;
    int fd;

    (void)snprintf(path, sizeof path, "%s/index/data.mdb", world->folder);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (uint64_t number = 2; pread(fd, page, PAGE, (off_t)(number * PAGE)) == PAGE; number++) {
        unsigned here = spoil_page(page, number, table, S(part), how);

        spoilt += here;
        if (here > 0) {
            assert_int_equal(pwrite(fd, page, PAGE, (off_t)(number * PAGE)), PAGE);
        }
    }
    (void)close(fd);
    assert_true(spoilt > 0);
}

void indexed_spoil(const api_world *world, unsigned table, const char *part)
{
    spoil(world, table, part, &(harm){.mask = 0xff});
}

void indexed_spoil_key(const api_world *world, unsigned table, const char *part, size_t at, uint8_t mask)
{
    spoil(world, table, part, &(harm){.in_key = true, .at = at, .mask = mask});
}
