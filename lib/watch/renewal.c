/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/renewal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "watch/watch_thread.h"

#define MARK "VMM_MONITOR_RENEWED"
enum { CHECK_MS = 5000 };

static const char *const files[] = { "im/monitord-client", "etc/vmm/kvm/kvmrc",
				     "etc/im/kvm-probes.d/probe_db.conf" };

struct renewal {
	const char *set;
	char **argv;
	const char *start;
	void (*log)(const char *text);
	void (*leave)(void *data);
	void *data;
	char *program;
	char *ours;		/* how the files looked when this process began */
	char *last;		/* at the last look */
	char *refused;		/* that had no program that works; or NULL */
	bool checking, works;
};

/* What tells a file from the one that was there before. */
static char *look_of_files(const char *set)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path = g_build_filename(set, files[i], NULL);
		struct stat st = { 0 };

		if (stat(path, &st) == 0)
			g_string_append_printf(text, "%lu %ld %ld.%09ld", (unsigned long)st.st_ino,
					       (long)st.st_size, (long)st.st_mtim.tv_sec,
					       st.st_mtim.tv_nsec);
		g_string_append_c(text, '\n');
	}

	return g_string_free(text, FALSE);
}

Renewal *renewal_new(const char *set, char **argv, const char *start,
		     void (*log)(const char *text), void (*leave)(void *data), void *data)
{
	Renewal *r = g_new0(Renewal, 1);

	*r = (Renewal){ .set = set, .argv = argv, .start = start, .log = log, .leave = leave,
			.data = data };
	r->program = g_build_filename(set, files[0], NULL);
	r->ours = look_of_files(set);
	r->last = g_strdup(r->ours);

	return r;
}

/* The start message as stdin. */
static bool give_start(const char *start)
{
	int fd = memfd_create("start", MFD_CLOEXEC);
	ssize_t len = (ssize_t)strlen(start);
	bool ok = fd >= 0 && write(fd, start, (size_t)len) == len && lseek(fd, 0, SEEK_SET) == 0 &&
		  dup2(fd, STDIN_FILENO) == STDIN_FILENO;

	if (fd >= 0)
		close(fd);

	return ok;
}

/* SIGUSR1 is blocked until the new program can handle it: otherwise it would end that program. */
static void become(const Renewal *r)
{
	g_autofree char *why = NULL;
	sigset_t set, before;

	r->leave(r->data);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &before);
	g_setenv(MARK, "1", TRUE);
	if (give_start(r->start))
		execv(r->program, r->argv);
	why = g_strdup_printf("cannot continue as the new %s: %s", r->program, g_strerror(errno));
	g_unsetenv(MARK);
	sigprocmask(SIG_SETMASK, &before, NULL);
	r->log(why);
}

/* It reads all settings for that, too. */
static void check_program(void *data)
{
	Renewal *r = data;
	const char *const argv[] = { r->program, "--once", "host/beacon", "--print", NULL };
	const struct child_spec spec = { .argv = argv, .timeout_ms = CHECK_MS };
	struct child_result result = { 0 };

	r->works = child_run(&spec, &result, NULL);
	if (r->works) {
		r->works = result.exit_status == 0;
		child_result_clear(&result);
	}
}

static void program_checked(void *data)
{
	Renewal *r = data;
	g_autofree char *why = NULL;

	r->checking = false;
	if (r->works) {
		become(r);
	} else {
		why = g_strdup_printf("the new %s or its settings do not work: the old one "
				      "continues", r->program);
		r->log(why);
	}

	g_free(r->refused);
	r->refused = g_strdup(r->last);
}

void renewal_look(Renewal *r)
{
	g_autofree char *now = look_of_files(r->set);
	bool is_stable = g_str_equal(now, r->last);
	bool is_new = !g_str_equal(now, r->ours) && g_strcmp0(now, r->refused) != 0;

	if (r->checking)
		return;

	g_free(r->last);
	r->last = g_steal_pointer(&now);
	/* If the program is missing, the host returns to OpenNebula's agent, which will end us. */
	if (!is_new || !is_stable || access(r->program, X_OK) < 0)
		return;

	r->checking = true;
	watch_thread_run(check_program, program_checked, r);
}

bool renewal_has_been(void)
{
	bool has_been = g_getenv(MARK) != NULL;

	g_unsetenv(MARK);

	return has_been;
}
