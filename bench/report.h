/* SPDX-License-Identifier: Apache-2.0 */
/* report.h — print results of the benchmark: a table for people, JSON lines for programs. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench/bench.h"

void bench_report_head(const bench_case *setting);
void bench_report_row(const bench_result *result);
void bench_report_json(const bench_result *result);

#endif
