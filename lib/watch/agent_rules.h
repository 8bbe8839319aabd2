/* SPDX-License-Identifier: Apache-2.0 */
/* agent_rules.h - OpenNebula's settings of the states on a host, probe_db.conf. */
#ifndef WATCH_AGENT_RULES_H
#define WATCH_AGENT_RULES_H

#include "watch/watch_agent.h"

/*
 * Reads ":times_missing:" (5) and our own ":poweroff_at_once:" (no), ":strict:" (no) and
 * ":metrics:" (a path, none) of the file PATH into RET. A file that is not there has the defaults.
 * VMM_ERROR_CONFIG: a value is wrong.
 */
bool agent_rules_read(struct agent_rules *ret, const char *path, GError **error);

#endif
