/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/vtpm_note.h"

#include <unistd.h>

#include "action/other_host.h"

static const char env[] = "/usr/bin/env";

char *vtpm_note_path(const char *directory, bool is_to)
{
	return g_build_filename(directory, "tpm", is_to ? ".host.to" : ".host", NULL);
}

void vtpm_note_read(const char *directory, struct vtpm_note *ret)
{
	g_autofree char *host = vtpm_note_path(directory, false);
	g_autofree char *to = vtpm_note_path(directory, true);

	ret->host = g_file_read_link(host, NULL);
	ret->to = g_file_read_link(to, NULL);
}

void vtpm_note_clear(struct vtpm_note *note)
{
	g_clear_pointer(&note->host, g_free);
	g_clear_pointer(&note->to, g_free);
}

/* The link .host or .host.to in DIRECTORY on AT (NULL: here) says HOST from now on. */
static bool put_link(const struct action_ctx *ctx, const char *at, const char *directory,
		     bool is_to, const char *host, GError **error)
{
	g_autofree char *dir = g_build_filename(directory, "tpm", NULL);
	g_autofree char *link = vtpm_note_path(directory, is_to);
	const char *const make[] = { "mkdir", "-p", "-m", "700", "--", dir, NULL };
	const char *const words[] = { "ln", "-sfn", "--", host, link, NULL };

	if (!other_host_run(ctx, at, env, make, error))
		return false;

	return other_host_run(ctx, at, env, words, error);
}

bool vtpm_note_write(const struct action_ctx *ctx, const char *at, const char *directory,
		     const char *host, GError **error)
{
	g_autofree char *to = vtpm_note_path(directory, true);
	const char *const forget[] = { "rm", "-f", "--", to, NULL };

	if (!put_link(ctx, at, directory, false, host, error))
		return false;

	return other_host_run(ctx, at, env, forget, error);
}

bool vtpm_note_host(const struct action_ctx *ctx, const char *directory, const char *host,
		    GError **error)
{
	return put_link(ctx, NULL, directory, false, host, error);
}

bool vtpm_note_move(const struct action_ctx *ctx, const char *directory, const char *from,
		    const char *to, GError **error)
{
	/* A move before may have ended without its note. */
	if (from && !vtpm_note_host(ctx, directory, from, error))
		return false;

	return put_link(ctx, NULL, directory, true, to, error);
}

void vtpm_note_no_host(const char *directory)
{
	g_autofree char *host = vtpm_note_path(directory, false);

	unlink(host);
}

void vtpm_note_stayed(const char *directory)
{
	g_autofree char *to = vtpm_note_path(directory, true);

	unlink(to);
}

void vtpm_note_remove(const char *directory)
{
	vtpm_note_no_host(directory);
	vtpm_note_stayed(directory);
}
