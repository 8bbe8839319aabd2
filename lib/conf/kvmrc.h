/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kvmrc.h - the parameters of kvmrc by name and type, with their defaults.
 *
 * A parameter comes from the file, else from the environment, else it has its
 * default. Names that are not in the table stay in the environment of children.
 * Source: docs/facts/kvmrc.md 1.
 */
#ifndef CONF_KVMRC_H
#define CONF_KVMRC_H

#include "base/error.h"

typedef struct conf_kvmrc ConfKvmrc;

/*
 * Reads PATH; a shell evaluates what is not a plain assignment. Never fails: a missing or invalid
 * value becomes a warning, and the default is used.
 */
ConfKvmrc *conf_kvmrc_load(const char *path);

/*
 * The same of a file that the user has named: NULL with ERROR set, VMM_ERROR_CONFIG, when that
 * cannot be read.
 */
ConfKvmrc *conf_kvmrc_load_named(const char *path, GError **error);

void conf_kvmrc_free(ConfKvmrc *rc);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConfKvmrc, conf_kvmrc_free)

/*
 * The value of the parameter NAME, which must be in the table; NULL when it is
 * unset and has no default. Of a number, its text once it is in its range.
 * Borrowed.
 */
const char *conf_kvmrc_string(const ConfKvmrc *rc, const char *name);

/* For a switch: yes, true, on or 1 in any case. */
bool conf_kvmrc_bool(const ConfKvmrc *rc, const char *name);

/* For a number; 0 when it is unset and has no default. */
gint64 conf_kvmrc_int(const ConfKvmrc *rc, const char *name);

/* Total number of attempts. VIRSH_TRIES, the deprecated name, overrides VIRSH_RETRIES. */
gint64 conf_kvmrc_tries(const ConfKvmrc *rc);

/* The words that run TOOL: those of parameter NAME (such as QEMU_IMG), else TOOL itself. */
char **conf_kvmrc_command(const ConfKvmrc *rc, const char *name, const char *tool);

/* The name of the I-th parameter of the table; NULL after the last. */
const char *conf_kvmrc_name(size_t i);

/* What was wrong, for the log. NULL-terminated; borrowed. */
const char *const *conf_kvmrc_warnings(const ConfKvmrc *rc);

/* A copy of our environment with the exported variables of the file. Caller: g_strfreev(). */
char **conf_kvmrc_environ(const ConfKvmrc *rc);

#endif
