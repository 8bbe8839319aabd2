#include "recover.h"

#include "tmpl/request.h"
#include "wire/ssh.h"

/* The jobs of one host, which wait until nothing of the old driver runs there. */
struct host_jobs {
	recover_enqueue *enqueue;
	void *data;
	GQueue jobs;
};

static void not_begun(const struct job_env *env, const struct wire_left *l)
{
	out_reply(env->out, l->action, false, l->id,
		  "the driver ended before its turn came: nothing was done");
	journal_end(env->journal, l->seq, "dropped");
}

/* NULL: it is answered already. */
static Job *job_of(const struct job_env *env, const struct wire_left *l, char **ret_host)
{
	const struct plan *plan = plan_find(l->action);
	const struct plan *at = l->plan ? plan_find(l->plan) : NULL;
	g_autoptr(GBytes) document = NULL;
	guchar *decoded;
	gsize size;
	Job *job;

	if (!plan || !plan->key || !at || l->step > at->count) {
		not_begun(env, l);
		return NULL;
	}
	decoded = g_base64_decode(l->document, &size);
	document = g_bytes_new_take(decoded, size);
	*ret_host = tmpl_request_peek_host(document);
	job = job_new(env, plan, l->id, *ret_host, document, false);
	job_set_seq(job, l->seq);
	job_set_resumed(job, at, l->step, l->told);
	return job;
}

static void on_reaped(void *data, const struct child_result *result G_GNUC_UNUSED)
{
	struct host_jobs *h = data;
	Job *job;

	while ((job = g_queue_pop_head(&h->jobs)))
		h->enqueue(h->data, job);
	g_free(h);
}

static void add(GHashTable *hosts, const char *host, Job *job, recover_enqueue *enqueue,
		void *data)
{
	struct host_jobs *h = g_hash_table_lookup(hosts, host);

	if (!h) {
		h = g_new0(struct host_jobs, 1);
		h->enqueue = enqueue;
		h->data = data;
		g_queue_init(&h->jobs);
		g_hash_table_insert(hosts, g_strdup(host), h);
	}
	g_queue_push_tail(&h->jobs, job);
}

guint recover_start(const struct job_env *env, recover_enqueue *enqueue, void *data)
{
	GPtrArray *left = journal_left(env->journal);
	g_autoptr(GHashTable) hosts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GHashTableIter iter;
	void *host, *jobs;

	for (guint i = 0; left && i < left->len; i++)
		journal_kill(g_ptr_array_index(left, i));
	for (guint i = 0; left && i < left->len; i++) {
		g_autofree char *name = NULL;
		Job *job = job_of(env, g_ptr_array_index(left, i), &name);

		if (job && wire_ssh_check_host(name, NULL))
			add(hosts, name, job, enqueue, data);
		else if (job)
			enqueue(data, job);
	}
	g_hash_table_iter_init(&iter, hosts);
	while (g_hash_table_iter_next(&iter, &host, &jobs))
		hosts_reap(env->hosts, host, journal_marks(env->journal), on_reaped, jobs);
	return left ? left->len : 0;
}
