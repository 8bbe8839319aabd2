#include "action/peer.h"

#include <unistd.h>

#include "action/tool.h"
#include "base/child.h"
#include "wire/ssh.h"

enum { LIMIT_MS = 60000, CONNECT_S = 15, ALIVE_S = 10, NOT_THERE = 42 };

static char *name_of(const char *program, const char *const *words)
{
	return g_str_equal(program, "/usr/bin/env") ? g_strdup(words[0]) :
	       g_path_get_basename(program);
}

static bool run(const struct action_ctx *ctx, const char *host, const char *program,
		const char *const *words, struct child_result *result, GError **error)
{
	g_auto(GStrv) command = conf_kvmrc_command(ctx->rc, "SSH", "ssh");
	g_autofree char *joined = g_strjoinv(" ", command);
	g_autofree char *mark = g_strdup_printf("vmmexec-%d", (int)getpid());
	struct wire_ssh ssh = { .command = joined, .shell = "sh", .mark = mark,
				.connect_timeout_s = CONNECT_S, .alive_interval_s = ALIVE_S };
	g_auto(GStrv) argv = wire_ssh_run(&ssh, host, WIRE_SSH_ALONE, NULL, program, words);
	struct child_spec spec = { .argv = (const char *const *)argv,
				   .timeout_ms = action_left_ms(ctx, LIMIT_MS) };
	g_autofree char *name = name_of(program, words);
	g_autofree char *what = g_strdup_printf("%s on %s", name, host);
	struct wire_ssh_marks marks;

	if (!child_run(&spec, result, error))
		return false;
	marks = wire_ssh_take_marks(mark, result->err);
	if (!marks.pid) {
		g_strchomp(result->err->str);
		vmm_fail(error, VMM_ERROR_CONNECTION, "%s: %s", what, *result->err->str ?
			 result->err->str : "the host does not answer");
		vmm_error_set_hint(error, "ssh to %s must work without a password", host);
		return false;
	}
	if (marks.status == NOT_THERE)
		return vmm_fail(error, VMM_ERROR_NOT_FOUND, "%s: it is not installed", what);
	return child_result_check(result, what, error);
}

bool peer_run(const struct action_ctx *ctx, const char *host, const char *program,
	      const char *const *words, GError **error)
{
	struct child_result result = { 0 };
	bool ok = run(ctx, host, program, words, &result, error);

	child_result_clear(&result);
	return ok;
}

char *peer_ask(const struct action_ctx *ctx, const char *host, const char *program,
	       const char *const *words, GError **error)
{
	struct child_result result = { 0 };
	char *text = NULL;

	if (run(ctx, host, program, words, &result, error))
		text = g_strdup(result.out->str);
	child_result_clear(&result);
	return text;
}

/* What rsync -e shall split into words again, by its own rules: blanks only. */
static char *remote_shell(const struct action_ctx *ctx)
{
	g_auto(GStrv) command = conf_kvmrc_command(ctx->rc, "SSH", "ssh");
	g_autofree char *joined = g_strjoinv(" ", command);

	return g_strdup_printf("%s -T -x -o BatchMode=yes -o ConnectTimeout=%d "
			       "-o ServerAliveInterval=%d -o ControlMaster=no -o ControlPath=none",
			       joined, CONNECT_S, ALIVE_S);
}

static char *target_of(const char *host, const char *dir)
{
	if (!host)
		return g_strdup_printf("%s/", dir);
	return g_strdup_printf(strchr(host, ':') ? "[%s]:%s/" : "%s:%s/", host, dir);
}

bool peer_bring(const struct action_ctx *ctx, const char *host, const char *const *paths,
		const char *dir, bool in_place, const char *const *except, GError **error)
{
	g_autofree char *shell = remote_shell(ctx);
	g_autofree char *target = target_of(host, dir);
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
	struct child_result result = { 0 };
	bool ok;

	g_ptr_array_add(words, g_strdup("-azs"));
	g_ptr_array_add(words, g_strdup(in_place ? "--inplace" : "--sparse"));
	g_ptr_array_add(words, g_strdup_printf("--rsh=%s", shell));
	for (; except && *except; except++)
		g_ptr_array_add(words, g_strdup_printf("--exclude=/%s", *except));
	g_ptr_array_add(words, g_strdup("--"));
	for (; *paths; paths++)
		g_ptr_array_add(words, g_strdup(*paths));
	g_ptr_array_add(words, g_strdup(target));
	g_ptr_array_add(words, NULL);
	ok = tool_run_long(ctx, "RSYNC", "rsync", (const char *const *)words->pdata, &result,
			   error) && child_result_check(&result, "rsync", error);
	if (!ok && error && g_error_matches(*error, VMM_ERROR, VMM_ERROR_NOT_FOUND))
		vmm_error_set_hint(error, "install rsync on both hosts");
	child_result_clear(&result);
	return ok;
}
