/* SPDX-License-Identifier: Apache-2.0 */
/* indexed.h — a ledger whose index something happens to: fill it, ask all of it, damage it, compare. */
#ifndef TEST_API_INDEXED_H
#define TEST_API_INDEXED_H

#include "test/api/api.h"

/** Appends batches of three events each, with keys "key-0", "key-1", … of one scope. */
void indexed_fill(api_world *world, int batches);

/** Every query of the interface, as numbers that can be compared. */
typedef struct indexed_answers {
    uint64_t records;
    uint64_t streams;
    uint64_t stream_sum;
    uint64_t keys_found;
    uint64_t key_sum;
    uint8_t digest[FIRN_DIGEST_SIZE];
} indexed_answers;

indexed_answers indexed_ask(firn_ledger *ledger);
void indexed_same(const indexed_answers *a, const indexed_answers *b);
firn_stats indexed_stat(firn_ledger *ledger);

/** Runs a command in which @ is the ledger's folder. */
void indexed_shell(const api_world *world, const char *template);

/** Opens with whatever index there is: the answers are those of before, for a writer and for a reader, and an append
    goes on behind them. The ledger is closed before and open after it. */
void indexed_check(api_world *world, const indexed_answers *before);

/** Makes rows of a table differ from their checksums: those with part in their key; "" all. The file stays one that
    LMDB reads. The ledger is closed. */
void indexed_spoil(const api_world *world, unsigned table, const char *part);
/** The same with a byte of their keys: the one that is at bytes behind the beginning of part, changed by mask. */
void indexed_spoil_key(const api_world *world, unsigned table, const char *part, size_t at, uint8_t mask);

#endif
