/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_content_model.c — random puts, streams and reads of content, compared with a list of what is there.
 *
 * The model of a content is whether it is there, in how many chunks, by which record and since when. Puts of every
 * form, with right and wrong digests; writers that stay open over many steps, are finished, or closed before; views
 * kept over many steps; readers of parts; reopening, with and without the index, and handles for reading.
 */
#include "test/model/store_world.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    CONTENTS = 24,
    CHUNK = 65536,
    VIEWS = 3,
    WRITERS = 2,
    STEPS = 130,
    FLIGHTS = 4
};

/* Contents are numbered; their bytes never change. */
static struct content {
    uint8_t *bytes;
    size_t size;
    uint8_t digest[FIRN_DIGEST_SIZE];
    char text[FIRN_DIGEST_TEXT_SIZE];
} contents[CONTENTS];
static unsigned by_digest[CONTENTS];

/* What the ledger must say of a content. */
typedef struct known {
    bool there;
    uint64_t chunks, seq;
    int64_t time_ns;
} known;

typedef struct model {
    store_world world;
    known now[CONTENTS];
    firn_view *views[VIEWS];
    known seen[VIEWS][CONTENTS]; /* By the view. */
    struct {
        firn_content_writer *writer; /* NULL: none. */
        unsigned content;
        size_t written;
    } writers[WRITERS];
} model;

static int compare_digests(const void *a, const void *b)
{
    return memcmp(contents[*(const unsigned *)a].digest, contents[*(const unsigned *)b].digest, FIRN_DIGEST_SIZE);
}

static void contents_make(void)
{
    static const size_t sizes[] = {0, 1, 300, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 150000};
    dice d = dice_of(7);
    firn_error err;

    for (unsigned i = 0; i < CONTENTS; i++) {
        struct content *content = &contents[i];

        content->size = i < 8 ? sizes[i] : (size_t)dice_roll(&d, i % 3 == 0 ? 3 * CHUNK : 2000) + 2;
        content->bytes = malloc(content->size + 1);
        assert_non_null(content->bytes);
        for (size_t at = 0; at < content->size; at++) {
            content->bytes[at] = (uint8_t)(at < 8 ? i + at : at % 251 * i);
        }
        OK(err, firn_digest_of((firn_slice){content->bytes, content->size}, content->digest, &err));
        firn_digest_format(content->digest, content->text);
        by_digest[i] = i;
    }
    qsort(by_digest, CONTENTS, sizeof by_digest[0], compare_digests);
}

static firn_slice bytes_of(unsigned i)
{
    return (firn_slice){contents[i].bytes, contents[i].size};
}

/* What a put does to the model; staged: chunks that a writer appended before. Returns whether it was there. */
static bool put(model *m, unsigned i, uint64_t staged)
{
    size_t size = contents[i].size;
    uint64_t chunks = size <= CHUNK ? 0 : (size + CHUNK - 1) / CHUNK;

    if (m->now[i].there) {
        return true;
    }
    store_world_appended(&m->world, chunks == 0 ? 1 : chunks - staged + 1);
    m->now[i] = (known){true, chunks, m->world.records, m->world.last_ns};
    return false;
}

static void expect_result(const firn_content_put_result *result, unsigned i, bool existing)
{
    assert_int_equal(result->existing, existing);
    assert_int_equal(result->size, contents[i].size);
    assert_memory_equal(result->digest, contents[i].digest, FIRN_DIGEST_SIZE);
}

/* A digest to expect, or NULL, for content i. Returns whether it is a wrong one; then text says what comes of it. */
static bool draw_expected(model *m, unsigned i, const uint8_t **out_expected, const char **out_text)
{
    unsigned other = ROLL(&m->world, CONTENTS);

    *out_expected = ROLL(&m->world, 2) == 0 ? NULL : contents[ROLL(&m->world, 3) == 0 ? other : i].digest;
    if (*out_expected == NULL || *out_expected == contents[i].digest) {
        return false;
    }
    *out_text = store_text("put content: integrity error: expected %s, got %s", contents[other].text, contents[i].text);
    return true;
}

static void step_put(model *m)
{
    unsigned i = ROLL(&m->world, CONTENTS);
    firn_content_put_result result;
    const uint8_t *expected;
    const char *text;
    firn_error err;

    if (draw_expected(m, i, &expected, &text)) {
        EXPECT(FIRN_ECORRUPT, err, text, firn_content_put(m->world.ledger, bytes_of(i), expected, &result, &err));
        return;
    }
    OK(err, firn_content_put(m->world.ledger, bytes_of(i), expected, &result, &err));
    expect_result(&result, i, put(m, i, 0));
}

/* Several calls in flight at once, some of the same content. */
static void step_submit(model *m)
{
    firn_content_put_result results[FLIGHTS];
    unsigned picked[FLIGHTS], count = 1 + ROLL(&m->world, FLIGHTS);
    firn_ticket *tickets[FLIGHTS];
    firn_receipt receipt;
    firn_status status;
    firn_error err;

    for (unsigned k = 0; k < count; k++) {
        const uint8_t *expected;
        const char *text;

        picked[k] = k > 0 && ROLL(&m->world, 3) == 0 ? picked[k - 1] : ROLL(&m->world, CONTENTS);
        tickets[k] = NULL;
        if (draw_expected(m, picked[k], &expected, &text)) {
            EXPECT(FIRN_ECORRUPT, err, text,
                   firn_content_put_submit(m->world.ledger, bytes_of(picked[k]), expected, &results[k], NULL,
                                           &tickets[k], &err));
            continue;
        }
        do {
            status = firn_content_put_submit(m->world.ledger, bytes_of(picked[k]), expected, &results[k], NULL,
                                             &tickets[k], &err);
        } while (store_world_full(status));
        OK(err, status);
        expect_result(&results[k], picked[k], put(m, picked[k], 0));
    }
    for (unsigned k = 0; k < count; k++) {
        if (tickets[k] != NULL) {
            OK(err, firn_ticket_wait(tickets[k], -1, &receipt, &err));
            assert_int_equal(receipt.count, results[k].existing ? 0 : receipt.cursor.seq - receipt.first_seq + 1);
            firn_ticket_free(tickets[k]);
        }
    }
}

/* Several puts as one batch, of which a condition may make nothing. */
static void step_batch(model *m)
{
    firn_content_put_result results[FLIGHTS];
    unsigned picked[FLIGHTS], count = 1 + ROLL(&m->world, FLIGHTS), added = 0;
    bool refused = ROLL(&m->world, 4) == 0;
    firn_ticket *ticket = NULL;
    firn_batch *batch;
    firn_status status;
    firn_error err;

    OK(err, firn_batch_new(m->world.ledger, &batch, &err));
    for (unsigned k = 0; k < count; k++) {
        unsigned i = ROLL(&m->world, CONTENTS);
        const uint8_t *expected;
        const char *text;

        if (draw_expected(m, i, &expected, &text)) {
            EXPECT(FIRN_ECORRUPT, err, text, firn_batch_content_put(batch, bytes_of(i), expected, NULL, &err));
            continue;
        }
        OK(err, firn_batch_content_put(batch, bytes_of(i), expected, &results[added], &err));
        picked[added++] = i;
    }
    if (refused) {
        OK(err, firn_batch_expect(batch, S("nothing"), 1, &err));
        EXPECT(FIRN_ECONFLICT, err, "commit batch: stream nothing: expected version 1, is at 0",
               firn_batch_commit(batch, NULL, &err));
    } else if (ROLL(&m->world, 2) == 0) {
        OK(err, firn_batch_commit(batch, NULL, &err));
    } else {
        do {
            status = firn_batch_submit(batch, NULL, &ticket, &err);
        } while (store_world_full(status));
        OK(err, status);
        OK(err, firn_ticket_wait(ticket, -1, NULL, &err));
    }
    for (unsigned k = 0; k < added && !refused; k++) {
        expect_result(&results[k], picked[k], put(m, picked[k], 0));
    }
    firn_ticket_free(ticket);
    firn_batch_free(batch);
}

/* Chunks that a writer has appended: one is always held back. */
static uint64_t staged(size_t written)
{
    return written == 0 ? 0 : (written - 1) / CHUNK;
}

static void finish(model *m, unsigned slot)
{
    unsigned i = m->writers[slot].content;
    firn_content_writer *writer = m->writers[slot].writer;
    firn_content_put_result result;
    const uint8_t *expected;
    const char *text;
    firn_error err;

    if (draw_expected(m, i, &expected, &text)) {
        EXPECT(FIRN_ECORRUPT, err, text, firn_content_writer_finish(writer, expected, &result, &err));
    } else {
        OK(err, firn_content_writer_finish(writer, expected, &result, &err));
        expect_result(&result, i, put(m, i, staged(contents[i].size)));
    }
    EXPECT(FIRN_ESTATE, err, "put content: the writer was finished, or failed before",
           firn_content_writer_finish(writer, NULL, &result, &err));
}

/* A piece more, or the end, of a stream that may live for many steps. */
static void step_writer(model *m)
{
    unsigned slot = ROLL(&m->world, WRITERS), i = m->writers[slot].content;
    size_t written = m->writers[slot].written, piece;
    firn_error err;

    if (m->writers[slot].writer == NULL) {
        m->writers[slot].content = ROLL(&m->world, CONTENTS);
        m->writers[slot].written = 0;
        OK(err, firn_content_writer_open(m->world.ledger, &m->writers[slot].writer, &err));
        return;
    }
    piece = contents[i].size - written;
    if (piece == 0 || ROLL(&m->world, 12) == 0) {
        if (piece == 0) {
            finish(m, slot);
        }
        firn_content_writer_close(m->writers[slot].writer);
        m->writers[slot].writer = NULL;
        return;
    }
    piece = ROLL(&m->world, 3) == 0 ? piece : (size_t)dice_roll(&m->world.dice, piece + 1);
    OK(err, firn_content_writer_write(m->writers[slot].writer, (firn_slice){contents[i].bytes + written, piece}, &err));
    m->writers[slot].written += piece;
    store_world_appended(&m->world, staged(written + piece) - staged(written));
}

/* One content as a view must show it. */
static void look_at(model *m, firn_view *view, const known *seen, unsigned i)
{
    firn_content_read_options check = {.struct_size = sizeof check, .check_digest = ROLL(&m->world, 2)};
    firn_content content;
    firn_buf buf = {0};
    firn_error err;
    int there;

    OK(err, firn_content_has(view, contents[i].digest, &there, &err));
    assert_int_equal(there, seen->there);
    if (!seen->there) {
        EXPECT(FIRN_ENOTFOUND, err, store_text("stat content: content not found: %s", contents[i].text),
               firn_content_stat(view, contents[i].digest, &content, &err));
        EXPECT(FIRN_ENOTFOUND, err, store_text("get content: content not found: %s", contents[i].text),
               firn_content_get(view, contents[i].digest, &check, &buf, &err));
        return;
    }
    OK(err, firn_content_stat(view, contents[i].digest, &content, &err));
    assert_int_equal(content.size, contents[i].size);
    assert_int_equal(content.chunks, seen->chunks);
    assert_int_equal(content.seq, seen->seq);
    assert_int_equal(content.stored_at.seconds * 1000000000 + content.stored_at.nanoseconds, seen->time_ns);
    OK(err, firn_content_get(view, contents[i].digest, &check, &buf, &err));
    assert_int_equal(buf.size, contents[i].size);
    assert_true(buf.size == 0 || memcmp(buf.data, contents[i].bytes, buf.size) == 0);
    firn_buf_free(&buf);
}

/* The walk over all of them, by digest. */
static void look_next(firn_view *view, const known seen[CONTENTS])
{
    firn_content content;
    firn_error err;
    bool first = true;

    for (unsigned k = 0; k < CONTENTS; k++) {
        unsigned i = by_digest[k];

        if (seen[i].there) {
            OK(err, firn_content_next(view, first ? NULL : content.digest, &content, &err));
            assert_memory_equal(content.digest, contents[i].digest, FIRN_DIGEST_SIZE);
            assert_int_equal(content.seq, seen[i].seq);
            first = false;
        }
    }
    assert_int_equal(firn_content_next(view, first ? NULL : content.digest, &content, &err), FIRN_END);
}

static void look(void *arg, firn_ledger *ledger)
{
    model *m = arg;
    firn_view *view;
    firn_error err;

    OK(err, firn_view_open(ledger, &view, &err));
    assert_int_equal(firn_view_seq(view), m->world.records);
    look_next(view, m->now);
    for (unsigned i = 0; i < CONTENTS; i++) {
        look_at(m, view, &m->now[i], i);
    }
    firn_view_close(view);
}

/* Looks through an old view, then puts a fresh one in its place. */
static void step_view(model *m)
{
    unsigned k = ROLL(&m->world, VIEWS);
    firn_error err;

    for (int i = 0; i < 4 && m->views[k] != NULL; i++) {
        unsigned content = ROLL(&m->world, CONTENTS);

        look_at(m, m->views[k], &m->seen[k][content], content);
    }
    if (m->views[k] != NULL) {
        look_next(m->views[k], m->seen[k]);
    }
    firn_view_close(m->views[k]);
    OK(err, firn_view_open(m->world.ledger, &m->views[k], &err));
    memcpy(m->seen[k], m->now, sizeof m->now);
}

/* Parts of a content, within it and behind its end, by a reader that outlives its view. */
static void step_read(model *m)
{
    static uint8_t part[2 * CHUNK];
    unsigned i = ROLL(&m->world, CONTENTS);
    firn_content_read_options check = {.struct_size = sizeof check, .check_digest = ROLL(&m->world, 2)};
    firn_content_reader *reader;
    firn_view *view;
    size_t got;
    firn_error err;

    OK(err, firn_view_open(m->world.ledger, &view, &err));
    if (!m->now[i].there) {
        EXPECT(FIRN_ENOTFOUND, err, store_text("open content: content not found: %s", contents[i].text),
               firn_content_reader_open(view, contents[i].digest, &check, &reader, NULL, &err));
        firn_view_close(view);
        return;
    }
    OK(err, firn_content_reader_open(view, contents[i].digest, &check, &reader, NULL, &err));
    firn_view_close(view);
    for (int k = 0; k < 5; k++) {
        uint64_t offset = dice_roll(&m->world.dice, contents[i].size + 100);
        size_t size = (size_t)dice_roll(&m->world.dice, sizeof part);
        size_t left = offset < contents[i].size ? contents[i].size - (size_t)offset : 0;

        OK(err, firn_content_reader_read(reader, offset, part, size, &got, &err));
        assert_int_equal(got, left < size ? left : size);
        assert_true(got == 0 || memcmp(part, contents[i].bytes + offset, got) == 0);
    }
    firn_content_reader_close(reader);
}

static void let_go(model *m)
{
    store_views_close(m->views, VIEWS);
    for (unsigned slot = 0; slot < WRITERS; slot++) {
        firn_content_writer_close(m->writers[slot].writer);
        m->writers[slot].writer = NULL;
    }
}

static void step_reopen(model *m)
{
    let_go(m);
    store_world_reopen(&m->world, look, m);
}

static void step_beside(model *m)
{
    store_world_beside(&m->world, look, m);
}

static void step_check(model *m)
{
    store_world_check(&m->world);
}

/* Each step is taken below its number out of 40. */
static const struct {
    unsigned below;
    void (*take)(model *m);
} steps[] = {{1, step_reopen},  {2, step_beside},  {3, step_check},  {11, step_view}, {16, step_read},
             {26, step_writer}, {30, step_submit}, {34, step_batch}, {40, step_put}};

static void step(model *m)
{
    unsigned roll = ROLL(&m->world, 40), i = 0;

    store_world_move_clock(&m->world);
    while (roll >= steps[i].below) {
        i++;
    }
    steps[i].take(m);
    store_world_count(&m->world);
}

static void run(uint64_t seed, bool on_disk)
{
    model *m = calloc(1, sizeof *m);

    assert_non_null(m);
    if (contents[0].bytes == NULL) {
        contents_make();
    }
    store_world_begin(&m->world, seed, on_disk, CHUNK);
    for (int i = 0; i < STEPS; i++) {
        step(m);
    }
    look(m, m->world.ledger);
    let_go(m);
    store_world_end(&m->world);
    free(m);
}

int main(int argc, char **argv)
{
    int failed = store_main(argc, argv, "content_model", run);

    for (unsigned i = 0; i < CONTENTS; i++) {
        free(contents[i].bytes);
    }
    return failed;
}
