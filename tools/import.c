/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import.c — git objects into the content store: blobs, trees as manifests, commits.
 *
 * Every object is read once in an import: what a tree has become is remembered by its name, so a commit costs what
 * it changed. Contents go in batches, several under way; content that is there already appends nothing.
 */
#include "tools/import.h"

#include <stdlib.h>
#include <string.h>

#include "tools/error.h"
#include "tools/tree.h"
#include "tools/wire.h"

enum {
    BATCH_RECORDS = 500,
    BATCH_BYTES = 1024 * 1024,
    ALONE_SIZE = 4 * 1024 * 1024, /**< Content above this is put by itself: it may need several batches. */
    DEPTH_MAX = 512               /**< Directories within directories. */
};

static firn_status send_batch(tool_import *import, firn_error *err)
{
    firn_status status = FIRN_OK;

    if (import->batch_bytes > 0)
        status = tool_sender_send(import->sender, import->batch, err);
    firn_batch_reset(import->batch);
    import->batch_bytes = 0;
    return status;
}

firn_status tool_import_finish(tool_import *import, firn_error *err)
{
    firn_status status = send_batch(import, err);

    return status < 0 ? status : tool_sender_finish(import->sender, err);
}

firn_status tool_import_content(tool_import *import, firn_slice bytes, uint8_t *out_digest, firn_error *err)
{
    firn_status status = firn_digest_of(bytes, out_digest, err);

    if (status < 0)
        return status;
    import->contents++;
    import->bytes += bytes.size;
    if (bytes.size > ALONE_SIZE)
        return firn_content_put(import->ledger, bytes, NULL, NULL, err);
    status = firn_batch_content_put(import->batch, bytes, NULL, NULL, err);
    if (status < 0)
        return status;
    /* An empty content fills a batch too. */
    import->batch_bytes += bytes.size + BATCH_BYTES / BATCH_RECORDS;
    return import->batch_bytes >= BATCH_BYTES ? send_batch(import, err) : FIRN_OK;
}

static firn_status read_object(tool_import *import, const tool_oid *oid, firn_buf *buf, tool_git_object *object,
                               firn_error *err)
{
    char name[TOOL_OID_TEXT_SIZE];

    tool_git_oid_text(import->git, oid, name);
    return tool_git_object_read(import->git, name, buf, object, err);
}

static firn_status import_blob(tool_import *import, const tool_oid *oid, uint8_t *out_digest, firn_error *err)
{
    const uint8_t *known = tool_oid_map_get(&import->known, oid);
    firn_buf buf = {0};
    tool_git_object object;
    firn_status status;

    if (known != NULL) {
        memcpy(out_digest, known, FIRN_DIGEST_SIZE);
        return FIRN_OK;
    }
    status = read_object(import, oid, &buf, &object, err);
    if (status == FIRN_OK)
        status = tool_import_content(import, object.data, out_digest, err);
    if (status == FIRN_OK)
        tool_oid_map_put(&import->known, oid, out_digest);
    free(buf.data);
    return status;
}

static firn_status import_tree(tool_import *import, const tool_oid *oid, unsigned depth, uint8_t *out_digest,
                               firn_error *err)
{
    const uint8_t *known = tool_oid_map_get(&import->known, oid);
    firn_buf buf = {0};
    tool_tree tree = {0};
    tool_json_text manifest = {0};
    tool_git_object object;
    firn_status status;

    if (known != NULL) {
        memcpy(out_digest, known, FIRN_DIGEST_SIZE);
        return FIRN_OK;
    }
    if (depth == DEPTH_MAX)
        return tool_fail(err, FIRN_ETOOBIG, "git tree: more than %d directories within one another", DEPTH_MAX);
    status = read_object(import, oid, &buf, &object, err);
    if (status == FIRN_OK)
        status = tool_tree_read(import->git, object.data, &tree, err);
    for (size_t i = 0; i < tree.count && status == FIRN_OK; i++) {
        tool_tree_entry *entry = &tree.entries[i];

        if (tool_tree_is_directory(entry))
            status = import_tree(import, &entry->oid, depth + 1, entry->digest, err);
        else if (!tool_tree_is_submodule(entry))
            status = import_blob(import, &entry->oid, entry->digest, err);
    }
    if (status == FIRN_OK) {
        tool_tree_manifest(import->git, &tree, &manifest);
        status = tool_import_content(import, tool_json_text_slice(&manifest), out_digest, err);
    }
    if (status == FIRN_OK)
        tool_oid_map_put(&import->known, oid, out_digest);
    tool_json_text_done(&manifest);
    tool_tree_done(&tree);
    free(buf.data);
    return status;
}

firn_status tool_import_tree(tool_import *import, const tool_oid *tree, uint8_t *out_digest, firn_error *err)
{
    return import_tree(import, tree, 0, out_digest, err);
}

/** The rest of the header line that begins with a word; size 0 and data NULL if there is none. */
static firn_slice header_line(firn_slice headers, const char *word, size_t from)
{
    const char *at = (const char *)headers.data + from;
    const char *end = (const char *)headers.data + headers.size;
    size_t word_size = strlen(word);

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((newline != NULL ? newline : end) - at);

        if (size > word_size && memcmp(at, word, word_size) == 0 && at[word_size] == ' ')
            return (firn_slice){at + word_size + 1, size - word_size - 1};
        at += size + 1;
    }
    return (firn_slice){NULL, 0};
}

firn_status tool_commit_read(const tool_git *git, firn_slice object, tool_commit *out_commit, firn_error *err)
{
    const char *blank = memmem(object.data, object.size, "\n\n", 2);
    tool_commit commit = {.headers = {object.data, object.size}};

    if (blank != NULL) {
        commit.headers.size = (size_t)(blank - (const char *)object.data) + 1;
        commit.message = (firn_slice){blank + 2, object.size - commit.headers.size - 1};
    }
    commit.author = header_line(commit.headers, "author", 0);
    commit.committer = header_line(commit.headers, "committer", 0);
    if (!tool_git_oid_parse(git, header_line(commit.headers, "tree", 0), &commit.tree) || commit.author.data == NULL ||
        commit.committer.data == NULL)
        return tool_fail(err, FIRN_EINVAL, "malformed git commit");
    *out_commit = commit;
    return FIRN_OK;
}

/** "Name <address> seconds offset", in parts; a part that is missing is empty. */
typedef struct git_person {
    firn_slice name;
    firn_slice address;
    firn_slice offset;
    firn_time time;
} git_person;

static git_person split_person(firn_slice line)
{
    const char *start = line.data;
    const char *end = start + line.size;
    const char *open = memchr(start, '<', line.size);
    const char *close = memrchr(start, '>', line.size);
    git_person person = {.name = line, .address = {start, 0}, .offset = {start, 0}};
    char digits[24] = "";
    const char *space;

    if (open == NULL || close == NULL || close < open)
        return person;
    person.name.size = (size_t)(open - start) - (open > start && open[-1] == ' ');
    person.address = (firn_slice){open + 1, (size_t)(close - open - 1)};
    start = close + 1;
    while (start < end && *start == ' ')
        start++;
    space = memchr(start, ' ', (size_t)(end - start));
    if (space == NULL)
        space = end;
    if ((size_t)(space - start) < sizeof digits)
        memcpy(digits, start, (size_t)(space - start));
    person.time.seconds = strtoll(digits, NULL, 10);
    /* Instants end with the year 9999; a commit that claims a later one is shown at the beginning of time. */
    if (person.time.seconds < 0 || person.time.seconds > 253402300799)
        person.time.seconds = 0;
    if (space < end)
        person.offset = (firn_slice){space + 1, (size_t)(end - space - 1)};
    return person;
}

firn_time tool_commit_time(const tool_commit *commit)
{
    return split_person(commit->committer).time;
}

static void put_person(tool_json_text *text, const char *key, firn_slice line)
{
    git_person person = split_person(line);

    tool_json_text_key(text, key);
    tool_json_text_raw(text, "{");
    tool_json_text_member(text, "name", person.name);
    tool_json_text_member(text, "email", person.address);
    tool_wire_time(text, "time", person.time);
    tool_json_text_member(text, "offset", person.offset);
    tool_json_text_raw(text, "}");
}

void tool_commit_payload(const tool_git *git, const tool_oid *oid, const tool_commit *commit, const uint8_t *manifest,
                         const uint8_t *object, tool_json_text *text)
{
    char name[TOOL_OID_TEXT_SIZE];
    firn_slice parent = {NULL, 0};
    size_t from = 0;

    tool_json_text_raw(text, "{");
    tool_git_oid_text(git, oid, name);
    tool_wire_string(text, "sha", tool_slice(name));
    tool_wire_digest(text, "manifest", manifest);
    tool_wire_digest(text, "object", object);
    tool_git_oid_text(git, &commit->tree, name);
    tool_wire_string(text, "tree", tool_slice(name));
    tool_json_text_key(text, "parents");
    tool_json_text_raw(text, "[");
    while ((parent = header_line(commit->headers, "parent", from)).data != NULL) {
        tool_json_text_raw(text, from == 0 ? "" : ",");
        tool_json_text_value(text, parent);
        from = (size_t)((const char *)parent.data - (const char *)commit->headers.data) + parent.size + 1;
    }
    tool_json_text_raw(text, "]");
    put_person(text, "author", commit->author);
    put_person(text, "committer", commit->committer);
    tool_json_text_member(text, "message", commit->message);
    tool_json_text_raw(text, "}");
}
