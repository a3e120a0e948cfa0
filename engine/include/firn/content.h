/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.h — bytes kept once under their SHA-256: put, get, has, and streams of both for large content.
 *
 * Content is named by the digest of all its bytes. What is longer than content_chunk_size is stored in chunks and
 * still has one digest; chunks are no content of their own. Texts of refusals: docs/errors.md.
 */
#ifndef FIRN_CONTENT_H
#define FIRN_CONTENT_H

#include "firn/batch.h"
#include "firn/digest.h"
#include "firn/time.h"
#include "firn/view.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a put did. */
typedef struct firn_content_put_result {
    uint8_t digest[FIRN_DIGEST_SIZE];
    uint64_t size;     /**< Bytes. */
    uint32_t existing; /**< 1 if content with this digest was there: nothing was appended. */
    uint32_t reserved; /**< 0. */
} firn_content_put_result;

/**
 * Keep bytes, once: equal bytes are found by their digest and appended only if they are not there yet.
 *
 * @param bytes       Any, also none; read during the call only. Longer than one batch holds: appended in several, the
 *                    content becomes visible with the last; a failure before leaves dead bytes in the log, and no
 * content.
 * @param expected    Digest that the bytes must have, or NULL.
 * @param out_result  May be NULL. Untouched on failure.
 * @return FIRN_OK, or
 *   FIRN_ECORRUPT   the bytes have another digest than expected; nothing was appended.
 *   FIRN_ETOOBIG    longer than its manifest can tell: 480 GiB with the default content_chunk_size.
 *   FIRN_EPOISONED, FIRN_ENOSPC, FIRN_EACCES, FIRN_ENOMEM and the rest: as firn_batch_commit().
 * Threads: any. Blocks: until the content, put by this call or by an earlier one, is durable.
 */
FIRN_API FIRN_NODISCARD firn_status firn_content_put(firn_ledger *ledger, firn_slice bytes, const uint8_t *expected,
                                                     firn_content_put_result *out_result, firn_error *err);

/**
 * Like firn_content_put(), without waiting; see firn_batch_submit(). Content that does not fit one batch
 * (FIRN_BATCH_SIZE_MAX) is FIRN_ETOOBIG: use firn_content_writer_open().
 * @param out_result  Written before this call returns; it holds once the ticket says FIRN_OK.
 */
FIRN_API FIRN_NODISCARD firn_status firn_content_put_submit(firn_ledger *ledger, firn_slice bytes,
                                                            const uint8_t *expected,
                                                            firn_content_put_result *out_result,
                                                            const firn_submit_options *submit, firn_ticket **out_ticket,
                                                            firn_error *err);

/**
 * Add a put to a batch. The bytes are copied; their digest is computed now.
 * @param out_result  May be NULL. Written when the batch is decided, during firn_batch_commit() or firn_batch_submit(),
 *                    and must live until then; it holds once the batch's answer is FIRN_OK.
 * @return FIRN_OK; FIRN_ECORRUPT: not the expected digest; FIRN_ETOOBIG: the batch would be too large; FIRN_ENOMEM.
 *   On failure the batch is as before.
 */
FIRN_API FIRN_NODISCARD firn_status firn_batch_content_put(firn_batch *batch, firn_slice bytes, const uint8_t *expected,
                                                           firn_content_put_result *out_result, firn_error *err);

/** Content as a view sees it. */
typedef struct firn_content {
    uint8_t digest[FIRN_DIGEST_SIZE];
    uint64_t size;       /**< Bytes. */
    uint64_t chunks;     /**< Chunks it is stored in; 0: it is one record. */
    uint64_t seq;        /**< The record that made it visible. */
    firn_time stored_at; /**< When that was. */
} firn_content;

/** Whether there is content with this digest: *out_has is 0 or 1. @return FIRN_OK; else as view.h says. */
FIRN_API FIRN_NODISCARD firn_status firn_content_has(firn_view *view, const uint8_t digest[FIRN_DIGEST_SIZE],
                                                     int *out_has, firn_error *err);

/** Size and place of content. @return FIRN_OK; FIRN_ENOTFOUND, `content not found: {digest}`; else as view.h says. */
FIRN_API FIRN_NODISCARD firn_status firn_content_stat(firn_view *view, const uint8_t digest[FIRN_DIGEST_SIZE],
                                                      firn_content *out_content, firn_error *err);

/** The content with the lowest digest greater than after (NULL: the first). @return FIRN_OK, FIRN_END; else as view.h
 * says. */
FIRN_API FIRN_NODISCARD firn_status firn_content_next(firn_view *view, const uint8_t *after, firn_content *out_content,
                                                      firn_error *err);

typedef struct firn_content_read_options {
    size_t struct_size;
    uint32_t check_digest; /**< 1: recompute digests too. The checksum of every record is checked in any case. */
} firn_content_read_options;

/**
 * Read content whole.
 * @param options  NULL: all defaults.
 * @param buf      Takes the bytes; grown as needed.
 * @return FIRN_OK; FIRN_ENOTFOUND, `content not found: {digest}`; FIRN_ECORRUPT: damaged bytes, or
 *   `integrity error: expected {digest}, got {actual}`; FIRN_EIO: its bytes cannot be read; else as view.h says.
 */
FIRN_API FIRN_NODISCARD firn_status firn_content_get(firn_view *view, const uint8_t digest[FIRN_DIGEST_SIZE],
                                                     const firn_content_read_options *options, firn_buf *buf,
                                                     firn_error *err);

/** Content being read piece by piece. One thread at a time; independent of the view it was opened on. */
typedef struct firn_content_reader firn_content_reader;

/** @return As firn_content_get(). out_content may be NULL. */
FIRN_API FIRN_NODISCARD firn_status firn_content_reader_open(firn_view *view, const uint8_t digest[FIRN_DIGEST_SIZE],
                                                             const firn_content_read_options *options,
                                                             firn_content_reader **out_reader,
                                                             firn_content *out_content, firn_error *err);

/**
 * Read size bytes at offset into data; fewer at the end of the content, 0 at or behind it: *out_size.
 * With check_digest every chunk touched is checked against its digest.
 * @return FIRN_OK; FIRN_ECORRUPT, FIRN_EIO, FIRN_ENOMEM; data is then undefined.
 */
FIRN_API FIRN_NODISCARD firn_status firn_content_reader_read(firn_content_reader *reader, uint64_t offset, void *data,
                                                             size_t size, size_t *out_size, firn_error *err);

/** NULL is accepted. */
FIRN_API void firn_content_reader_close(firn_content_reader *reader);

/** Content being put piece by piece. One thread at a time; any number of writers of a ledger at once. */
typedef struct firn_content_writer firn_content_writer;

/** Nothing is appended yet. @return FIRN_OK; FIRN_EACCES: open for reading; FIRN_EIO, FIRN_ENOMEM. */
FIRN_API FIRN_NODISCARD firn_status firn_content_writer_open(firn_ledger *ledger, firn_content_writer **out_writer,
                                                             firn_error *err);

/** Add bytes; read during the call only. Full chunks are appended, and stay invisible.
 * @return FIRN_OK; else as firn_batch_commit(): the writer can only be closed. Blocks: now and then, for a chunk. */
FIRN_API FIRN_NODISCARD firn_status firn_content_writer_write(firn_content_writer *writer, firn_slice bytes,
                                                              firn_error *err);

/** Make what was written visible as content, in one batch; as firn_content_put(). The writer can only be closed then.
 */
FIRN_API FIRN_NODISCARD firn_status firn_content_writer_finish(firn_content_writer *writer, const uint8_t *expected,
                                                               firn_content_put_result *out_result, firn_error *err);

/** Let go of a writer; what was not finished never becomes visible. NULL is accepted. */
FIRN_API void firn_content_writer_close(firn_content_writer *writer);

#ifdef __cplusplus
}
#endif
#endif
