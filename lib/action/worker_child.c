/* SPDX-License-Identifier: Apache-2.0 */
#include "action/worker_child.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/program.h"

enum { STATUS_NOT_BEGUN = 127, FIRST_FIELD = 3 };
/* Fields of /proc/PID/stat. Source: proc(5). */
enum { START_CODE = 26, END_CODE = 27, START_STACK = 28, START_DATA = 45, END_DATA = 46,
       START_BRK = 47, LAST_FIELD = 51 };

/* Of this thread, in the C library: fork() would set both anew in the child. */
static int *thread_id;
static void *robust_list;
static size_t robust_size;

static bool is_fips(void)
{
	g_autofree char *text = NULL;

	return g_file_get_contents("/proc/sys/crypto/fips_enabled", &text, NULL, NULL) &&
	       *text == '1';
}

/* FLAGS: more than what fork() would say. */
static long make_process(guint64 flags, guint64 exit_signal)
{
	struct clone_args args = {
		.flags = flags | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
		.child_tid = (guint64)(guintptr)thread_id,
		.exit_signal = exit_signal,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		syscall(SYS_set_robust_list, robust_list, robust_size);

	return pid;
}

/* gnutls_rnd(), and its levels: nonce, random, key. Source: gnutls/crypto.h. */
typedef int random_func(int level, void *data, size_t size);
enum { LEVELS = 3, RANDOM_SIZE = 16 };
struct randoms {
	guint8 of[LEVELS][RANDOM_SIZE];
};

/* What each step needs of the system; without it each would fail, one after the other. */
static bool has_calls(GError **error)
{
	long pid = make_process(0, SIGCHLD);

	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return vmm_fail_errno(error, errno, "this system does not make processes as the "
				      "worker does (clone3)");

	waitpid((pid_t)pid, NULL, 0);
	if (syscall(SYS_close_range, ~0U, ~0U, 0) == 0)
		return true;

	return vmm_fail_errno(error, errno, "this system does not close descriptors as the worker "
			      "does (close_range)");
}

/*
 * Reads the random numbers that SOME gives a process made in our way. False: that process failed.
 */
static bool randoms_of_a_child(random_func *some, struct randoms *ret)
{
	int ends[2];
	long pid;
	bool ok;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;

	pid = make_process(0, SIGCHLD);
	if (pid == 0) {
		for (int i = 0; i < LEVELS; i++)
			if (some(i, ret->of[i], RANDOM_SIZE) != 0)
				_exit(1);
		ok = write(ends[1], ret, sizeof(*ret)) == (ssize_t)sizeof(*ret);
		_exit(ok ? 0 : 1);
	}

	close(ends[1]);
	ok = read(ends[0], ret, sizeof(*ret)) == (ssize_t)sizeof(*ret);
	close(ends[0]);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);

	return ok;
}

/*
 * Whether processes of ours have random numbers of their own: a library whose loading has filled
 * its generator would give all the same. Libvirt's TLS uses GnuTLS; we never call it here.
 */
static bool randoms_differ(void)
{
	random_func *some = (random_func *)dlsym(RTLD_DEFAULT, "gnutls_rnd");
	struct randoms one, other;

	if (!some)
		return true;
	if (!randoms_of_a_child(some, &one) || !randoms_of_a_child(some, &other))
		return false;

	for (int i = 0; i < LEVELS; i++)
		if (memcmp(one.of[i], other.of[i], RANDOM_SIZE) == 0)
			return false;

	return true;
}

bool worker_child_possible(GError **error)
{
	if (prctl(PR_GET_TID_ADDRESS, &thread_id, 0, 0, 0) != 0 || !thread_id ||
	    *thread_id != getpid())
		return vmm_fail(error, VMM_ERROR_INCOMPATIBLE,
				"this system does not say where the C library keeps its thread id");
	if (syscall(SYS_get_robust_list, 0, &robust_list, &robust_size) != 0)
		return vmm_fail_errno(error, errno, "cannot read the list of robust locks");
	if (is_fips())		/* its checks may have filled a random generator already */
		return vmm_fail(error, VMM_ERROR_INCOMPATIBLE,
				"this host is in FIPS mode: each step is a program");
	if (!has_calls(error))
		return false;
	if (!randoms_differ())
		return vmm_fail(error, VMM_ERROR_INCOMPATIBLE,
				"processes made here would share GnuTLS' random numbers: each step "
				"is a program");

	return true;
}

int worker_child_make(void)
{
	return (int)make_process(CLONE_PARENT, 0);
}

static guint64 address(const void *at)
{
	return (guint64)(guintptr)at;
}

/* The numbers of /proc/self/stat, from the third field on. False: it is not to be read. */
static bool read_stat(guint64 fields[LAST_FIELD + 1])
{
	g_autofree char *text = NULL;
	char *at;

	if (!g_file_get_contents("/proc/self/stat", &text, NULL, NULL))
		return false;

	at = strrchr(text, ')');
	if (!at || at[1] != ' ')
		return false;

	at += 3;		/* the state, a letter */
	for (int i = FIRST_FIELD + 1; i <= LAST_FIELD; i++)
		fields[i] = g_ascii_strtoull(at, &at, 10);

	return true;
}

static const char *behind(const char *const *words, const char *begin)
{
	const char *end = begin;

	for (; *words; words++)
		end = *words + strlen(*words) + 1;

	return end;
}

/* What ps(1) shows of it. Where the kernel does not let us, that is the worker's. */
static void show_words(const struct worker_order *order)
{
	const char *env = behind(order->argv, order->argv[0]);
	guint64 fields[LAST_FIELD + 1] = { 0 };
	struct prctl_mm_map map;

	if (!read_stat(fields))
		return;

	map = (struct prctl_mm_map){
		.start_code = fields[START_CODE], .end_code = fields[END_CODE],
		.start_data = fields[START_DATA], .end_data = fields[END_DATA],
		.start_brk = fields[START_BRK], .brk = address(sbrk(0)),
		.start_stack = fields[START_STACK],
		.arg_start = address(order->argv[0]), .arg_end = address(env),
		.env_start = address(env), .env_end = address(behind(order->env, env)),
		.exe_fd = (guint32)-1,
	};
	prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0);
}

static void take_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	prctl(PR_SET_NAME, name, 0, 0, 0);
	program_invocation_name = (char *)path;
	program_invocation_short_name = (char *)name;
	g_set_prgname(name);
}

static bool take_descriptors(const int fds[WORKER_FDS], int *ret_gate)
{
	int gate;

	for (int i = WORKER_IN; i < WORKER_FDS; i++)
		if (dup2(fds[i], i - WORKER_IN) < 0)
			return false;

	gate = dup2(fds[WORKER_GATE], STDERR_FILENO + 1);
	if (gate < 0 || syscall(SYS_close_range, gate + 1, ~0U, 0) != 0)
		return false;

	*ret_gate = gate;

	return true;
}

/* The address behind links: what looks for files beside itself shall find them, as by exec. */
static void take_path(const char *path)
{
	g_autofree char *real = realpath(path, NULL);

	program_set_path(real ? real : path);
}

static bool may_begin(int gate)
{
	const struct worker_word word = { .pid = getpid(), .ready = true };
	char answer = 0;
	ssize_t n;

	if (write(gate, &word, sizeof(word)) != sizeof(word))
		return false;

	do
		n = read(gate, &answer, 1);
	while (n < 0 && errno == EINTR);

	return n == 1 && answer == WORKER_GO;
}

void worker_child_become(const struct worker_order *order, const int fds[WORKER_FDS])
{
	int gate = -1;

	signal(SIGPIPE, SIG_IGN);	/* of the gate: until then nothing else is written */
	if (setpgid(0, 0) != 0 || (*order->cwd && chdir(order->cwd) != 0) ||
	    !take_descriptors(fds, &gate))
		_exit(STATUS_NOT_BEGUN);

	environ = (char **)order->env;
	take_name(order->argv[0]);
	take_path(order->argv[0]);
	show_words(order);
	if (!may_begin(gate))
		_exit(STATUS_NOT_BEGUN);

	close(gate);
	signal(SIGPIPE, SIG_DFL);
}
