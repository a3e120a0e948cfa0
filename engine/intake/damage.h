/* SPDX-License-Identifier: Apache-2.0 */
/* damage.h — FIRN_ECORRUPT about a record that a store cannot apply. */
#ifndef FRN_INTAKE_DAMAGE_H
#define FRN_INTAKE_DAMAGE_H

#include "format/record.h"

/** Its body is not what its kind demands. */
firn_status frn_body_bad(firn_error *err, const fmt_record *record, fmt_verdict verdict) FIRN_NODISCARD;
/** It does not fit the rows before it. */
firn_status frn_contradicts(firn_error *err, const fmt_record *record, const char *what) FIRN_NODISCARD;

#endif
