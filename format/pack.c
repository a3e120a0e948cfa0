/* SPDX-License-Identifier: Apache-2.0 */
/* pack.c — write the members of a msgpack body, one after the other, into fixed memory. */
#include "format/pack.h"

#include <string.h>

#include "format/body.h"

enum {
    TIME_SIZE = 12, /* The one form of msgpack's timestamp that holds every instant. */
    TIME_TYPE = -1
};

static int pack_write(void *arg, const char *data, size_t size)
{
    fmt_pack *pack = arg;

    if (size > pack->capacity - pack->used)
        return -1;
    memcpy(pack->data + pack->used, data, size);
    pack->used += size;
    return 0;
}

void fmt_pack_resume(fmt_pack *pack, uint8_t *out, size_t capacity, unsigned key)
{
    pack->data = out;
    pack->capacity = capacity;
    pack->used = 0;
    pack->key = key;
    msgpack_packer_init(&pack->packer, pack, pack_write);
}

void fmt_pack_begin(fmt_pack *pack, uint8_t *out, size_t capacity, unsigned members)
{
    fmt_pack_resume(pack, out, capacity, 0);
    msgpack_pack_map(&pack->packer, members + 1);
    fmt_pack_unsigned(pack, FMT_BODY_VERSION);
}

static msgpack_packer *next_member(fmt_pack *pack)
{
    msgpack_pack_unsigned_int(&pack->packer, pack->key++);
    return &pack->packer;
}

void fmt_pack_unsigned(fmt_pack *pack, uint64_t number)
{
    msgpack_pack_uint64(next_member(pack), number);
}

void fmt_pack_str_head(fmt_pack *pack, size_t size)
{
    msgpack_pack_str(next_member(pack), size);
}

void fmt_pack_str(fmt_pack *pack, firn_slice text)
{
    fmt_pack_str_head(pack, text.size);
    if (text.size != 0)
        msgpack_pack_str_body(&pack->packer, text.data, text.size);
}

void fmt_pack_str_or_nil(fmt_pack *pack, firn_slice text)
{
    if (text.data == NULL)
        fmt_pack_nil(pack);
    else
        fmt_pack_str(pack, text);
}

void fmt_pack_nil(fmt_pack *pack)
{
    msgpack_pack_nil(next_member(pack));
}

void fmt_pack_bin_head(fmt_pack *pack, size_t size)
{
    msgpack_pack_bin(next_member(pack), size);
}

void fmt_pack_bin(fmt_pack *pack, const void *data, size_t size)
{
    fmt_pack_bin_head(pack, size);
    msgpack_pack_bin_body(&pack->packer, data, size);
}

static void put_big(uint8_t *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

void fmt_pack_time(fmt_pack *pack, firn_time time)
{
    uint8_t bytes[TIME_SIZE];

    put_big(bytes, time.nanoseconds, 4);
    put_big(bytes + 4, (uint64_t)time.seconds, 8);
    msgpack_pack_ext(next_member(pack), sizeof bytes, TIME_TYPE);
    msgpack_pack_ext_body(&pack->packer, bytes, sizeof bytes);
}

void fmt_pack_array(fmt_pack *pack, size_t elements)
{
    msgpack_pack_array(next_member(pack), elements);
}

void fmt_pack_element_str_or_nil(fmt_pack *pack, firn_slice text)
{
    if (text.data == NULL) {
        msgpack_pack_nil(&pack->packer);
        return;
    }
    msgpack_pack_str(&pack->packer, text.size);
    if (text.size != 0)
        msgpack_pack_str_body(&pack->packer, text.data, text.size);
}

void fmt_pack_element_bool(fmt_pack *pack, bool value)
{
    if (value)
        msgpack_pack_true(&pack->packer);
    else
        msgpack_pack_false(&pack->packer);
}

void fmt_pack_element_unsigned(fmt_pack *pack, uint64_t number)
{
    msgpack_pack_uint64(&pack->packer, number);
}

void fmt_pack_element_digest(fmt_pack *pack, const uint8_t *digest)
{
    if (digest == NULL) {
        msgpack_pack_nil(&pack->packer);
        return;
    }
    msgpack_pack_bin(&pack->packer, FIRN_DIGEST_SIZE);
    msgpack_pack_bin_body(&pack->packer, digest, FIRN_DIGEST_SIZE);
}
