/* SPDX-License-Identifier: Apache-2.0 */
/* api.h — a ledger for one test, in memory or in a folder, and short forms of what tests do with it. */
#ifndef TEST_API_API_H
#define TEST_API_API_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "firn.h"

/** A ledger under test. */
typedef struct api_world {
    char url[256];
    char folder[256];     /**< "" for a ledger in memory. */
    firn_options options; /**< Of the next open; mode is set by who opens. */
    firn_ledger *ledger;  /**< Open for writing. */
    firn_ledger *keeper;  /**< Keeps a disk in memory alive while the ledger is reopened. */
    int64_t clock_ns;     /**< What the ledger's clock says if api_clock is its clock. */
    bool broken; /**< The test damaged log or rows, or lets views expire at once: no replay when it ends. */
} api_world;

/** Group by place: each runs a list of tests on fresh ledgers of a kind. state is an api_world. */
int api_setup_memory(void **state);
int api_setup_folder(void **state);
/** As the two, but the caller's threads alone make progress. */
int api_setup_memory_manual(void **state);
int api_setup_folder_manual(void **state);
/** Closes and removes the ledger, after its rows were compared with a replay of its log. */
int api_teardown(void **state);

/** Both places for one test. */
#define ON_BOTH(test)                                                   \
    {#test " (memory)", (test), api_setup_memory, api_teardown, NULL},  \
    {                                                                   \
#test " (folder)", (test), api_setup_folder, api_teardown, NULL \
    }
#define ON_BOTH_MANUAL(test)                                                   \
    {#test " (memory)", (test), api_setup_memory_manual, api_teardown, NULL},  \
    {                                                                          \
#test " (folder)", (test), api_setup_folder_manual, api_teardown, NULL \
    }
#define ON_MEMORY(test)                                                 \
    {                                                                   \
#test " (memory)", (test), api_setup_memory, api_teardown, NULL \
    }
#define ON_FOLDER(test)                                                 \
    {                                                                   \
#test " (folder)", (test), api_setup_folder, api_teardown, NULL \
    }

/** Close and open again with world->options. */
void api_close(api_world *world);
void api_open(api_world *world);
void api_reopen(api_world *world);
/** A clock that says world->clock_ns; arg is the world. */
int64_t api_clock(void *arg);

#define S(text) ((firn_slice){(text), strlen(text)})

/** Fails the test at the caller's line, showing the error's text, unless got is wanted. text: what err must say, or
 * NULL. */
void api_expect_at(firn_status got, firn_status wanted, const firn_error *err, const char *text, const char *file,
                   int line);
#define EXPECT(wanted, err, text, call) api_expect_at((call), (wanted), &(err), (text), __FILE__, __LINE__)
#define OK(err, call) api_expect_at((call), FIRN_OK, &(err), NULL, __FILE__, __LINE__)

/** Append one event that must succeed. */
firn_receipt api_append_at(firn_ledger *ledger, const char *stream, uint32_t kind, const char *payload,
                           const char *file, int line);
#define APPEND(ledger, stream, kind, payload) api_append_at((ledger), (stream), (kind), (payload), __FILE__, __LINE__)

/** The stream as of now; version 0 if there is none. */
firn_stream api_stream(firn_ledger *ledger, const char *name);
/** Records durable now, counted by a scan. */
uint64_t api_count(firn_ledger *ledger);

/** The rows are those that follow from the log: now, after reopening, and after reopening without the index. What a
    test compares afterwards is thus what the log alone says. */
void api_check_and_reopen(api_world *world);

/** Removes the index on disk, if there is one: the ledger is closed. */
void api_remove_index(const api_world *world);

/** Removes a folder and what is in it. */
void api_remove_folder(const char *path);

#endif
