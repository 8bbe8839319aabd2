/* SPDX-License-Identifier: Apache-2.0 */
#include "action/process.h"

enum { LIMIT_MS = 60000 };

char **process_argv(const struct action_ctx *ctx, const char *name, const char *tool,
		    const char *const *words)
{
	g_auto(GStrv) command = conf_kvmrc_command(ctx->rc, name, tool);
	GPtrArray *argv = g_ptr_array_new();

	for (char **w = command; *w; w++)
		g_ptr_array_add(argv, g_strdup(*w));
	for (; *words; words++)
		g_ptr_array_add(argv, g_strdup(*words));
	g_ptr_array_add(argv, NULL);

	return (char **)g_ptr_array_free(argv, FALSE);
}

/* Takes WORDS, the command line. */
static bool run(const struct action_ctx *ctx, char **words, unsigned limit_ms,
		struct child_result *ret, GError **error)
{
	g_auto(GStrv) argv = words;
	g_auto(GStrv) env = conf_kvmrc_environ(ctx->rc);
	struct child_spec spec = { .argv = (const char *const *)argv,
				   .env = (const char *const *)env, .timeout_ms = limit_ms };

	return child_run(&spec, ret, error);
}

bool process_run(const struct action_ctx *ctx, const char *name, const char *tool,
		 const char *const *words, struct child_result *ret, GError **error)
{
	return run(ctx, process_argv(ctx, name, tool, words), action_left_ms(ctx, LIMIT_MS), ret,
		   error);
}

bool process_run_long(const struct action_ctx *ctx, const char *name, const char *tool,
		      const char *const *words, struct child_result *ret, GError **error)
{
	return run(ctx, process_argv(ctx, name, tool, words), action_left_ms(ctx, G_MAXINT), ret,
		   error);
}
