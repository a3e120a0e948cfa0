/* SPDX-License-Identifier: Apache-2.0 */
/* pack.h — write the members of a msgpack body, one after the other, into fixed memory. */
#ifndef FMT_PACK_H
#define FMT_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firn/time.h"
#include "firn/types.h"

/** A body being written. Its owner sized the memory for the worst case: what does not fit would be cut. */
typedef struct fmt_pack {
    uint8_t *data;
    size_t capacity;
    size_t used;
    unsigned key; /**< Of the next member. */
} fmt_pack;

/** Starts a body of this many members behind member 0. */
void fmt_pack_begin(fmt_pack *pack, uint8_t *out, size_t capacity, unsigned members);
/** Goes on with a body in other memory, from the member that has this key. */
void fmt_pack_resume(fmt_pack *pack, uint8_t *out, size_t capacity, unsigned key);

/* The next member. */
void fmt_pack_unsigned(fmt_pack *pack, uint64_t number);
void fmt_pack_str(fmt_pack *pack, firn_slice text);
/** nil for a text whose data is NULL. */
void fmt_pack_str_or_nil(fmt_pack *pack, firn_slice text);
void fmt_pack_bin(fmt_pack *pack, const void *data, size_t size);
void fmt_pack_time(fmt_pack *pack, firn_time time);
void fmt_pack_nil(fmt_pack *pack);
/** Only what stands before the bytes of a str or bin; the caller lets them follow. */
void fmt_pack_str_head(fmt_pack *pack, size_t size);
void fmt_pack_bin_head(fmt_pack *pack, size_t size);
/** The head of an array, whose elements are written by the functions below. */
void fmt_pack_array(fmt_pack *pack, size_t elements);
void fmt_pack_element_str_or_nil(fmt_pack *pack, firn_slice text);
void fmt_pack_element_bool(fmt_pack *pack, bool value);
void fmt_pack_element_unsigned(fmt_pack *pack, uint64_t number);
/** nil if digest is NULL. */
void fmt_pack_element_digest(fmt_pack *pack, const uint8_t *digest);

#endif
