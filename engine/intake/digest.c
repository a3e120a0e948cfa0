/* SPDX-License-Identifier: Apache-2.0 */
/* digest.c — the SHA-256 of a request, over its verbs and their arguments. */
#include "engine/intake/digest.h"

#include "engine/base/error.h"
#include "format/bytes.h"

#include <openssl/evp.h>

struct frn_digest {
    frn_digests *home;
    frn_digest *next;
    EVP_MD *sha256;
    EVP_MD_CTX *context;
    int good; /* 1 while every step succeeded, as OpenSSL says it. */
};

void frn_digests_init(frn_digests *digests, frn_heap *heap)
{
    digests->heap = heap;
    digests->spare = NULL;
    frn_mutex_init(&digests->mutex);
}

static void digest_free(frn_heap *heap, frn_digest *digest)
{
    EVP_MD_CTX_free(digest->context);
    EVP_MD_free(digest->sha256);
    frn_free(heap, digest);
}

void frn_digests_done(frn_digests *digests)
{
    while (digests->spare != NULL) {
        frn_digest *next = digests->spare->next;

        digest_free(digests->heap, digests->spare);
        digests->spare = next;
    }
    frn_mutex_done(&digests->mutex);
}

static frn_digest *digest_new(frn_digests *digests)
{
    frn_digest *digest = frn_alloc(digests->heap, sizeof *digest);

    if (digest == NULL) {
        return NULL;
    }
    digest->home = digests;
    digest->next = NULL;
    digest->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    digest->context = EVP_MD_CTX_new();
    if (digest->sha256 == NULL || digest->context == NULL) {
        digest_free(digests->heap, digest);
        return NULL;
    }
    return digest;
}

firn_status frn_digest_begin(frn_digests *digests, frn_digest **out_digest, firn_error *err)
{
    frn_digest *digest;

    frn_mutex_lock(&digests->mutex);
    digest = digests->spare;
    if (digest != NULL) {
        digests->spare = digest->next;
    }
    frn_mutex_unlock(&digests->mutex);
    if (digest == NULL) {
        digest = digest_new(digests);
    }
    if (digest == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "digest");
    }
    digest->good = EVP_DigestInit_ex2(digest->context, digest->sha256, NULL);
    *out_digest = digest;
    return FIRN_OK;
}

void frn_digest_raw(frn_digest *digest, firn_slice bytes)
{
    /* A context that could not be set up, for want of memory, must not be touched. */
    if (bytes.size != 0 && digest->good == 1) {
        digest->good = EVP_DigestUpdate(digest->context, bytes.data, bytes.size);
    }
}

void frn_digest_number(frn_digest *digest, uint64_t number)
{
    uint8_t bytes[8];

    fmt_put64(bytes, number);
    frn_digest_raw(digest, (firn_slice){bytes, sizeof bytes});
}

void frn_digest_bytes(frn_digest *digest, firn_slice bytes)
{
    frn_digest_number(digest, bytes.size);
    frn_digest_raw(digest, bytes);
}

firn_status frn_digest_finish(frn_digest *digest, uint8_t out[FIRN_DIGEST_SIZE], firn_error *err)
{
    frn_digests *digests = digest->home;
    int good = digest->good == 1 && EVP_DigestFinal_ex(digest->context, out, NULL) == 1;

    frn_mutex_lock(&digests->mutex);
    digest->next = digests->spare;
    digests->spare = digest;
    frn_mutex_unlock(&digests->mutex);
    return good ? FIRN_OK : frn_fail(err, FIRN_ENOMEM, "digest");
}
