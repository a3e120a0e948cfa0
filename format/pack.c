/* SPDX-License-Identifier: Apache-2.0 */
/* pack.c — write the members of a msgpack body, one after the other, into fixed memory. */
#include "format/pack.h"

#include <msgpack/pack.h>
#include <string.h>

#include "format/body.h"

enum {
    TIME_SIZE = 12, /* The one form of msgpack's timestamp that holds every instant. */
    TIME_TYPE = -1
};

static inline int pack_write(void *arg, const char *data, size_t size)
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
}

/* Made where it is used, so that the compiler sees what msgpack-c calls and puts it in place: a body takes some twenty
   writes of one to nine bytes. */
static inline msgpack_packer packer_of(fmt_pack *pack)
{
    return (msgpack_packer){.data = pack, .callback = pack_write};
}

void fmt_pack_begin(fmt_pack *pack, uint8_t *out, size_t capacity, unsigned members)
{
    msgpack_packer packer = packer_of(pack);

    fmt_pack_resume(pack, out, capacity, 0);
    msgpack_pack_map(&packer, members + 1);
    fmt_pack_unsigned(pack, FMT_BODY_VERSION);
}

static inline msgpack_packer next_member(fmt_pack *pack)
{
    msgpack_packer packer = packer_of(pack);

    msgpack_pack_unsigned_int(&packer, pack->key++);
    return packer;
}

void fmt_pack_unsigned(fmt_pack *pack, uint64_t number)
{
    msgpack_packer packer = next_member(pack);

    msgpack_pack_uint64(&packer, number);
}

void fmt_pack_str_head(fmt_pack *pack, size_t size)
{
    msgpack_packer packer = next_member(pack);

    msgpack_pack_str(&packer, size);
}

void fmt_pack_str(fmt_pack *pack, firn_slice text)
{
    msgpack_packer packer = packer_of(pack);

    fmt_pack_str_head(pack, text.size);
    if (text.size != 0)
        msgpack_pack_str_body(&packer, text.data, text.size);
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
    msgpack_packer packer = next_member(pack);

    msgpack_pack_nil(&packer);
}

void fmt_pack_bin_head(fmt_pack *pack, size_t size)
{
    msgpack_packer packer = next_member(pack);

    msgpack_pack_bin(&packer, size);
}

void fmt_pack_bin(fmt_pack *pack, const void *data, size_t size)
{
    msgpack_packer packer = packer_of(pack);

    fmt_pack_bin_head(pack, size);
    msgpack_pack_bin_body(&packer, data, size);
}

static void put_big(uint8_t *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

void fmt_pack_time(fmt_pack *pack, firn_time time)
{
    uint8_t bytes[TIME_SIZE];
    msgpack_packer packer = next_member(pack);

    put_big(bytes, time.nanoseconds, 4);
    put_big(bytes + 4, (uint64_t)time.seconds, 8);
    msgpack_pack_ext(&packer, sizeof bytes, TIME_TYPE);
    msgpack_pack_ext_body(&packer, bytes, sizeof bytes);
}

void fmt_pack_array(fmt_pack *pack, size_t elements)
{
    msgpack_packer packer = next_member(pack);

    msgpack_pack_array(&packer, elements);
}

void fmt_pack_element_str_or_nil(fmt_pack *pack, firn_slice text)
{
    msgpack_packer packer = packer_of(pack);

    if (text.data == NULL) {
        msgpack_pack_nil(&packer);
        return;
    }
    msgpack_pack_str(&packer, text.size);
    if (text.size != 0)
        msgpack_pack_str_body(&packer, text.data, text.size);
}

void fmt_pack_element_bool(fmt_pack *pack, bool value)
{
    msgpack_packer packer = packer_of(pack);

    if (value)
        msgpack_pack_true(&packer);
    else
        msgpack_pack_false(&packer);
}

void fmt_pack_element_unsigned(fmt_pack *pack, uint64_t number)
{
    msgpack_packer packer = packer_of(pack);

    msgpack_pack_uint64(&packer, number);
}

void fmt_pack_element_digest(fmt_pack *pack, const uint8_t *digest)
{
    msgpack_packer packer = packer_of(pack);

    if (digest == NULL) {
        msgpack_pack_nil(&packer);
        return;
    }
    msgpack_pack_bin(&packer, FIRN_DIGEST_SIZE);
    msgpack_pack_bin_body(&packer, digest, FIRN_DIGEST_SIZE);
}
