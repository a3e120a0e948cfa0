/* SPDX-License-Identifier: Apache-2.0 */
/* tree.c — tree manifests: a directory as content. docs/format.md has the bytes. */
#include "tools/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/error.h"
#include "tools/wire.h"

enum {
    MODE_SIZE_MAX = 6
};

void tool_tree_done(tool_tree *tree)
{
    free(tree->entries);
    *tree = (tool_tree){0};
}

static bool has_mode(const tool_tree_entry *entry, const char *mode)
{
    return entry->mode.size == strlen(mode) && memcmp(entry->mode.data, mode, entry->mode.size) == 0;
}

bool tool_tree_is_directory(const tool_tree_entry *entry)
{
    return has_mode(entry, "40000");
}

bool tool_tree_is_submodule(const tool_tree_entry *entry)
{
    return has_mode(entry, "160000");
}

/** Names compared as bytes; git itself sorts directories as if a slash stood behind them. */
static int compare(const void *a, const void *b)
{
    const firn_slice *left = &((const tool_tree_entry *)a)->name;
    const firn_slice *right = &((const tool_tree_entry *)b)->name;
    int order = memcmp(left->data, right->data, left->size < right->size ? left->size : right->size);

    if (order != 0)
        return order;
    return (left->size > right->size) - (left->size < right->size);
}

static tool_tree_entry *add_entry(tool_tree *tree)
{
    if (tree->count == tree->capacity) {
        size_t capacity = tree->capacity * 2 + 64;
        tool_tree_entry *entries = realloc(tree->entries, capacity * sizeof *entries);

        if (entries == NULL)
            abort();
        tree->entries = entries;
        tree->capacity = capacity;
    }
    tree->entries[tree->count] = (tool_tree_entry){0};
    return &tree->entries[tree->count++];
}

/** The digits that git writes: they are put into the manifest as they are. */
static bool is_mode(const char *mode, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (mode[i] < '0' || mode[i] > '7')
            return false;
    return size > 0 && size <= MODE_SIZE_MAX;
}

firn_status tool_tree_read(const tool_git *git, firn_slice object, tool_tree *tree, firn_error *err)
{
    const char *at = object.data;
    const char *end = at + object.size;
    size_t oid_size = tool_git_oid_size(git);

    tree->count = 0;
    while (at < end) {
        const char *space = memchr(at, ' ', (size_t)(end - at));
        const char *zero = space == NULL ? NULL : memchr(space, '\0', (size_t)(end - space));
        tool_tree_entry *entry;

        if (zero == NULL || !is_mode(at, (size_t)(space - at)) || zero - space < 2 ||
            (size_t)(end - zero) < 1 + oid_size)
            return tool_fail(err, FIRN_EINVAL, "malformed git tree");
        entry = add_entry(tree);
        entry->mode = (firn_slice){at, (size_t)(space - at)};
        entry->name = (firn_slice){space + 1, (size_t)(zero - space - 1)};
        memcpy(entry->oid.bytes, zero + 1, oid_size);
        at = zero + 1 + oid_size;
    }
    if (tree->count > 1)
        qsort(tree->entries, tree->count, sizeof *tree->entries, compare);
    return FIRN_OK;
}

void tool_tree_manifest(const tool_git *git, const tool_tree *tree, tool_json_text *text)
{
    tool_json_text_raw(text, "{\"entries\":[");
    for (size_t i = 0; i < tree->count; i++) {
        const tool_tree_entry *entry = &tree->entries[i];
        char commit[TOOL_OID_TEXT_SIZE] = "";

        /* Members in the order of their keys: canonical JSON. */
        tool_json_text_raw(text, i == 0 ? "{" : ",{");
        if (tool_tree_is_submodule(entry)) {
            tool_git_oid_text(git, &entry->oid, commit);
            tool_wire_string(text, "commit", tool_slice(commit));
        } else {
            tool_wire_digest(text, "digest", entry->digest);
        }
        tool_json_text_key(text, "mode");
        tool_json_text_raw(text, entry->mode.size < MODE_SIZE_MAX ? "\"0" : "\"");
        tool_json_text_bytes(text, entry->mode);
        tool_json_text_raw(text, "\"");
        tool_json_text_member(text, "name", entry->name);
        tool_json_text_raw(text, "}");
    }
    tool_json_text_raw(text, "],\"format\":\"firn-tree-1\"}");
}
