/* SPDX-License-Identifier: Apache-2.0 */
/* report.c — print what a verification or a replay read. */
#include "tools/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "tools/json.h"
#include "tools/text.h"

/* What became of the index on disk. */
static void print_index(const firn_report *report)
{
    if (report->index_findings > 0)
        printf("  %-12s%" PRIu64 " finding%s; the log holds all: `firn replay` has the next writer build it anew\n",
               "on disk", report->index_findings, report->index_findings == 1 ? "" : "s");
    else if (report->index_note[0] != '\0')
        printf("  %-12snot compared: %s\n", "on disk", report->index_note);
    else
        printf("  %-12s%" PRIu64 " rows up to seq %" PRIu64 " as the log gives them\n", "on disk", report->index_rows,
               report->index_seq);
}

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
    print_index(report);
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
    tool_json_number_of(json, "notes", report->notes);
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
    tool_json_number_of(json, "index_seq", report->index_seq);
    tool_json_number_of(json, "index_rows", report->index_rows);
    tool_json_number_of(json, "index_findings", report->index_findings);
    tool_json_text_of(json, "index_note", report->index_note);
    tool_json_map_end(json);
    tool_json_write(json);
    tool_json_free(json);
}

/* One line: a finding or a note. */
static void print_place(tool_findings *run, const char *kind, const firn_error *place)
{
    tool_json *json;

    tool_progress_stop(&run->progress);
    if (!run->call->json) {
        printf("%s: %s\n", kind, place->text);
        return;
    }
    json = tool_json_new(stdout, false);
    tool_json_map(json);
    tool_json_key(json, kind);
    tool_json_map(json);
    tool_json_text_of(json, "status", firn_status_name(place->status));
    tool_json_text_of(json, "message", place->text);
    tool_json_number_of(json, "detail", place->detail);
    tool_json_number_of(json, "segment", place->segment);
    tool_json_number_of(json, "offset", place->offset);
    tool_json_number_of(json, "seq", place->seq);
    tool_json_map_end(json);
    tool_json_map_end(json);
    tool_json_write(json);
    tool_json_free(json);
}

void tool_report_finding(void *arg, const firn_error *finding)
{
    print_place(arg, "finding", finding);
}

void tool_report_note(void *arg, const firn_error *note)
{
    print_place(arg, "note", note);
}
