/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include "base/file.h"

/* A shell reports a signal as a status above 128. */
enum { STATUS_UNKNOWN = 3, STATUS_MISSING = 42, STATUS_SIGNAL = 128, SIGNALS = 64 };

struct command {
	char *host, *path;
	bool tells_unknown;
	unsigned timeout_ms;
	Child *child;
	Remote *remote;
	guint idle;		/* source id of a result that is due */
	struct step_result due;
	char *due_cause;
	command_done *done;
	void *data;
};

static void command_finish(Command *r, const struct step_result *result)
{
	r->done(r->data, result);
	g_free(r->host);
	g_free(r->path);
	g_free(r->due_cause);
	g_free(r);
}

static enum step_outcome judge(const Command *r, int status)
{
	if (status == 0)
		return STEP_OUTCOME_DONE;

	if (r->tells_unknown && status == STATUS_UNKNOWN)
		return STEP_OUTCOME_UNKNOWN;

	return STEP_OUTCOME_FAILED;
}

static char *timeout_text(const Command *r)
{
	return g_strdup_printf("%s did not end within %u s", r->path, r->timeout_ms / 1000);
}

static void on_child(void *data, const struct child_result *c)
{
	Command *r = data;
	g_autofree char *cause = NULL;
	struct step_result result = {
		.outcome = judge(r, c->exit_status),
		.status = c->exit_status,
		.cancelled = c->cancelled,
		.timed_out = c->timed_out,
		.out = c->out->str,
		.err = c->err->str,
	};

	if (c->timed_out || c->signal)
		result.outcome = STEP_OUTCOME_UNKNOWN;
	if (c->timed_out)
		cause = timeout_text(r);
	else if (c->signal)
		cause = g_strdup_printf("%s was killed by signal %d", r->path, c->signal);

	result.cause = cause;
	command_finish(r, &result);
}

static char *missing_text(const Command *r)
{
	return g_strdup_printf("%s is not on %s (hint: onehost sync --force)", r->path, r->host);
}

static char *remote_cause(const Command *r, const struct step_result *x)
{
	if (x->timed_out)
		return timeout_text(r);
	if (x->foreign)
		return g_strdup_printf("%s is not run on %s", r->path, r->host);
	if (x->not_started && x->answered)
		return x->status == STATUS_MISSING ? missing_text(r) : NULL;
	if (x->not_started)
		return g_strdup_printf("Error connecting to %s", r->host);
	if (x->signalled)
		return g_strdup_printf("%s was killed by a signal", r->path);
	if (x->status < 0)
		return g_strdup_printf("the connection to %s broke while %s was running", r->host,
				       r->path);
	if (x->status == STATUS_MISSING && !*x->err)
		return missing_text(r);

	return NULL;
}

/*
 * An action that was killed may have succeeded before. The shell behind ssh reports a signal as a
 * status.
 */
static bool was_killed(const Command *r, const struct step_result *x)
{
	if (!r->tells_unknown)
		return false;
	if (x->status <= STATUS_SIGNAL)
		return false;

	return x->status <= STATUS_SIGNAL + SIGNALS;
}

static enum step_outcome remote_outcome(const Command *r, const struct step_result *far)
{
	if (far->status >= 0)
		return judge(r, far->status);

	if (far->not_started)
		return STEP_OUTCOME_FAILED;

	return STEP_OUTCOME_UNKNOWN;
}

static void on_remote(void *data, const struct step_result *far)
{
	Command *r = data;
	struct step_result result = *far;
	g_autofree char *cause = NULL;

	if (was_killed(r, far)) {
		result.status = -1;
		result.signalled = true;
	}

	cause = remote_cause(r, &result);
	result.cause = cause;
	result.outcome = remote_outcome(r, &result);
	command_finish(r, &result);
}

static gboolean on_due(gpointer data)
{
	Command *r = data;

	command_finish(r, &r->due);
	return G_SOURCE_REMOVE;
}

/* Reports from the loop a result that is known already. ERROR NULL: success. */
static void finish_soon(Command *r, const GError *error)
{
	if (error)
		r->due_cause = g_strdup(error->message);
	else
		r->due_cause = NULL;
	r->due = (struct step_result){
		.outcome = error ? STEP_OUTCOME_FAILED : STEP_OUTCOME_DONE,
		.status = error ? -1 : 0,
		.not_started = error != NULL,
		.out = "",
		.err = "",
		.cause = r->due_cause,
	};
	r->idle = g_idle_add(on_due, r);
}

static bool write_here(const struct remote_spec *spec, GError **error)
{
	gsize size;
	const void *text = g_bytes_get_data(spec->input, &size);

	return file_write(spec->path, text, size, 0600, error);
}

static char **local_argv(const struct remote_spec *spec)
{
	GPtrArray *argv = g_ptr_array_new();

	g_ptr_array_add(argv, g_strdup(spec->path));
	for (const char *const *a = spec->args; a && *a; a++)
		g_ptr_array_add(argv, g_strdup(*a));

	g_ptr_array_add(argv, NULL);

	return (char **)g_ptr_array_free(argv, FALSE);
}

/* Ours, with what SPEC says; NULL: ours alone. The caller frees. */
static char **local_environment(const struct remote_spec *spec)
{
	char **env = spec->env ? g_get_environ() : NULL;

	for (const char *const *e = spec->env; e && *e; e++) {
		g_auto(GStrv) pair = g_strsplit(*e, "=", 2);

		env = g_environ_setenv(env, pair[0], pair[1], TRUE);
	}

	return env;
}

static void run_here(Command *r, const struct remote_spec *spec, int nice, Workers *workers)
{
	g_auto(GStrv) argv = local_argv(spec);
	g_auto(GStrv) env = local_environment(spec);
	struct child_spec child = { .argv = (const char *const *)argv,
				    .env = (const char *const *)env, .input = spec->input,
				    .timeout_ms = spec->timeout_ms, .grace_ms = spec->grace_ms,
				    .nice = nice, .max_output = spec->max_output,
				    .starter = workers_start_here, .starter_data = workers };
	g_autoptr(GError) error = NULL;

	switch (spec->kind) {
	case REMOTE_MKDIR:
		file_make_directory(spec->path, &error);
		break;
	case REMOTE_WRITE:
		write_here(spec, &error);
		break;
	case REMOTE_SCRIPT:
		r->child = child_start(&child, on_child, r, &error);
		if (r->child)
			return;

		break;
	}

	finish_soon(r, error);
}

Command *command_start(RemoteHosts *hosts, const struct command_spec *spec, command_done *done,
		       void *data)
{
	Command *r = g_new0(Command, 1);

	r->host = g_strdup(spec->command.host);
	r->path = g_strdup(spec->command.path);
	r->tells_unknown = spec->tells_unknown;
	r->timeout_ms = spec->command.timeout_ms;
	r->done = done;
	r->data = data;
	if (spec->here)
		run_here(r, &spec->command, spec->nice, remote_hosts_workers(hosts));
	else
		r->remote = remote_run(hosts, &spec->command, on_remote, r);

	return r;
}

int command_pid(const Command *r)
{
	return r->child ? child_pid(r->child) : r->remote ? remote_pid(r->remote) : 0;
}

void command_cancel(Command *r)
{
	if (r->child)
		child_cancel(r->child);
	else if (r->remote)
		remote_cancel(r->remote);
}
