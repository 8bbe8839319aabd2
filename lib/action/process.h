/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.h - programs of the host that actions run, by the names that kvmrc may
 * give them (SUDO, QEMU_IMG).
 *
 * Source: docs/facts/kvmrc.md 1.
 */
#ifndef ACTION_PROCESS_H
#define ACTION_PROCESS_H

#include "action/action.h"
#include "base/child.h"

/* TOOL, or the words of parameter NAME instead, and then WORDS. g_strfreev(). */
char **process_argv(const struct action_ctx *ctx, const char *name, const char *tool,
		    const char *const *words);

/* As process_run(), as long as the action may take. */
bool process_run_long(const struct action_ctx *ctx, const char *name, const char *tool,
		      const char *const *words, struct child_result *ret, GError **error);

/*
 * Runs process_argv() with the variables that kvmrc exports, for a minute at most. False:
 * it could not be started. RET is for child_result_check() and child_result_clear().
 */
bool process_run(const struct action_ctx *ctx, const char *name, const char *tool,
		 const char *const *words, struct child_result *ret, GError **error);

#endif
