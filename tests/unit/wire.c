/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "wire/oned_line.h"
#include "wire/relay_frame.h"
#include "wire/script_stderr.h"
#include "wire/deflate.h"
#include "wire/line_reader.h"
#include "wire/ssh.h"

static void a_line_is_action_id_and_payload(void)
{
	struct oned_line l = { 0 };
	g_autoptr(GError) error = NULL;

	g_assert_true(oned_line_parse("DEPLOY  12 QUJD", &l, &error));
	g_assert_cmpstr(l.action, ==, "DEPLOY");
	g_assert_cmpint(l.id, ==, 12);
	g_assert_cmpstr(l.payload, ==, "QUJD");
	oned_line_clear(&l);
	g_assert_true(oned_line_parse("init", &l, &error));
	g_assert_cmpstr(l.action, ==, "INIT");
	g_assert_null(l.payload);
	oned_line_clear(&l);
	g_assert_false(oned_line_parse(" RESET 1", &l, &error));
	g_assert_error(error, VMM_ERROR, VMM_ERROR_INPUT);
}

static void text_for_oned_is_one_line_of_bounded_length(void)
{
	g_autofree char *plain = text_line("  a\r\n\tb\x01" "c  ", 100);
	g_autofree char *cut = text_line("aaaaaaaaaa\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
					 "zzzzzzzzzz", 20);
	/* U+009B is to a terminal what ESC [ is; U+00A0 is text. */
	g_autofree char *late = text_line("a\xc2\x9b" "2J\xc2\xa0" "b\xc2", 100);

	g_assert_cmpstr(plain, ==, "a b c");
	g_assert_cmpstr(late, ==, "a 2J\xc2\xa0" "b\xc2");
	g_assert_cmpuint(strlen(cut), <=, 20);
	g_assert_true(g_utf8_validate(cut, -1, NULL));
	g_assert_true(g_str_has_prefix(cut, "aaaaaaa"));
	g_assert_true(g_str_has_suffix(cut, "zzzzzzz"));
}

static void collect(void *data, char severity, const char *text)
{
	g_string_append_printf(data, "%c:%s|", severity, text);
}

static void stderr_is_sorted_into_log_and_reason(void)
{
	g_autoptr(GString) log = g_string_new(NULL);
	g_autofree char *why = script_stderr_reason("one\nERROR: 12 bad disk\nINFO:x\n two \n"
						    "ERROR: 2 disks\n",
						    12, 100, collect, log);

	g_assert_cmpstr(why, ==, "one two");
	g_assert_cmpstr(log->str, ==, "I:one|E:bad disk|I:x|I:two|E:2 disks|");
}

static void marked_text_is_the_reason(void)
{
	g_autofree char *why = script_stderr_reason("noise\nERROR MESSAGE --8<------\nno\nspace\n"
						    "ERROR MESSAGE ------>8--\n",
						    1, 100, NULL, NULL);
	g_autofree char *open =
		script_stderr_reason("noise\nERROR MESSAGE --8<------\nno\n", 1, 100, NULL, NULL);

	g_assert_cmpstr(why, ==, "no space");
	g_assert_cmpstr(open, ==, "noise");
}

static void add_lines(GString *to, guint count)
{
	for (guint i = 0; i < count; i++)
		g_string_append(to, "x\n");
}

static void count_line(void *data, char severity G_GNUC_UNUSED, const char *text G_GNUC_UNUSED)
{
	++*(guint *)data;
}

/* Wherever the markers are among very many lines, before, in or behind the middle. */
static void the_reason_is_found_among_many_lines(void)
{
	static const guint before[] = { 0, 90, 99, 100, 101, 5000, 49950, 100000 };

	for (size_t i = 0; i < G_N_ELEMENTS(before); i++) {
		g_autoptr(GString) text = g_string_new(NULL);
		g_autofree char *why = NULL;
		guint logged = 0;

		add_lines(text, before[i]);
		g_string_append(text, "ERROR MESSAGE --8<------\nno\nspace\n"
				"ERROR MESSAGE ------>8--\n");
		add_lines(text, 100000 - before[i]);
		why = script_stderr_reason(text->str, 1, 100, count_line, &logged);
		g_assert_cmpstr(why, ==, "no space");
		g_assert_cmpuint(logged, <=, 201);
	}
}

static void a_long_reason_has_its_begin_and_its_end(void)
{
	g_autoptr(GString) text = g_string_new("ERROR MESSAGE --8<------\nfirst\n");
	g_autofree char *why = NULL;

	add_lines(text, 50000);
	g_string_append(text, "ERROR MESSAGE ------>8--\n");
	add_lines(text, 50000);
	why = script_stderr_reason(text->str, 1, 100, NULL, NULL);
	g_assert_true(g_str_has_prefix(why, "first x x"));
}

static void the_head_of_a_frame_tells_what_will_come(void)
{
	g_autoptr(GString) out = g_string_new("told");
	g_autoptr(GString) err = g_string_new(NULL);
	const struct relay_done done = { .out = out, .err = err };
	g_autoptr(GBytes) bytes = relay_done_frame(7, &done);
	struct relay_frame head, whole;
	gsize size;
	const guint8 *data = g_bytes_get_data(bytes, &size);
	guint8 huge[] = { 0xff, 0xff, 0xff, 0xff, RELAY_DONE, 0, 0, 0, 7 };
	size_t used;

	g_assert_cmpint(relay_frame_head(data, 8, &head), ==, RELAY_INCOMPLETE);
	g_assert_cmpint(relay_frame_head(data, 9, &head), ==, RELAY_TAKEN);
	g_assert_cmpint(relay_frame_take(data, size, &whole, &used), ==, RELAY_TAKEN);
	g_assert_cmpuint(head.id, ==, 7);
	g_assert_cmpint(head.type, ==, RELAY_DONE);
	g_assert_cmpuint(head.size, ==, whole.size);
	g_assert_cmpuint(head.size, <=, relay_done_max(4));
	g_assert_cmpint(relay_frame_head(huge, sizeof(huge), &head), ==, RELAY_BAD);
}

static void what_is_packed_comes_back(void)
{
	g_autofree char *text = g_strnfill(100000, 'x');
	g_autoptr(GBytes) bytes = g_bytes_new(text, 100000);
	g_autoptr(GBytes) packed = deflate_pack(bytes);
	g_autoptr(GBytes) back = deflate_unpack(packed);
	g_autoptr(GBytes) nothing = g_bytes_new("", 0);
	g_autoptr(GBytes) packed_nothing = deflate_pack(nothing);
	g_autoptr(GBytes) nothing_back = deflate_unpack(packed_nothing);

	g_assert_true(g_bytes_equal(bytes, back));
	g_assert_cmpuint(g_bytes_get_size(packed), <, 2000);
	g_assert_true(g_bytes_equal(nothing, nothing_back));
}

static void hosts_are_names_and_no_options(void)
{
	static const char *const good[] = { "node1", "oneadmin@h.example.org", "10.0.0.1",
					    "fe80::1%eth0" };
	static const char *const bad[] = { "", "-oProxyCommand=x", "a b", "a;b", "$(x)", "a'b",
					   "a/b" };

	for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
		g_assert_true(wire_ssh_check_host(good[i], NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(wire_ssh_check_host(bad[i], NULL));
}

static void marks_tell_whether_it_began_and_how_it_ended(void)
{
	g_autoptr(GString) all = g_string_new("motd\nM:start 77\nerr\nM:end 5\n");
	g_autoptr(GString) begun = g_string_new("M:start 78\nhalf");
	g_autoptr(GString) none = g_string_new("ssh: no route\n");
	struct wire_ssh_marks m = wire_ssh_take_marks("M", all);

	g_assert_cmpint(m.pid, ==, 77);
	g_assert_cmpint(m.status, ==, 5);
	g_assert_cmpstr(all->str, ==, "motd\nerr\n");
	m = wire_ssh_take_marks("M", begun);
	g_assert_cmpint(m.pid, ==, 78);
	g_assert_cmpint(m.status, ==, -1);
	m = wire_ssh_take_marks("M", none);
	g_assert_cmpint(m.pid, ==, 0);
}

static void note_line(void *data, char *line)
{
	g_string_append_printf(data, "%s|", line);
}

static void note_too_long(void *data, const char *head)
{
	g_string_append_printf(data, "too long: %.5s|", head);
}

static const struct line_reader_events reader_events = { note_line, note_too_long };

static void lines_come_out_of_pieces_without_nuls(void)
{
	char pieces[] = "INIT\nRES\0ET  1 x\nPO";
	g_autoptr(GString) told = g_string_new(NULL);
	LineReader *r = line_reader_new(100, &reader_events, told);

	for (size_t i = 0; i < sizeof(pieces) - 1; i++)
		line_reader_feed(r, pieces + i, 1);
	line_reader_free(r);
	g_assert_cmpstr(told->str, ==, "INIT|RESET  1 x|");
}

static void a_line_that_is_too_long_is_told_once_and_the_next_is_read(void)
{
	g_autofree char *pad = g_strnfill(3000, 'x');
	g_autofree char *text = g_strdup_printf("RESET  1 %s\nINIT\nPOLL %.96s\nLAST\n", pad, pad);
	g_autoptr(GString) told = g_string_new(NULL);
	LineReader *r = line_reader_new(100, &reader_events, told);

	for (size_t at = 0, len = strlen(text); at < len; at += 50)
		line_reader_feed(r, text + at, MIN(50, len - at));
	line_reader_free(r);
	g_assert_cmpstr(told->str, ==, "too long: RESET|INIT|too long: POLL |LAST|");
}

static void lead_group(void *data G_GNUC_UNUSED)
{
	setpgid(0, 0);
}

/* Starts ARGV as the leader of a group of its own. */
static GPid start_group(char **argv)
{
	GPid pid;

	g_assert_true(g_spawn_async(NULL, argv, NULL, G_SPAWN_SEARCH_PATH |
				    G_SPAWN_DO_NOT_REAP_CHILD, lead_group, NULL, &pid, NULL));

	return pid;
}

/* Runs what the host's shell would for the kill of PID, and waits for it. */
static void run_kill(const char *mark, GPid pid)
{
	const struct wire_ssh ssh = { .command = "ssh", .shell = "bash", .mark = mark };
	const struct wire_ssh_session session = { .ssh = &ssh, .host = "h" };
	g_auto(GStrv) argv = wire_ssh_kill(&session, (struct wire_ssh_process){ .pid = pid }, 300);
	char *remote[] = { (char *)"sh", (char *)"-c", argv[g_strv_length(argv) - 1], NULL };

	g_assert_true(g_spawn_sync(NULL, remote, NULL, G_SPAWN_SEARCH_PATH |
				   G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL, NULL, NULL));
}

static void only_a_session_with_our_mark_is_killed(void)
{
	char *ours[] = { (char *)"bash", (char *)"-c",
			 (char *)"echo M7:start >/dev/null; sleep 60; true", NULL };
	char *another[] = { (char *)"sleep", (char *)"60", NULL };
	GPid session = start_group(ours), guest = start_group(another);
	int status;

	run_kill("M7", guest);
	g_assert_cmpint(waitpid(guest, &status, WNOHANG), ==, 0);
	run_kill("M7", session);
	g_assert_cmpint(waitpid(session, &status, 0), ==, session);
	g_assert_true(WIFSIGNALED(status));

	kill(guest, SIGKILL);
	waitpid(guest, &status, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/wire/a-line-is-action-id-and-payload", a_line_is_action_id_and_payload);
	g_test_add_func("/wire/text-for-oned-is-one-line-of-bounded-length",
			text_for_oned_is_one_line_of_bounded_length);
	g_test_add_func("/wire/stderr-is-sorted-into-log-and-reason",
			stderr_is_sorted_into_log_and_reason);
	g_test_add_func("/wire/marked-text-is-the-reason", marked_text_is_the_reason);
	g_test_add_func("/wire/the-reason-is-found-among-many-lines",
			the_reason_is_found_among_many_lines);
	g_test_add_func("/wire/a-long-reason-has-its-begin-and-its-end",
			a_long_reason_has_its_begin_and_its_end);
	g_test_add_func("/wire/the-head-of-a-frame-tells-what-will-come",
			the_head_of_a_frame_tells_what_will_come);
	g_test_add_func("/wire/what-is-packed-comes-back", what_is_packed_comes_back);
	g_test_add_func("/wire/hosts-are-names-and-no-options", hosts_are_names_and_no_options);
	g_test_add_func("/wire/marks-tell-whether-it-began-and-how-it-ended",
			marks_tell_whether_it_began_and_how_it_ended);
	g_test_add_func("/wire/lines-come-out-of-pieces-without-nuls",
			lines_come_out_of_pieces_without_nuls);
	g_test_add_func("/wire/a-line-that-is-too-long-is-told-once-and-the-next-is-read",
			a_line_that_is_too_long_is_told_once_and_the_next_is_read);
	g_test_add_func("/ssh/only-a-session-with-our-mark-is-killed",
			only_a_session_with_our_mark_is_killed);
	return g_test_run();
}
