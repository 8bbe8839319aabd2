/* SPDX-License-Identifier: Apache-2.0 */
/*
 * other_host.h - runs programs on another host and copies files to it: over ssh, as our user.
 *
 * Source: docs/facts/actions.md 7; kvmrc.md, SSH.
 */
#ifndef ACTION_OTHER_HOST_H
#define ACTION_OTHER_HOST_H

#include "action/action.h"

/* The URI of HOST's libvirt, by QEMU_PROTOCOL of kvmrc. The caller frees. */
char *other_host_libvirt_uri(const struct action_ctx *ctx, const char *host);

/*
 * Runs PROGRAM (an absolute path on HOST; NULL: on this host) with WORDS there. ERROR names both
 * and has the last line that it wrote on stderr. True only when that host itself said that it
 * ended with status 0.
 */
bool other_host_run(const struct action_ctx *ctx, const char *host, const char *program,
		    const char *const *words, GError **error);

/* As other_host_run(); what it wrote on stdout. The caller frees; NULL: it failed. */
char *other_host_ask(const struct action_ctx *ctx, const char *host, const char *program,
		     const char *const *words, GError **error);

/*
 * As other_host_run(), for a program that answers by its status: 0 is RET_YES, 1 is not. False,
 * with ERROR: it could not be asked, or its answer was lost, which is neither.
 */
bool other_host_test(const struct action_ctx *ctx, const char *host, const char *program,
		     const char *const *words, bool *ret_yes, GError **error);

/*
 * Creates PATH on HOST, with TEXT in it. RET_MADE: whether it did; no: something has that name, or
 * it cannot be made. False, with ERROR: it could not be asked, or its answer was lost.
 */
bool other_host_make_file(const struct action_ctx *ctx, const char *host, const char *path,
			  const char *text, bool *ret_made, GError **error);

/* Whether PATH on HOST is a file with exactly TEXT in it: RET_HAS. As other_host_test(). */
bool other_host_has_file(const struct action_ctx *ctx, const char *host, const char *path,
			 const char *text, bool *ret_has, GError **error);

/* Both lists end with NULL. */
struct other_host_files {
	const char *const *paths;	/* on this host */
	const char *dir;		/* where they go */
	bool in_place;			/* into files that a process may have open there */
	const char *const *except;	/* left out, seen from the directories of PATHS; or NULL */
};

/* Copies FILES to HOST (NULL: to this one), as long as the action may take. */
bool other_host_copy(const struct action_ctx *ctx, const char *host,
		     const struct other_host_files *files, GError **error);

#endif
