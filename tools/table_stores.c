/* SPDX-License-Identifier: Apache-2.0 */
/* table_stores.c — rows of the command table for content, runs, releases and imports: their options and examples. */
#include "tools/table_stores.h"

const tool_option tool_no_options[] = {END_OF_OPTIONS};

const tool_option tool_put_options[] = {
    {"create", 0, NULL, "Make the ledger if there is none.", NULL},
    END_OF_OPTIONS,
};

const tool_option tool_get_options[] = {
    {"output", 'o', "FILE", "Write to this file.", NULL},
    {"check", 0, NULL, "Compute the digest of what is read and compare it.", NULL},
    END_OF_OPTIONS,
};

const tool_option tool_has_options[] = {
    END_OF_OPTIONS,
};

const tool_option tool_run_create_options[] = {
    {"run", 0, "ID", "The id, 1 to 255 bytes. Default: a new UUID.", NULL},
    {"spec-digest", 0, "DIGEST", "The digest of what the run was started with; need not be content.", NULL},
    {"spec", 0, "FILE", "Put this file as content, and take its digest.", NULL},
    {"agent", 0, "NAME", "Who runs. Default: empty.", NULL},
    {"git-sha", 0, "SHA", "The commit that runs.", NULL},
    {"tags", 0, "JSON", "Any JSON value, kept as it is. Default: null.", NULL},
    {"evaluation", 0, "JSON", "{\"rubricPath\":...,\"isPromotionGate\":...,\"agentPhase\":...}.", NULL},
    {"object", 0, "FILE",
     "Take all from a JSON object, {\"run_id\":...,\"spec_digest\":...,\"metadata\":{...}}; - is standard input.",
     NULL},
    END_OF_OPTIONS,
};

const tool_option tool_run_append_options[] = {
    {"kind", 'k', "KIND", "Append one event of this kind.", NULL},
    {"seq", 0, "N", "Its number. Default: the highest so far plus 1.", NULL},
    {"time", 0, "TIME", "Its time, as 2026-01-02T03:04:05Z. Default: now.", NULL},
    {"payload", 0, "JSON", "Its payload.", NULL},
    {"payload-file", 0, "FILE", "A file with its payload.", NULL},
    {"batch", 'b', "N", "Lines of one batch, which is there whole or not at all. Default 1000.", NULL},
    END_OF_OPTIONS,
};

const tool_option tool_run_end_options[] = {
    {"total-events", 0, "N", "Events, as the caller counts them. Default: those stored.", NULL},
    {"duration-ms", 0, "N", "How long it took. Default: since the run was created.", NULL},
    {"final-state", 0, "DIGEST", "The digest of the final state.", NULL},
    {"success", 0, "WORD", "false or true.", "false true"},
    {"summary", 0, "FILE", "Take the summary from a JSON object; - is standard input.", NULL},
    END_OF_OPTIONS,
};

const tool_option tool_run_events_options[] = {
    {"from", 0, "N", "The lowest number.", NULL},
    {"to", 0, "N", "The highest number.", NULL},
    {"kind", 'k', "KIND",
     "Only events of this kind; with * at its end of all kinds that begin so. May stand several times.", NULL},
    {"tail", 'n', "N", "Only the last N.", NULL},
    {"limit", 0, "N", "At most N events.", NULL},
    {"reverse", 0, NULL, "From the highest number down.", NULL},
    END_OF_OPTIONS,
};

const tool_option tool_run_list_options[] = {
    {"spec-digest", 0, "DIGEST", "Only runs of this spec.", NULL},
    {"agent", 0, "NAME", "Only runs of this agent.", NULL},
    {"git-sha", 0, "SHA", "Only runs of this commit.", NULL},
    {"status", 0, "STATUS", "Only runs of this status. May stand several times.", "RUNNING COMPLETED FAILED CANCELLED"},
    {"created-from", 0, "TIME", "Created then or later.", NULL},
    {"created-to", 0, "TIME", "Created before then.", NULL},
    {"limit", 0, "N", "At most N runs, 1 to 10000.", NULL},
    {"cursor", 0, "CURSOR", "Go on where a listing under the same conditions ended.", NULL},
    END_OF_OPTIONS,
};

const tool_option tool_run_record_options[] = {
    {"agent", 0, "NAME", "Who runs. Default: the name of the command.", NULL},
    {"run", 0, "ID", "The id of the run; there must be none of that id. Default: a new UUID.", NULL},
    {"spec", 0, "FILE", "Put this file as content, and take its digest as the spec.", NULL},
    {"env", 0, "NAME", "Record this variable of the environment. May stand several times.", NULL},
    {"artifact", 0, "FILE", "Put this file as content when the command has ended. May stand several times.", NULL},
    {"tags", 0, "JSON", "Any JSON value, kept with the run. Default: null.", NULL},
    {"tell", 0, NULL, "Tell the id of the run on standard error when it has ended.", NULL},
    {"create", 0, NULL, "Make the ledger if there is none.", NULL},
    END_OF_OPTIONS,
};

const tool_option tool_release_promote_options[] = {
    {"label", 0, "LABEL", "The version that it is called by.", NULL},
    {"by", 0, "NAME", "Who promotes. Default: USER of the environment.", NULL},
    {"notes", 0, "TEXT", "What there is to say.", NULL},
    END_OF_OPTIONS,
};

const tool_option tool_release_history_options[] = {
    {"before", 0, "N", "Only releases with a lower number.", NULL},
    {"limit", 0, "N", "At most N releases.", NULL},
    END_OF_OPTIONS,
};

const tool_option tool_import_git_options[] = {
    {"branch", 0, "BRANCH", "The branch. Default: the one that is checked out.", NULL},
    {"name", 0, "NAME", "The release name that tags promote. Default: the name of the repository.", NULL},
    END_OF_OPTIONS,
};

const tool_example tool_put_examples[] = {
    {"firn put report.pdf", "Keep a file and print its digest."},
    {"tar c src | firn put -", "Keep what a program prints."},
    END_OF_EXAMPLES,
};

const tool_example tool_get_examples[] = {
    {"firn get $DIGEST -o report.pdf", "Give it back."},
    END_OF_EXAMPLES,
};

const tool_example tool_has_examples[] = {
    {"firn has $DIGEST && echo kept", "Ask before sending."},
    END_OF_EXAMPLES,
};

const tool_example tool_run_create_examples[] = {
    {"firn run create --spec spec.json --agent planner", "Create a run and print its id."},
    {"firn run create --run nightly-7 --spec spec.json", "Create it once, however often this is run."},
    END_OF_EXAMPLES,
};

const tool_example tool_run_append_examples[] = {
    {"firn run append $RUN --kind tool_called --payload '{\"tool_name\":\"grep\"}'", "Append one event."},
    {"firn run append $RUN events.jsonl", "Append many."},
    END_OF_EXAMPLES,
};

const tool_example tool_run_complete_examples[] = {
    {"firn run complete $RUN", "End a run."},
    {"firn run complete $RUN --final-state $DIGEST", "End it with its result."},
    END_OF_EXAMPLES,
};

const tool_example tool_run_fail_examples[] = {
    {"firn run fail $RUN", "End a run that failed."},
    END_OF_EXAMPLES,
};

const tool_example tool_run_cancel_examples[] = {
    {"firn run cancel $RUN", "End a run that is not to go on."},
    END_OF_EXAMPLES,
};

const tool_example tool_run_show_examples[] = {
    {"firn --json run show $RUN", "The RunRecord."},
    END_OF_EXAMPLES,
};

const tool_example tool_run_events_examples[] = {
    {"firn run events $RUN --kind \"stderr*\"", "What a recorded command said on standard error."},
    {"firn --json run events $RUN --tail 20", "The last events, for a program."},
    END_OF_EXAMPLES,
};

const tool_example tool_run_list_examples[] = {
    {"firn run list --status RUNNING", "What is going on."},
    {"firn --json run list --limit 10", "The ten newest, and where to go on."},
    END_OF_EXAMPLES,
};

const tool_example tool_run_record_examples[] = {
    {"firn run record -- make -j8", "Record a build."},
    {"firn run record --agent ci --env CC --artifact build/app -- ninja -C build",
     "Record what it was built with and what came of it."},
    END_OF_EXAMPLES,
};

const tool_example tool_release_promote_examples[] = {
    {"firn release promote app $DIGEST --label 1.2.0", "Release what was built."},
    END_OF_EXAMPLES,
};

const tool_example tool_release_current_examples[] = {
    {"firn release current app", "What is in force."},
    END_OF_EXAMPLES,
};

const tool_example tool_release_history_examples[] = {
    {"firn release history app", "What was in force before."},
    END_OF_EXAMPLES,
};

const tool_example tool_import_git_examples[] = {
    {"firn import git .", "Keep the history of this repository."},
    END_OF_EXAMPLES,
};
