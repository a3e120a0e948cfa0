/* SPDX-License-Identifier: Apache-2.0 */
/* test_format_dump.c — the dump on files that are cut, flipped, foreign, recycled, headless, or no ledger's at all. */
#include "test/unit/test_format.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <yajl/yajl_parse.h>

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/manifest.h"
#include "tools/dump.h"

enum {
    SEGMENT_SIZE = 65536
};

/** The folder of the golden ledger, and one to write into. */
static const char *golden;
static char scratch[] = "/tmp/firn-test-XXXXXX";
static const uint8_t golden_id[FIRN_LEDGER_ID_SIZE] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static size_t read_golden(const char *name, uint8_t *out, size_t capacity)
{
    char path[4096];
    FILE *file;
    size_t size;

    (void)snprintf(path, sizeof path, "%s/%s", golden, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    size = fread(out, 1, capacity, file);
    assert_int_equal(fclose(file), 0);
    return size;
}

/** Writes a file into the scratch folder; the path lives until the next call. */
static const char *write_scratch(const char *name, const uint8_t *data, size_t size)
{
    static char path[4096];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", scratch, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(size == 0 || fwrite(data, 1, size, file) == size);
    assert_int_equal(fclose(file), 0);
    return path;
}

/** Dumps a file; the text is the caller's to free. */
static char *dumped(const char *path, const dump_options *options, dump_summary *out_summary)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    firn_error err = {0};

    assert_non_null(out);
    assert_int_equal(dump_file(out, path, options, out_summary, &err), FIRN_OK);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void check_contains(const char *text, const char *part, const char *file, int line)
{
    if (text == NULL || strstr(text, part) == NULL) {
        print_error("\"%s\" is not in:\n%s\n", part, text != NULL ? text : "(nothing)");
        _fail(file, line);
    }
}
#define CHECK_CONTAINS(text, part) check_contains(text, part, __FILE__, __LINE__)

static void refusals(void **state)
{
    const dump_options options = {0};
    char path[4096];
    firn_error err = {0};

    (void)state;
    (void)snprintf(path, sizeof path, "%s/absent.seg", scratch);
    assert_int_equal(dump_file(stdout, path, &options, NULL, &err), FIRN_ENOTFOUND);
    CHECK_CONTAINS(err.text, "absent.seg: No such file or directory");
    assert_int_equal(dump_file(stdout, scratch, &options, NULL, &err), FIRN_EINVAL);
    CHECK_CONTAINS(err.text, "not a file");
    assert_int_equal(dump_file(stdout, write_scratch("notes", (const uint8_t *)"hello", 5), &options, NULL, &err),
                     FIRN_EINVAL);
    CHECK_CONTAINS(err.text, "notes: neither a segment nor a manifest");
    assert_int_equal(dump_file(stdout, write_scratch("notes", NULL, 0), &options, NULL, NULL), FIRN_EINVAL);
}

/** A single flipped byte in header, groups or footer is reported, wherever it is; blank space has none to flip. */
static void flips_are_reported(void **state)
{
    static uint8_t data[SEGMENT_SIZE];
    const dump_options options = {.records = true};

    (void)state;
    assert_int_equal(read_golden("0000000000000001.seg", data, sizeof data), SEGMENT_SIZE);
    for (size_t at = 0; at < SEGMENT_SIZE; at += at < 256 ? 1 : 251) {
        dump_summary summary = {0};

        if ((at >= FMT_SEGMENT_HEADER && at < 4096) || (at >= 20480 && at < SEGMENT_SIZE - 4096))
            continue;
        data[at] ^= 4;
        free(dumped(write_scratch("0000000000000001.seg", data, sizeof data), &options, &summary));
        assert_true(summary.bad > 0 || summary.newer);
        data[at] ^= 4;
    }
}

static void truncations_are_reported(void **state)
{
    static uint8_t data[SEGMENT_SIZE];
    const dump_options options = {.records = true};

    (void)state;
    assert_int_equal(read_golden("0000000000000001.seg", data, sizeof data), SEGMENT_SIZE);
    for (size_t size = 0; size < SEGMENT_SIZE; size += size < 512 ? 61 : 1021) {
        dump_summary summary = {0};

        free(dumped(write_scratch("0000000000000001.seg", data, size), &options, &summary));
        assert_true(summary.bad > 0);
    }
}

/** What lies behind the end that the header gives is not silently left out. */
static void appended_bytes(void **state)
{
    static uint8_t data[SEGMENT_SIZE + 1];
    const dump_options options = {0};
    dump_summary summary = {0};
    char *text;

    (void)state;
    assert_int_equal(read_golden("0000000000000001.seg", data, sizeof data), SEGMENT_SIZE);
    text = dumped(write_scratch("0000000000000001.seg", data, sizeof data), &options, &summary);
    CHECK_CONTAINS(text, "bad what=file offset=65536 why=\"longer than its header says\"");
    assert_int_equal(summary.bad, 1);
    free(text);
}

/** Without a header the groups are read by the id that the caller gives; without any id the dump says so. */
static void lost_header(void **state)
{
    static uint8_t data[SEGMENT_SIZE];
    dump_options options = {0};
    dump_summary summary = {0};
    const char *path;
    char *text;

    (void)state;
    assert_int_equal(read_golden("0000000000000001.seg", data, sizeof data), SEGMENT_SIZE);
    memset(data, 0, FMT_SEGMENT_HEADER);
    path = write_scratch("0000000000000001.seg", data, sizeof data);
    text = dumped(path, &options, &summary);
    CHECK_CONTAINS(text, "neither header nor manifest tell it");
    assert_int_equal(summary.groups, 0);
    free(text);
    options.ledger_id = golden_id;
    text = dumped(path, &options, &summary);
    CHECK_CONTAINS(text, "footer offset=61440");
    assert_int_equal(summary.groups, 3);
    assert_int_equal(summary.bad, 1);
    free(text);
}

/** A recycled segment: its new header, and behind it a group of its former life. */
static void former_life(void **state)
{
    static uint8_t data[SEGMENT_SIZE];
    const dump_options options = {0};
    dump_summary summary = {0};
    fmt_segment segment;
    char *text;

    (void)state;
    assert_int_equal(read_golden("0000000000000002.seg", data, sizeof data), SEGMENT_SIZE);
    assert_int_equal(fmt_segment_decode(data, sizeof data, &segment), FMT_OK);
    segment.number = 9;
    fmt_segment_encode(data, &segment);
    text = dumped(write_scratch("0000000000000009.seg", data, sizeof data), &options, &summary);
    CHECK_CONTAINS(text, "bad what=\"group header\" offset=4096 why=\"belongs elsewhere\"");
    assert_int_equal(summary.groups, 0);
    free(text);
}

static void newer_files(void **state)
{
    static uint8_t data[SEGMENT_SIZE];
    const dump_options options = {0};
    dump_summary summary = {0};
    fmt_segment segment;
    char *text;

    (void)state;
    assert_int_equal(read_golden("0000000000000002.seg", data, sizeof data), SEGMENT_SIZE);
    assert_int_equal(fmt_segment_decode(data, sizeof data, &segment), FMT_OK);
    segment.incompatible = 6;
    fmt_segment_encode(data, &segment);
    text = dumped(write_scratch("0000000000000002.seg", data, sizeof data), &options, &summary);
    assert_string_equal(text, "newer what=segment version=1 compatible=0 incompatible=6\n");
    assert_true(summary.newer);
    free(text);
}

/** A group whose header verifies and claims more than the segment holds. */
static void group_beyond_the_end(void **state)
{
    static uint8_t data[SEGMENT_SIZE];
    const dump_options options = {0};
    dump_summary summary = {0};
    fmt_group group;
    uint32_t salt = fmt_salt(golden_id, 2, 2);
    char *text;

    (void)state;
    assert_int_equal(read_golden("0000000000000002.seg", data, sizeof data), SEGMENT_SIZE);
    assert_int_equal(fmt_group_decode(data + 4096, 64, salt, 4096, 2, 2, &group), FMT_OK);
    group.content_size = FMT_GROUP_CONTENT_MAX;
    (void)fmt_group_encode(data + 4096, salt, 4096, &group);
    text = dumped(write_scratch("0000000000000002.seg", data, sizeof data), &options, &summary);
    CHECK_CONTAINS(text, "bad what=group offset=4096 why=\"reaches beyond the space for groups\"");
    assert_int_equal(summary.bad, 1);
    free(text);
}

static void broken_slot(void **state)
{
    static uint8_t slot[FMT_MANIFEST_SIZE];
    const dump_options options = {0};
    dump_summary summary = {0};
    size_t size = read_golden("manifest.0", slot, sizeof slot);
    char *text;

    (void)state;
    slot[60] ^= 1;
    text = dumped(write_scratch("manifest.1", slot, size), &options, &summary);
    assert_string_equal(text, "bad what=manifest offset=0 why=\"checksum mismatch\"\n");
    free(text);
    text = dumped(write_scratch("manifest.1", slot, 0), &options, &summary);
    assert_string_equal(text, "bad what=manifest offset=0 why=\"ends too early\"\n");
    free(text);
    assert_int_equal(unlink(write_scratch("manifest.1", slot, 0)), 0);
}

/** Names and keys may be any bytes; each line stays one line, and JSON stays JSON. */
static void odd_names(void **state)
{
    static uint8_t data[SEGMENT_SIZE];
    static const uint8_t digest[FIRN_DIGEST_SIZE] = {1};
    const fmt_name names[2] = {{1, {"a\n\"b\\", 5}}, {2, {"\xff\xfe", 2}}};
    const fmt_batch_key key = {.scope = {"\x80", 1}, .key = {"\t", 1}, .digest = digest};
    dump_options options = {.batches = true};
    dump_summary summary = {0};
    fmt_batch_writer writer;
    fmt_group group = {.segment = 2, .incarnation = 2, .first_seq = 8, .next_seq = 9, .batches = 1};
    uint32_t salt = fmt_salt(golden_id, 2, 2);
    const char *path;
    char *text, *line, *rest;

    (void)state;
    assert_int_equal(read_golden("0000000000000002.seg", data, sizeof data), SEGMENT_SIZE);
    memset(data + 4096, 0, 4096);
    fmt_batch_begin(&writer, data + 4096 + FMT_GROUP_HEADER, 4000, salt, 8, 1, 0);
    (void)fmt_batch_add(&writer, 1, 1, 1, NULL, 0);
    group.content_size = (uint32_t)fmt_batch_finish(&writer, names, 2, &key);
    group.content_crc = writer.content_crc;
    (void)fmt_group_encode(data + 4096, salt, 4096, &group);
    path = write_scratch("0000000000000002.seg", data, sizeof data);
    text = dumped(path, &options, &summary);
    assert_int_equal(summary.bad, 0);
    CHECK_CONTAINS(text, "name stream=1 name=\"a\\x0a\\\"b\\\\\"\n");
    CHECK_CONTAINS(text, "name stream=2 name_hex=fffe\n");
    CHECK_CONTAINS(text, "key scope_hex=80 key=\"\\x09\" digest=01");
    free(text);
    options.json = true;
    text = dumped(path, &options, &summary);
    for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        yajl_handle parser = yajl_alloc(NULL, NULL, NULL);

        assert_non_null(parser);
        assert_int_equal(yajl_parse(parser, (const unsigned char *)line, strlen(line)), yajl_status_ok);
        assert_int_equal(yajl_complete_parse(parser), yajl_status_ok);
        yajl_free(parser);
    }
    free(text);
}

static void ledger_ids(void **state)
{
    uint8_t id[FIRN_LEDGER_ID_SIZE] = {0};

    (void)state;
    assert_true(dump_parse_ledger_id("000102030405060708090a0b0c0d0e0f", id));
    assert_memory_equal(id, golden_id, sizeof id);
    assert_false(dump_parse_ledger_id("000102030405060708090a0b0c0d0e0", id));
    assert_false(dump_parse_ledger_id("000102030405060708090a0b0c0d0e0f0", id));
    assert_false(dump_parse_ledger_id("000102030405060708090a0b0c0d0e0g", id));
    assert_false(dump_parse_ledger_id("", id));
}

int main(int argc, char **argv)
{
    static const char *const left[] = {"0000000000000001.seg", "0000000000000002.seg", "0000000000000009.seg", "notes"};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals),
        cmocka_unit_test(flips_are_reported),
        cmocka_unit_test(truncations_are_reported),
        cmocka_unit_test(lost_header),
        cmocka_unit_test(former_life),
        cmocka_unit_test(newer_files),
        cmocka_unit_test(broken_slot),
        cmocka_unit_test(group_beyond_the_end),
        cmocka_unit_test(odd_names),
        cmocka_unit_test(appended_bytes),
        cmocka_unit_test(ledger_ids),
    };
    int failed;

    if (argc != 2 || mkdtemp(scratch) == NULL)
        return 2;
    golden = argv[1];
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        char path[4096];

        (void)snprintf(path, sizeof path, "%s/%s", scratch, left[i]);
        (void)unlink(path);
    }
    (void)rmdir(scratch);
    return failed;
}
