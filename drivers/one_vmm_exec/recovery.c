/* SPDX-License-Identifier: Apache-2.0 */
#include "recovery.h"

#include <signal.h>

#include "base/number.h"
#include "journal/notes.h"
#include "template/request.h"
#include "wire/deflate.h"
#include "wire/ssh.h"
#include "or_else.h"

/* The requests of one host, which wait until nothing of an earlier driver runs there. */
struct host_rows {
	recovery_ready *ready;
	void *data;
	GArray *seqs;
};

static GBytes *document_of(const struct row *row)
{
	if (!row->document)
		return NULL;

	if (row->packed)
		return deflate_unpack(row->document);

	return g_bytes_ref(row->document);
}

static char *host_of(const struct row *row)
{
	g_autoptr(GBytes) document = document_of(row);

	if (!document)
		return NULL;

	return tmpl_request_peek_host(document);
}

static guint64 keep_suspect(void *journal, const char *host)
{
	return journal_suspect(journal, host);
}

static void drop_suspect(void *journal, guint64 number)
{
	journal_forget(journal, number);
}

void recovery_remember(const struct job_env *env)
{
	static const struct reaper_memory memory = { keep_suspect, drop_suspect };

	remote_hosts_remember(env->hosts, &memory, env->journal);
}

static void suspect(const struct job_env *env, const char *host)
{
	if (host && wire_ssh_check_host(host, NULL))
		remote_hosts_suspect(env->hosts, host, journal_marks(env->journal));
}

/* On the hosts of ROW, one of whose steps had begun, that may still run. */
static void suspect_hosts(const struct job_env *env, const struct row *row, const char *host)
{
	g_autoptr(GBytes) document = document_of(row);
	g_autofree char *target = document ? tmpl_request_peek_target(document) : NULL;

	suspect(env, host);
	suspect(env, target);
}

/* A clean-up that the earlier driver had still to try again. */
static void keep_cleanup(const struct job_env *env, const struct row *row)
{
	g_autoptr(GBytes) document = document_of(row);
	const struct cleanup c = { row->action, row->id, document, G_MAXUINT, row->seq };

	if (row->stale)
		cleanup_retry_give_up(env->later, &c);
	else if (document)
		cleanup_retry_add(env->later, &c);
	else
		cleanup_retry_done(env->later, &c);
}

/* ROW is of an earlier driver, which did not reach the host: it is kept anew, as ours. */
static void suspect_again(const struct job_env *env, const struct row *row)
{
	suspect(env, row_suspect(row));
	journal_forget(env->journal, row->seq);
}

Job *recovery_job(const struct job_env *env, const struct row *row)
{
	const struct plan *plan = row->action ? plan_find(row->action) : NULL;
	g_autofree char *host = host_of(row);
	Job *job;

	if (row_suspect(row)) {
		suspect_again(env, row);
		return NULL;
	}

	if (row->phase == ROW_AT_WORK)
		suspect_hosts(env, row, host);

	if (!plan) {
		journal_forget(env->journal, row->seq);
		return NULL;
	}

	if (!plan->key) {
		keep_cleanup(env, row);
		return NULL;
	}

	job = job_new(env, plan, row->id, host, row->document, row->packed);
	job_set_left(job, row);

	return job;
}

/* A host that was not reached is asked again before a step runs there. */
static void on_reaped(void *data, const char *why G_GNUC_UNUSED)
{
	struct host_rows *h = data;

	for (guint i = 0; i < h->seqs->len; i++)
		h->ready(h->data, g_array_index(h->seqs, guint64, i));

	g_array_unref(h->seqs);
	g_free(h);
}

static void add_host_row(GHashTable *hosts, const char *host, guint64 seq, recovery_ready *ready,
			 void *data)
{
	struct host_rows *h = g_hash_table_lookup(hosts, host);

	if (!h) {
		h = g_new0(struct host_rows, 1);
		h->ready = ready;
		h->data = data;
		h->seqs = g_array_new(FALSE, FALSE, sizeof(guint64));
		g_hash_table_insert(hosts, g_strdup(host), h);
	}

	g_array_append_val(h->seqs, seq);
}

/* Whether process PID is the one that began in SPAN: "SINCE-UNTIL"; "START" in older journals. */
static bool began_in(int pid, const char *span)
{
	g_auto(GStrv) times = g_strsplit(span, "-", 2);
	guint64 start = notes_start_of(pid);
	guint64 since, until;

	if (!times[0] || !number_unsigned(times[0], 1, G_MAXUINT64, &since, NULL))
		return false;

	until = since;
	if (times[1] && !number_unsigned(times[1], 1, G_MAXUINT64, &until, NULL))
		return false;

	return since <= start && start <= until;
}

/* Ends the process groups of ROW that still run here. */
static void kill_processes(const struct row *row)
{
	g_auto(GStrv) processes = g_strsplit(or_else(row->processes, ""), " ", -1);

	for (char **p = processes; *p; p++) {
		g_auto(GStrv) parts = g_strsplit(*p, ":", 2);
		guint64 pid;

		if (!parts[0] || !parts[1])
			continue;
		if (!number_unsigned(parts[0], 2, G_MAXINT, &pid, NULL))
			continue;
		if (began_in((int)pid, parts[1]))
			kill(-(pid_t)pid, SIGKILL);
	}
}

void recovery_start(const struct job_env *env, const GPtrArray *rows, recovery_ready *ready,
		    void *data)
{
	g_autoptr(GHashTable) hosts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GHashTableIter iter;
	void *host, *of_host;

	for (guint i = 0; i < rows->len; i++)
		kill_processes(g_ptr_array_index(rows, i));

	for (guint i = 0; i < rows->len; i++) {
		const struct row *row = g_ptr_array_index(rows, i);
		g_autofree char *name = row->phase == ROW_AT_WORK ? host_of(row) : NULL;

		if (name && wire_ssh_check_host(name, NULL))
			add_host_row(hosts, name, row->seq, ready, data);
		else
			ready(data, row->seq);
	}

	g_hash_table_iter_init(&iter, hosts);
	while (g_hash_table_iter_next(&iter, &host, &of_host))
		if (remote_hosts_reap(env->hosts, host, on_reaped, of_host))
			on_reaped(of_host, NULL);
}
