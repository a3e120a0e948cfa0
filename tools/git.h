/* SPDX-License-Identifier: Apache-2.0 */
/* git.h — read a repository through the git command. */
#ifndef TOOLS_GIT_H
#define TOOLS_GIT_H

#include <stdbool.h>

#include "firn.h"

enum {
    TOOL_OID_SIZE_MAX = 32,                         /**< Bytes of an object's name; 20 with SHA-1. */
    TOOL_OID_TEXT_SIZE = 2 * TOOL_OID_SIZE_MAX + 1, /**< Its digits and a NUL. */
    TOOL_GIT_WORDS_MAX = 12
};

/** The name of an object; bytes behind those in use are zero. */
typedef struct tool_oid {
    uint8_t bytes[TOOL_OID_SIZE_MAX];
} tool_oid;

/** A repository, and one `git cat-file --batch` that answers about its objects. One thread. */
typedef struct tool_git tool_git;

/** @return FIRN_OK; FIRN_EINVAL: `{path} is not a git repository`; else as tool_spawn(). */
firn_status tool_git_open(const char *path, tool_git **out_git, firn_error *err) FIRN_NODISCARD;
/** NULL is accepted. */
void tool_git_close(tool_git *git);

/** Bytes of an object's name in this repository. */
size_t tool_git_oid_size(const tool_git *git);
void tool_git_oid_text(const tool_git *git, const tool_oid *oid, char *out_text);
/** From hexadecimal digits; false if they are none. */
bool tool_git_oid_parse(const tool_git *git, firn_slice text, tool_oid *out_oid);

/**
 * Run git with these words (ends with NULL) and take what it prints.
 * @return FIRN_OK; FIRN_ENOTFOUND: git ended with another status than 0, and has said why unless `silent`.
 */
firn_status tool_git_read(const tool_git *git, const char *const *words, bool silent, firn_buf *out_text,
                          firn_error *err) FIRN_NODISCARD;

/** An object as the batch process gives it. Slices live until the next call. */
typedef struct tool_git_object {
    tool_oid oid;
    char type[16]; /**< "blob", "tree", "commit", "tag". */
    firn_slice data;
} tool_git_object;

/**
 * Read an object by any name that git knows.
 * @param buf  Takes the bytes; grown as needed.
 * @return FIRN_OK; FIRN_ENOTFOUND: no such object; FIRN_EIO: git ended or spoke otherwise than expected.
 */
firn_status tool_git_object_read(tool_git *git, const char *name, firn_buf *buf, tool_git_object *out_object,
                                 firn_error *err) FIRN_NODISCARD;

#endif
