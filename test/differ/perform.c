/* SPDX-License-Identifier: Apache-2.0 */
/* perform.c — make the calls of a script on a ledger, and say how they were answered. */
#include "test/differ/perform.h"

#include <stdio.h>
#include <stdlib.h>

#include "test/api/history.h"
#include "test/disk/dice.h"

enum {
    STREAMS = 7,
    EVENTS_MAX = 6,
    EVENTS_MANY = 200,
    PAYLOAD_LARGE = 80000, /* More than the smallest segment takes. */
    PAYLOAD_MAX = 300,
    OWN_CONTENT_MAX = 150000, /* Some chunks of 64 KiB. */
    KEY_AGE_SECONDS = 1500
};

/* A call being made. */
typedef struct act {
    firn_ledger *ledger;
    const op *op;
    dice d;
    call *call;
    firn_ticket **ticket; /* NULL: wait. */
} act;

/* ---- what operations draw ---- */

static firn_slice draw_bytes(dice *d, size_t size)
{
    static uint8_t bytes[OWN_CONTENT_MAX];

    for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
        uint64_t word = dice_next(d);

        memcpy(bytes + at, &word, size - at < sizeof word ? size - at : sizeof word);
    }
    return (firn_slice){bytes, size};
}

static firn_slice draw_payload(dice *d)
{
    size_t size = dice_chance(d, 40) ? dice_roll(d, PAYLOAD_LARGE) : dice_roll(d, PAYLOAD_MAX);

    return draw_bytes(d, dice_chance(d, 8) ? 0 : size);
}

static firn_slice draw_content(dice *d)
{
    return dice_chance(d, 3) ? draw_bytes(d, dice_roll(d, OWN_CONTENT_MAX))
                             : history_content((int)dice_roll(d, HISTORY_CONTENTS));
}

/* A name out of a few, or one that no other operation has. */
static void draw_stream(dice *d, char out_name[64])
{
    if (dice_chance(d, 8)) {
        (void)snprintf(out_name, 64, "a stream of its own: %016llx", (unsigned long long)dice_next(d));
    } else {
        (void)snprintf(out_name, 64, "stream %llu", (unsigned long long)dice_roll(d, STREAMS));
    }
}

static void draw_digest(dice *d, uint8_t out_digest[FIRN_DIGEST_SIZE])
{
    firn_error err;

    OK(err, firn_digest_of(history_content((int)dice_roll(d, 3)), out_digest, &err));
}

static void add_key(act *a, firn_batch *batch)
{
    char key[24];
    firn_error err;

    history_key((int)dice_roll(&a->d, HISTORY_KEYS), key);
    OK(err, firn_batch_key(batch, dice_chance(&a->d, 2) ? S("scope") : S(""), S(key), NULL, &err));
}

/* ---- one function an operation ---- */

static firn_status finish_batch(act *a, firn_batch *batch)
{
    firn_status status = a->ticket != NULL ? firn_batch_submit(batch, NULL, a->ticket, &a->call->err)
                                           : firn_batch_commit(batch, &a->call->receipt, &a->call->err);

    firn_batch_free(batch);
    return status;
}

static firn_status do_events(act *a)
{
    char first[64], name[64];
    firn_batch *batch = NULL;
    unsigned count;
    firn_error err;

    draw_stream(&a->d, first); /* First of all: see perform_version(). */
    count = a->op->kind == OP_MANY ? EVENTS_MANY : 1 + (unsigned)dice_roll(&a->d, EVENTS_MAX);
    OK(err, firn_batch_new(a->ledger, &batch, &err));
    for (unsigned i = 0; i < count; i++) {
        uint32_t kind = 1 + (uint32_t)dice_roll(&a->d, 40);

        memcpy(name, first, sizeof name);
        if (i > 0 && dice_chance(&a->d, 3)) {
            draw_stream(&a->d, name);
        }
        OK(err, firn_batch_event(batch, S(name), kind, draw_payload(&a->d), &err));
    }
    if (a->op->kind == OP_EVENTS && dice_chance(&a->d, 4)) {
        /* One in three does not hold. */
        OK(err, firn_batch_expect(batch, S(first), a->op->version + dice_chance(&a->d, 3), &err));
    }
    if (dice_chance(&a->d, 4)) {
        add_key(a, batch);
    }
    return finish_batch(a, batch);
}

static firn_status do_put(act *a)
{
    firn_slice bytes = draw_content(&a->d);
    uint8_t wrong[FIRN_DIGEST_SIZE] = {1};
    const uint8_t *expected = dice_chance(&a->d, 10) ? wrong : NULL;

    return a->ticket != NULL
               ? firn_content_put_submit(a->ledger, bytes, expected, &a->call->put, NULL, a->ticket, &a->call->err)
               : firn_content_put(a->ledger, bytes, expected, &a->call->put, &a->call->err);
}

static firn_status do_pieces(act *a)
{
    bool finishes = !dice_chance(&a->d, 3);
    size_t piece = 500 + (size_t)dice_roll(&a->d, 100000);
    firn_slice bytes = draw_content(&a->d);
    firn_content_writer *writer = NULL;
    firn_error err;
    firn_status status = FIRN_OK;

    OK(err, firn_content_writer_open(a->ledger, &writer, &err));
    for (size_t at = 0; at < bytes.size; at += piece) {
        size_t left = bytes.size - at;

        OK(err, firn_content_writer_write(
                    writer, (firn_slice){(const uint8_t *)bytes.data + at, left < piece ? left : piece}, &err));
    }
    if (finishes) {
        status = firn_content_writer_finish(writer, NULL, &a->call->put, &a->call->err);
    }
    firn_content_writer_close(writer);
    return status;
}

/* A run's arguments; what they point to lives as long as its buffers. */
typedef struct run_draw {
    char id[32], agent[32], sha[32];
    uint8_t digest[FIRN_DIGEST_SIZE];
    firn_run_evaluation evaluation;
    firn_run_args args;
} run_draw;

static void draw_run(dice *d, run_draw *draw)
{
    int i = (int)dice_roll(d, HISTORY_RUNS);
    int as = dice_chance(d, 8) ? i + 1 : i; /* Asked for with another content. */

    history_run_id(i, draw->id);
    (void)snprintf(draw->agent, sizeof draw->agent, "agent %d", as % 3);
    (void)snprintf(draw->sha, sizeof draw->sha, "sha %d", as % 2);
    draw_digest(&(dice){.state = (uint64_t)as}, draw->digest);
    draw->evaluation = (firn_run_evaluation){.rubric_path = S("a/rubric"), .is_promotion_gate = 1, .agent_phase = 2};
    draw->args = (firn_run_args){.struct_size = sizeof draw->args,
                                 .run_id = S(draw->id),
                                 .spec_digest = draw->digest,
                                 .agent_name = S(draw->agent),
                                 .git_sha = as % 3 == 2 ? (firn_slice){0} : S(draw->sha),
                                 .tags = as % 2 == 0 ? (firn_slice){0} : S("{\"a\": [1, 2.50]}"),
                                 .evaluation = as % 4 == 1 ? &draw->evaluation : NULL};
}

static firn_status do_create(act *a)
{
    run_draw draw;

    draw_run(&a->d, &draw);
    return a->ticket != NULL
               ? firn_run_create_submit(a->ledger, &draw.args, &a->call->created, NULL, a->ticket, &a->call->err)
               : firn_run_create(a->ledger, &draw.args, &a->call->created, &a->call->err);
}

static size_t draw_events(dice *d, bool numbered, firn_run_event events[CALL_EVENTS_MAX],
                          char payloads[CALL_EVENTS_MAX][80])
{
    static const char *const kinds[] = {"output.stdout", "output.stderr", "tool", "thought", ""};
    size_t count = 1 + (size_t)dice_roll(d, numbered ? 3 : CALL_EVENTS_MAX);
    uint64_t from = dice_roll(d, 60);

    for (size_t i = 0; i < count; i++) {
        const char *kind = kinds[dice_roll(d, numbered ? 1 : 5)];
        int64_t seconds = numbered ? -5 : (int64_t)dice_roll(d, 1000000);

        (void)snprintf(payloads[i], 80, "{\"line\": \"%llx\"}", (unsigned long long)dice_roll(d, numbered ? 2 : 1000));
        events[i] = (firn_run_event){.event_seq = numbered ? from + i : 0,
                                     .auto_seq = numbered ? 0 : 1,
                                     .kind = S(kind),
                                     .payload = S(payloads[i]),
                                     .timestamp = {.seconds = seconds, .nanoseconds = 999999999}};
    }
    return count;
}

static firn_status do_append(act *a)
{
    firn_run_event events[CALL_EVENTS_MAX];
    char payloads[CALL_EVENTS_MAX][80], id[32];
    call *c = a->call;
    size_t count;

    /* Beyond the last there is none. */
    history_run_id((int)dice_roll(&a->d, HISTORY_RUNS + 1), id);
    count = draw_events(&a->d, a->op->kind == OP_NUMBERS, events, payloads);
    c->event_seqs_count = count;
    return a->ticket != NULL ? firn_run_append_submit(a->ledger, S(id), events, count, c->event_seqs, &c->appended,
                                                      NULL, a->ticket, &c->err)
                             : firn_run_append(a->ledger, S(id), events, count, c->event_seqs, &c->appended, &c->err);
}

static firn_status do_end(act *a)
{
    firn_run_summary summary = {.total_events = 3, .duration_ms = dice_roll(&a->d, 1000), .success = 1};
    firn_run_status how = (firn_run_status)(FIRN_RUN_COMPLETED + dice_roll(&a->d, 3));
    char id[32];

    history_run_id((int)dice_roll(&a->d, HISTORY_RUNS), id);
    return a->ticket != NULL ? firn_run_end_submit(a->ledger, S(id), how, &summary, NULL, a->ticket, &a->call->err)
                             : firn_run_end(a->ledger, S(id), how, &summary, &a->call->err);
}

static firn_status do_promote(act *a)
{
    uint8_t digest[FIRN_DIGEST_SIZE];
    char name[32];
    firn_release_args args = {.struct_size = sizeof args, .spec_digest = digest, .promoted_by = S("somebody")};

    history_release((int)dice_roll(&a->d, HISTORY_RELEASES), name);
    draw_digest(&a->d, digest);
    args.name = S(name);
    args.version_label = dice_chance(&a->d, 2) ? S("v1") : (firn_slice){0};
    args.notes = dice_chance(&a->d, 2) ? S("notes\nof several lines") : (firn_slice){0};
    return a->ticket != NULL
               ? firn_release_promote_submit(a->ledger, &args, &a->call->promoted, NULL, a->ticket, &a->call->err)
               : firn_release_promote(a->ledger, &args, &a->call->promoted, &a->call->err);
}

static firn_status do_across(act *a)
{
    firn_run_event event = {.auto_seq = 1, .kind = S("tool"), .payload = S("true")};
    firn_run_summary summary = {.duration_ms = 1};
    firn_release_args release = {.struct_size = sizeof release, .name = S("release 2")};
    firn_batch *batch = NULL;
    call *c = a->call;
    run_draw draw;
    firn_error err;

    draw_run(&a->d, &draw);
    release.spec_digest = draw.digest;
    c->event_seqs_count = 1;
    OK(err, firn_batch_new(a->ledger, &batch, &err));
    OK(err, firn_batch_content_put(batch, draw_content(&a->d), NULL, &c->put, &err));
    OK(err, firn_batch_run_create(batch, &draw.args, &c->created, &err));
    OK(err, firn_batch_run_append(batch, S(draw.id), &event, 1, c->event_seqs, &c->appended, &err));
    if (dice_chance(&a->d, 2)) {
        OK(err, firn_batch_run_end(batch, S(draw.id), FIRN_RUN_COMPLETED, &summary, &err));
    }
    OK(err, firn_batch_release_promote(batch, &release, &c->promoted, &err));
    OK(err, firn_batch_event(batch, S("stream 0"), 9, S("across"), &err));
    if (dice_chance(&a->d, 2)) {
        add_key(a, batch);
    }
    return finish_batch(a, batch);
}

static firn_status do_key_age(act *a)
{
    uint64_t age_ns = (1 + dice_roll(&a->d, KEY_AGE_SECONDS)) * UINT64_C(1000000000);

    return a->ticket != NULL ? firn_key_age_set_submit(a->ledger, age_ns, NULL, a->ticket, &a->call->err)
                             : firn_key_age_set(a->ledger, age_ns, &a->call->receipt, &a->call->err);
}

static firn_status (*const does[OP_KINDS])(act *a) = {
    [OP_EVENTS] = do_events,   [OP_MANY] = do_events,   [OP_PUT] = do_put,         [OP_PIECES] = do_pieces,
    [OP_CREATE] = do_create,   [OP_APPEND] = do_append, [OP_NUMBERS] = do_append,  [OP_END] = do_end,
    [OP_PROMOTE] = do_promote, [OP_ACROSS] = do_across, [OP_KEY_AGE] = do_key_age,
};

firn_status perform(firn_ledger *ledger, const op *o, bool submits, call *c)
{
    act a = {.ledger = ledger, .op = o, .d = dice_of(o->seed), .call = c};
    firn_status status;

    *c = (call){.op = o};
    a.ticket = submits && !op_is_many_batches(o) ? &c->ticket : NULL;
    status = does[o->kind](&a);
    if (status == FIRN_FULL) {
        *c = (call){0};
        return status;
    }
    c->status = status;
    return FIRN_OK;
}

void perform_wait(call *c)
{
    firn_receipt receipt;

    if (c->ticket != NULL) {
        c->status = firn_ticket_wait(c->ticket, -1, &receipt, &c->err);
        if (c->status == FIRN_OK) {
            c->receipt = receipt;
        }
        firn_ticket_free(c->ticket);
        c->ticket = NULL;
    }
}

void perform_drop(call *c)
{
    firn_ticket_free(c->ticket);
    *c = (call){0};
}

/* ---- answers ---- */

static bool gives_receipt(op_kind kind)
{
    return kind == OP_EVENTS || kind == OP_MANY || kind == OP_ACROSS || kind == OP_KEY_AGE;
}

static void say_results(FILE *out, const call *c)
{
    char digest[FIRN_DIGEST_TEXT_SIZE];

    firn_digest_format(c->put.digest, digest);
    (void)fprintf(out, " put %s %llu %u; created %.*s %u; appended %llu %llu %llu %llu:", digest,
                  (unsigned long long)c->put.size, c->put.existing, (int)c->created.run_id_size, c->created.run_id,
                  c->created.created, (unsigned long long)c->appended.appended,
                  (unsigned long long)c->appended.duplicates, (unsigned long long)c->appended.event_count,
                  (unsigned long long)c->appended.last_event_seq);
    for (size_t i = 0; i < c->event_seqs_count; i++) {
        (void)fprintf(out, " %llu", (unsigned long long)c->event_seqs[i]);
    }
    (void)fprintf(out, "; promoted %llu %llu %lld.%u", (unsigned long long)c->promoted.release_number,
                  (unsigned long long)c->promoted.seq, (long long)c->promoted.created_at.seconds,
                  c->promoted.created_at.nanoseconds);
}

char *perform_answer(const call *c)
{
    const firn_receipt *r = &c->receipt;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    (void)fprintf(out, "kind %d: %s", (int)c->op->kind, firn_status_name(c->status));
    if (c->status < 0) {
        (void)fprintf(out, " detail %u: %s", c->err.detail, c->err.text);
    } else {
        say_results(out, c);
    }
    if (c->status == FIRN_OK && gives_receipt(c->op->kind)) {
        (void)fprintf(out, "; receipt %llu +%u existing %u time %lld cursor %llu", (unsigned long long)r->first_seq,
                      r->count, r->existing, (long long)r->time_ns, (unsigned long long)r->cursor.seq);
    }
    (void)fclose(out);
    return text;
}

uint64_t perform_version(firn_ledger *ledger, const op *o)
{
    dice d = dice_of(o->seed);
    char name[64];

    if (o->kind != OP_EVENTS) {
        return 0;
    }
    draw_stream(&d, name);
    return api_stream(ledger, name).version;
}
