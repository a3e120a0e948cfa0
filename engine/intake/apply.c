/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply.c — turn the records of a batch into rows.
 *
 * Happy path: one head is held in memory while records of its stream follow each other, and written back when another
 * stream's turn comes or the batch ends: a batch of a thousand events of one stream writes one row. What is held then
 * serves the next batch too, if that follows at once: rows are what the log up to here makes of them.
 *
 * What can fail: memory and the index's limit, which undo the batch; and a record that does not fit the rows before
 * it. Live, that would be an error of a store's; in replay it is damage that checksums cannot see.
 *
 * Keys: a batch that brings a key pays for the removal of up to two that are over their age, so that their number
 * falls while keys come, and batches without a key pay nothing. A key that is over its age and still there counts as
 * unknown: whoever looks compares times.
 */
#include "engine/intake/apply.h"

#include "engine/base/error.h"

#include <assert.h>
#include <string.h>

enum {
    KEYS_REMOVED_MAX = 2
};

_Static_assert(FMT_BLOCK_LEDGER == 0x8000 && (int)FMT_BLOCK_LEDGER_COUNT == (int)FRN_APPLY_BLOCK_SIZE,
               "blocks are not as assumed");
_Static_assert((int)FMT_BLOCK_SPACE == (int)FMT_BLOCK_LEDGER + (FRN_APPLY_BLOCKS - 1) * FRN_APPLY_BLOCK_SIZE,
               "a block is missing");

firn_status frn_row_bad(firn_error *err, frn_table table, fmt_verdict verdict)
{
    return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_RECORD, "a row of table %s: %s", frn_table_name(table),
                           fmt_verdict_text(verdict));
}

static firn_status contradiction(firn_error *err, uint64_t seq, const char *what, uint32_t stream)
{
    (void)frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_RECORD, "%s (stream %u)", what, stream);
    return frn_place(err, FIRN_ECORRUPT, 0, 0, seq);
}

void frn_apply_begin(frn_apply *apply, frn_index *index, const frn_apply_table *table, frn_digests *digests,
                     uint64_t first_seq, int64_t time_ns)
{
    if (apply->index != index || apply->next_seq != first_seq) {
        apply->held = false;
        apply->dirty = false;
        apply->run.stream = 0;
    }
    apply->index = index;
    apply->table = table;
    apply->digests = digests;
    apply->first_seq = first_seq;
    apply->time_ns = time_ns;
    apply->next_seq = 0;
    frn_index_begin(index, first_seq);
}

static firn_status setting_read(frn_index *index, frn_setting setting, uint64_t missing, uint64_t *out_number,
                                firn_error *err)
{
    uint8_t key[FRN_ROW_SETTING_KEY];
    firn_slice value;
    fmt_verdict verdict;
    firn_status status;

    status = frn_index_read(index, FRN_TABLE_SETTING, frn_row_setting_key_encode(key, setting), &value, err);
    if (status == FIRN_ENOTFOUND) {
        *out_number = missing;
        return FIRN_OK;
    }
    if (status != FIRN_OK) {
        return status;
    }
    verdict = frn_row_setting_decode(value, out_number);
    return verdict == FMT_OK ? FIRN_OK : frn_row_bad(err, FRN_TABLE_SETTING, verdict);
}

firn_status frn_apply_key_age(frn_index *index, uint64_t *out_age_ns, firn_error *err)
{
    return setting_read(index, FRN_SETTING_KEY_AGE, FRN_KEY_AGE_DEFAULT_NS, out_age_ns, err);
}

firn_status frn_apply_streams_count(frn_index *index, uint64_t *out_count, firn_error *err)
{
    return setting_read(index, FRN_SETTING_STREAMS_COUNT, 0, out_count, err);
}

static firn_status stream_put(frn_apply *apply, uint32_t stream, const frn_row_stream *row, firn_error *err)
{
    uint8_t key[FRN_ROW_STREAM_KEY], value[FRN_ROW_STREAM];

    return frn_index_put(apply->index, FRN_TABLE_STREAM, frn_row_stream_key_encode(key, stream),
                         frn_row_stream_encode(value, row), err);
}

firn_status frn_apply_name(frn_apply *apply, uint32_t stream, firn_slice name, firn_error *err)
{
    uint8_t setting_key[FRN_ROW_SETTING_KEY], setting[FRN_ROW_SETTING], id[FRN_ROW_STREAM_ID];
    firn_slice taken;
    uint64_t count;
    firn_status status;

    assert(name.size != 0 && name.size <= FIRN_STREAM_NAME_SIZE_MAX); /* Decided, or decoded. */
    status = frn_apply_streams_count(apply->index, &count, err);
    if (status != FIRN_OK) {
        return status;
    }
    if (stream != count + 1) {
        return contradiction(err, apply->first_seq, "a stream's number is not the next one", stream);
    }
    status = frn_index_read(apply->index, FRN_TABLE_STREAM_BY_NAME, name, &taken, err);
    if (status == FIRN_OK) {
        return contradiction(err, apply->first_seq, "a stream's name is taken", stream);
    }
    if (status != FIRN_ENOTFOUND) {
        return status;
    }
    status = frn_index_put(apply->index, FRN_TABLE_STREAM_BY_NAME, name, frn_row_stream_id_encode(id, stream), err);
    if (status != FIRN_OK) {
        return status;
    }
    status = stream_put(apply, stream, &(frn_row_stream){.first_seq = 0, .name = name}, err);
    if (status != FIRN_OK) {
        return status;
    }
    return frn_index_put(apply->index, FRN_TABLE_SETTING,
                         frn_row_setting_key_encode(setting_key, FRN_SETTING_STREAMS_COUNT),
                         frn_row_setting_encode(setting, stream), err);
}

static firn_status head_read(frn_index *index, uint32_t stream, frn_row_head *out_head, firn_error *err)
{
    uint8_t key[FRN_ROW_STREAM_KEY];
    firn_slice value;
    fmt_verdict verdict;
    firn_status status;

    status = frn_index_read(index, FRN_TABLE_STREAM_HEAD, frn_row_stream_key_encode(key, stream), &value, err);
    if (status == FIRN_ENOTFOUND) {
        *out_head = (frn_row_head){0};
        return FIRN_OK;
    }
    if (status != FIRN_OK) {
        return status;
    }
    verdict = frn_row_head_decode(value, out_head);
    return verdict == FMT_OK ? FIRN_OK : frn_row_bad(err, FRN_TABLE_STREAM_HEAD, verdict);
}

firn_status frn_apply_head(frn_apply *apply, uint32_t stream, frn_row_head *out_head, firn_error *err)
{
    if (apply->held && apply->stream == stream) {
        *out_head = apply->head;
        return FIRN_OK;
    }
    return head_read(apply->index, stream, out_head, err);
}

static firn_status head_write_back(frn_apply *apply, firn_error *err)
{
    uint8_t key[FRN_ROW_STREAM_KEY], value[FRN_ROW_HEAD];

    if (!apply->held || !apply->dirty) {
        return FIRN_OK;
    }
    apply->dirty = false;
    return frn_index_put(apply->index, FRN_TABLE_STREAM_HEAD, frn_row_stream_key_encode(key, apply->stream),
                         frn_row_head_encode(value, &apply->head), err);
}

static firn_status head_hold(frn_apply *apply, uint32_t stream, firn_error *err)
{
    firn_status status = head_write_back(apply, err);

    if (status != FIRN_OK) {
        return status;
    }
    status = head_read(apply->index, stream, &apply->head, err);
    if (status != FIRN_OK) {
        apply->held = false;
        return status;
    }
    apply->stream = stream;
    apply->held = true;
    return FIRN_OK;
}

/* The first record of a stream: its row learns where it begins. Stream 0, the ledger itself, has no name and no row. */
static firn_status stream_begin(frn_apply *apply, const fmt_record *record, firn_error *err)
{
    char name[FIRN_STREAM_NAME_SIZE_MAX];
    uint8_t key[FRN_ROW_STREAM_KEY];
    frn_row_stream row;
    firn_slice value;
    fmt_verdict verdict;
    firn_status status;

    if (record->stream == 0) {
        return FIRN_OK;
    }
    status =
        frn_index_read(apply->index, FRN_TABLE_STREAM, frn_row_stream_key_encode(key, record->stream), &value, err);
    if (status == FIRN_ENOTFOUND) {
        return contradiction(err, record->seq, "a record of a stream without a name", record->stream);
    }
    if (status != FIRN_OK) {
        return status;
    }
    verdict = frn_row_stream_decode(value, &row);
    if (verdict != FMT_OK) {
        return frn_row_bad(err, FRN_TABLE_STREAM, verdict);
    }
    /* What was read is borrowed from the index and must not be handed to it. */
    memcpy(name, row.name.data, row.name.size);
    row.name.data = name;
    row.first_seq = record->seq;
    return stream_put(apply, record->stream, &row, err);
}

firn_status frn_apply_record(frn_apply *apply, const fmt_record *record, uint64_t hint, firn_error *err)
{
    frn_apply_fn fn = NULL;
    unsigned block;
    firn_status status;

    assert(record->kind != 0); /* No such record is decoded. */
    if (!apply->held || apply->stream != record->stream) {
        status = head_hold(apply, record->stream, err);
        if (status != FIRN_OK) {
            return status;
        }
    }
    if (record->version != apply->head.version + 1) {
        return contradiction(err, record->seq, "a record's version is not the next of its stream", record->stream);
    }
    if (record->version == 1) {
        status = stream_begin(apply, record, err);
        if (status != FIRN_OK) {
            return status;
        }
    }
    apply->head = (frn_row_head){.version = record->version, .last_seq = record->seq};
    apply->dirty = true;
    apply->hint = hint;
    if (record->kind >= FMT_BLOCK_LEDGER) {
        block = (unsigned)(record->kind - FMT_BLOCK_LEDGER) / FRN_APPLY_BLOCK_SIZE;
        if (block >= FRN_APPLY_BLOCKS) {
            return contradiction(err, record->seq, "a record's kind is outside all blocks", record->stream);
        }
        fn = apply->table->fns[block];
    }
    return fn == NULL ? FIRN_OK : fn(apply, record, err);
}

/* Removes the oldest key if it is over its age. FIRN_END: it is not, or there is none. */
static firn_status key_remove_oldest(frn_apply *apply, uint64_t age_ns, firn_error *err)
{
    uint8_t time_key_bytes[FRN_ROW_KEY_BY_TIME_KEY], row_key_bytes[FRN_ROW_KEY_KEY];
    firn_slice time_key, row_key;
    uint64_t first_seq;
    int64_t time_ns;
    fmt_verdict verdict;
    firn_status status;

    status = frn_index_read_seek(apply->index, FRN_TABLE_KEY_BY_TIME, (firn_slice){0}, false, &time_key, &row_key, err);
    if (status != FIRN_OK) {
        return status;
    }
    verdict = frn_row_key_by_time_key_decode(time_key, &time_ns, &first_seq);
    if (verdict != FMT_OK || row_key.size > sizeof row_key_bytes) {
        return frn_row_bad(err, FRN_TABLE_KEY_BY_TIME, verdict != FMT_OK ? verdict : FMT_LENGTH);
    }
    if (!frn_key_is_over(time_ns, apply->time_ns, age_ns)) {
        return FIRN_END;
    }
    memcpy(row_key_bytes, row_key.data, row_key.size);
    row_key.data = row_key_bytes;
    time_key = frn_row_key_by_time_key_encode(time_key_bytes, time_ns, first_seq);
    status = frn_index_delete(apply->index, FRN_TABLE_KEY_BY_TIME, time_key, err);
    if (status != FIRN_OK) {
        return status;
    }
    return frn_index_delete(apply->index, FRN_TABLE_KEY, row_key, err);
}

static firn_status key_put(frn_apply *apply, uint32_t count, const fmt_batch_key *key, firn_error *err)
{
    uint8_t row_key_bytes[FRN_ROW_KEY_KEY], value[FRN_ROW_KEY], time_key[FRN_ROW_KEY_BY_TIME_KEY];
    firn_slice row_key, there;
    frn_row_key row;
    fmt_verdict verdict;
    firn_status status;

    row_key = frn_row_key_key_encode(row_key_bytes, key->scope, key->key);
    status = frn_index_read(apply->index, FRN_TABLE_KEY, row_key, &there, err);
    if (status == FIRN_OK) {
        /* Over its age and not removed yet: it begins anew. */
        verdict = frn_row_key_decode(there, &row);
        if (verdict != FMT_OK) {
            return frn_row_bad(err, FRN_TABLE_KEY, verdict);
        }
        status = frn_index_delete(apply->index, FRN_TABLE_KEY_BY_TIME,
                                  frn_row_key_by_time_key_encode(time_key, row.time_ns, row.first_seq), err);
        if (status != FIRN_OK) {
            return status;
        }
    } else if (status != FIRN_ENOTFOUND) {
        return status;
    }
    row = (frn_row_key){.first_seq = apply->first_seq, .time_ns = apply->time_ns, .count = count};
    memcpy(row.digest, key->digest, sizeof row.digest);
    status = frn_index_put(apply->index, FRN_TABLE_KEY, row_key, frn_row_key_encode(value, &row), err);
    if (status != FIRN_OK) {
        return status;
    }
    return frn_index_put(apply->index, FRN_TABLE_KEY_BY_TIME,
                         frn_row_key_by_time_key_encode(time_key, row.time_ns, row.first_seq), row_key, err);
}

firn_status frn_apply_finish(frn_apply *apply, uint32_t count, const fmt_batch_key *key, firn_error *err)
{
    uint64_t age_ns;
    firn_status status = head_write_back(apply, err);

    if (status == FIRN_OK && apply->run.stream != 0) {
        status = apply->table->run_flush(apply, err);
    }
    if (status != FIRN_OK || key == NULL) {
        return status;
    }
    status = key_put(apply, count, key, err);
    if (status != FIRN_OK) {
        return status;
    }
    status = frn_apply_key_age(apply->index, &age_ns, err);
    for (int i = 0; i < KEYS_REMOVED_MAX && status == FIRN_OK; i++) {
        status = key_remove_oldest(apply, age_ns, err);
    }
    return status == FIRN_END ? FIRN_OK : status;
}

void frn_apply_commit(frn_apply *apply, uint64_t last_seq)
{
    assert(!apply->dirty);
    apply->next_seq = last_seq + 1;
    frn_index_commit(apply->index, last_seq);
}

void frn_apply_abort(frn_apply *apply)
{
    frn_index_abort(apply->index);
}
