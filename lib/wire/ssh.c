/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/ssh.h"

#include "base/text.h"

/*
 * How long a session is waited for that is to be ended before it has said that it began: a busy
 * host takes its time to start one.
 */
enum { BEGIN_TENTHS = 50 };

#define HINT "echo \"(hint: remove it there, then run kvm-sync-hosts)\" >&2; "

bool wire_ssh_check_host(const char *host, GError **error)
{
	if (!host || !*host)
		return vmm_fail(error, VMM_ERROR_INPUT, "the request names no host");

	for (const char *p = host; *p; p++)
		if (!g_ascii_isalnum(*p) && !strchr(".-_:[]%@", *p) && !(*p & 0x80))
			return vmm_fail(error, VMM_ERROR_INPUT, "'%s' is not a host name", host);
	if (*host == '-')
		return vmm_fail(error, VMM_ERROR_INPUT, "'%s' is not a host name", host);

	return true;
}

static void ssh_add(GPtrArray *argv, const char *word)
{
	g_ptr_array_add(argv, g_strdup(word));
}

static void add_option(GPtrArray *argv, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void add_option(GPtrArray *argv, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	ssh_add(argv, "-o");
	g_ptr_array_add(argv, g_strdup_vprintf(format, ap));
	va_end(ap);
}

static GPtrArray *command_words(const char *command)
{
	GPtrArray *argv = g_ptr_array_new();
	g_auto(GStrv) words = NULL;

	if (!g_shell_parse_argv(command, NULL, &words, NULL))
		words = g_strsplit("ssh", " ", -1);
	for (char **w = words; *w; w++)
		ssh_add(argv, *w);

	return argv;
}

/* Everything up to the host. ControlMaster is always named: oned's own ssh wrapper adds it else. */
static GPtrArray *ssh_argv(const struct wire_ssh *ssh, const char *host, const char *master,
			   const char *control, bool forwarding)
{
	GPtrArray *argv = command_words(ssh->command);

	ssh_add(argv, "-T");
	ssh_add(argv, "-x");
	add_option(argv, "BatchMode=yes");
	add_option(argv, "ConnectTimeout=%u", ssh->connect_timeout_s);
	add_option(argv, "ServerAliveInterval=%u", ssh->alive_interval_s);
	add_option(argv, "ForwardAgent=%s", forwarding ? "yes" : "no");
	add_option(argv, "ControlMaster=%s", master);
	add_option(argv, "ControlPath=%s", text_or(control, "none"));
	add_option(argv, "ControlPersist=no");
	if (ssh->option)
		add_option(argv, "%s", ssh->option);
	ssh_add(argv, "--");
	ssh_add(argv, host);

	return argv;
}

static char **ssh_finish(GPtrArray *argv)
{
	g_ptr_array_add(argv, NULL);
	return (char **)g_ptr_array_free(argv, FALSE);
}

/*
 * BODY sets c, its status. Quoted for the shell that it is for, and for the login
 * shell, which read its start-up files already: bash does so again for each
 * shell that ssh seems to have started, unless SHLVL says that it is an inner one.
 */
static char **session_argv(const struct wire_ssh_session *s, const char *body)
{
	const struct wire_ssh *ssh = s->ssh;
	const char *control = s->mode == WIRE_SSH_SHARED ? s->control : NULL;
	GPtrArray *argv = ssh_argv(ssh, s->host, "no", control, s->mode == WIRE_SSH_FORWARDING);
	g_autofree char *text = g_strdup_printf("echo \"%s:start $$\" >&2; : %s.%u; %s; "
						"echo \"%s:end $c\" >&2; exit $c",
						ssh->mark, ssh->mark, s->number, body, ssh->mark);
	g_autofree char *quoted = g_shell_quote(text);

	g_ptr_array_add(argv, g_strdup_printf("env SHLVL=2 %s -c %s", ssh->shell, quoted));

	return ssh_finish(argv);
}

/* "if …; then" for what runs PATH, a quoted word. The caller frees. */
static char *run_condition(const struct wire_ssh *ssh, const char *path)
{
	g_autofree char *set = g_shell_quote(text_or(ssh->set, ""));
	g_autofree char *checked = NULL;

	if (!ssh->set)
		return g_strdup_printf("if ! [ -f %s ] || ! [ -x %s ]; then c=42; else ", path,
				       path);

	checked = g_strdup_printf("if ! [ -f %s ] || ! [ -x %s ]; then c=42; "
				  "elif ! own %s; then " HINT "c=%d; "
				  "echo \"%s:foreign 1\" >&2; else ",
				  path, path, set, WIRE_SSH_FOREIGN, ssh->mark);

	return g_strconcat(WIRE_SSH_OWN, checked, NULL);
}

char **wire_ssh_run(const struct wire_ssh_session *session, const char *script,
		    const char *const *args, const char *const *env)
{
	g_autofree char *path = g_shell_quote(script);
	g_autofree char *condition = run_condition(session->ssh, path);
	g_autoptr(GString) body = g_string_new(condition);

	if (env && *env)
		g_string_append(body, "env ");
	for (const char *const *e = env; e && *e; e++) {
		g_autofree char *word = g_shell_quote(*e);

		g_string_append_printf(body, "%s ", word);
	}

	g_string_append(body, path);
	for (const char *const *a = args; *a; a++) {
		g_autofree char *word = g_shell_quote(*a);

		g_string_append_printf(body, " %s", word);
	}

	g_string_append(body, "; c=$?; fi");

	return session_argv(session, body->str);
}

char **wire_ssh_mkdir(const struct wire_ssh_session *session, const char *dir)
{
	g_autofree char *path = g_shell_quote(dir);
	g_autofree char *body = g_strdup_printf("/bin/mkdir -p -- %s; c=$?", path);

	return session_argv(session, body);
}

char **wire_ssh_write(const struct wire_ssh_session *session, const char *file)
{
	g_autofree char *path = g_shell_quote(file);
	g_autofree char *body = g_strdup_printf(
		"f=%s; umask 077; /bin/cat >\"$f.$$\" && /bin/mv -f -- \"$f.$$\" \"$f\"; c=$?; "
		"[ $c = 0 ] || /bin/rm -f -- \"$f.$$\"", path);

	return session_argv(session, body);
}

/*
 * Sets p. Without a PID the host has not said that the session began: what our ssh sent before it
 * was ended may make it begin all the same. The brackets keep the pattern from matching itself.
 */
static char *find_process(const char *mark, struct wire_ssh_process process)
{
	if (process.pid)
		return g_strdup_printf("p=%d", process.pid);

	return g_strdup_printf("w=%d; until p=$(pgrep -o -f \"%s[.]%u;\"); do "
			       "[ $w -gt 0 ] || exit 0; sleep 0.1; w=$((w - 1)); done",
			       BEGIN_TENTHS, mark, process.number);
}

/*
 * The PID may be another process's by the time that this runs, a guest's for instance: the first
 * process of a session has our mark among its words. Where that one has ended and others of its
 * group have not, no other process can have got its number. A zombie has no words any more: once
 * it was ours, it is known by its start, field 22 of its stat.
 */
char **wire_ssh_kill(const struct wire_ssh_session *session, struct wire_ssh_process process,
		     unsigned grace_ms)
{
	const char *mark = session->ssh->mark;
	g_autofree char *find = find_process(mark, process);
	g_autofree char *body = g_strdup_printf(
		"%s; i=%u; ours() { "
		"[ ! -e /proc/$p ] || grep -qaF -- \"%s:start\" /proc/$p/cmdline; }; "
		"born() { sed \"s/.*) //\" /proc/$p/stat 2>/dev/null | cut -d \" \" -f 20; }; "
		"b=$(born); ours && { kill -TERM -- -$p 2>/dev/null || kill -TERM $p 2>/dev/null; "
		"while [ $i -gt 0 ]; do kill -0 -- -$p 2>/dev/null || break; sleep 0.1; "
		"i=$((i - 1)); done; n=$(born); "
		"[ \"$n\" ] && [ \"$n\" != \"$b\" ] || kill -KILL -- -$p 2>/dev/null; }; c=0", find,
		grace_ms / 100, mark);

	return session_argv(session, body);
}

char **wire_ssh_master(const struct wire_ssh *ssh, const char *host, const char *control)
{
	GPtrArray *argv = ssh_argv(ssh, host, "yes", control, false);

	g_ptr_array_add(argv, g_strdup_printf("echo %s:ready; exec cat >/dev/null", ssh->mark));
	return ssh_finish(argv);
}

char **wire_ssh_relay(const struct wire_ssh *ssh, const char *host, const char *path,
		      unsigned number)
{
	GPtrArray *argv = ssh_argv(ssh, host, "no", NULL, false);
	g_autofree char *relay = g_shell_quote(path);
	g_autofree char *set = g_shell_quote(text_or(ssh->set, ""));
	g_autofree char *start = g_strdup_printf(
		"[ ! -x \"$0\" ] || [ -z \"$1\" ] || own \"$1\" || { " HINT "exit %d; }; "
		"exec \"$0\" --driver %s.%u", WIRE_SSH_FOREIGN, ssh->mark, number);
	g_autofree char *script = g_strconcat(WIRE_SSH_OWN, start, NULL);
	g_autofree char *quoted = g_shell_quote(script);

	g_ptr_array_add(argv, g_strdup_printf("exec env SHLVL=2 %s -c %s %s %s", ssh->shell, quoted,
					      relay, set));

	return ssh_finish(argv);
}

char **wire_ssh_shell(const struct wire_ssh *ssh, const char *host, const char *script,
		      const char *const *args)
{
	GPtrArray *argv = ssh_argv(ssh, host, "no", NULL, false);
	g_autofree char *quoted = g_shell_quote(script);
	g_autoptr(GString) command = g_string_new(NULL);

	g_string_printf(command, "exec %s -c %s %s", ssh->shell, quoted, ssh->mark);
	for (const char *const *a = args; *a; a++) {
		g_autofree char *word = g_shell_quote(*a);

		g_string_append_printf(command, " %s", word);
	}

	ssh_add(argv, command->str);

	return ssh_finish(argv);
}

char **wire_ssh_config(const char *command, const char *host)
{
	GPtrArray *argv = command_words(command);

	ssh_add(argv, "-G");
	ssh_add(argv, "--");
	ssh_add(argv, host);

	return ssh_finish(argv);
}

/* What "NAME VALUE", a line of CONFIG, says; NULL: it has none. */
static const char *config_value(char **config, const char *name)
{
	for (char **line = config; *line; line++)
		if (g_str_has_prefix(*line, name) && (*line)[strlen(name)] == ' ')
			return *line + strlen(name) + 1;

	return NULL;
}

char *wire_ssh_keep_nothing(const char *config)
{
	/* "ask" refuses where nobody can be asked, and keeps nothing. */
	static const char *const refusing[] = { "true", "yes", "ask", NULL };
	g_auto(GStrv) lines = g_strsplit(config, "\n", -1);
	const char *strict = config_value(lines, "stricthostkeychecking");
	const char *files = config_value(lines, "userknownhostsfile");

	if (!strict || !files || g_strv_contains(refusing, strict))
		return NULL;
	if (g_str_has_prefix(files, "/dev/null") || g_str_equal(files, "none"))
		return NULL;

	return g_strdup_printf("UserKnownHostsFile=/dev/null %s", files);
}

/* Takes the line "MARK:WHAT NUMBER" out of TEXT; returns NUMBER, or ABSENT. */
static int take_mark(const char *mark, const char *what, GString *text, int absent)
{
	g_autofree char *begin = g_strdup_printf("%s:%s ", mark, what);
	char *at = strstr(text->str, begin);
	const char *end;
	gint64 n;

	if (!at)
		return absent;

	n = g_ascii_strtoll(at + strlen(begin), NULL, 10);
	end = strchr(at, '\n');
	g_string_erase(text, at - text->str, end ? end + 1 - at : -1);

	if (n >= 0 && n <= G_MAXINT)
		return (int)n;

	return absent;
}

struct wire_ssh_marks wire_ssh_take_marks(const char *mark, GString *stderr_text)
{
	return (struct wire_ssh_marks){
		.pid = take_mark(mark, "start", stderr_text, 0),
		.status = take_mark(mark, "end", stderr_text, -1),
		.is_foreign = take_mark(mark, "foreign", stderr_text, 0),
	};
}
