/* SPDX-License-Identifier: Apache-2.0 */
/* exit.c — status to exit code, and the rows that help and the man page show about it. */
#include "tools/error.h"
#include "tools/table.h"

const tool_exit_row tool_exit_rows[] = {
    {0, "Done."},
    {1, "The answer is no: nothing found, or a verification or replay found a difference."},
    {2, "The request is wrong: usage, an invalid argument or input, something above a limit."},
    {3, "The ledger is corrupt, written by a newer version, or there is none."},
    {4, "The machine refused: input or output, space or memory; or the ledger was poisoned by such a failure."},
    {5, "In the way: another writer, something that exists already, a conflict, a state, permissions."},
    {125, "firn run record: the recording could not start, and nothing was run."},
    {126, "firn run record: the command could not be started; 127: it was not found."},
    {128, "128 + N: ended by signal N; what was acknowledged before stays."},
    {0, NULL},
};

int tool_exit_code(firn_status status, uint16_t detail)
{
    switch (status) {
    case FIRN_ENOTFOUND:
        return detail == FIRN_DETAIL_NOT_A_LEDGER ? TOOL_EXIT_LEDGER : TOOL_EXIT_NO;
    case FIRN_EINVARIANT:
        return TOOL_EXIT_NO;
    case FIRN_EINVAL:
    case FIRN_ETOOBIG:
        return TOOL_EXIT_USAGE;
    case FIRN_ECORRUPT:
    case FIRN_ENEWER:
        return TOOL_EXIT_LEDGER;
    case FIRN_EIO:
    case FIRN_ENOSPC:
    case FIRN_ENOMEM:
    case FIRN_EPOISONED:
        return TOOL_EXIT_SYSTEM;
    case FIRN_EBUSY:
    case FIRN_EEXISTS:
    case FIRN_ECONFLICT:
    case FIRN_ESTATE:
    case FIRN_EACCES:
    case FIRN_EEXPIRED:
    case FIRN_EBEHIND:
        return TOOL_EXIT_STATE;
    default:
        return status < 0 ? TOOL_EXIT_SYSTEM : TOOL_EXIT_OK;
    }
}
