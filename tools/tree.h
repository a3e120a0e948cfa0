/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h — tree manifests: a directory as content. docs/format.md has the bytes. */
#ifndef TOOLS_TREE_H
#define TOOLS_TREE_H

#include "tools/git.h"
#include "tools/json_text.h"

/** An entry of a directory. Slices are borrowed. */
typedef struct tool_tree_entry {
    firn_slice name;
    firn_slice mode;                  /**< Octal digits as git writes them: "40000", "100644". */
    tool_oid oid;                     /**< Of the git object. */
    uint8_t digest[FIRN_DIGEST_SIZE]; /**< Of the content: a file's bytes, a link's target, a directory's manifest. */
} tool_tree_entry;

/** A directory. Start with all zero. */
typedef struct tool_tree {
    tool_tree_entry *entries;
    size_t count;
    size_t capacity;
} tool_tree;

void tool_tree_done(tool_tree *tree);

/** Is it a directory, or the commit of a submodule? What is neither is a file or a symbolic link. */
bool tool_tree_is_directory(const tool_tree_entry *entry);
bool tool_tree_is_submodule(const tool_tree_entry *entry);

/** The entries of a git tree object, in the order of their names' bytes. FIRN_EINVAL: it is malformed. */
firn_status tool_tree_read(const tool_git *git, firn_slice object, tool_tree *tree, firn_error *err) FIRN_NODISCARD;

/** The manifest of a directory whose entries all have their digests. */
void tool_tree_manifest(const tool_git *git, const tool_tree *tree, tool_json_text *text);

#endif
