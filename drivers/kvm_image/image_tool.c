/* SPDX-License-Identifier: Apache-2.0 */
#include "image_tool.h"

#include <glib-unix.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/text.h"
#include "base/progress_line.h"
#include "image_file.h"
#include "stop_signal.h"

/* Its threads need address space for stacks and arenas, which a conversion has more of. */
#define SHORT_MEMORY ((guint64)2 << 30)
#define LONG_MEMORY ((guint64)8 << 30)

/* A slow machine converts 16 MiB in a second of CPU time. */
enum { SHORT_CPU_S = 30, LONG_CPU_S = 60, BYTES_SHIFT = 24, MAX_CPU_S = 7 * 86400, MS = 1000 };

enum { LOOK_MS = 200 };

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

/* It may write ahead, and be as large as it will be before all is there. */
static gboolean on_look(gpointer data)
{
	const struct running *r = data;
	struct stat st;

	if (r->line && stat(r->tool->grows, &st) == 0)
		progress_line_show(r->line, MIN((guint64)st.st_size, r->tool->bytes));

	return G_SOURCE_CONTINUE;
}

static gboolean on_stop_signal(gpointer data)
{
	struct running *r = data;

	if (r->tool->changes_metadata)
		stop_signal_note();
	else if (r->child)
		child_cancel(r->child);

	return G_SOURCE_CONTINUE;
}

bool image_tool_check_stopped(const char *image, GError **error)
{
	return stop_signal_check(error, "%s is not made", image);
}

static unsigned cpu_limit(const struct image_tool *tool)
{
	if (!tool->is_long)
		return SHORT_CPU_S;

	return (unsigned)MIN(LONG_CPU_S + (tool->bytes >> BYTES_SHIFT), MAX_CPU_S);
}

/* What programs say, in the order in which it is looked for. */
static const struct {
	const char *text;
	enum vmm_error code;
} meanings[] = {
	{ "No space left on device", VMM_ERROR_NO_SPACE },
	{ "Disk quota exceeded", VMM_ERROR_NO_SPACE },
	{ "too large for file format", VMM_ERROR_INPUT },
	{ "exceeds maximum", VMM_ERROR_INPUT },
	{ "File too large", VMM_ERROR_INPUT },
	{ "Permission denied", VMM_ERROR_PERMISSION },
	{ "Operation not permitted", VMM_ERROR_PERMISSION },
	{ "permission error", VMM_ERROR_PERMISSION },
	{ "Read-only file system", VMM_ERROR_PERMISSION },
	{ "a password is required", VMM_ERROR_PERMISSION },
	{ "Cannot allocate memory", VMM_ERROR_NO_RESOURCE },
	{ "still has watchers", VMM_ERROR_BUSY },
	{ " in use.", VMM_ERROR_BUSY },
	{ "has snapshots", VMM_ERROR_REFUSED },
	{ "error connecting to the cluster", VMM_ERROR_CONNECTION },
	{ "timed out", VMM_ERROR_CONNECTION },
	{ "couldn't connect to the cluster", VMM_ERROR_CONNECTION },
	{ "No such file or directory", VMM_ERROR_NOT_FOUND },
	{ "Cannot process volume group", VMM_ERROR_NOT_FOUND },
	{ "File exists", VMM_ERROR_EXISTS },
	{ "already exists", VMM_ERROR_EXISTS },
};

void image_tool_set_meaning(GError *error, const char *text)
{
	for (size_t i = 0; i < G_N_ELEMENTS(meanings); i++)
		if (strstr(text, meanings[i].text)) {
			error->code = meanings[i].code;
			return;
		}
}

/* setpriv's and the kernel's word for a program that is not there. */
enum { CANNOT_EXEC = 126, NO_PROGRAM = 127 };

static const char *package_of(const char *program)
{
	static const struct {
		const char *program, *package;
	} packages[] = {
		{ "qemu-img", "qemu-utils or qemu-img" },
		{ "rbd", "ceph-common" },
		{ "ceph", "ceph-common" },
		{ "mkfs.ext2", "e2fsprogs" },
		{ "mkfs.ext3", "e2fsprogs" },
		{ "mkfs.ext4", "e2fsprogs" },
		{ "mkfs.xfs", "xfsprogs" },
		{ "mkfs.btrfs", "btrfs-progs" },
		{ "mkswap", "util-linux" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(packages); i++)
		if (g_str_equal(program, packages[i].program))
			return packages[i].package;

	return "lvm2";
}

/* A program that cannot be started says nothing about the image: the class is never "not-found". */
static bool fail_to_start(const struct image_tool *tool, const char *why, GError **error)
{
	const char *program = text_or(tool->program, "qemu-img");

	vmm_fail(error, VMM_ERROR_CONFIG, "cannot run %s for %s: %s", program, tool->image, why);
	vmm_error_set_hint(error, "install %s", package_of(program));

	return image_file_name_handles(error);
}

/* The second: a lock of all bytes, as NFS has it, is in the way of those that QEMU asks for. */
static bool says_locked(const char *err)
{
	if (strstr(err, "Failed to get") && strstr(err, " lock"))
		return true;

	return strstr(err, "Failed to lock byte") != NULL;
}

static bool judge_run(const struct image_tool *tool, const struct child_result *result,
		      GError **error)
{
	const char *err = result->err->str, *name = text_or(tool->program, "qemu-img");

	if (says_locked(err))
		return vmm_fail(error, VMM_ERROR_BUSY, "cannot open %s: another program has it "
				"open, such as a running guest", tool->image);
	if (result->exit_status == CANNOT_EXEC || result->exit_status == NO_PROGRAM)
		return fail_to_start(tool, "it is not there, or not executable", error);
	if (!result->cancelled && (result->signal == SIGKILL || result->signal == SIGXCPU))
		return vmm_fail(error, VMM_ERROR_NO_RESOURCE, "%s used more than %u s of CPU time "
				"for %s", name, cpu_limit(tool), tool->image);
	if (child_result_check(result, name, error))
		return true;

	if (error && (*error)->code == VMM_ERROR_INTERNAL)
		image_tool_set_meaning(*error, err);

	return false;
}

/* What makes file systems or volumes may lie where only root's PATH leads. */
static char **program_command(const char *program)
{
	char **command = g_new0(char *, 2);

	command[0] = g_find_program_in_path(program);
	if (!command[0])
		command[0] = g_build_filename("/usr/sbin", program, NULL);

	return command;
}

static char **command_of(const struct image_job *job, const struct image_tool *tool)
{
	if (!tool->program)
		return conf_kvmrc_command(job->rc, "QEMU_IMG", "qemu-img");
	if (tool->parameter)
		return conf_kvmrc_command(job->rc, tool->parameter, tool->program);

	return program_command(tool->program);
}

static void add_words(GPtrArray *argv, const char *const *words)
{
	for (; *words; words++)
		g_ptr_array_add(argv, g_strdup(*words));
}

/*
 * A program that writes data is killed with us: otherwise qemu-img would continue and fill the disk
 * for nobody. A program that changes metadata is not: if it were cut short, the image would have to
 * be repaired by hand.
 */
static char **argv_to_run(const struct image_job *job, const struct image_tool *tool)
{
	static const char *const wrapper[] = { "setpriv", "--pdeathsig", "KILL", "--", NULL };
	g_auto(GStrv) sudo = conf_kvmrc_command(job->rc, "SUDO", "sudo");
	g_auto(GStrv) command = command_of(job, tool);
	const char *const quiet[] = { "-n", NULL };
	GPtrArray *argv = g_ptr_array_new();

	if (!tool->changes_metadata) {
		add_words(argv, wrapper);
	} else if (geteuid() != 0) {
		add_words(argv, (const char *const *)sudo);
		add_words(argv, quiet);
	}

	add_words(argv, (const char *const *)command);
	add_words(argv, tool->words);
	g_ptr_array_add(argv, NULL);

	return (char **)g_ptr_array_free(argv, FALSE);
}

static bool run_child(struct running *r, const struct child_spec *spec, GError **error)
{
	/*
	 * Before the program starts: a signal that came earlier would end us and leave what it
	 * makes.
	 */
	guint signals[] = { g_unix_signal_add(SIGINT, on_stop_signal, r),
			    g_unix_signal_add(SIGTERM, on_stop_signal, r) };
	guint look = r->tool->grows ? g_timeout_add(LOOK_MS, on_look, r) : 0;
	bool is_started;

	r->child = child_start(spec, on_end, r, error);
	is_started = r->child != NULL;
	if (is_started)
		g_main_loop_run(r->loop);
	if (look)
		g_source_remove(look);
	for (size_t i = 0; i < G_N_ELEMENTS(signals); i++)
		g_source_remove(signals[i]);

	return is_started;
}

bool image_tool_run(const struct image_job *job, const struct image_tool *tool, char **ret_out,
		    GError **error)
{
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	g_auto(GStrv) argv = argv_to_run(job, tool);
	struct progress_line line = { .what = tool->progress, .total = tool->bytes };
	struct running r = { .loop = loop, .tool = tool };
	struct child_spec spec = {
		.argv = (const char *const *)argv,
		.max_memory = tool->is_long ? LONG_MEMORY : SHORT_MEMORY,
		.max_cpu_s = cpu_limit(tool),
		.timeout_ms = tool->timeout_s * MS,
	};
	g_autoptr(GError) cause = NULL;
	bool ok;

	if (tool->changes_metadata)
		spec.max_memory = spec.max_cpu_s = 0;

	if (tool->progress && !tool->grows)
		spec.reader = on_bytes;
	if (tool->progress && isatty(STDERR_FILENO))
		r.line = &line;
	if (!run_child(&r, &spec, &cause))
		return fail_to_start(tool, cause->message, error);

	if (r.line)
		progress_line_end(r.line);
	ok = judge_run(tool, &r.result, error);
	if (ok && ret_out)
		*ret_out = g_strdup(r.result.out->str);
	child_result_clear(&r.result);

	return ok || image_file_name_handles(error);
}

void image_tool_say(struct image_job *job, const char *const *words)
{
	g_auto(GStrv) command = conf_kvmrc_command(job->rc, "QEMU_IMG", "qemu-img");
	g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GString) line = g_string_new(NULL);

	add_words(argv, (const char *const *)command);
	add_words(argv, words);
	g_ptr_array_add(argv, NULL);
	for (char **word = (char **)argv->pdata; *word; word++) {
		bool is_plain = **word && !strpbrk(*word, " \t\n'\"\\$`*?[]{}();&|<>~#!");
		g_autofree char *quoted = is_plain ? g_strdup(*word) : g_shell_quote(*word);

		if (word != (char **)argv->pdata)
			g_string_append_c(line, ' ');
		g_string_append(line, quoted);
	}

	image_job_say(job, "would_run", line->str);
}
