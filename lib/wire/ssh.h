/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh.h - command lines for ssh: the master connection of a host, which sessions share, and
 * commands for the remote shell, the only shell that evaluates them.
 *
 * A remote command writes two marks on stderr: MARK:start PID when it begins and MARK:end STATUS
 * when it has ended. Without the first mark it was certainly not run, unless its ssh was ended
 * before; with only the first mark its outcome is unknown.
 * Source: docs/facts/protocol.md 6.2, 6.11; ssh(1), ssh_config(5).
 */
#ifndef WIRE_SSH_H
#define WIRE_SSH_H

#include "base/error.h"

struct wire_ssh {
	const char *command;		/* "ssh": words, as a shell would split them */
	const char *shell;		/* of the far end: "bash" */
	const char *mark;		/* a word that no output holds by chance */
	const char *set;		/* directory on the host, see WIRE_SSH_FOREIGN; or NULL */
	unsigned connect_timeout_s;
	unsigned alive_interval_s;
	const char *option;		/* one more for -o; or NULL */
};

/*
 * The exit status where wire_ssh.set belongs neither to root, nor to oneadmin, nor to the user that
 * ssh is there: before the first sync any user of a host can make such a directory in /var/tmp.
 * Nothing was run, and stderr says why.
 */
enum { WIRE_SSH_FOREIGN = 77 };

/*
 * For scripts of a POSIX shell: "own DIRECTORY" is true where the set there may be run, and else
 * says why not on stderr. A link is its maker's, whosever that is to which it leads.
 */
#define WIRE_SSH_OWN \
	"own() { [ ! -L \"$1\" ] && [ -O \"$1\" ] && return; u=$(stat -c %u -- \"$1\"); " \
	"for n in 0 $(id -u) $(id -u oneadmin 2>/dev/null); do [ \"$u\" = $n ] && return; " \
	"done; echo \"$1 belongs to another user\" >&2; return 1; }; "

enum wire_ssh_mode {
	WIRE_SSH_ALONE,		/* a connection of its own */
	WIRE_SSH_SHARED,	/* a session of the connection at the control path */
	WIRE_SSH_FORWARDING,	/* a connection of its own with agent forwarding */
};

/* How a session reaches its host. */
struct wire_ssh_session {
	const struct wire_ssh *ssh;
	const char *host;
	enum wire_ssh_mode mode;
	const char *control;	/* path of a shared connection's socket, for WIRE_SSH_SHARED */
	unsigned number;	/* of those with our mark; 0: wire_ssh_kill() needs its PID */
};

/* False with VMM_ERROR_INPUT when HOST could be taken for an option or two words. */
bool wire_ssh_check_host(const char *host, GError **error);

/*
 * Runs SCRIPT (an absolute path on the host) with ARGS there; status 42 when it is not there or not
 * executable, WIRE_SSH_FOREIGN with the mark of it when the set is another user's. ENV:
 * "VMM_NAME=VALUE" words, or NULL. The caller frees with g_strfreev().
 */
char **wire_ssh_run(const struct wire_ssh_session *session, const char *script,
		    const char *const *args, const char *const *env);

/* Makes directory DIR and its parents. */
char **wire_ssh_mkdir(const struct wire_ssh_session *session, const char *dir);

/* Puts its stdin into FILE: private, and whole or not at all. */
char **wire_ssh_write(const struct wire_ssh_session *session, const char *file);

/* A process on a host: the first of a session with our mark. */
struct wire_ssh_process {
	int pid;		/* 0: not known; it may just be about to begin */
	unsigned number;	/* of its session */
};

/*
 * Ends the process group of PROCESS: SIGTERM, and SIGKILL for what is left GRACE_MS later. A PID
 * that is another process's by now is left alone. Without PID it is waited for a moment.
 */
char **wire_ssh_kill(const struct wire_ssh_session *session, struct wire_ssh_process process,
		     unsigned grace_ms);

/*
 * Opens the connection that sessions share, listening at CONTROL. It says
 * "MARK:ready" on stdout and lasts until its stdin is closed.
 */
char **wire_ssh_master(const struct wire_ssh *ssh, const char *host, const char *control);

/* Runs SCRIPT, text of ours for a POSIX shell, on a connection of its own; ARGS are its $1…. */
char **wire_ssh_shell(const struct wire_ssh *ssh, const char *host, const char *script,
		      const char *const *args);

/*
 * Runs the relay PATH, our NUMBERth, on a connection of its own; status 127: it is not there,
 * WIRE_SSH_FOREIGN: the set is another user's.
 */
char **wire_ssh_relay(const struct wire_ssh *ssh, const char *host, const char *path,
		      unsigned number);

/* Prints ssh's configuration for HOST, for wire_ssh_keep_nothing(). Connects to nobody. */
char **wire_ssh_config(const char *command, const char *host);

/*
 * The option with which ssh believes the keys that it knows, and keeps none that it meets for the
 * first time; NULL: with CONFIG, the answer to wire_ssh_config(), it keeps none anyway. The caller
 * frees. Source: ssh_config(5), UserKnownHostsFile: new keys go to the first file.
 */
char *wire_ssh_keep_nothing(const char *config);

struct wire_ssh_marks {
	int pid;		/* of the far end's process group; 0: it never started */
	int status;		/* -1: not known how it ended */
	bool is_foreign;	/* the set is another user's: nothing was run */
};

/* Takes the marks out of what a remote command wrote on stderr. */
struct wire_ssh_marks wire_ssh_take_marks(const char *mark, GString *stderr_text);

#endif
