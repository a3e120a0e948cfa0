/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_import.c — firn import git: the first-parent history of a branch as a run, tags as releases.
 *
 * The run's events are the memory of earlier imports: replayed in order (a commit adds itself, a rewriting cuts back to
 * what was kept) they give the line of commits that is recorded. What git tells today is compared with it from the
 * beginning; only what differs is read and appended, so an import of nothing new appends nothing, and one that was
 * killed is simply run again. Contents are durable before an event or a release names them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/error.h"
#include "tools/import.h"
#include "tools/json_members.h"
#include "tools/open.h"
#include "tools/options.h"
#include "tools/wire.h"

enum {
    EVENTS_MAX = 256 /**< Commits of one batch of events. */
};

/** Commits in order. */
typedef struct commit_line {
    tool_oid *oids;
    size_t count;
    size_t capacity;
} commit_line;

/** The newest release that carries a label. */
typedef struct label_row {
    char *label;
    uint8_t digest[FIRN_DIGEST_SIZE];
    char *notes;
} label_row;

typedef struct import_run {
    const tool_call *call;
    tool_import import;
    char *branch;
    char *origin;
    char *run_id;
    char *release;
    commit_line recorded;
    commit_line wanted;
    tool_oid_map manifests; /**< Of commits that are recorded. */
    label_row *labels;
    size_t labels_count;
    bool is_new;
    bool rewritten;
    uint64_t commits;
    uint64_t releases;
} import_run;

static void add_oid(commit_line *line, const tool_oid *oid)
{
    if (line->count == line->capacity) {
        size_t capacity = line->capacity * 2 + 1024;
        tool_oid *oids = realloc(line->oids, capacity * sizeof *oids);

        if (oids == NULL)
            abort();
        line->oids = oids;
        line->capacity = capacity;
    }
    line->oids[line->count++] = *oid;
}

static char *copy_text(const char *text, size_t size)
{
    char *copy = strndup(text, size);

    if (copy == NULL)
        abort();
    return copy;
}

/** The first line that git prints. */
static firn_status git_line(const tool_git *git, const char *const *words, char **out_line, firn_error *err)
{
    firn_buf text = {0};
    firn_status status = tool_git_read(git, words, true, &text, err);

    if (status == FIRN_OK)
        *out_line = copy_text(text.data, strcspn(text.data, "\n"));
    free(text.data);
    return status;
}

/** Takes name and password out of a URL: they are nobody's history. */
static void strip_credentials(char *url)
{
    char *host = strstr(url, "://");
    char *at;

    if (host == NULL)
        return;
    host += 3;
    for (at = host + strcspn(host, "/"); at > host && *at != '@'; at--)
        continue;
    if (*at == '@')
        memmove(host, at + 1, strlen(at + 1) + 1);
}

/** The last part of a path or URL, without .git: "firn" of "https://host/firn.git" and of "/srv/firn/.git". */
static char *name_of_origin(const char *origin)
{
    size_t size = strlen(origin);
    size_t start;

    while (size > 1 && origin[size - 1] == '/')
        size--;
    if (size > 5 && memcmp(origin + size - 5, "/.git", 5) == 0)
        size -= 5;
    else if (size > 4 && memcmp(origin + size - 4, ".git", 4) == 0)
        size -= 4;
    for (start = size; start > 0 && origin[start - 1] != '/' && origin[start - 1] != ':'; start--)
        continue;
    return copy_text(origin + start, size - start);
}

/** Which branch of which repository, and under which names it is kept. */
static firn_status find_names(import_run *run, firn_error *err)
{
    static const char *const head_words[] = {"symbolic-ref", "--short", "--quiet", "HEAD", NULL};
    static const char *const origin_words[] = {"config", "--get", "remote.origin.url", NULL};
    static const char *const folder_words[] = {"rev-parse", "--absolute-git-dir", NULL};
    const char *branch = tool_option_text(run->call, "branch");
    const char *name = tool_option_text(run->call, "name");
    firn_status status = FIRN_OK;

    if (branch != NULL)
        run->branch = copy_text(branch, strlen(branch));
    else
        status = git_line(run->import.git, head_words, &run->branch, err);
    if (status == FIRN_ENOTFOUND)
        return tool_fail(err, FIRN_EINVAL, "no branch is checked out: --branch is needed");
    if (status == FIRN_OK) {
        status = git_line(run->import.git, origin_words, &run->origin, err);
        if (status == FIRN_ENOTFOUND)
            status = git_line(run->import.git, folder_words, &run->origin, err);
    }
    if (status < 0)
        return status;
    strip_credentials(run->origin);
    run->release = name != NULL ? copy_text(name, strlen(name)) : name_of_origin(run->origin);
    if (asprintf(&run->run_id, "git:%s", run->branch) < 0)
        abort();
    return FIRN_OK;
}

/** The commits of the branch, oldest first. */
static firn_status list_commits(import_run *run, firn_error *err)
{
    const char *words[] = {"rev-list", "--first-parent", "--reverse", NULL, "--", NULL};
    char *ref = NULL;
    firn_buf text = {0};
    firn_status status;
    const char *at;

    if (asprintf(&ref, "refs/heads/%s", run->branch) < 0)
        abort();
    words[3] = ref;
    status = tool_git_read(run->import.git, words, true, &text, err);
    if (status == FIRN_ENOTFOUND)
        status = tool_fail(err, FIRN_ENOTFOUND, "git branch not found: %s", run->branch);
    for (at = text.data; status == FIRN_OK && *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n') {
        tool_oid oid;

        if (!tool_git_oid_parse(run->import.git, (firn_slice){at, strcspn(at, "\n")}, &oid))
            status = tool_fail(err, FIRN_EIO, "git rev-list: unexpected line");
        else
            add_oid(&run->wanted, &oid);
    }
    free(text.data);
    free(ref);
    return status;
}

/** Takes a commit or a rewriting from an event into the recorded line. */
static firn_status take_event(import_run *run, const firn_run_event *event, firn_error *err)
{
    bool is_commit = event->kind.size == 6 && memcmp(event->kind.data, "commit", 6) == 0;
    tool_member members[] = {
        {"sha", is_commit, {NULL, 0}}, {"manifest", is_commit, {NULL, 0}}, {"kept", !is_commit, {NULL, 0}}};
    firn_buf sha = {0};
    firn_buf manifest = {0};
    uint8_t digest[FIRN_DIGEST_SIZE];
    tool_oid oid;
    uint64_t kept = 0;
    firn_status status;

    if (!is_commit && (event->kind.size != 16 || memcmp(event->kind.data, "branch_rewritten", 16) != 0))
        return FIRN_OK;
    status = tool_members_read(event->payload, "payload", members, 3, err);
    if (status == FIRN_OK && !is_commit) {
        status = tool_value_number(&members[2], &kept, err);
        if (status == FIRN_OK && kept < run->recorded.count)
            run->recorded.count = kept;
        return status;
    }
    if (status == FIRN_OK)
        status = tool_value_string(&members[0], &sha, err);
    if (status == FIRN_OK)
        status = tool_value_string(&members[1], &manifest, err);
    if (status == FIRN_OK && !tool_git_oid_parse(run->import.git, (firn_slice){sha.data, sha.size}, &oid))
        status = tool_fail(err, FIRN_EINVAL, "invalid sha: %.80s", (const char *)sha.data);
    if (status == FIRN_OK)
        status = firn_digest_parse((firn_slice){manifest.data, manifest.size}, digest, err);
    if (status == FIRN_OK) {
        add_oid(&run->recorded, &oid);
        tool_oid_map_put(&run->manifests, &oid, digest);
    }
    firn_buf_free(&sha);
    firn_buf_free(&manifest);
    return status;
}

static firn_status read_recorded(import_run *run, firn_view *view, firn_error *err)
{
    firn_run_events *events = NULL;
    firn_run_event event;
    firn_status status = firn_run_events_open(view, tool_slice(run->run_id), NULL, &events, err);

    run->is_new = status == FIRN_ENOTFOUND;
    if (run->is_new)
        return FIRN_OK;
    while (status == FIRN_OK && (status = firn_run_events_next(events, &event, err)) == FIRN_OK) {
        status = take_event(run, &event, err);
        if (status < 0)
            tool_wrap(err, status, "event %" PRIu64 " of run %s", event.event_seq, run->run_id);
    }
    firn_run_events_close(events);
    return status < 0 ? status : FIRN_OK;
}

/** The newest release of each label. */
static firn_status read_releases(import_run *run, firn_view *view, firn_error *err)
{
    firn_buf buf = {0};
    firn_release release = {.release_number = 0};
    firn_status status = FIRN_OK;

    while (release.release_number != 1) {
        label_row *labels;
        bool known = false;

        status = firn_release_history(view, tool_slice(run->release), release.release_number, &buf, &release, err);
        if (status != FIRN_OK)
            break;
        if (release.version_label.data == NULL)
            continue;
        for (size_t i = 0; i < run->labels_count && !known; i++)
            known = strlen(run->labels[i].label) == release.version_label.size &&
                    memcmp(run->labels[i].label, release.version_label.data, release.version_label.size) == 0;
        if (known)
            continue;
        labels = realloc(run->labels, (run->labels_count + 1) * sizeof *labels);
        if (labels == NULL)
            abort();
        run->labels = labels;
        labels += run->labels_count++;
        labels->label = copy_text(release.version_label.data, release.version_label.size);
        labels->notes = copy_text(release.notes.size > 0 ? release.notes.data : "", release.notes.size);
        memcpy(labels->digest, release.spec_digest, sizeof labels->digest);
    }
    firn_buf_free(&buf);
    return status < 0 ? status : FIRN_OK;
}

/** Creates the run, or finds it with the same origin. */
static firn_status create_run(import_run *run, firn_error *err)
{
    tool_json_text spec = {0};
    firn_content_put_result put;
    firn_run_args args = {.struct_size = sizeof args,
                          .run_id = tool_slice(run->run_id),
                          .spec_digest = put.digest,
                          .agent_name = tool_slice("git")};
    firn_status status;

    tool_json_text_raw(&spec, "{");
    tool_json_text_member(&spec, "branch", tool_slice(run->branch));
    tool_json_text_member(&spec, "git", tool_slice(run->origin));
    tool_json_text_raw(&spec, "}");
    status = firn_content_put(run->import.ledger, tool_json_text_slice(&spec), NULL, &put, err);
    if (status == FIRN_OK)
        status = firn_run_create(run->import.ledger, &args, NULL, err);
    tool_json_text_done(&spec);
    return status;
}

static size_t common_count(const commit_line *a, const commit_line *b)
{
    size_t count = 0;

    while (count < a->count && count < b->count && memcmp(&a->oids[count], &b->oids[count], sizeof a->oids[0]) == 0)
        count++;
    return count;
}

static void put_oid(const import_run *run, tool_json_text *text, const char *key, const commit_line *line, size_t count)
{
    char name[TOOL_OID_TEXT_SIZE];

    if (count == 0) {
        tool_wire_string(text, key, (firn_slice){NULL, 0});
        return;
    }
    tool_git_oid_text(run->import.git, &line->oids[count - 1], name);
    tool_wire_string(text, key, tool_slice(name));
}

/** The branch does not go on from what is recorded: says what was kept, and what is gone. */
static firn_status record_rewriting(import_run *run, size_t kept, firn_error *err)
{
    tool_json_text text = {0};
    firn_run_event event = {.auto_seq = 1, .kind = tool_slice("branch_rewritten"), .timestamp = tool_time_now()};
    firn_status status;

    tool_json_text_raw(&text, "{");
    put_oid(run, &text, "from", &run->recorded, run->recorded.count);
    put_oid(run, &text, "to", &run->wanted, run->wanted.count);
    put_oid(run, &text, "base", &run->recorded, kept);
    tool_wire_number(&text, "kept", kept);
    tool_wire_number(&text, "dropped", run->recorded.count - kept);
    tool_json_text_raw(&text, "}");
    event.payload = tool_json_text_slice(&text);
    status = firn_run_append(run->import.ledger, tool_slice(run->run_id), &event, 1, NULL, NULL, err);
    tool_json_text_done(&text);
    run->rewritten = true;
    return status;
}

/** Puts what a commit consists of and writes the payload of its event. */
static firn_status import_commit(import_run *run, const tool_oid *oid, tool_json_text *payload, firn_time *out_time,
                                 firn_error *err)
{
    tool_import *import = &run->import;
    char name[TOOL_OID_TEXT_SIZE];
    uint8_t manifest[FIRN_DIGEST_SIZE];
    uint8_t content[FIRN_DIGEST_SIZE];
    firn_buf buf = {0};
    tool_git_object object;
    tool_commit commit;
    firn_status status;

    tool_git_oid_text(import->git, oid, name);
    status = tool_git_object_read(import->git, name, &buf, &object, err);
    if (status == FIRN_OK)
        status = tool_commit_read(import->git, object.data, &commit, err);
    if (status == FIRN_OK)
        status = tool_import_tree(import, &commit.tree, manifest, err);
    if (status == FIRN_OK)
        status = tool_import_content(import, object.data, content, err);
    if (status == FIRN_OK) {
        tool_commit_payload(import->git, oid, &commit, manifest, content, payload);
        *out_time = tool_commit_time(&commit);
        tool_oid_map_put(&run->manifests, oid, manifest);
    } else {
        tool_wrap(err, status, "commit %s", name);
    }
    free(buf.data);
    return status;
}

/** Imports commits and appends their events, their contents first. */
static firn_status import_commits(import_run *run, size_t first, size_t count, firn_error *err)
{
    firn_run_event events[EVENTS_MAX];
    tool_json_text payloads[EVENTS_MAX] = {{0}};
    firn_status status = FIRN_OK;

    for (size_t i = 0; i < count && status == FIRN_OK; i++) {
        events[i] = (firn_run_event){.auto_seq = 1, .kind = tool_slice("commit")};
        status = import_commit(run, &run->wanted.oids[first + i], &payloads[i], &events[i].timestamp, err);
        events[i].payload = tool_json_text_slice(&payloads[i]);
    }
    if (status == FIRN_OK)
        status = tool_import_finish(&run->import, err);
    if (status == FIRN_OK)
        status = firn_run_append(run->import.ledger, tool_slice(run->run_id), events, count, NULL, NULL, err);
    if (status == FIRN_OK)
        run->commits += count;
    for (size_t i = 0; i < count; i++)
        tool_json_text_done(&payloads[i]);
    return status;
}

static firn_status import_branch(import_run *run, firn_error *err)
{
    size_t kept = common_count(&run->recorded, &run->wanted);
    firn_status status = FIRN_OK;

    if (kept < run->recorded.count)
        status = record_rewriting(run, kept, err);
    for (size_t first = kept; first < run->wanted.count && status == FIRN_OK; first += EVENTS_MAX) {
        size_t left = run->wanted.count - first;

        status = import_commits(run, first, left < EVENTS_MAX ? left : EVENTS_MAX, err);
    }
    return status;
}

/** Is the newest release with this label the one that the tag stands for? */
static bool is_promoted(const import_run *run, const char *label, const uint8_t *digest, const char *notes)
{
    for (size_t i = 0; i < run->labels_count; i++)
        if (strcmp(run->labels[i].label, label) == 0)
            return memcmp(run->labels[i].digest, digest, FIRN_DIGEST_SIZE) == 0 &&
                   strcmp(run->labels[i].notes, notes) == 0;
    return false;
}

/** A tag promotes the manifest of the tree that it stands for; a tag of something else than a commit is passed over. */
static firn_status import_tag(import_run *run, const char *label, firn_error *err)
{
    uint8_t manifest[FIRN_DIGEST_SIZE];
    const uint8_t *known;
    firn_release_args args = {.struct_size = sizeof args,
                              .name = tool_slice(run->release),
                              .spec_digest = manifest,
                              .version_label = tool_slice(label),
                              .promoted_by = tool_slice("git")};
    char sha[TOOL_OID_TEXT_SIZE];
    char notes[TOOL_OID_TEXT_SIZE + 8];
    char *name = NULL;
    firn_buf buf = {0};
    tool_git_object object;
    tool_commit commit;
    firn_status status;

    if (asprintf(&name, "refs/tags/%s^{commit}", label) < 0)
        abort();
    status = tool_git_object_read(run->import.git, name, &buf, &object, err);
    free(name);
    if (status == FIRN_ENOTFOUND)
        return FIRN_OK;
    if (status == FIRN_OK)
        status = tool_commit_read(run->import.git, object.data, &commit, err);
    if (status < 0)
        goto out;
    known = tool_oid_map_get(&run->manifests, &object.oid);
    if (known != NULL)
        memcpy(manifest, known, sizeof manifest);
    else
        status = tool_import_tree(&run->import, &commit.tree, manifest, err);
    tool_git_oid_text(run->import.git, &object.oid, sha);
    snprintf(notes, sizeof notes, "commit %s", sha);
    args.notes = tool_slice(notes);
    if (status < 0 || is_promoted(run, label, manifest, notes))
        goto out;
    status = tool_import_finish(&run->import, err);
    if (status == FIRN_OK)
        status = firn_release_promote(run->import.ledger, &args, NULL, err);
    run->releases += status == FIRN_OK;
out:
    free(buf.data);
    return status < 0 ? tool_wrap(err, status, "tag %s", label) : FIRN_OK;
}

/** All tags, the oldest first, so that the newest is in force. */
static firn_status import_tags(import_run *run, firn_error *err)
{
    static const char *const words[] = {"for-each-ref", "--sort=creatordate", "--format=%(refname)", "refs/tags", NULL};
    static const char prefix[] = "refs/tags/";
    firn_buf text = {0};
    firn_status status = tool_git_read(run->import.git, words, false, &text, err);

    for (char *at = text.data; status == FIRN_OK && *at != '\0';) {
        size_t size = strcspn(at, "\n");
        char *next = at + size + (at[size] == '\n');

        at[size] = '\0';
        if (strncmp(at, prefix, sizeof prefix - 1) == 0)
            status = import_tag(run, at + sizeof prefix - 1, err);
        at = next;
    }
    free(text.data);
    return status;
}

/** A tool_acknowledged_fn: what counts is that all are. */
static void acknowledged(void *arg, const firn_receipt *receipt)
{
    (void)arg;
    (void)receipt;
}

static firn_status import_all(import_run *run, firn_error *err)
{
    firn_options options;
    firn_view *view = NULL;
    firn_status status = tool_git_open(run->call->operands[0], &run->import.git, err);

    if (status == FIRN_OK)
        status = find_names(run, err);
    if (status == FIRN_OK)
        status = list_commits(run, err);
    if (status == FIRN_OK)
        status = tool_open_options(run->call, FIRN_OPEN_WRITE, &options, err);
    if (status < 0)
        return status;
    status = tool_open_with(run->call, &options, &run->import.ledger, err);
    if (status == FIRN_OK)
        status = firn_batch_new(run->import.ledger, &run->import.batch, err);
    if (status == FIRN_OK)
        status = tool_sender_new(run->import.ledger, 8, acknowledged, NULL, &run->import.sender, err);
    if (status == FIRN_OK)
        status = create_run(run, err);
    if (status == FIRN_OK)
        status = firn_view_open(run->import.ledger, &view, err);
    if (status == FIRN_OK)
        status = read_recorded(run, view, err);
    if (status == FIRN_OK)
        status = read_releases(run, view, err);
    firn_view_close(view);
    if (status == FIRN_OK)
        status = import_branch(run, err);
    if (status == FIRN_OK)
        status = import_tags(run, err);
    return status;
}

/** Brings what is under way to its end, whatever happened before. */
static firn_status finish(import_run *run, firn_status status, firn_error *err)
{
    firn_error late;
    firn_status finished = FIRN_OK;

    if (run->import.sender != NULL)
        finished =
            status == FIRN_OK ? tool_import_finish(&run->import, &late) : tool_sender_finish(run->import.sender, &late);
    if (status < 0 || finished == FIRN_OK)
        return status;
    *err = late;
    return finished;
}

static void report(const import_run *run)
{
    tool_json_text text = {0};

    if (!run->call->json) {
        printf("%s: %" PRIu64 " commits imported of %zu, %" PRIu64 " contents of %" PRIu64 " bytes read%s; %s: %" PRIu64
               " releases\n",
               run->run_id, run->commits, run->wanted.count, run->import.contents, run->import.bytes,
               run->rewritten ? ", the branch was rewritten" : "", run->release, run->releases);
        return;
    }
    tool_json_text_raw(&text, "{");
    tool_wire_string(&text, "run_id", tool_slice(run->run_id));
    tool_json_text_member(&text, "branch", tool_slice(run->branch));
    tool_json_text_member(&text, "git", tool_slice(run->origin));
    put_oid(run, &text, "head", &run->wanted, run->wanted.count);
    tool_wire_number(&text, "commits", run->commits);
    tool_wire_number(&text, "commits_total", run->wanted.count);
    tool_wire_number(&text, "contents", run->import.contents);
    tool_wire_number(&text, "bytes", run->import.bytes);
    tool_wire_bool(&text, "rewritten", run->rewritten);
    tool_json_text_member(&text, "release", tool_slice(run->release));
    tool_wire_number(&text, "releases", run->releases);
    tool_json_text_raw(&text, "}");
    tool_wire_print(&text);
    tool_json_text_done(&text);
}

static void free_all(import_run *run)
{
    tool_sender_free(run->import.sender);
    firn_batch_free(run->import.batch);
    tool_git_close(run->import.git);
    tool_oid_map_done(&run->import.known);
    tool_oid_map_done(&run->manifests);
    for (size_t i = 0; i < run->labels_count; i++) {
        free(run->labels[i].label);
        free(run->labels[i].notes);
    }
    free(run->labels);
    free(run->recorded.oids);
    free(run->wanted.oids);
    free(run->branch);
    free(run->origin);
    free(run->run_id);
    free(run->release);
}

int tool_cmd_import_git(tool_call *call)
{
    /* A repository that the environment names would be read in place of the one asked for. */
    static const char *const variables[] = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"};
    import_run run = {.call = call};
    firn_error err;
    firn_error late;
    firn_status status;
    int code = TOOL_EXIT_OK;

    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        unsetenv(variables[i]);
    status = finish(&run, import_all(&run, &err), &err);
    if (status < 0) {
        tool_wrap(&err, status, "import git");
        code = tool_error_report(&err, call->json);
    } else {
        report(&run);
    }
    free_all(&run);
    if (firn_close(run.import.ledger, &late) < 0 && status == FIRN_OK)
        code = tool_error_report(&late, call->json);
    return code;
}
