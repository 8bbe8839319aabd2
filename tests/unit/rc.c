/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/rc.h"

#include <sys/stat.h>

static char *dir;

static ConfRc *load(const char *text, enum conf_rc_flags flags)
{
	g_autofree char *path = g_build_filename(dir, "rc", NULL);
	g_autoptr(GError) error = NULL;
	ConfRc *rc;

	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	rc = conf_rc_load(path, flags, &error);
	g_assert_no_error(error);
	return rc;
}

static const struct vector {
	const char *text, *name, *value;
} vectors[] = {
	{ "export LIBVIRT_URI=qemu+tcp://localhost/system", "LIBVIRT_URI",
	  "qemu+tcp://localhost/system" },
	{ "MIGRATE_OPTIONS=--unsafe", "MIGRATE_OPTIONS", "--unsafe" },
	{ "MIGRATE_OPTIONS=\"--unsafe --bandwidth 100\" # fast", "MIGRATE_OPTIONS",
	  "--unsafe --bandwidth 100" },
	{ "#MIGRATE_OPTIONS=--unsafe", "MIGRATE_OPTIONS", NULL },
	{ "  SYNC_TIME='yes'", "SYNC_TIME", "yes" },
	{ "A=x B=\"$A y\"", "A", "x" },
	{ "A=x B=\"$A y\"", "B", "x y" },
	{ "DEFAULT_ATTACH_IO=", "DEFAULT_ATTACH_IO", NULL },
	{ "X=a#b", "X", "a#b" },
	{ "X=${Y:-z}", "X", "z" },
	{ "Y=q; X=${Y:-z}", "X", "q" },
	{ "Y=; X=${Y-z}", "X", NULL },
	{ "X=${Y:=\"a b\"}; Z=$Y", "Z", "a b" },
	{ "Y=1\nX=${Y:+on}", "X", "on" },
	{ "X=${Y:=${Y:=a}b}; Z=$Y", "Z", "ab" },
	{ "Y=1; X=${Y-${Z:=2}}${Y+3}", "X", "13" },
	{ "Y=1; X=${Y-${Z:=2}}${Y+3}", "Z", NULL },
	{ "X=a; X+=b\nX+=c", "X", "abc" },
	{ "X='two\nlines'", "X", "two\nlines" },
	{ "X=a\\\nb", "X", "ab" },
	{ "X=a\\ b\\$c", "X", "a b$c" },
	{ "X=\"\\$a \\x \\\"q\\\"\"", "X", "$a \\x \"q\"" },
	{ "export X=1 Y=2; readonly Z=3; declare -x W=4", "Z", "3" },
	{ "X=1; unset X", "X", NULL },
	{ "set -e\n: ignored\ntrue\nX=1", "X", "1" },
	{ "X=~/a", "X", "/home/me/a" },
	{ "X='a'\"b\"c$D", "X", "abcd" },
	{ "X=${HOME}/${NOT_THERE}x", "X", "/home/me/x" },
	{ "X=\"${Y:-\"a b\"}\"", "X", "a b" },
	{ "X=5$", "X", "5$" },
	{ "X=a;Y=b", "Y", "b" },
};

static void plain_files_need_no_shell(void)
{
	g_setenv("HOME", "/home/me", TRUE);
	g_setenv("D", "d", TRUE);
	for (size_t i = 0; i < G_N_ELEMENTS(vectors); i++) {
		const struct vector *v = &vectors[i];
		g_autoptr(ConfRc) rc = load(v->text, CONF_RC_PLAIN);

		g_test_message("%s", v->text);
		g_assert_null(conf_rc_warnings(rc)[0]);
		g_assert_cmpstr(conf_rc_get(rc, v->name), ==, v->value);
	}
}

static void instructions_are_seen_and_ignored(void)
{
	static const char *const texts[] = {
		". /etc/default/foo", "if [ -f /etc ]; then\n B=9\nfi", "B=$(hostname)", "B=`id`",
		"[ -f /etc ] && B=9", "f() {\n B=9\n}", "B=9 >/dev/null", "B=9 true", "B=$1",
		"B=${A%x}", "B=(1 2)", "for B in 1 2; do\n B=9\ndone", "cat <<X\nB=it's\nX",
		"B=\"$(echo \"it's\")\"", "case x in\nx) B=9;;\nesac",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autofree char *text = g_strdup_printf("A=1\n%s\n", texts[i]);
		g_autoptr(ConfRc) rc = load(text, CONF_RC_PLAIN);

		g_test_message("%s", text);
		g_assert_nonnull(conf_rc_warnings(rc)[0]);
		g_assert_nonnull(strstr(conf_rc_warnings(rc)[0], "rc:2:1: instruction '"));
		g_assert_null(conf_rc_warnings(rc)[1]);
		g_assert_cmpstr(conf_rc_get(rc, "A"), ==, "1");
		g_assert_cmpstr(conf_rc_get(rc, "B"), ==, NULL);
	}
}

static void a_shell_evaluates_instructions(void)
{
	g_autoptr(ConfRc) rc = load("A=1; echo noise\nif true; then B=\"$(echo 'x  y')\"; fi\n"
				    "export C=$A$A; false", CONF_RC_INSTRUCTIONS);

	g_assert_cmpstr(conf_rc_get(rc, "A"), ==, "1");
	g_assert_cmpstr(conf_rc_get(rc, "B"), ==, "x  y");
	g_assert_cmpstr(conf_rc_get(rc, "C"), ==, "11");
	g_assert_nonnull(strstr(conf_rc_warnings(rc)[0], "shell output: noise"));
}

static void a_file_that_ends_the_shell_counts_as_far_as_it_is_plain(void)
{
	g_autoptr(ConfRc) rc = load("A=1\nB=$(echo 2)\necho why >&2; exit 7\nC=3\n",
				    CONF_RC_INSTRUCTIONS);

	g_assert_cmpstr(conf_rc_get(rc, "A"), ==, "1");
	g_assert_cmpstr(conf_rc_get(rc, "B"), ==, NULL);
	g_assert_cmpstr(conf_rc_get(rc, "C"), ==, "3");
	g_assert_nonnull(strstr(conf_rc_warnings(rc)[0], "status 7"));
	g_assert_nonnull(strstr(conf_rc_warnings(rc)[0], "why"));
}

static void an_open_quote_is_shown_with_its_place(void)
{
	g_autoptr(ConfRc) rc = load("A=1\n\n  B=\"x y\nC=2\n", CONF_RC_INSTRUCTIONS);

	g_assert_cmpstr(conf_rc_get(rc, "A"), ==, "1");
	g_assert_cmpstr(conf_rc_get(rc, "C"), ==, NULL);
	g_assert_true(g_str_has_suffix(conf_rc_warnings(rc)[0],
				       "rc:3:5: unterminated quote '\"x y'"));
}

static void exported_names_reach_children(void)
{
	const char *env[] = { "HERE=1", "GONE=1", NULL };
	g_autoptr(ConfRc) rc = load("export A=1\nB=2\nexport C\nC=3\nunset GONE", CONF_RC_PLAIN);
	g_auto(GStrv) some = conf_rc_environ(rc, env, false);
	g_auto(GStrv) all = conf_rc_environ(rc, env, true);

	g_assert_cmpstr(g_environ_getenv(some, "A"), ==, "1");
	g_assert_cmpstr(g_environ_getenv(some, "B"), ==, NULL);
	g_assert_cmpstr(g_environ_getenv(some, "C"), ==, "3");
	g_assert_cmpstr(g_environ_getenv(some, "GONE"), ==, NULL);
	g_assert_cmpstr(g_environ_getenv(some, "HERE"), ==, "1");
	g_assert_cmpstr(g_environ_getenv(all, "B"), ==, "2");
}

static void a_missing_file_is_an_error_unless_it_is_optional(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(ConfRc) rc = conf_rc_load("/no/such", CONF_RC_PLAIN, &error);
	g_autoptr(ConfRc) empty = conf_rc_load("/no/such", CONF_RC_OPTIONAL, NULL);

	g_assert_null(rc);
	g_assert_error(error, VMM_ERROR, VMM_ERROR_CONFIG);
	g_assert_nonnull(empty);
	g_assert_null(conf_rc_get(empty, "A"));
}

int main(int argc, char **argv)
{
	g_autofree char *path = NULL;

	g_test_init(&argc, &argv, NULL);
	dir = g_dir_make_tmp("rc.XXXXXX", NULL);
	g_test_add_func("/rc/plain-files-need-no-shell", plain_files_need_no_shell);
	g_test_add_func("/rc/instructions-are-seen-and-ignored", instructions_are_seen_and_ignored);
	g_test_add_func("/rc/a-shell-evaluates-instructions", a_shell_evaluates_instructions);
	g_test_add_func("/rc/a-file-that-ends-the-shell-counts-as-far-as-it-is-plain",
			a_file_that_ends_the_shell_counts_as_far_as_it_is_plain);
	g_test_add_func("/rc/an-open-quote-is-shown-with-its-place",
			an_open_quote_is_shown_with_its_place);
	g_test_add_func("/rc/exported-names-reach-children", exported_names_reach_children);
	g_test_add_func("/rc/a-missing-file-is-an-error-unless-it-is-optional",
			a_missing_file_is_an_error_unless_it_is_optional);
	if (g_test_run())
		return 1;
	path = g_build_filename(dir, "rc", NULL);
	remove(path);
	remove(dir);
	g_free(dir);
	return 0;
}
