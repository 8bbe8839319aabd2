/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rc.h - configuration files in shell syntax: kvmrc, vmm_execrc, defaultrc and
 * the NAME=value file that oned writes.
 *
 * What is plain is parsed here; a file that holds an instruction is evaluated
 * once by the system's shell, as its users were promised.
 * Source: docs/facts/kvmrc.md 2 to 4, protocol.md 1.
 */
#ifndef CONF_RC_H
#define CONF_RC_H

#include "base/error.h"

enum conf_rc_flags {
	CONF_RC_PLAIN = 0,
	CONF_RC_INSTRUCTIONS = 1 << 0,	/* a shell may evaluate what is not plain */
	CONF_RC_OPTIONAL = 1 << 1,	/* a missing file is an empty one */
};

typedef struct conf_rc ConfRc;

/*
 * Reads PATH. What can be used in spite of a fault is used, as a shell would:
 * see conf_rc_warnings(). NULL with VMM_ERROR_CONFIG when the file cannot be read.
 */
ConfRc *conf_rc_load(const char *path, enum conf_rc_flags flags, GError **error);

void conf_rc_free(ConfRc *rc);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConfRc, conf_rc_free)

/* NAME's value; NULL when it is unset or empty. Borrowed. */
const char *conf_rc_get(const ConfRc *rc, const char *name);

/*
 * "FILE:LINE:COLUMN: … 'TOKEN'": faults of syntax, failed instructions, instructions that
 * were not allowed. NULL-terminated, perhaps empty; borrowed.
 */
const char *const *conf_rc_warnings(const ConfRc *rc);

/*
 * A copy of environment ENVP (NULL-terminated) with the exported variables of RC set in
 * it; with ALL, all of its variables. The caller frees with g_strfreev().
 */
char **conf_rc_environ(const ConfRc *rc, const char *const *envp, bool all);

#endif
