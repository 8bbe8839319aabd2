/* SPDX-License-Identifier: Apache-2.0 */
#include "base/deadline.h"
#include "base/file.h"
#include "base/number.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void numbers_are_whole_and_in_range(void)
{
	static const char *const bad[] = { "", " 4", "4 ", "0x10", "10M", "+5", "-1", "11",
					   "99999999999999999999999" };
	guint64 n = 7;

	g_assert_true(number_unsigned("10", 0, 10, &n, NULL));
	g_assert_cmpuint(n, ==, 10);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_false(number_unsigned(bad[i], 0, 10, &n, &error));
		g_assert_error(error, VMM_ERROR, VMM_ERROR_INPUT);
	}
	g_assert_cmpuint(n, ==, 10);
}

static void an_error_carries_class_hint_and_exit_status(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GError) copy = NULL;

	g_assert_false(vmm_fail_errno(&error, ENOSPC, "cannot write %s", "f"));
	g_assert_cmpstr(vmm_error_class(error), ==, "no-space");
	g_assert_cmpstr(vmm_error_hint(error), ==, "free space on that file system");
	vmm_error_set_hint(&error, "buy %d disks", 2);
	copy = g_error_copy(error);
	g_assert_cmpstr(vmm_error_hint(copy), ==, "buy 2 disks");
	g_assert_cmpint(vmm_error_exit_status(copy), ==, 1);
}

static void a_file_is_replaced_whole_and_private(void)
{
	g_autofree char *dir = g_dir_make_tmp("vmm-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "f", NULL);
	g_autofree char *target = g_build_filename(dir, "target", NULL);
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	struct stat st;

	g_assert_true(g_file_set_contents(target, "keep", -1, NULL));
	g_assert_cmpint(symlink(target, path), ==, 0);
	g_assert_true(file_write(path, "new", 3, 0600, &error));
	g_assert_cmpint(lstat(path, &st), ==, 0);
	g_assert_true(S_ISREG(st.st_mode));
	g_assert_cmpint(st.st_mode & 0777, ==, 0600);
	g_assert_true(g_file_get_contents(target, &text, NULL, NULL));
	g_assert_cmpstr(text, ==, "keep");
	g_assert_false(file_write("/nonexistent/f", "x", 1, 0600, &error));
	g_assert_error(error, VMM_ERROR, VMM_ERROR_NOT_FOUND);
	g_assert_cmpint(unlink(path), ==, 0);
	g_assert_cmpint(unlink(target), ==, 0);
	g_assert_cmpint(g_rmdir(dir), ==, 0);	/* and nothing else was left in it */
}

static void a_deadline_passes_and_leaves_no_time_then(void)
{
	gint64 far = deadline_in_ms(G_MAXINT), past = deadline_in_ms(-1), near;
	unsigned turns = 0;

	g_assert_false(deadline_passed(far));
	g_assert_cmpuint(deadline_left_ms(far), >, 1000 * 1000);
	g_assert_cmpuint(deadline_left_ms(far), <=, G_MAXINT);
	g_assert_true(deadline_pause(far, 1));
	g_assert_true(deadline_passed(past));
	g_assert_cmpuint(deadline_left_ms(past), ==, 0);
	g_assert_false(deadline_pause(past, 60000));

	/* A busy machine lets us wait for some 10 ms at any place. */
	near = deadline_in_ms(500);
	while (deadline_pause(near, 1))
		turns++;
	g_assert_cmpuint(turns, >, 0);
	g_assert_true(deadline_passed(near));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/base/numbers-are-whole-and-in-range", numbers_are_whole_and_in_range);
	g_test_add_func("/base/an-error-carries-class-hint-and-exit-status",
			an_error_carries_class_hint_and_exit_status);
	g_test_add_func("/base/a-deadline-passes-and-leaves-no-time-then",
			a_deadline_passes_and_leaves_no_time_then);
	g_test_add_func("/base/a-file-is-replaced-whole-and-private",
			a_file_is_replaced_whole_and_private);
	return g_test_run();
}
