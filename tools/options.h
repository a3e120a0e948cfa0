/* SPDX-License-Identifier: Apache-2.0 */
/* options.h — read command lines by the command table, and the values of options. */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include "firn.h"
#include "tools/commands.h"

/**
 * Read global options and the name of the command, then the command's own options, in which the global
 * ones may stand too. `firn COMMAND --help` becomes `firn help COMMAND`.
 * @return FIRN_OK, or FIRN_EINVAL with a text that names the option.
 */
firn_status tool_options_parse(int argc, char **argv, tool_call *out_call, firn_error *err) FIRN_NODISCARD;

/** The value of an option of the command, NULL if it was not given. The name must be in the table. */
const char *tool_option_text(const tool_call *call, const char *name);
bool tool_option_given(const tool_call *call, const char *name);
/** Each value of an option that may stand several times: start with *position 0; NULL behind the last. */
const char *tool_option_each(const tool_call *call, const char *name, int *position);

/** Values with their limits; *out_value is left alone when the option was not given. FIRN_EINVAL names the option. */
firn_status tool_option_number(const tool_call *call, const char *name, uint64_t min, uint64_t max, uint64_t *out_value,
                               firn_error *err) FIRN_NODISCARD;
/** Bytes: a number with K, M or G behind it (powers of 1024). */
firn_status tool_option_size(const tool_call *call, const char *name, uint64_t min, uint64_t max, uint64_t *out_value,
                             firn_error *err) FIRN_NODISCARD;
/** Nanoseconds: a number with ns, us, ms, s, m, h or d behind it; s if there is nothing. */
firn_status tool_option_duration(const tool_call *call, const char *name, uint64_t *out_ns,
                                 firn_error *err) FIRN_NODISCARD;
/** The position of the value among the option's choices. */
firn_status tool_option_choice(const tool_call *call, const char *name, unsigned *out_choice,
                               firn_error *err) FIRN_NODISCARD;

#endif
