/* SPDX-License-Identifier: Apache-2.0 */
/* host_table.h - the answers of all hosts, for people and for programs. */
#ifndef KVM_HOST_CHECK_HOST_TABLE_H
#define KVM_HOST_CHECK_HOST_TABLE_H

#include "host_answer.h"

/*
 * The part of the table for one host: a line if it has no fault, else a line for each fault, with
 * the commands that cure it below; VERBOSE: a line for each check. WIDTH: of the longest name of a
 * host. The caller frees.
 */
char *host_table_host(const struct host_answer *answer, int width, bool verbose);

/* The table's end: what stands between PAIRS (or NULL), how many are fit. The caller frees. */
char *host_table_end(const GPtrArray *answers, const GPtrArray *pairs, int width);

/* {"result", "hosts": [{"host", "result", "error" or what host_check said}], "pairs"}. */
char *host_table_json(const GPtrArray *answers, const GPtrArray *pairs);

/* The worst result: a fault is worse than an unknown result, which is worse than a warning. */
enum host_verdict host_table_worst(const GPtrArray *answers, const GPtrArray *pairs);

#endif
