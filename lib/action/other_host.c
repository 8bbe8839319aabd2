/* SPDX-License-Identifier: Apache-2.0 */
#include "action/other_host.h"

#include <unistd.h>

#include "action/process.h"
#include "base/child.h"
#include "wire/ssh.h"

enum { LIMIT_MS = 60000, CONNECT_S = 15, ALIVE_S = 10, NOT_THERE = 42 };

struct far_program {
	const char *host;	/* NULL: this one */
	const char *path;
	const char *const *words;
	GBytes *input;		/* NULL: none */
};

static char *name_of(const struct far_program *p)
{
	if (g_str_equal(p->path, "/usr/bin/env"))
		return g_strdup(p->words[0]);

	return g_path_get_basename(p->path);
}

static char *what_of(const struct far_program *p)
{
	g_autofree char *name = name_of(p);

	if (p->host)
		return g_strdup_printf("%s on %s", name, p->host);

	return g_steal_pointer(&name);
}

/* On this host, without ssh: RET_STATUS as of run_far(). */
static bool run_here(const struct action_ctx *ctx, const struct far_program *p,
		     struct child_result *result, int *ret_status, GError **error)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	struct child_spec spec = { .timeout_ms = action_left_ms(ctx, LIMIT_MS),
				   .input = p->input };
	g_autofree char *name = name_of(p);

	g_ptr_array_add(argv, (char *)p->path);
	for (const char *const *w = p->words; *w; w++)
		g_ptr_array_add(argv, (char *)*w);
	g_ptr_array_add(argv, NULL);
	spec.argv = (const char *const *)argv->pdata;
	if (!child_run(&spec, result, error))
		return false;
	if (result->timed_out)
		*ret_status = -1;
	else
		*ret_status = result->exit_status;
	if (*ret_status >= 0)
		return true;

	return child_result_check(result, name, error);
}

/* RET_STATUS: the exit status, as the far end itself reported it. False: not known. */
static bool run_far(const struct action_ctx *ctx, const struct far_program *p,
		    struct child_result *result, int *ret_status, GError **error)
{
	g_auto(GStrv) command = conf_kvmrc_command(ctx->rc, "SSH", "ssh");
	g_autofree char *joined = g_strjoinv(" ", command);
	g_autofree char *mark = g_strdup_printf("vmmexec-%d", (int)getpid());
	struct wire_ssh ssh = { .command = joined, .shell = "sh", .mark = mark,
				.connect_timeout_s = CONNECT_S, .alive_interval_s = ALIVE_S };
	const struct wire_ssh_session session = { .ssh = &ssh, .host = p->host,
						  .mode = WIRE_SSH_ALONE };
	g_auto(GStrv) argv = wire_ssh_run(&session, p->path, p->words, NULL);
	struct child_spec spec = { .argv = (const char *const *)argv, .input = p->input,
				   .timeout_ms = action_left_ms(ctx, LIMIT_MS) };
	g_autofree char *what = what_of(p);
	struct wire_ssh_marks marks;
	const char *why;

	if (!child_run(&spec, result, error))
		return false;
	marks = wire_ssh_take_marks(mark, result->err);
	*ret_status = marks.status;
	if (marks.pid && marks.status >= 0)
		return marks.status != NOT_THERE ||
		       vmm_fail(error, VMM_ERROR_NOT_FOUND, "%s: it is not installed", what);
	if (result->timed_out)
		return child_result_check(result, what, error);
	if (marks.pid)
		why = "the connection broke before its answer";
	else
		why = "the host does not answer";
	g_strchomp(result->err->str);
	vmm_fail(error, VMM_ERROR_CONNECTION, "%s: %s", what, *result->err->str ?
		 result->err->str : why);
	vmm_error_set_hint(error, "ssh to %s must work without a password: run "
			   "host_check --only peer --peer %s", p->host, p->host);

	return false;
}

static bool run_at(const struct action_ctx *ctx, const struct far_program *p,
		   struct child_result *result, int *ret_status, GError **error)
{
	if (p->host)
		return run_far(ctx, p, result, ret_status, error);

	return run_here(ctx, p, result, ret_status, error);
}

/* It must have ended with status 0. */
static bool run_well(const struct action_ctx *ctx, const struct far_program *p,
		     struct child_result *result, GError **error)
{
	g_autofree char *what = what_of(p);
	int status;

	if (!run_at(ctx, p, result, &status, error))
		return false;
	result->exit_status = status;	/* what ssh itself ended with is of no matter */
	result->signal = 0;
	result->timed_out = false;

	return child_result_check(result, what, error);
}

bool other_host_run(const struct action_ctx *ctx, const char *host, const char *program,
		    const char *const *words, GError **error)
{
	const struct far_program p = { host, program, words, NULL };
	struct child_result result = { 0 };
	bool ok = run_well(ctx, &p, &result, error);

	child_result_clear(&result);

	return ok;
}

char *other_host_ask(const struct action_ctx *ctx, const char *host, const char *program,
		     const char *const *words, GError **error)
{
	const struct far_program p = { host, program, words, NULL };
	struct child_result result = { 0 };
	char *text = NULL;

	if (run_well(ctx, &p, &result, error))
		text = g_strdup(result.out->str);
	child_result_clear(&result);

	return text;
}

static bool run_test(const struct action_ctx *ctx, const struct far_program *p, bool *ret_yes,
		     GError **error)
{
	struct child_result result = { 0 };
	g_autofree char *what = what_of(p);
	int status = -1;
	bool ok = run_at(ctx, p, &result, &status, error);

	*ret_yes = ok && status == 0;
	if (ok && status > 1) {
		result.exit_status = status;
		ok = child_result_check(&result, what, error);
	}

	child_result_clear(&result);

	return ok;
}

bool other_host_test(const struct action_ctx *ctx, const char *host, const char *program,
		     const char *const *words, bool *ret_yes, GError **error)
{
	const struct far_program p = { host, program, words, NULL };

	return run_test(ctx, &p, ret_yes, error);
}

bool other_host_make_file(const struct action_ctx *ctx, const char *host, const char *path,
			  const char *text, bool *ret_made, GError **error)
{
	g_autoptr(GBytes) input = g_bytes_new_static(text, strlen(text));
	g_autofree char *of = g_strconcat("of=", path, NULL);
	const char *const words[] = { "dd", of, "conv=excl", "status=none", NULL };
	const struct far_program p = { host, "/usr/bin/env", words, input };

	return run_test(ctx, &p, ret_made, error);
}

bool other_host_has_file(const struct action_ctx *ctx, const char *host, const char *path,
			 const char *text, bool *ret_has, GError **error)
{
	g_autoptr(GBytes) input = g_bytes_new_static(text, strlen(text));
	const char *const words[] = { "cmp", "-s", "--", "-", path, NULL };
	const struct far_program p = { host, "/usr/bin/env", words, input };

	return run_test(ctx, &p, ret_has, error);
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

bool other_host_copy(const struct action_ctx *ctx, const char *host,
		     const struct other_host_files *files, GError **error)
{
	g_autofree char *shell = remote_shell(ctx);
	g_autofree char *target = target_of(host, files->dir);
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
	const char *way = files->in_place ? "--inplace" : "--sparse";
	struct child_result result = { 0 };
	bool ok;

	g_ptr_array_add(words, g_strdup("-azs"));
	g_ptr_array_add(words, g_strdup(way));
	g_ptr_array_add(words, g_strdup_printf("--rsh=%s", shell));
	for (const char *const *e = files->except; e && *e; e++)
		g_ptr_array_add(words, g_strdup_printf("--exclude=/%s", *e));
	g_ptr_array_add(words, g_strdup("--"));
	for (const char *const *p = files->paths; *p; p++)
		g_ptr_array_add(words, g_strdup(*p));
	g_ptr_array_add(words, g_strdup(target));
	g_ptr_array_add(words, NULL);
	ok = process_run_long(ctx, "RSYNC", "rsync", (const char *const *)words->pdata, &result,
			      error) &&
	     child_result_check(&result, "rsync", error);
	if (!ok && error && vmm_is(*error, VMM_ERROR_NOT_FOUND))
		vmm_error_set_hint(error, "install rsync on both hosts");
	child_result_clear(&result);

	return ok;
}

char *other_host_libvirt_uri(const struct action_ctx *ctx, const char *host)
{
	return g_strdup_printf("%s://%s/system", conf_kvmrc_string(ctx->rc, "QEMU_PROTOCOL"), host);
}
