/* SPDX-License-Identifier: Apache-2.0 */
#include "base/child.h"
#include "base/text.h"
#include "facts/facts_parts.h"
#include "fleet/fleet.h"
#include "wire/ssh.h"

/* Below what sshd takes (MaxStartups): it refuses some of more than ten that log in at once. */
enum { AT_ONCE = 8 };

/* The logins to all peers. */
struct logins {
	HostFacts *facts;
	unsigned limit_ms;
};

/* The one to one peer. */
struct login {
	Fleet *fleet;
	HostFacts *facts;
	struct peer_fact *peer;
	unsigned limit_ms;
	char *keep_nothing;	/* the option; NULL: ssh keeps no key anyway */
};

/* The next peer gets its turn. */
static void login_end(struct login *l, const char *error)
{
	Fleet *fleet = l->fleet;

	l->peer->ssh_error = facts_keep(l->facts, error);
	g_free(l->keep_nothing);
	g_free(l);
	fleet_ended(fleet);
}

/*
 * All logins together take the time limit of one question: their time must not grow with their
 * number.
 */
static void login_start(struct login *l, const char *const *argv, child_done *done)
{
	const struct child_spec spec = { .argv = argv, .timeout_ms = l->limit_ms,
					 .grace_ms = 200 };
	g_autoptr(GError) error = NULL;

	if (!child_start(&spec, done, l, &error))
		login_end(l, error->message);
}

/* No password is asked for, no connection is shared, and no key is kept. */
static void login_try(struct login *l, const char *option, child_done *done)
{
	const char *const argv[] = { "ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o",
				     "ControlMaster=no", "-o", "UpdateHostKeys=no", "-o", option,
				     "--", l->peer->host, "true", NULL };

	login_start(l, argv, done);
}

static void on_new_host(void *data, const struct child_result *result)
{
	struct login *l = data;
	g_autoptr(GError) error = NULL;

	l->peer->is_new = child_result_check(result, "ssh", &error);
	if (error)
		login_end(l, error->message);
	else
		login_end(l, NULL);
}

static void on_login(void *data, const struct child_result *result)
{
	struct login *l = data;
	g_autoptr(GError) error = NULL;

	if (child_result_check(result, "ssh", &error)) {
		login_end(l, NULL);
	} else if (l->keep_nothing && !result->timed_out) {
		login_try(l, l->keep_nothing, on_new_host);
	} else {
		login_end(l, error->message);
	}
}

/* With a key that ssh does not know yet, the login is tried again so that nothing is kept of it. */
static void on_config(void *data, const struct child_result *result)
{
	struct login *l = data;

	l->keep_nothing = wire_ssh_keep_nothing(result->out->str);
	if (l->keep_nothing)
		login_try(l, "StrictHostKeyChecking=yes", on_login);
	else
		login_try(l, "NumberOfPasswordPrompts=0", on_login);
}

static struct peer_fact *find_peer(HostFacts *f, const char *host)
{
	for (unsigned i = 0; i < f->peers; i++)
		if (f->peer[i].host == host)
			return &f->peer[i];

	g_assert_not_reached();
}

static void on_turn(void *data, Fleet *fleet, const char *host)
{
	const struct logins *all = data;
	struct login *l = g_new0(struct login, 1);
	g_auto(GStrv) argv = wire_ssh_config("ssh", host);

	*l = (struct login){ fleet, all->facts, find_peer(all->facts, host), all->limit_ms, NULL };
	login_start(l, (const char *const *)argv, on_config);
}

void facts_read_peers(HostFacts *f, const struct facts_source *s)
{
	struct logins all = { f, s->limit_ms };
	g_autoptr(GPtrArray) hosts = g_ptr_array_new();

	for (const char *const *p = s->peers; p && *p && f->peers < FACTS_PEERS; p++) {
		f->peer[f->peers].host = facts_keep(f, *p);
		g_ptr_array_add(hosts, (char *)f->peer[f->peers++].host);
	}

	fleet_run(hosts, AT_ONCE, on_turn, &all);
	facts_ask_peers(f, s);
}
