/* SPDX-License-Identifier: Apache-2.0 */
/* report.c — print what a verification or a replay read. */
#include "tools/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "tools/json.h"
#include "tools/text.h"

static void print_text(const firn_report *report, const char *verdict)
{
    char records[TOOL_AMOUNT_TEXT_SIZE];
    char bytes[TOOL_AMOUNT_TEXT_SIZE];
    char duration[TOOL_AMOUNT_TEXT_SIZE];

    tool_count_text(report->records, records);
    tool_size_text(report->bytes, bytes);
    tool_duration_text(report->duration_ns, duration);
    printf("%s\n", verdict);
    printf("  %-12s%s in %" PRIu64 " batches", "records", records, report->batches);
    /* A replay does not see them. */
    if (report->groups > 0)
        printf(", %" PRIu64 " groups", report->groups);
    printf(", %" PRIu64 " segments", report->segments);
    if (report->records > 0)
        printf("; seqs %" PRIu64 " to %" PRIu64, report->first_seq, report->last_seq);
    printf("\n  %-12s%s in %s", "read", bytes, duration);
    if (report->duration_ns > 0) {
        char rate[TOOL_AMOUNT_TEXT_SIZE];

        tool_count_text((uint64_t)((double)report->records * 1e9 / (double)report->duration_ns), rate);
        tool_size_text((uint64_t)((double)report->bytes * 1e9 / (double)report->duration_ns), bytes);
        printf(": %s records/s, %s/s", rate, bytes);
    }
    if (report->tail_bytes > 0) {
        tool_size_text(report->tail_bytes, bytes);
        printf("\n  %-12s%s behind the last good group: the next open for writing cuts them", "tail", bytes);
    }
    printf("\n  %-12s%" PRIu64 " rows, digest ", "index", report->rows);
    for (size_t i = 0; i < FIRN_DIGEST_SIZE; i++)
        printf("%02x", report->digest[i]);
    putchar('\n');
}

void tool_report_print(const tool_call *call, const firn_report *report, const char *verdict, bool good)
{
    tool_json *json;

    if (!call->json) {
        print_text(report, verdict);
        return;
    }
    json = tool_json_new(stdout, false);
    tool_json_map(json);
    tool_json_bool_of(json, "good", good);
    tool_json_number_of(json, "findings", report->findings);
    tool_json_number_of(json, "segments", report->segments);
    tool_json_number_of(json, "groups", report->groups);
    tool_json_number_of(json, "batches", report->batches);
    tool_json_number_of(json, "records", report->records);
    tool_json_number_of(json, "bytes", report->bytes);
    tool_json_number_of(json, "first_seq", report->first_seq);
    tool_json_number_of(json, "last_seq", report->last_seq);
    tool_json_number_of(json, "tail_bytes", report->tail_bytes);
    tool_json_number_of(json, "duration_ns", report->duration_ns);
    tool_json_number_of(json, "rows", report->rows);
    tool_json_hex_of(json, "digest", report->digest, sizeof report->digest);
    tool_json_map_end(json);
    tool_json_write(json);
    tool_json_free(json);
}
