/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_ledger.c — the files of a folder as a ledger: verified, opened for reading and for writing, read in every way.
 *
 * The first byte chooses options, what follows is an image (image.h) that becomes a simulated disk. Whatever stands
 * there, nothing ends the process; what is opened shows only records that verify: an index of all records in all groups
 * of all files, made here with the codecs alone, knows each of them byte for byte. Reading changes nothing. What a
 * writer appends to a ledger that it could open is there afterwards, together with all that was there before.
 */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "engine/ledger/ledger.h"
#include "firn.h"
#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/group.h"
#include "format/manifest.h"
#include "format/reach.h"
#include "test/disk/disk.h"
#include "test/fuzz/image.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed);

enum {
    KNOWN_MAX = 1 << 14,
    CONTENT_MAX = 131072, /* Bytes of a file that the index looks at; images hold no groups behind them. */
    IDS_MAX = FUZZ_FILES_MAX,
    SEEN_MAX = 1 << 16
};

/** What records there are that verify: their hashes, 0 for a free place. */
static uint64_t known[KNOWN_MAX];

/** The reach has a good checksum and speaks of a group that is none. Only who makes checksums can do that; recovery
   takes its word, and what is appended then has a predecessor that nobody knows. */
static bool reach_lies;
static fmt_reach reach;

/** What a reading saw. */
typedef struct reading {
    uint64_t count;
    uint64_t last_seq;
    uint64_t hash;
    firn_status ended; /* FIRN_END, or why it did not come to the end. */
} reading;

static uint64_t record_hash(const fmt_record *record, int64_t time_ns, uint64_t batch_first_seq, uint32_t batch_count)
{
    uint64_t numbers[7] = {record->seq,       record->version, record->stream, record->kind,
                           (uint64_t)time_ns, batch_first_seq, batch_count};
    uint64_t low = fmt_crc32c(0, numbers, sizeof numbers);

    return (low << 32 | fmt_crc32c((uint32_t)record->seq, record->body.data, record->body.size)) + 1;
}

static uint64_t *place_of(uint64_t hash)
{
    size_t at = hash % KNOWN_MAX;

    for (unsigned tries = 0; tries < KNOWN_MAX && known[at] != 0 && known[at] != hash; tries++)
        at = (at + 1) % KNOWN_MAX;
    return &known[at];
}

/** Batches and records of a group whose header is good. They have checksums of their own and are believed by these;
   what the group's covers besides, such as padding, is for verification. */
static void learn_group(const uint8_t *data, size_t size, uint32_t salt, const fmt_group *group)
{
    size_t at = FMT_GROUP_HEADER, end = FMT_GROUP_HEADER + (size_t)group->content_size;
    fmt_batch batch;

    end = end < size ? end : size;
    for (; at < end && fmt_batch_decode(data + at, end - at, salt, &batch) == FMT_OK; at += batch.size) {
        size_t record_at = at + FMT_BATCH_HEADER, used;
        fmt_record record;

        for (uint32_t i = 0; i < batch.count; i++, record_at += used) {
            uint64_t hash;

            if (fmt_record_decode(data + record_at, at + batch.size - record_at, salt, batch.first_seq + i, &record,
                                  &used) != FMT_OK)
                break;
            hash = record_hash(&record, batch.time_ns, batch.first_seq, batch.count);
            *place_of(hash) = hash;
        }
    }
}

/** Every place in a segment where a group may begin, under each ledger's id that some file names. */
static void learn_segment(const uint8_t *data, size_t size, uint64_t number, const uint8_t *id)
{
    for (size_t at = FUZZ_PAGE; at + FMT_GROUP_HEADER <= size; at += FUZZ_PAGE) {
        uint64_t incarnation = fmt_get64(data + at + FMT_GROUP_INCARNATION);
        uint32_t salt = fmt_salt(id, number, incarnation);
        fmt_group group;

        if (fmt_group_decode(data + at, size - at, salt, at, number, incarnation, &group) != FMT_OK)
            continue;
        learn_group(data + at, size - at, salt, &group);
        if (number == reach.known_segment && group.crc == reach.known_crc && group.next_seq == reach.known_next_seq &&
            at + fmt_group_size(group.content_size, FUZZ_PAGE) == reach.known_offset)
            reach_lies = false;
    }
}

static void learn(const fuzz_image *folder)
{
    static uint8_t bytes[CONTENT_MAX];
    uint8_t ids[IDS_MAX][FIRN_LEDGER_ID_SIZE];
    unsigned ids_count = 0;

    reach = (fmt_reach){.known_segment = 0};
    memset(known, 0, sizeof known);
    reach_lies = false;
    for (unsigned i = 0; i < folder->count; i++) {
        fuzz_image_fill(&folder->files[i], bytes, FMT_REACH_HEADER);
        if (strcmp(folder->files[i].name, "reach") == 0 && folder->files[i].size >= FMT_REACH_HEADER &&
            fmt_reach_decode(bytes, FMT_REACH_HEADER, &reach) == FMT_OK)
            reach_lies = reach.known_segment != 0;
    }
    for (unsigned i = 0; i < folder->count; i++) {
        bool segment = strstr(folder->files[i].name, ".seg") != NULL;
        size_t at = segment ? (size_t)FMT_SEGMENT_LEDGER_ID : (size_t)FMT_MANIFEST_LEDGER_ID;

        if (folder->files[i].size < at + FIRN_LEDGER_ID_SIZE)
            continue;
        fuzz_image_fill(&folder->files[i], bytes, FMT_MANIFEST_HEADER);
        memcpy(ids[ids_count], bytes + at, FIRN_LEDGER_ID_SIZE);
        for (unsigned k = 0; k <= ids_count; k++)
            if (k == ids_count || memcmp(ids[k], ids[ids_count], FIRN_LEDGER_ID_SIZE) == 0) {
                ids_count = k == ids_count ? ids_count + 1 : ids_count;
                break;
            }
    }
    for (unsigned i = 0; i < folder->count; i++) {
        const fuzz_file *file = &folder->files[i];
        size_t size = file->size < CONTENT_MAX ? file->size : CONTENT_MAX;

        if (strstr(file->name, ".seg") == NULL)
            continue;
        fuzz_image_fill(file, bytes, size);
        for (unsigned k = 0; k < ids_count; k++)
            learn_segment(bytes, size, strtoull(file->name, NULL, 16), ids[k]);
    }
}

/** The folder as a disk, all of it durable. */
static disk *make_disk(const fuzz_image *folder)
{
    disk *d = disk_new(1), *durable;
    frn_io *io = disk_open_io(d);
    firn_error err;

    disk_controls_of(d)->wall_ns = INT64_C(1700000000000000000);
    for (unsigned i = 0; i < folder->count; i++) {
        const fuzz_file *file = &folder->files[i];
        frn_file *handle;
        uint64_t written;

        MUST(io->ops->open(io, file->name, FRN_IO_WRITE | FRN_IO_CREATE, &handle, &err) == FIRN_OK);
        MUST(file->size == 0 || io->ops->fill(handle, file->size, &written, &err) == FIRN_OK);
        for (unsigned k = 0; k < file->count; k++)
            MUST(io->ops->write(handle, file->extents[k].data, file->extents[k].size, file->extents[k].offset, &err) ==
                 FIRN_OK);
        io->ops->file_close(handle);
    }
    io->ops->close(io);
    durable = disk_copy(d);
    disk_controls_of(durable)->wall_ns = disk_controls_of(d)->wall_ns;
    disk_free(d);
    return durable;
}

/** A status with which a ledger may be refused: of damage, or of what the bytes ask for; never of a caller's error. */
static bool refuses(firn_status status, const firn_error *err)
{
    fuzz_tell("%s: %s", firn_status_name(status), err->text);
    MUST(err->status == status && err->text[0] != '\0');
    return status == FIRN_ECORRUPT || status == FIRN_ENEWER || status == FIRN_ENOTFOUND || status == FIRN_ETOOBIG ||
           status == FIRN_ESTATE || status == FIRN_EIO || status == FIRN_ENOMEM || status == FIRN_ENOSPC;
}

static void check_record(const firn_record *record)
{
    fmt_record same = {.seq = record->seq,
                       .version = record->version,
                       .stream = record->stream,
                       .kind = (uint16_t)record->kind,
                       .body = record->body};
    uint64_t hash = record_hash(&same, record->time_ns, record->batch_first_seq, record->batch_count);

    MUST(*place_of(hash) == hash);
}

static reading read_all(firn_ledger *ledger, bool check)
{
    firn_scan_options options = {.struct_size = sizeof options, .buffer_size = 65536};
    reading seen = {.ended = FIRN_OK};
    firn_scan *scan = NULL;
    firn_record record;
    firn_error err;

    seen.ended = firn_scan_open(ledger, &options, &scan, &err);
    while (seen.ended == FIRN_OK && (seen.ended = firn_scan_next(scan, &record, &err)) == FIRN_OK) {
        MUST(record.seq > seen.last_seq && ++seen.count < SEEN_MAX);
        seen.last_seq = record.seq;
        seen.hash = (seen.hash ^ fuzz_hash(record.body.data, record.body.size) ^ record.seq) * 31;
        if (check)
            check_record(&record);
    }
    MUST(seen.ended == FIRN_END || refuses(seen.ended, &err));
    fuzz_tell("scan: %llu records up to seq %llu", (unsigned long long)seen.count, (unsigned long long)seen.last_seq);
    firn_scan_close(scan);
    return seen;
}

/** One by one, the last ones first: what the directory and the hints of rows lead to. */
static void get_some(firn_ledger *ledger, const reading *seen)
{
    firn_buf buf = {0};
    firn_record record;
    firn_error err;

    for (uint64_t i = 0; i < 8 && i < seen->last_seq; i++) {
        firn_status status = firn_get(ledger, seen->last_seq - i, &buf, &record, &err);

        if (status == FIRN_OK)
            check_record(&record);
        else
            MUST(refuses(status, &err));
    }
    free(buf.data);
}

static void look_at_runs(firn_view *view)
{
    firn_run_list *list = NULL;
    firn_run_events *events = NULL;
    firn_run_event event;
    firn_run run;
    firn_error err;
    firn_status status = firn_run_list_open(view, NULL, &list, &err);

    for (unsigned count = 0; status == FIRN_OK && count < 64; count++) {
        unsigned k = 0;

        status = firn_run_list_next(list, &run, &err);
        if (status != FIRN_OK || firn_run_events_open(view, run.run_id, NULL, &events, &err) != FIRN_OK)
            continue;
        while (k++ < 128 && firn_run_events_next(events, &event, &err) == FIRN_OK)
            MUST(event.kind.size > 0 && event.kind.size <= FIRN_TEXT_SIZE_MAX);
        firn_run_events_close(events);
    }
    MUST(status >= 0 || refuses(status, &err));
    firn_run_list_close(list);
}

static void look_at_releases(firn_view *view, firn_buf *buf)
{
    char name[FIRN_RELEASE_NAME_SIZE_MAX];
    firn_release release;
    firn_slice after = {name, 0};
    firn_error err;
    firn_status status = FIRN_OK;

    for (unsigned count = 0; count < 64; count++) {
        status = firn_release_next(view, after, buf, &release, &err);
        if (status != FIRN_OK)
            break;
        MUST(release.name.size > 0 && release.name.size <= sizeof name);
        memcpy(name, release.name.data, release.name.size);
        after.size = release.name.size;
    }
    MUST(status >= 0 || refuses(status, &err));
}

/** The stores as a view sees them. */
static void look(firn_ledger *ledger)
{
    firn_view *view = NULL;
    firn_content content;
    firn_stream stream = {0};
    firn_buf buf = {0};
    firn_error err;
    firn_status status;
    unsigned count = 0;

    if (firn_view_open(ledger, &view, &err) != FIRN_OK)
        return;
    while (firn_stream_next(view, stream.id, &stream, &err) == FIRN_OK && count++ < 64)
        MUST(stream.id != 0 && stream.name[0] != '\0');
    status = firn_content_next(view, NULL, &content, &err);
    for (count = 0; status == FIRN_OK && count < 64; count++) {
        uint8_t after[FIRN_DIGEST_SIZE];

        memcpy(after, content.digest, sizeof after);
        status = firn_content_get(view, after, NULL, &buf, &err);
        MUST(status == FIRN_OK || refuses(status, &err));
        status = firn_content_next(view, after, &content, &err);
    }
    look_at_runs(view);
    look_at_releases(view, &buf);
    free(buf.data);
    firn_view_close(view);
}

typedef struct opened {
    frn_heap heap;
    frn_io *io;
    firn_ledger *ledger;
} opened;

static firn_status open_ledger(opened *o, disk *d, firn_open_mode mode, unsigned how, firn_error *err)
{
    frn_ledger_seam seam = {.heap = &o->heap, .threads = false};
    firn_options options = {.struct_size = sizeof options,
                            .mode = mode,
                            .progress = FIRN_PROGRESS_MANUAL,
                            .durable_method = (firn_durable_method)(FIRN_DURABLE_DIRECT_DSYNC + how % 3),
                            .spare_segments = 1,
                            .group_size_max = 65536,
                            .segment_size = 65536,
                            .index_size_max = 16 << 20};
    firn_status status;

    frn_heap_init(&o->heap);
    o->io = disk_open_io(d);
    seam.io = o->io;
    status = frn_ledger_open_on(&seam, &options, &o->ledger, err);
    fuzz_tell("open in mode %d: %s", (int)mode, firn_status_name(status));
    if (status != FIRN_OK) {
        o->io->ops->close(o->io);
        MUST(atomic_load(&o->heap.live) == 0);
    }
    return status;
}

static void close_ledger(opened *o, disk *d, bool abandon)
{
    firn_error err;

    if (abandon)
        frn_ledger_abandon(o->ledger);
    else
        (void)firn_close(o->ledger, &err);
    o->io->ops->close(o->io);
    MUST(atomic_load(&o->heap.live) == 0 && disk_handles(d) == 0);
}

static void on_finding(void *arg, const firn_error *finding)
{
    (void)arg;
    fuzz_tell("finding: %s", finding->text);
}

static firn_status verify(disk *d, firn_report *report)
{
    firn_verify_options options = {.struct_size = sizeof options, .finding = on_finding};
    frn_ledger_seam seam = {.threads = false};
    frn_heap heap;
    firn_error err;
    firn_status status;

    frn_heap_init(&heap);
    seam.heap = &heap;
    seam.io = disk_open_io(d);
    *report = (firn_report){.struct_size = sizeof *report};
    status = frn_ledger_verify_on(&seam, &options, report, &err);
    fuzz_tell("verify: %s, %llu records", firn_status_name(status), (unsigned long long)report->records);
    MUST(status == FIRN_OK || refuses(status, &err));
    seam.io->ops->close(seam.io);
    MUST(atomic_load(&heap.live) == 0 && disk_handles(d) == 0);
    return status;
}

/** Opened for reading. Returns what was seen, count 0 if it was refused. */
static reading take_reading(disk *d, unsigned how)
{
    uint64_t hash = disk_hash(d);
    firn_stats stats = {.struct_size = sizeof stats};
    reading seen = {0}, again;
    firn_error err;
    opened o;
    firn_status status = open_ledger(&o, d, FIRN_OPEN_READ, how, &err);

    if (status != FIRN_OK) {
        MUST(refuses(status, &err));
    } else {
        seen = read_all(o.ledger, true);
        again = read_all(o.ledger, true);
        MUST(again.count == seen.count && again.hash == seen.hash && again.ended == seen.ended);
        get_some(o.ledger, &seen);
        look(o.ledger);
        MUST(firn_stat(o.ledger, &stats, &err) == FIRN_OK && stats.durable_seq >= seen.last_seq);
        MUST(seen.ended != FIRN_END || stats.damage.status < 0 || frn_ledger_check(o.ledger, &err) == FIRN_OK);
        close_ledger(&o, d, (how & 8) != 0);
    }
    MUST(disk_hash(d) == hash);
    return seen;
}

static firn_status append(firn_ledger *ledger, firn_receipt *receipt)
{
    static const char text[] = "appended";
    firn_event event = {.kind = 7, .payload = {text, sizeof text}};
    firn_error err;
    firn_status status = firn_append(ledger, (firn_slice){text, sizeof text - 1}, &event, 1, NULL, receipt, &err);

    MUST(status == FIRN_OK || err.text[0] != '\0');
    return status;
}

/** A reader that stays open while a writer comes, appends and goes: it follows, or says why it cannot. */
static void take_following(disk *from, unsigned how)
{
    disk *d = disk_copy(from);
    reading before, after;
    firn_receipt receipt;
    firn_error err;
    firn_status status;
    opened reader, writer;
    bool appended;

    disk_controls_of(d)->wall_ns = disk_controls_of(from)->wall_ns;
    if (open_ledger(&reader, d, FIRN_OPEN_READ, how, &err) != FIRN_OK) {
        disk_free(d);
        return;
    }
    before = read_all(reader.ledger, true);
    if (open_ledger(&writer, d, FIRN_OPEN_WRITE, how, &err) == FIRN_OK) {
        appended = append(writer.ledger, &receipt) == FIRN_OK;
        if ((how & 8) == 0)
            MUST(firn_sync(writer.ledger, &err) <= FIRN_OK);
        frn_ledger_abandon(writer.ledger);
        writer.io->ops->close(writer.io);
        status = frn_ledger_step_follow(reader.ledger, &err);
        fuzz_tell("appended: %d, followed: %s", appended, status < 0 ? err.text : "yes");
        MUST(status >= 0 || status == FIRN_ECONFLICT || refuses(status, &err));
        after = read_all(reader.ledger, false);
        MUST(after.count >= before.count || after.ended < 0);
    }
    frn_ledger_abandon(reader.ledger);
    reader.io->ops->close(reader.io);
    MUST(atomic_load(&reader.heap.live) == 0 && disk_handles(d) == 0);
    disk_free(d);
}

/** Opened for writing, which recovers it; what is appended then is there when it is opened again. */
static void take_writing(disk *d, unsigned how, bool was_good)
{
    reading seen, again;
    firn_receipt receipt;
    firn_report report;
    firn_error err;
    opened o;
    firn_status status = open_ledger(&o, d, (how & 16) != 0 ? FIRN_OPEN_CREATE : FIRN_OPEN_WRITE, how, &err);
    bool appended;

    if (status != FIRN_OK) {
        MUST(refuses(status, &err));
        return;
    }
    seen = read_all(o.ledger, (how & 16) == 0);
    get_some(o.ledger, &seen);
    look(o.ledger);
    appended = append(o.ledger, &receipt) == FIRN_OK;
    MUST(!appended || receipt.first_seq > seen.last_seq);
    close_ledger(&o, d, (how & 8) != 0);
    if (seen.ended != FIRN_END || reach_lies)
        return;
    /* Verification knows rules that opening does not need; what broke one before still does. */
    MUST(verify(d, &report) == FIRN_OK || !was_good);
    status = open_ledger(&o, d, FIRN_OPEN_READ, how, &err);
    MUST(status == FIRN_OK);
    again = read_all(o.ledger, false);
    MUST(again.ended == FIRN_END && again.last_seq >= seen.last_seq && again.count >= seen.count);
    MUST(!appended || again.last_seq == receipt.first_seq);
    close_ledger(&o, d, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fuzz_image folder;
    firn_report report, again;
    reading seen;
    disk *d;

    if (size < 1)
        return 0;
    fuzz_image_read(&folder, data + 1, size - 1);
    learn(&folder);
    d = make_disk(&folder);
    MUST(verify(d, &report) == verify(d, &again) && report.findings == again.findings &&
         report.records == again.records);
    seen = take_reading(d, data[0]);
    MUST(seen.ended != FIRN_END || seen.count <= report.records || report.findings != 0);
    /* What verification finds nothing wrong with can be read to its end. */
    MUST(report.findings != 0 || seen.ended >= 0);
    if ((data[0] & 32) != 0)
        take_following(d, data[0]);
    take_writing(d, data[0], report.findings == 0);
    if (disk_counts_of(d)->misuses != 0)
        fuzz_tell("misuse: %s", disk_counts_of(d)->misuse);
    MUST(disk_counts_of(d)->misuses == 0);
    disk_free(d);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
    return fuzz_image_mutate(data, size, size_max, 1, seed);
}
