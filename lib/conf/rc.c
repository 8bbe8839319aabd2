/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/rc.h"

#include "base/child.h"
#include "base/file.h"
#include "conf/shell_subset.h"

enum { MAX_FILE = 1 << 20, MAX_DUMP = 4 << 20, SHELL_MS = 10000 };

struct conf_rc {
	struct rc_text text;
	GPtrArray *warnings;	/* ends with NULL */
};

void conf_rc_free(ConfRc *rc)
{
	if (!rc)
		return;
	shell_text_clear(&rc->text);
	g_clear_pointer(&rc->warnings, g_ptr_array_unref);
	g_free(rc);
}

static ConfRc *rc_new(void)
{
	ConfRc *rc = g_new0(ConfRc, 1);

	shell_text_init(&rc->text);
	rc->warnings = g_ptr_array_new_with_free_func(g_free);

	return rc;
}

static void G_GNUC_PRINTF(2, 3) warn(ConfRc *rc, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_ptr_array_add(rc->warnings, g_strdup_vprintf(format, ap));
	va_end(ap);
}

/* Variables that the shell sets for itself are not parameters. */
static bool is_parameter(const char *name)
{
	static const char *const own[] = { "_", "SHLVL", "PWD", "OLDPWD", "BASH_ARGV0", "PS4" };

	for (size_t i = 0; i < G_N_ELEMENTS(own); i++)
		if (g_str_equal(name, own[i]))
			return false;
	for (const char *c = name; *c; c++)
		if (!g_ascii_isalnum(*c) && *c != '_')
			return false;

	return true;
}

/* DUMP: "NAME=value", each with a NUL at its end. */
static void take_dump(ConfRc *rc, const GString *dump)
{
	const char *end = dump->str + dump->len;

	g_hash_table_remove_all(rc->text.vars);
	for (const char *p = dump->str; p < end; p += strlen(p) + 1) {
		const char *eq = strchr(p, '=');
		g_autofree char *name = NULL;
		struct rc_var *var;

		if (eq)
			name = g_strndup(p, (gsize)(eq - p));

		if (!name || !is_parameter(name))
			continue;

		var = g_new0(struct rc_var, 1);
		var->value = g_strdup(eq + 1);
		var->exported = true;
		g_hash_table_replace(rc->text.vars, g_steal_pointer(&name), var);
	}
}

/* set -a: names that the file does not export are parameters too. */
static bool run_shell(const char *shell, const char *path, struct child_result *ret,
		      GError **error)
{
	static const char script[] =
		"exec 3>&1 1>&2; set -a; . \"$1\"; set +a; exec env -0 1>&3 3>&-";
	g_autofree char *absolute = g_canonicalize_filename(path, NULL);
	const char *argv[] = { shell, "-c", script, shell, absolute, NULL };
	g_auto(GStrv) env = g_environ_unsetenv(g_get_environ(), "BASH_ENV");
	struct child_spec spec = { .argv = argv, .env = (const char *const *)env,
				   .timeout_ms = SHELL_MS, .max_output = MAX_DUMP };

	return child_run(&spec, ret, error);
}

/* The last line is what most shells say when they give up. */
static void warn_ended(ConfRc *rc, const char *path, const struct child_result *result,
		       const char *last)
{
	const char *kind = "status", *colon = "";
	int number = result->exit_status;

	if (result->signal) {
		kind = "signal";
		number = result->signal;
	}

	if (*last)
		colon = ": ";

	warn(rc, "%s: its shell ended (%s %d): only plain assignments were used%s%.200s", path,
	     kind, number, colon, last);
}

/* A shell that failed may have stopped anywhere: what it had set by then is not used. */
static void judge_shell(ConfRc *rc, const char *path, const struct child_result *result)
{
	g_autofree char *said = g_strchomp(g_utf8_make_valid(result->err->str, -1));
	const char *last = said;

	if (strrchr(said, '\n'))
		last = strrchr(said, '\n') + 1;

	if (!result->exit_status && result->out->len) {
		take_dump(rc, result->out);
		if (*last)
			warn(rc, "%s: shell output: %.200s", path, last);
		return;
	}

	if (result->timed_out)
		warn(rc, "%s: its shell took more than %d s: only plain assignments were used",
		     path, SHELL_MS / 1000);
	else
		warn_ended(rc, path, result, last);
	for (guint i = 0; i < rc->text.faults->len; i++)
		warn(rc, "%s", (const char *)rc->text.faults->pdata[i]);
}

/* OpenNebula's scripts are run by bash; without it, any shell reads most such files. */
static void evaluate(ConfRc *rc, const char *path)
{
	g_autoptr(GError) error = NULL;
	struct child_result result = { 0 };

	if (!run_shell("bash", path, &result, NULL) && !run_shell("sh", path, &result, &error)) {
		warn(rc, "%s: %s", path, error->message);
		return;
	}

	judge_shell(rc, path, &result);
	child_result_clear(&result);
}

/* No shell is started for a file of assignments only: each action reads it. */
static void rc_finish(ConfRc *rc, const char *path, enum conf_rc_flags flags)
{
	GPtrArray *found = rc->text.instructions;

	if (found->len && flags & CONF_RC_INSTRUCTIONS) {
		evaluate(rc, path);
	} else {
		for (guint i = 0; i < rc->text.faults->len; i++)
			warn(rc, "%s", (const char *)rc->text.faults->pdata[i]);
		for (guint i = 0; i < found->len; i++)
			warn(rc, "%s ignored", (const char *)found->pdata[i]);
	}

	g_ptr_array_add(rc->warnings, NULL);
}

ConfRc *conf_rc_load(const char *path, enum conf_rc_flags flags, GError **error)
{
	g_autoptr(ConfRc) rc = rc_new();
	g_autoptr(GError) cause = NULL;
	GString *text = file_read(path, MAX_FILE, &cause);

	if (flags & CONF_RC_OPTIONAL &&
	    g_error_matches(cause, VMM_ERROR, VMM_ERROR_NOT_FOUND)) {
		g_ptr_array_add(rc->warnings, NULL);
		return g_steal_pointer(&rc);
	}

	if (!text) {
		vmm_fail(error, VMM_ERROR_CONFIG, "%s", cause->message);
		return NULL;
	}

	shell_subset_parse(&rc->text, path, text->str, text->len);
	g_string_free(text, TRUE);
	rc_finish(rc, path, flags);

	return g_steal_pointer(&rc);
}

const char *conf_rc_get(const ConfRc *rc, const char *name)
{
	const struct rc_var *var = g_hash_table_lookup(rc->text.vars, name);

	if (!var)
		return NULL;
	if (!var->value)
		return NULL;
	if (!*var->value)
		return NULL;

	return var->value;
}

const char *const *conf_rc_warnings(const ConfRc *rc)
{
	return (const char *const *)rc->warnings->pdata;
}

char **conf_rc_environ(const ConfRc *rc, const char *const *envp, bool all)
{
	char **env = g_strdupv((char **)envp);
	GHashTableIter iter;
	gpointer name, data;

	g_hash_table_iter_init(&iter, rc->text.vars);
	while (g_hash_table_iter_next(&iter, &name, &data)) {
		const struct rc_var *var = data;

		if (var->unset)
			env = g_environ_unsetenv(env, name);
		else if (var->value && (var->exported || all))
			env = g_environ_setenv(env, name, var->value, TRUE);
	}

	return env;
}
