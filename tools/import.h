/* SPDX-License-Identifier: Apache-2.0 */
/* import.h — git objects into the content store: blobs, trees as manifests, commits. */
#ifndef TOOLS_IMPORT_H
#define TOOLS_IMPORT_H

#include "tools/git.h"
#include "tools/json_text.h"
#include "tools/oid_map.h"
#include "tools/sender.h"

/** Contents on their way into a ledger. One thread. */
typedef struct tool_import {
    firn_ledger *ledger;
    tool_git *git;
    tool_sender *sender;
    firn_batch *batch;
    size_t batch_bytes;
    tool_oid_map known; /**< Blobs and trees that were put. */
    uint64_t contents;  /**< Put, whether they were there or not. */
    uint64_t bytes;     /**< Of those. */
} tool_import;

/** Put bytes, without waiting for them. */
firn_status tool_import_content(tool_import *import, firn_slice bytes, uint8_t *out_digest,
                                firn_error *err) FIRN_NODISCARD;

/** Put a tree and all below it; out_digest is that of its manifest. */
firn_status tool_import_tree(tool_import *import, const tool_oid *tree, uint8_t *out_digest,
                             firn_error *err) FIRN_NODISCARD;

/** Wait until everything put is durable: only then something may name it. */
firn_status tool_import_finish(tool_import *import, firn_error *err) FIRN_NODISCARD;

/** A commit object taken apart. Slices point into the object. */
typedef struct tool_commit {
    tool_oid tree;
    firn_slice author;    /**< "Name <address> seconds offset". */
    firn_slice committer; /**< The same. */
    firn_slice message;
    firn_slice headers; /**< All lines before the message. */
} tool_commit;

/** FIRN_EINVAL: it is malformed. */
firn_status tool_commit_read(const tool_git *git, firn_slice object, tool_commit *out_commit,
                             firn_error *err) FIRN_NODISCARD;

/** When it was committed. */
firn_time tool_commit_time(const tool_commit *commit);
/** The payload of its event: what it says, the digests of its tree's manifest and of the object itself. */
void tool_commit_payload(const tool_git *git, const tool_oid *oid, const tool_commit *commit, const uint8_t *manifest,
                         const uint8_t *object, tool_json_text *text);

#endif
