/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_stat.c — firn stat: what is in a ledger, how it writes, what was cut, what is damaged. */
#include <inttypes.h>
#include <stdio.h>

#include "tools/commands.h"
#include "tools/error.h"
#include "tools/json.h"
#include "tools/open.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/text.h"

enum {
    CUTS_MAX = 16
};

/** What is told. */
typedef struct stat_facts {
    firn_stats stats;
    firn_cut cuts[CUTS_MAX]; /**< Newest first. */
    size_t cuts_count;
} stat_facts;

static void print_count(const char *label, uint64_t count)
{
    char text[TOOL_AMOUNT_TEXT_SIZE];

    tool_count_text(count, text);
    printf("  %-22s%s\n", label, text);
}

static void print_size(const char *label, uint64_t bytes)
{
    char text[TOOL_AMOUNT_TEXT_SIZE];
    char exact[TOOL_AMOUNT_TEXT_SIZE];

    tool_size_text(bytes, text);
    tool_count_text(bytes, exact);
    if (bytes < 1024)
        printf("  %-22s%s\n", label, text);
    else
        printf("  %-22s%s (%s bytes)\n", label, text, exact);
}

static void print_text(const char *label, const char *text)
{
    printf("  %-22s%s\n", label, text);
}

static void print_cuts(const stat_facts *facts)
{
    const firn_stats *stats = &facts->stats;

    printf("\nRecovery\n");
    print_text("closed cleanly before", stats->was_clean ? "yes" : "no");
    print_count("incarnation", stats->incarnation);
    print_count("histories kept", stats->incarnations_count);
    print_count("cuts", stats->cuts_count);
    for (size_t i = 0; i < facts->cuts_count; i++) {
        const firn_cut *cut = &facts->cuts[i];
        char time[TOOL_TIME_TEXT_SIZE];

        tool_time_text(cut->time_ns, time);
        printf("    %s  segment %" PRIu64 " at %" PRIu64 ": %" PRIu64 " bytes, %" PRIu64
               " seqs seen, none acknowledged; incarnation %" PRIu64 " goes on with seq %" PRIu64 "\n",
               time, cut->segment, cut->offset, cut->bytes, cut->seqs_seen, cut->incarnation, cut->first_seq);
    }
    if (stats->damage.status < 0)
        printf("  %-22s%s\n", "DAMAGE", stats->damage.text);
}

static void print_index(const firn_stats *stats)
{
    char time[TOOL_AMOUNT_TEXT_SIZE];

    printf("\nIndex\n");
    if (stats->index_file_size > 0) {
        print_size("on disk", stats->index_file_size);
        print_count("rows on disk", stats->index_file_rows);
        print_count("merged up to seq", stats->merged_seq);
    }
    print_size("in memory", stats->index_size);
    print_count("rows in memory", stats->delta_rows);
    print_count("replayed at open", stats->replayed_records);
    tool_duration_text(stats->replay_ns, time);
    print_text("replay took", time);
    if (stats->index_note[0] != '\0')
        print_text("note", stats->index_note);
}

static void print_facts(const tool_call *call, const stat_facts *facts)
{
    const firn_stats *stats = &facts->stats;

    printf("Ledger\n");
    print_text("place", call->ledger);
    printf("  %-22s", "id");
    for (size_t i = 0; i < FIRN_LEDGER_ID_SIZE; i++)
        printf("%02x", stats->ledger_id[i]);
    putchar('\n');
    print_count("format version", stats->format_version);
    printf("\nRecords\n");
    print_count("records", stats->records_count);
    print_count("last seq", stats->durable_seq);
    print_count("history from seq", stats->horizon_seq);
    print_count("streams", stats->streams_count);
    printf("\nLog\n");
    print_count("segments", stats->segments_count);
    print_count("spare segments", stats->segments_spare);
    print_size("segment size", stats->segment_size);
    print_size("log size", stats->log_size);
    printf("\nWriting\n");
    print_text("I/O path", tool_io_path_text(stats->io_path));
    print_text("durable method", tool_durable_method_text(stats->durable_method));
    print_text("past the page cache", stats->direct ? "yes" : "no");
    print_size("alignment", stats->alignment);
    print_text("layout guarantee", stats->layout_guarantee ? "yes" : "no: the file system moves what is overwritten");
    if (stats->io_note[0] != '\0')
        print_text("note", stats->io_note);
    print_index(stats);
    print_cuts(facts);
}

static void json_damage(tool_json *json, const firn_error *damage)
{
    tool_json_key(json, "damage");
    tool_json_map(json);
    tool_json_text_of(json, "status", firn_status_name(damage->status));
    tool_json_text_of(json, "message", damage->text);
    tool_json_number_of(json, "detail", damage->detail);
    tool_json_number_of(json, "segment", damage->segment);
    tool_json_number_of(json, "offset", damage->offset);
    tool_json_number_of(json, "seq", damage->seq);
    tool_json_map_end(json);
}

static void json_cuts(tool_json *json, const stat_facts *facts)
{
    tool_json_number_of(json, "cuts_count", facts->stats.cuts_count);
    tool_json_key(json, "cuts");
    tool_json_array(json);
    for (size_t i = 0; i < facts->cuts_count; i++) {
        const firn_cut *cut = &facts->cuts[i];

        tool_json_map(json);
        tool_json_time_of(json, "time", cut->time_ns);
        tool_json_number_of(json, "incarnation", cut->incarnation);
        tool_json_number_of(json, "segment", cut->segment);
        tool_json_number_of(json, "offset", cut->offset);
        tool_json_number_of(json, "bytes", cut->bytes);
        tool_json_number_of(json, "first_seq", cut->first_seq);
        tool_json_number_of(json, "seqs_seen", cut->seqs_seen);
        tool_json_map_end(json);
    }
    tool_json_array_end(json);
}

/** Members of the document, but for the streams. */
static void json_facts(tool_json *json, const tool_call *call, const stat_facts *facts)
{
    const firn_stats *stats = &facts->stats;

    tool_json_text_of(json, "ledger", call->ledger);
    tool_json_hex_of(json, "ledger_id", stats->ledger_id, sizeof stats->ledger_id);
    tool_json_number_of(json, "format_version", stats->format_version);
    tool_json_number_of(json, "records_count", stats->records_count);
    tool_json_number_of(json, "durable_seq", stats->durable_seq);
    tool_json_number_of(json, "horizon_seq", stats->horizon_seq);
    tool_json_number_of(json, "merged_seq", stats->merged_seq);
    tool_json_number_of(json, "streams_count", stats->streams_count);
    tool_json_number_of(json, "segments_count", stats->segments_count);
    tool_json_number_of(json, "segments_spare", stats->segments_spare);
    tool_json_number_of(json, "segment_size", stats->segment_size);
    tool_json_number_of(json, "log_size", stats->log_size);
    tool_json_number_of(json, "alignment", stats->alignment);
    tool_json_text_of(json, "io_path", tool_io_path_text(stats->io_path));
    tool_json_text_of(json, "durable_method", tool_durable_method_text(stats->durable_method));
    tool_json_bool_of(json, "direct", stats->direct != 0);
    tool_json_bool_of(json, "layout_guarantee", stats->layout_guarantee != 0);
    tool_json_text_of(json, "io_note", stats->io_note);
    tool_json_number_of(json, "index_size", stats->index_size);
    tool_json_number_of(json, "index_file_size", stats->index_file_size);
    tool_json_number_of(json, "index_file_rows", stats->index_file_rows);
    tool_json_number_of(json, "delta_records", stats->delta_records);
    tool_json_number_of(json, "delta_rows", stats->delta_rows);
    tool_json_text_of(json, "index_note", stats->index_note);
    tool_json_number_of(json, "replayed_records", stats->replayed_records);
    tool_json_number_of(json, "replay_ns", stats->replay_ns);
    tool_json_bool_of(json, "was_clean", stats->was_clean != 0);
    tool_json_number_of(json, "incarnation", stats->incarnation);
    tool_json_number_of(json, "incarnations_count", stats->incarnations_count);
    json_cuts(json, facts);
    if (stats->damage.status < 0)
        json_damage(json, &stats->damage);
}

static void json_stream(tool_json *json, const firn_stream *stream)
{
    tool_json_map(json);
    tool_json_string_of(json, "name", (firn_slice){stream->name, stream->name_size});
    tool_json_number_of(json, "id", stream->id);
    tool_json_number_of(json, "version", stream->version);
    tool_json_number_of(json, "first_seq", stream->first_seq);
    tool_json_number_of(json, "last_seq", stream->last_seq);
    tool_json_map_end(json);
}

/** Lists the streams: as members of an open array, or as a table. */
static firn_status list_streams(firn_ledger *ledger, tool_json *json, firn_error *err)
{
    firn_view *view = NULL;
    firn_stream stream = {0};
    firn_status status = firn_view_open(ledger, &view, err);

    if (status < 0)
        return status;
    if (json == NULL)
        printf("\nStreams\n  %12s %12s %12s  %s\n", "records", "first seq", "last seq", "name");
    while ((status = firn_stream_next(view, stream.id, &stream, err)) == FIRN_OK && !ferror(stdout)) {
        if (json != NULL) {
            json_stream(json, &stream);
            continue;
        }
        printf("  %12" PRIu64 " %12" PRIu64 " %12" PRIu64 "  ", stream.version, stream.first_seq, stream.last_seq);
        tool_print_escaped(stdout, (firn_slice){stream.name, stream.name_size});
        putchar('\n');
    }
    firn_view_close(view);
    return status < 0 ? status : FIRN_OK;
}

static firn_status tell(const tool_call *call, firn_ledger *ledger, tool_json *json, firn_error *err)
{
    bool streams = tool_option_given(call, "streams");
    stat_facts facts = {.stats = {.struct_size = sizeof facts.stats}};
    firn_status status = firn_stat(ledger, &facts.stats, err);

    if (status == FIRN_OK)
        status = firn_stat_cuts(ledger, facts.cuts, CUTS_MAX, &facts.cuts_count, err);
    if (status < 0)
        return status;
    if (json == NULL) {
        print_facts(call, &facts);
        return streams ? list_streams(ledger, NULL, err) : FIRN_OK;
    }
    tool_json_map(json);
    json_facts(json, call, &facts);
    if (streams) {
        tool_json_key(json, "streams");
        tool_json_array(json);
        status = list_streams(ledger, json, err);
        tool_json_array_end(json);
    }
    tool_json_map_end(json);
    if (status == FIRN_OK)
        tool_json_write(json);
    return status;
}

int tool_cmd_stat(tool_call *call)
{
    tool_json *json = call->json ? tool_json_new(stdout, true) : NULL;
    firn_ledger *ledger = NULL;
    firn_error err;
    firn_status status = tool_open_read(call, &ledger, &err);

    if (status == FIRN_OK)
        status = tell(call, ledger, json, &err);
    firn_close(ledger, NULL);
    tool_json_free(json);
    return status < 0 ? tool_error_report(&err, call->json) : TOOL_EXIT_OK;
}
