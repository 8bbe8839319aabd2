/* SPDX-License-Identifier: Apache-2.0 */
#include "base/child.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static struct child_result run(const char *script, const char *input, unsigned timeout_ms,
			       size_t max_output)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	g_autoptr(GBytes) in = input ? g_bytes_new_static(input, strlen(input)) : NULL;
	struct child_spec spec = { .argv = argv, .input = in, .timeout_ms = timeout_ms,
				   .grace_ms = 100, .max_output = max_output };
	g_autoptr(GError) error = NULL;
	struct child_result r = { 0 };

	g_assert_true(child_run(&spec, &r, &error));
	g_assert_no_error(error);
	return r;
}

static void input_goes_in_and_both_outputs_come_back(void)
{
	struct child_result r = run("cat; echo oops >&2; exit 3", "hello", 5000, 0);

	g_assert_cmpint(r.exit_status, ==, 3);
	g_assert_cmpstr(r.out->str, ==, "hello");
	g_assert_cmpstr(r.err->str, ==, "oops\n");
	child_result_clear(&r);
}

static void a_large_input_may_be_left_unread(void)
{
	g_autofree char *big = g_strnfill(4 << 20, 'x');
	struct child_result r = run("exit 0", big, 5000, 0);

	g_assert_cmpint(r.exit_status, ==, 0);
	child_result_clear(&r);
	r = run("wc -c", big, 20000, 0);
	g_assert_cmpstr(g_strstrip(r.out->str), ==, "4194304");
	child_result_clear(&r);
}

static void two_are_joined_by_a_pipe(void)
{
	const char *const write_argv[] = { "sh", "-c", "echo through; echo said >&2", NULL };
	const char *const read_argv[] = { "cat", NULL };
	struct child_result written = { 0 }, read = { 0 };
	g_autoptr(GError) error = NULL;
	struct child_spec spec = { .argv = write_argv };
	int fds[2];

	g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
	spec.output_fd = fds[1];
	g_assert_true(child_run(&spec, &written, &error));
	g_assert_cmpstr(written.out->str, ==, "");
	g_assert_cmpstr(written.err->str, ==, "said\n");

	/* Both ends were closed here: the reader finds the end. */
	spec = (struct child_spec){ .argv = read_argv, .input_fd = fds[0] };
	g_assert_true(child_run(&spec, &read, &error));
	g_assert_cmpstr(read.out->str, ==, "through\n");
	g_assert_cmpint(fcntl(fds[0], F_GETFD), ==, -1);
	child_result_clear(&written);
	child_result_clear(&read);
}

/* Gone, or a zombie that pid 1 has not reaped yet. */
static bool is_dead(const char *pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%s/stat", pid);
	g_autofree char *stat = NULL;

	return !g_file_get_contents(path, &stat, NULL, NULL) || strstr(stat, ") Z ");
}

static void a_late_one_is_ended_with_its_group(void)
{
	g_autoptr(GError) error = NULL;
	/* On a busy machine a shell needs a while until it has set that up. */
	struct child_result r = run("trap '' TERM; sleep 41.5 & echo $!; wait", NULL, 2000, 0);

	g_assert_true(r.timed_out);
	g_assert_cmpint(r.signal, ==, SIGKILL);
	g_assert_false(child_result_check(&r, "sh", &error));
	g_assert_error(error, VMM_ERROR, VMM_ERROR_TIMEOUT);
	for (int i = 0; i < 500 && !is_dead(g_strstrip(r.out->str)); i++)
		g_usleep(20000);
	g_assert_true(is_dead(r.out->str));
	child_result_clear(&r);
}

static void too_much_output_loses_its_middle(void)
{
	struct child_result r = run("echo first; yes middle | head -c 300000; echo last", NULL,
				    20000, 4096);

	g_assert_true(g_str_has_prefix(r.out->str, "first\n"));
	g_assert_true(g_str_has_suffix(r.out->str, "last\n"));
	g_assert_nonnull(strstr(r.out->str, "bytes left out]"));
	g_assert_cmpuint(r.out->len, <, 4096 + 64);
	child_result_clear(&r);
}

static void a_daemon_left_behind_does_not_hold_us(void)
{
	struct child_result r = run("sleep 30 & echo done; exit 0", NULL, 20000, 0);

	g_assert_cmpstr(r.out->str, ==, "done\n");
	g_assert_cmpint(r.wall_us, <, 10 * G_USEC_PER_SEC);
	child_result_clear(&r);
}

static void one_that_is_not_there_is_named(void)
{
	const char *argv[] = { "/no/such/program", NULL };
	struct child_spec spec = { .argv = argv };
	g_autoptr(GError) error = NULL;
	struct child_result r;

	g_assert_false(child_run(&spec, &r, &error));
	g_assert_error(error, VMM_ERROR, VMM_ERROR_NOT_FOUND);
	g_assert_cmpstr(error->message, ==,
			"cannot run /no/such/program: No such file or directory");
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/child/input-goes-in-and-both-outputs-come-back",
			input_goes_in_and_both_outputs_come_back);
	g_test_add_func("/child/a-large-input-may-be-left-unread",
			a_large_input_may_be_left_unread);
	g_test_add_func("/child/pipe", two_are_joined_by_a_pipe);
	g_test_add_func("/child/a-late-one-is-ended-with-its-group",
			a_late_one_is_ended_with_its_group);
	g_test_add_func("/child/too-much-output-loses-its-middle",
			too_much_output_loses_its_middle);
	g_test_add_func("/child/a-daemon-left-behind-does-not-hold-us",
			a_daemon_left_behind_does_not_hold_us);
	g_test_add_func("/child/one-that-is-not-there-is-named", one_that_is_not_there_is_named);
	return g_test_run();
}
