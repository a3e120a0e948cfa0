/* SPDX-License-Identifier: Apache-2.0 */
/* rig.c — run a case under a fault, judge every status on the way, and carry what the case needs. */
#include "test/fault/rig.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/ledger/ledger.h"
#include "test/fault/after.h"
#include "test/fault/functions.h"
#include "test/fault/made.h"
#include "test/disk/small.h"

/* What outputs hold before a call. */
enum {
    PATTERN = 0xa5
};

void rig_wrong(const rig *r, const char *format, ...)
{
    static const char *const kinds[] = {"no fault", "allocation", "operation", "malloc", "libc call", "seam operation"};
    va_list args;

    (void)fflush(stdout);
    (void)fprintf(stderr, "%s, case \"%s\"%s, round %u: %s %llu%s (%s, %s%s): ", place_name, r->c->name,
                  r->reads ? " of a reader" : "", r->round, kinds[r->fault->kind], (unsigned long long)r->fault->at,
                  r->fault->for_ever ? " and all after it" : "", place_failed(), strerrorname_np(r->fault->os_errno),
                  r->fault->is_short ? ", short" : "");
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    abort();
}

/* ---- calls ---- */

void rig_before(rig *r, void *out, size_t size)
{
    if (out != NULL) {
        memset(out, PATTERN, size);
    }
    memset(&r->err, PATTERN, sizeof r->err);
    r->err.status = FIRN_OK;
}

static bool is_pattern(const void *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (((const uint8_t *)out)[i] != PATTERN) {
            return false;
        }
    }
    return true;
}

static bool by_memory(const fault *f)
{
    return f->kind == FAULT_HEAP || f->kind == FAULT_MALLOC;
}

/* An error says what happened and where: its fields agree with the status, its text has words and no rubbish. */
static void judge_error(const rig *r, const char *function, firn_status status)
{
    const firn_error *err = &r->err;

    if (err->status != status) {
        rig_wrong(r, "%s: %s, but the error says %s", function, firn_status_name(status),
                  firn_status_name(err->status));
    }
    if (memchr(err->text, '\0', sizeof err->text) == NULL || strlen(err->text) < 4 ||
        strchr(err->text, PATTERN) != NULL || strstr(err->text, "(null)") != NULL) {
        rig_wrong(r, "%s: %s with the text \"%.*s\"", function, firn_status_name(status), 100, err->text);
    }
    if ((status == FIRN_EIO || status == FIRN_EPOISONED) && err->os_errno == 0) {
        rig_wrong(r, "%s: %s without errno: %s", function, firn_status_name(status), err->text);
    }
}

/* What a failure of I/O may be called, beside what every function's comment says: the errno tells. */
static bool errno_says(int os_errno, firn_status status)
{
    switch (os_errno) {
    case ENOSPC:
    case EDQUOT:
        return status == FIRN_ENOSPC;
    case EROFS:
        return status == FIRN_EACCES;
    case ENOMEM:
        return status == FIRN_ENOMEM;
    default:
        return false;
    }
}

/* The text of a failure of I/O names what was to be read or written, and a segment stands in err as well. */
static void judge_place(const rig *r, const char *function)
{
    static const char *const places[] = {".seg",  "manifest", "reach",  "positions", "lock", "folder",
                                         "index", "data.mdb", "random", "eventfd",   "queue"};
    const firn_error *err = &r->err;

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (strstr(err->text, places[i]) != NULL) {
            if (strstr(err->text, ".seg at") != NULL && err->segment == 0) {
                rig_wrong(r, "%s: the error has no segment: %s", function, err->text);
            }
            return;
        }
    }
    rig_wrong(r, "%s: the error names no place: %s", function, err->text);
}

/* A failure while the fault is armed: only what the function documents. */
static void judge_fault(rig *r, fault_function *f, firn_status status)
{
    if (!r->came) {
        rig_wrong(r, "%s: %s before the fault came: %s", f->name, firn_status_name(status), r->err.text);
    }
    f->failed |= 1U << r->fault->kind;
    if (by_memory(r->fault)) {
        if (status != FIRN_ENOMEM) {
            rig_wrong(r, "%s: %s instead of ENOMEM: %s", f->name, firn_status_name(status), r->err.text);
        }
        return;
    }
    if (-status >= 32 || ((f->may_answer & FUNCTION_STATUS(status)) == 0 && !errno_says(r->fault->os_errno, status))) {
        rig_wrong(r, "%s: %s is not documented: %s", f->name, firn_status_name(status), r->err.text);
    }
    if (!r->fault->is_short && r->err.os_errno != r->fault->os_errno && status != FIRN_ECORRUPT) {
        rig_wrong(r, "%s: errno %d instead of %d: %s", f->name, r->err.os_errno, r->fault->os_errno, r->err.text);
    }
    judge_place(r, f->name);
}

/* The failure of an operation that nobody waited for may come to light later. */
static bool is_poisoned(const rig *r)
{
    firn_stats stats = {.struct_size = sizeof stats};
    firn_error err;

    return r->poisoned ||
           (!by_memory(r->fault) && r->ledger != NULL && firn_stat(r->ledger, &stats, &err) == FIRN_OK &&
            (r->fault->is_short ? stats.poisoned_errno != 0 : stats.poisoned_errno == r->fault->os_errno));
}

/* A failure without a fault: the ledger is poisoned, or a failure of making a segment is said once more. */
static void judge_later(const rig *r, const char *function, firn_status status)
{
    bool once_more = r->round == 1 && (status == FIRN_ENOSPC || status == FIRN_EIO || status == FIRN_ENOMEM ||
                                       (status == FIRN_EACCES && r->fault->os_errno == EROFS));

    if (r->fault->kind == FAULT_NONE || (status == FIRN_EPOISONED ? !is_poisoned(r) : !once_more)) {
        rig_wrong(r, "%s without a fault: %s, %s", function, firn_status_name(status), r->err.text);
    }
}

firn_status rig_after(rig *r, const char *function, firn_status status, firn_status wanted, const void *out,
                      size_t size)
{
    fault_function *f = function_of(function);

    if (f == NULL) {
        rig_wrong(r, "%s is not in the table of functions.c", function);
    }
    f->tried++;
    if (r->armed && place_came(r->fault, &r->heap)) {
        r->came = true;
    }
    if (status == wanted || (status > 0 && wanted >= 0)) {
        return status;
    }
    if (status >= 0) {
        rig_wrong(r, "%s: %s instead of %s", function, firn_status_name(status), firn_status_name(wanted));
    }
    r->failures++;
    r->failed = true;
    judge_error(r, function, status);
    if (out != NULL && !is_pattern(out, size)) {
        rig_wrong(r, "%s: %s, but the output was written", function, firn_status_name(status));
    }
    if (r->armed) {
        judge_fault(r, f, status);
    } else {
        judge_later(r, function, status);
    }
    r->poisoned |= status == FIRN_EPOISONED;
    return status;
}

void rig_answer_add(rig *r, const char *name, uint64_t number, const void *data, size_t size)
{
    const rig *with = r->reference == NULL ? r : r->reference;
    uint64_t hash = UINT64_C(14695981039346656037);
    char full[sizeof with->answers[0].name];

    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ ((const uint8_t *)data)[i]) * UINT64_C(1099511628211);
    }
    (void)snprintf(full, sizeof full, "%s %llu", name, (unsigned long long)number);
    for (unsigned i = 0; i < with->answers_count; i++) {
        if (strcmp(with->answers[i].name, full) == 0) {
            if (with->answers[i].hash != hash) {
                rig_wrong(r, "another answer for %s than without a fault", full);
            }
            return;
        }
    }
    if (r->reference != NULL || r->answers_count == RIG_ANSWERS_MAX) {
        rig_wrong(r, "an answer for %s, which there is not without a fault", full);
    }
    (void)snprintf(r->answers[r->answers_count].name, sizeof full, "%s", full);
    r->answers[r->answers_count++].hash = hash;
}

/* ---- writes ---- */

static uint64_t allocated(const rig *r)
{
    firn_stats stats = {.struct_size = sizeof stats};
    firn_error err;

    return r->ledger != NULL && (!r->armed || r->reference == NULL) && firn_stat(r->ledger, &stats, &err) == FIRN_OK
               ? stats.allocated_seq
               : 0;
}

rig_write *rig_write_begin(rig *r, write_kind kind)
{
    rig_write *w = &r->writes[r->writes_count];

    if (r->writes_count == RIG_WRITES_MAX) {
        rig_wrong(r, "too many writes");
    }
    /* Without an answer nobody knows. */
    *w = (rig_write){
        .kind = kind, .id = r->writes_count++, .opening = r->openings, .state = WRITE_UNKNOWN, .records = allocated(r)};
    return w;
}

bool rig_make_room(rig *r)
{
    while (frn_ledger_step_make(r->ledger)) {
    }
    return r->rooms++ < 8;
}

void rig_write_end(rig *r, rig_write *w, firn_status status)
{
    const rig *with = r->reference;

    w->records = w->kind == WRITE_EVENTS    ? MADE_EVENTS
                 : r->armed && with != NULL ? with->writes[w->id].records
                                            : allocated(r) - w->records;
    w->state = status == FIRN_OK ? WRITE_ACKNOWLEDGED : status == FIRN_EPOISONED ? WRITE_UNKNOWN : WRITE_REFUSED;
}

/* ---- opening and closing ---- */

firn_options rig_options(firn_open_mode mode)
{
    firn_options options = small_options(mode);

    options.content_chunk_size = 65536;
    options.outstanding_max = 64;
    options.index_map_size = UINT64_C(1) << 26;
    return options;
}

firn_status rig_open(rig *r, firn_open_mode mode)
{
    firn_options options = rig_options(mode);
    firn_status status;

    r->openings++;
    rig_before(r, &r->ledger, sizeof r->ledger);
    status = place_open(&r->seat, &r->heap, &options, (r->c->how & CASE_URL) != 0, &r->ledger, &r->err);
    status = rig_after(r, "firn_open", status, FIRN_OK, &r->ledger, sizeof r->ledger);
    if (status != FIRN_OK) {
        r->ledger = NULL;
        place_leave(&r->seat);
    }
    return status;
}

firn_status rig_close(rig *r)
{
    firn_status status;

    rig_before(r, NULL, 0);
    status = rig_after(r, "firn_close", firn_close(r->ledger, &r->err), FIRN_OK, NULL, 0);
    r->ledger = NULL;
    place_leave(&r->seat);
    return status;
}

void rig_open_other(rig *r, firn_open_mode mode)
{
    firn_options options = rig_options(mode);
    firn_error err;

    if (place_open(&r->other_seat, &r->other_heap, &options, false, &r->other, &err) != FIRN_OK) {
        rig_wrong(r, "another handle: %s", err.text);
    }
}

void rig_close_other(rig *r)
{
    firn_error err;

    if (r->other != NULL && firn_close(r->other, &err) != FIRN_OK) {
        rig_wrong(r, "close another handle: %s", err.text);
    }
    r->other = NULL;
    place_leave(&r->other_seat);
}

/* ---- a run ---- */

static void free_kept(rig *r)
{
    if (r->c->finish != NULL) {
        r->c->finish(r);
    }
    for (unsigned i = 0; i < RIG_TICKETS_MAX; i++) {
        firn_ticket_free(r->tickets[i]);
        r->tickets[i] = NULL;
    }
    firn_run_list_close(r->list);
    firn_run_events_close(r->events);
    firn_content_reader_close(r->reader);
    firn_content_writer_close(r->writer);
    firn_scan_close(r->scan);
    firn_tail_close(r->tail);
    firn_batch_free(r->batch);
    firn_view_close(r->view);
    firn_buf_free(&r->buf);
    r->list = NULL;
    r->events = NULL;
    r->reader = NULL;
    r->writer = NULL;
    r->scan = NULL;
    r->tail = NULL;
    r->batch = NULL;
    r->view = NULL;
}

static void act(rig *r)
{
    r->failed = false;
    r->rooms = 0;
    if (r->round == 0) {
        place_arm(r->fault, &r->heap);
        r->armed = true;
    }
    r->c->act(r);
    if (r->round == 0) {
        r->armed = false;
        r->came = place_came(r->fault, &r->heap);
        place_disarm(&r->heap);
    }
}

static void begin(rig *r)
{
    unsigned how = r->c->how;

    place_restore((how & (CASE_EMPTY | CASE_FREE)) != 0 ? PLACE_EMPTY
                  : (how & CASE_UNCLEAN) != 0           ? PLACE_UNCLEAN
                                                        : PLACE_SEEDED);
    frn_heap_init(&r->heap);
    frn_heap_init(&r->other_heap);
    if ((how & (CASE_CLOSED | CASE_FREE)) == 0 && rig_open(r, r->reads ? FIRN_OPEN_READ : FIRN_OPEN_WRITE) != FIRN_OK) {
        rig_wrong(r, "the ledger does not open");
    }
    if (r->c->prepare != NULL) {
        r->c->prepare(r);
    }
}

static void check_left(const rig *r, const char *when)
{
    const char *complaint = place_complaint();

    if (atomic_load(&r->heap.live) != 0 || atomic_load(&r->other_heap.live) != 0) {
        rig_wrong(r, "%s: %lld allocations are left", when,
                  (long long)(atomic_load(&r->heap.live) + atomic_load(&r->other_heap.live)));
    }
    if (complaint != NULL) {
        rig_wrong(r, "%s: %s", when, complaint);
    }
}

bool rig_run(rig *r, const fault_case *c, bool reads, const fault *f, const rig *reference)
{
    *r = (rig){.c = c, .fault = f, .reads = reads, .reference = reference};
    begin(r);
    act(r);
    after_fault(r);
    for (r->round = 1; r->round < RIG_ROUNDS && (r->round == 1 || r->failed); r->round++) {
        act(r);
        after_round(r);
    }
    free_kept(r);
    if (r->ledger != NULL) {
        (void)rig_close(r);
    }
    rig_close_other(r);
    check_left(r, "when all is closed");
    after_close(r);
    check_left(r, "when all was looked at");
    return r->came;
}
