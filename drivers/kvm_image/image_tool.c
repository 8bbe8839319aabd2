/* SPDX-License-Identifier: Apache-2.0 */
#include "image_tool.h"

#include <glib-unix.h>
#include <signal.h>
#include <unistd.h>

#include "base/child.h"
#include "base/text.h"
#include "progress_line.h"

/* Its threads need address space for stacks and arenas, which a conversion has more of. */
#define SHORT_MEMORY ((guint64)2 << 30)
#define LONG_MEMORY ((guint64)8 << 30)

/* A slow machine converts 16 MiB in a second of CPU time. */
enum { SHORT_CPU_S = 30, LONG_CPU_S = 60, BYTES_SHIFT = 24, MAX_CPU_S = 7 * 86400 };

struct running {
	GMainLoop *loop;
	Child *child;			/* NULL once it has ended */
	const struct image_tool *tool;
	struct progress_line *line;	/* NULL: no terminal */
	char last[64];			/* the newest bytes of its stdout */
	struct child_result result;
};

static void on_end(void *data, const struct child_result *result)
{
	struct running *r = data;

	r->result = *result;
	r->result.out = g_string_new(result->out->str);
	r->result.err = g_string_new(result->err->str);
	r->child = NULL;
	g_main_loop_quit(r->loop);
}

/* "    (12.34/100%)\r", again and again. */
static void on_bytes(void *data, Child *child, const char *bytes, size_t len)
{
	struct running *r = data;
	g_autofree char *text = NULL;
	g_autofree char *piece = g_strndup(bytes, len);
	const char *open;

	(void)child;
	text = g_strconcat(r->last, piece, NULL);
	open = strrchr(text, '(');
	if (open && r->line) {
		double percent = g_ascii_strtod(open + 1, NULL);

		progress_line_show(r->line, (guint64)((double)r->tool->bytes * percent / 100));
	}

	len = strlen(text);
	g_strlcpy(r->last, text + len - MIN(len, sizeof(r->last) / 2), sizeof(r->last));
}

static gboolean on_stop_signal(gpointer data)
{
	struct running *r = data;

	if (r->child)
		child_cancel(r->child);

	return G_SOURCE_CONTINUE;
}

static unsigned cpu_limit(const struct image_tool *tool)
{
	if (!tool->is_long)
		return SHORT_CPU_S;

	return (unsigned)MIN(LONG_CPU_S + (tool->bytes >> BYTES_SHIFT), MAX_CPU_S);
}

static bool judge_run(const struct image_tool *tool, const struct child_result *result,
		      GError **error)
{
	const char *err = result->err->str, *name = text_or(tool->program, "qemu-img");

	if (strstr(err, "Failed to get") && strstr(err, " lock"))
		return vmm_fail(error, VMM_ERROR_BUSY, "cannot open %s: another program has it "
				"open, such as a running guest", tool->image);
	if (!result->cancelled && (result->signal == SIGKILL || result->signal == SIGXCPU))
		return vmm_fail(error, VMM_ERROR_NO_RESOURCE, "%s used more than %u s of CPU time "
				"for %s", name, cpu_limit(tool), tool->image);
	if (child_result_check(result, name, error))
		return true;

	if (strstr(err, "No space left on device"))
		(*error)->code = VMM_ERROR_NO_SPACE;
	else if (strstr(err, "Permission denied"))
		(*error)->code = VMM_ERROR_PERMISSION;
	else if (strstr(err, "Cannot allocate memory"))
		(*error)->code = VMM_ERROR_NO_RESOURCE;

	return false;
}

static char **argv_of(const struct image_job *job, const char *const *words)
{
	char **command = conf_kvmrc_command(job->rc, "QEMU_IMG", "qemu-img");
	guint n = g_strv_length(command), more = g_strv_length((char **)words);

	command = g_renew(char *, command, n + more + 1);
	for (guint i = 0; i < more; i++)
		command[n + i] = g_strdup(words[i]);
	command[n + more] = NULL;

	return command;
}

/* What makes file systems may lie where only root's PATH leads. */
static char **program_argv(const struct image_tool *tool)
{
	guint n = g_strv_length((char **)tool->words);
	char **argv = g_new0(char *, n + 2);

	argv[0] = g_find_program_in_path(tool->program);
	if (!argv[0])
		argv[0] = g_build_filename("/usr/sbin", tool->program, NULL);
	for (guint i = 0; i < n; i++)
		argv[i + 1] = g_strdup(tool->words[i]);

	return argv;
}

/* The same, which ends when we are killed: qemu-img would not, and fill the disk for nobody. */
static char **argv_that_dies_with_us(const struct image_job *job, const struct image_tool *tool)
{
	static const char *const wrapper[] = { "setpriv", "--pdeathsig", "KILL", "--" };
	char **argv = tool->program ? program_argv(tool) : argv_of(job, tool->words);
	guint n = g_strv_length(argv);

	argv = g_renew(char *, argv, G_N_ELEMENTS(wrapper) + n + 1);
	memmove(argv + G_N_ELEMENTS(wrapper), argv, (n + 1) * sizeof(*argv));
	for (size_t i = 0; i < G_N_ELEMENTS(wrapper); i++)
		argv[i] = g_strdup(wrapper[i]);

	return argv;
}

static bool run_child(struct running *r, const struct child_spec *spec, GError **error)
{
	/* Before it starts: a signal that came earlier would leave what it makes. */
	guint signals[] = { g_unix_signal_add(SIGINT, on_stop_signal, r),
			    g_unix_signal_add(SIGTERM, on_stop_signal, r) };

	bool is_started;

	r->child = child_start(spec, on_end, r, error);
	is_started = r->child != NULL;
	if (is_started)
		g_main_loop_run(r->loop);
	for (size_t i = 0; i < G_N_ELEMENTS(signals); i++)
		g_source_remove(signals[i]);

	return is_started;
}

bool image_tool_run(const struct image_job *job, const struct image_tool *tool, char **ret_out,
		    GError **error)
{
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	g_auto(GStrv) argv = argv_that_dies_with_us(job, tool);
	struct progress_line line = { .what = tool->progress, .total = tool->bytes };
	struct running r = { .loop = loop, .tool = tool };
	struct child_spec spec = {
		.argv = (const char *const *)argv,
		.max_memory = tool->is_long ? LONG_MEMORY : SHORT_MEMORY,
		.max_cpu_s = cpu_limit(tool),
	};
	bool ok;

	if (tool->progress)
		spec.reader = on_bytes;
	if (tool->progress && isatty(STDERR_FILENO))
		r.line = &line;
	if (!run_child(&r, &spec, error))
		return false;

	if (r.line)
		progress_line_end(r.line);
	ok = judge_run(tool, &r.result, error);
	if (ok && ret_out)
		*ret_out = g_strdup(r.result.out->str);
	child_result_clear(&r.result);

	return ok;
}

void image_tool_say(struct image_job *job, const char *const *words)
{
	g_auto(GStrv) argv = argv_of(job, words);
	g_autoptr(GString) line = g_string_new(NULL);

	for (char **word = argv; *word; word++) {
		bool is_plain = **word && !strpbrk(*word, " \t\n'\"\\$`*?[]{}();&|<>~#!");
		g_autofree char *quoted = is_plain ? g_strdup(*word) : g_shell_quote(*word);

		if (word != argv)
			g_string_append_c(line, ' ');
		g_string_append(line, quoted);
	}

	image_job_say(job, "would_run", line->str);
}
