/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_git.c — any bytes as the tree and the commit objects of a git repository that is imported.
 *
 * git itself checks little of what it stores, so a repository from elsewhere may hold anything under a tree's or a
 * commit's name. What is made of it is content that others read: manifests and payloads must be JSON in UTF-8, and a
 * manifest must name each entry in the order of their bytes. The git command stands behind four functions, which are
 * given here; no repository is needed.
 */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "format/json.h"
#include "format/time.h"
#include "tools/import.h"
#include "tools/tree.h"

enum {
    OID_SIZE = 20
};

size_t tool_git_oid_size(const tool_git *git)
{
    (void)git;
    return OID_SIZE;
}

void tool_git_oid_text(const tool_git *git, const tool_oid *oid, char *out_text)
{
    static const char digits[] = "0123456789abcdef";

    (void)git;
    for (size_t i = 0; i < OID_SIZE; i++) {
        out_text[2 * i] = digits[oid->bytes[i] >> 4];
        out_text[2 * i + 1] = digits[oid->bytes[i] & 15];
    }
    out_text[2 * OID_SIZE] = '\0';
}

bool tool_git_oid_parse(const tool_git *git, firn_slice text, tool_oid *out_oid)
{
    (void)git;
    if (text.size != 2 * OID_SIZE)
        return false;
    memcpy(out_oid->bytes, text.data, OID_SIZE);
    return true;
}

firn_status tool_git_object_read(tool_git *git, const char *name, firn_buf *buf, tool_git_object *out_object,
                                 firn_error *err)
{
    (void)git, (void)name, (void)buf, (void)out_object, (void)err;
    return FIRN_ENOTFOUND;
}

static void must_be_json(const tool_json_text *text)
{
    size_t at;

    MUST(fmt_json_check(tool_json_text_slice(text), &at) == NULL);
}

static void take_tree(firn_slice object)
{
    static tool_tree tree;
    static tool_json_text text;
    firn_error err;

    if (tool_tree_read(NULL, object, &tree, &err) != FIRN_OK) {
        MUST(err.status == FIRN_EINVAL && err.text[0] != '\0');
        return;
    }
    for (size_t i = 0; i < tree.count; i++) {
        fuzz_within(tree.entries[i].name, object.data, object.size);
        fuzz_within(tree.entries[i].mode, object.data, object.size);
        MUST(tree.entries[i].name.size > 0 && tree.entries[i].mode.size <= 6);
    }
    tool_json_text_reset(&text);
    tool_tree_manifest(NULL, &tree, &text);
    must_be_json(&text);
}

static void take_commit(firn_slice object)
{
    static tool_json_text text;
    static const uint8_t digest[FIRN_DIGEST_SIZE];
    static const tool_oid oid;
    tool_commit commit;
    firn_error err;

    if (tool_commit_read(NULL, object, &commit, &err) != FIRN_OK) {
        MUST(err.status == FIRN_EINVAL && err.text[0] != '\0');
        return;
    }
    fuzz_within(commit.message, object.data, object.size);
    fuzz_within(commit.headers, object.data, object.size);
    MUST(fmt_time_check(tool_commit_time(&commit)));
    tool_json_text_reset(&text);
    tool_commit_payload(NULL, &oid, &commit, digest, digest, &text);
    must_be_json(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    take_tree((firn_slice){data, size});
    take_commit((firn_slice){data, size});
    return 0;
}
