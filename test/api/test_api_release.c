/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_release.c — releases: the cases of the contract by their numbers. */
#include <pthread.h>
#include <stdio.h>

#include "engine/ledger/ledger.h"
#include "test/api/api.h"

static firn_release_args rel(const char *name, const char *version, uint8_t digest[FIRN_DIGEST_SIZE])
{
    firn_error err;

    OK(err, firn_digest_of(S(version), digest, &err));
    return (firn_release_args){.struct_size = sizeof(firn_release_args),
                               .name = S(name),
                               .spec_digest = digest,
                               .version_label = S(version),
                               .promoted_by = S("ci")};
}

static firn_release_result promote(firn_ledger *ledger, const char *name, const char *version)
{
    uint8_t digest[FIRN_DIGEST_SIZE];
    firn_release_args args = rel(name, version, digest);
    firn_release_result result;
    firn_error err;

    OK(err, firn_release_promote(ledger, &args, &result, &err));
    return result;
}

/* The labels of a name's releases, newest first: "v3 v2 v1". */
static const char *history(firn_ledger *ledger, const char *name)
{
    static char text[256];
    firn_buf buf = {0};
    firn_release release = {.release_number = 0};
    firn_view *view;
    firn_error err;

    text[0] = '\0';
    OK(err, firn_view_open(ledger, &view, &err));
    while (firn_release_history(view, S(name), release.release_number, &buf, &release, &err) == FIRN_OK) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%.*s", text[0] == '\0' ? "" : " ",
                 (int)release.version_label.size, (const char *)release.version_label.data);
    }
    firn_buf_free(&buf);
    firn_view_close(view);
    return text;
}

/* Cases 76, 77, 78, 93: what is promoted is current, what was before is history, the same after reopening. */
static void test_promote(void **state)
{
    api_world *world = *state;
    char text[FIRN_DIGEST_TEXT_SIZE];
    firn_buf buf = {0};
    firn_release release;
    firn_view *view;
    firn_error err;

    assert_int_equal(promote(world->ledger, "my-agent", "v1-spec").release_number, 1);
    promote(world->ledger, "agent", "v1");
    promote(world->ledger, "agent", "v2");
    assert_int_equal(promote(world->ledger, "agent", "v3").release_number, 3);
    for (int i = 0; i < 2; i++) {
        OK(err, firn_view_open(world->ledger, &view, &err));
        OK(err, firn_release_current(view, S("my-agent"), &buf, &release, &err));
        firn_digest_format(release.spec_digest, text);
        assert_string_equal(text, "460c88db72a4732983433442ff625fb95b927772201f9bac211faab10c235ebd");
        assert_int_equal(release.release_number, 1);
        assert_int_equal(release.rollback_of, 0);
        assert_null(release.notes.data);
        assert_memory_equal(release.promoted_by.data, "ci", 2);
        OK(err, firn_release_current(view, S("agent"), &buf, &release, &err));
        assert_memory_equal(release.version_label.data, "v3", 2);
        assert_int_equal(firn_release_current(view, S("unknown"), &buf, &release, &err), FIRN_END);
        assert_int_equal(firn_release_history(view, S("unknown"), 0, &buf, &release, &err), FIRN_END);
        firn_view_close(view);
        assert_string_equal(history(world->ledger, "agent"), "v3 v2 v1");
        api_check_and_reopen(world);
    }
    firn_buf_free(&buf);
}

/* Case 90: times of a name increase strictly, whether the clock stands still or goes back. */
static void test_times(void **state)
{
    api_world *world = *state;
    const int64_t t = INT64_C(1800000000000000000);
    firn_time created;

    api_close(world);
    world->clock_ns = t;
    world->options.clock = api_clock;
    world->options.clock_arg = world;
    api_open(world);
    for (uint32_t i = 0; i < 4; i++) {
        if (i == 3) {
            world->clock_ns -= INT64_C(3600) * 1000000000;
        }
        created = promote(world->ledger, "agent", "v").created_at;
        assert_int_equal(created.seconds, t / 1000000000);
        assert_int_equal(created.nanoseconds, i);
    }
    api_check_and_reopen(world);
}

/* Case 91: names are independent, and are listed by their bytes; other streams are no releases. */
static void test_names(void **state)
{
    api_world *world = *state;
    firn_buf buf = {0};
    firn_release release;
    firn_view *view;
    firn_error err;

    promote(world->ledger, "agent-b", "spec-b");
    promote(world->ledger, "agent-a", "spec-a");
    (void)APPEND(world->ledger, "release:agent-ab", 1, "an event of the application's");
    (void)APPEND(world->ledger, "zzz", 1, "x");
    OK(err, firn_view_open(world->ledger, &view, &err));
    OK(err, firn_release_next(view, (firn_slice){0}, &buf, &release, &err));
    assert_memory_equal(release.name.data, "agent-a", 7);
    OK(err, firn_release_next(view, release.name, &buf, &release, &err));
    assert_memory_equal(release.name.data, "agent-b", 7);
    assert_int_equal(firn_release_next(view, release.name, &buf, &release, &err), FIRN_END);
    firn_view_close(view);
    firn_buf_free(&buf);
}

/* Case 93, as far as names go: names and fields that are too long or not of their form are refused, and nothing is
 * appended. */
static void test_arguments(void **state)
{
    api_world *world = *state;
    uint8_t digest[FIRN_DIGEST_SIZE];
    firn_release_args args = rel("", "v1", digest);
    char longest[256];
    firn_error err;

    memset(longest, 'n', sizeof longest);
    EXPECT(FIRN_EINVAL, err, "promote: invalid name: ", firn_release_promote(world->ledger, &args, NULL, &err));
    args.name = (firn_slice){longest, 256};
    EXPECT(FIRN_ETOOBIG, err, "promote: name longer than 255 bytes",
           firn_release_promote(world->ledger, &args, NULL, &err));
    args.name = S("a\x7f");
    EXPECT(FIRN_EINVAL, err, "promote: invalid name: a\x7f", firn_release_promote(world->ledger, &args, NULL, &err));
    args.name = S("a");
    args.version_label = S("\xff");
    EXPECT(FIRN_EINVAL, err,
           "promote: invalid version_label: ", firn_release_promote(world->ledger, &args, NULL, &err));
    args.version_label = S("");
    args.spec_digest = NULL;
    EXPECT(FIRN_EINVAL, err, "promote: spec_digest is NULL", firn_release_promote(world->ledger, &args, NULL, &err));
    assert_int_equal(api_count(world->ledger), 0);
    args.spec_digest = digest;
    args.name.size = 255;
    args.name.data = longest;
    OK(err, firn_release_promote(world->ledger, &args, NULL, &err));
}

enum {
    PROMOTERS = 10
};

static void *promote_one(void *arg)
{
    static const uint8_t digest[FIRN_DIGEST_SIZE];
    firn_release_args args = {.struct_size = sizeof args, .name = S("agent"), .spec_digest = digest};
    firn_release_result result = {0};

    return firn_release_promote(arg, &args, &result, NULL) == FIRN_OK ? (void *)(uintptr_t)result.release_number : NULL;
}

/* Case 92, as far as promotes go: threads on one name get the numbers 1 to 10. */
static void test_threads(void **state)
{
    api_world *world = *state;
    pthread_t threads[PROMOTERS];
    unsigned seen = 0;
    void *number;
    firn_error err;

    for (int i = 0; i < PROMOTERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, promote_one, world->ledger), 0);
    }
    for (int i = 0; i < PROMOTERS; i++) {
        assert_int_equal(pthread_join(threads[i], &number), 0);
        seen |= 1u << (uintptr_t)number;
    }
    assert_int_equal(seen, 0x7fe);
    OK(err, frn_ledger_check(world->ledger, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_promote),     ON_MEMORY(test_times), ON_MEMORY(test_names),
        ON_MEMORY(test_arguments), ON_BOTH(test_threads),
    };

    return cmocka_run_group_tests_name("api_release", tests, NULL, NULL);
}
