/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/guest_agents.h"

#include <sys/stat.h>

#include "monitor/stats.h"
#include "monitor/wild.h"
#include "watch/guest_question.h"

/*
 * A connection serves five calls at a time. Guests that hung are asked one after the other, so that
 * they never hold up those that answer.
 */
enum { ASKERS = 4, ASKERS_OF_HUNG = 1, OPEN_MS = 5000 };
enum { WAIT_MS = 2000, PAUSE_S = 60, OS_S = 600, NO_GPUS_S = 600 };

struct lane {
	GThreadPool *pool;
	GMutex mutex;
	GQueue unused;		/* connections; a call that hangs may delay others on its own */
};

/* What is known of a guest. */
struct guest {
	int boot;			/* the domain's number, which each start changes */
	struct guest_os os;
	gint64 os_until_us;		/* until when it need not be asked again */
	gint64 next_us;			/* before that it is not asked: it hung */
	struct guest_gpu_program gpu_program;
	gint64 gpus_us;			/* before that its GPUs are not asked for */
	bool has_gpus, asking, hangs, is_listed;
	guint round;			/* of ANSWER */
	struct guest_question *answer;	/* or NULL */
};

struct guest_agents {
	const char *uri, *metadata;
	bool by_hand;
	char *path;			/* of the rules */
	char *look;			/* what the file looked like; NULL: not read yet */
	GuestRules *rules;		/* NULL: they are wrong */
	void (*log)(const char *text);
	struct lane lanes[2];		/* those that answer; those that hung */
	GMutex mutex;
	GCond cond;
	GHashTable *guests;		/* struct guest by UUID */
	guint round, asking, awaited;	/* questions on their way; of this round, waited for */
	bool awaits_gpus;		/* in this round */
};

struct task {
	GuestAgents *agents;
	struct lane *lane;
	struct guest_question *question;
	int boot;
	guint round;
	bool is_awaited, knew_os;
};

static void guest_free(void *data)
{
	struct guest *g = data;

	guest_os_clear(&g->os);
	guest_question_free(g->answer);
	g_free(g);
}

static void run_task(gpointer data, gpointer unused);

GuestAgents *guest_agents_new(const struct watch_place *place, void (*log)(const char *text))
{
	static const int askers[] = { ASKERS, ASKERS_OF_HUNG };
	GuestAgents *a = g_new0(GuestAgents, 1);

	a->uri = place->uri;
	a->metadata = place->metadata;
	a->by_hand = place->by_hand;
	a->path = g_build_filename(place->set, "etc", "im", "kvm-probes.d", "guestagent.conf",
				   NULL);
	a->log = log;
	g_mutex_init(&a->mutex);
	g_cond_init(&a->cond);
	a->guests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, guest_free);
	for (size_t i = 0; i < G_N_ELEMENTS(askers); i++) {
		g_mutex_init(&a->lanes[i].mutex);
		g_queue_init(&a->lanes[i].unused);
		a->lanes[i].pool = g_thread_pool_new(run_task, NULL, askers[i], FALSE, NULL);
	}

	return a;
}

static void close_connection(void *conn)
{
	virt_close(conn);
}

void guest_agents_free(GuestAgents *a)
{
	bool is_used;

	if (!a)
		return;

	g_mutex_lock(&a->mutex);
	is_used = a->asking > 0;
	g_mutex_unlock(&a->mutex);
	if (is_used)
		return;

	for (size_t i = 0; i < G_N_ELEMENTS(a->lanes); i++) {
		g_thread_pool_free(a->lanes[i].pool, TRUE, TRUE);
		g_queue_clear_full(&a->lanes[i].unused, close_connection);
		g_mutex_clear(&a->lanes[i].mutex);
	}

	g_hash_table_unref(a->guests);
	g_mutex_clear(&a->mutex);
	g_cond_clear(&a->cond);
	guest_rules_unref(a->rules);
	g_free(a->path);
	g_free(a->look);
	g_free(a);
}

/* A connection for the caller alone; a new one when libvirtd is another. NULL: it is away. */
static virConnect *take_connection(struct lane *lane, const char *uri)
{
	virConnect *conn;

	g_mutex_lock(&lane->mutex);
	conn = g_queue_pop_head(&lane->unused);
	g_mutex_unlock(&lane->mutex);
	if (conn && virConnectIsAlive(conn) != 1)
		g_clear_pointer(&conn, virt_let_go);

	return conn ? conn : virt_open_to_keep(uri, OPEN_MS, NULL);
}

static void give_back(struct lane *lane, virConnect *conn)
{
	g_mutex_lock(&lane->mutex);
	g_queue_push_head(&lane->unused, conn);
	g_mutex_unlock(&lane->mutex);
}

/* Of the same start of the guest, and only if there is something. */
static void keep_os(struct guest *g, const struct task *t)
{
	const struct guest_question *q = t->question;

	if (t->knew_os || !q->os.part[GUEST_OS_ID] || t->boot != g->boot)
		return;

	guest_os_clear(&g->os);
	for (int i = 0; i < GUEST_OS_PARTS; i++)
		g->os.part[i] = g_strdup(q->os.part[i]);
	g->os_until_us = g_get_monotonic_time() + (gint64)OS_S * G_USEC_PER_SEC;
}

/* Of the same start of the guest. */
static void keep_gpu_program(struct guest *g, const struct task *t)
{
	if (!t->question->asks_gpus || t->boot != g->boot)
		return;

	g->gpu_program = t->question->gpu_program;
	if (g->gpu_program.is_missing)
		g->gpus_us = g_get_monotonic_time() + (gint64)NO_GPUS_S * G_USEC_PER_SEC;
}

static void take_answer(GuestAgents *a, struct task *t)
{
	struct guest *g = g_hash_table_lookup(a->guests, t->question->uuid);

	a->asking--;
	a->awaited -= t->is_awaited && t->round == a->round;
	g_cond_broadcast(&a->cond);
	if (!g)
		return;

	g->asking = false;
	if (t->question->outcome != GUEST_LEFT_ALONE)
		g->hangs = t->question->outcome == GUEST_HANGS;
	if (g->hangs)
		g->next_us = g_get_monotonic_time() + (gint64)PAUSE_S * G_USEC_PER_SEC;
	keep_os(g, t);
	keep_gpu_program(g, t);
	guest_question_free(g->answer);
	g->answer = g_steal_pointer(&t->question);
	g->round = t->round;
}

static void run_task(gpointer data, gpointer unused G_GNUC_UNUSED)
{
	struct task *t = data;
	GuestAgents *a = t->agents;
	virConnect *conn = take_connection(t->lane, a->uri);

	if (conn)
		guest_question_ask(t->question, conn);
	else
		t->question->outcome = GUEST_LEFT_ALONE;
	if (conn)
		give_back(t->lane, conn);

	g_mutex_lock(&a->mutex);
	take_answer(a, t);
	g_mutex_unlock(&a->mutex);
	guest_question_free(t->question);
	g_free(t);
}

/* The file may be edited or synced at any time. */
static void read_rules(GuestAgents *a)
{
	g_autoptr(GError) error = NULL;
	struct stat st = { 0 };
	g_autofree char *look = NULL;

	if (stat(a->path, &st) == 0)
		look = g_strdup_printf("%lu %ld %ld.%09ld", (unsigned long)st.st_ino,
				       (long)st.st_size, (long)st.st_mtim.tv_sec,
				       st.st_mtim.tv_nsec);
	else
		look = g_strdup("");
	if (g_strcmp0(look, a->look) == 0)
		return;

	g_free(a->look);
	a->look = g_steal_pointer(&look);
	guest_rules_unref(a->rules);
	a->rules = guest_rules_read(a->path, &error);
	if (error && a->log)
		a->log(error->message);
}

static struct guest *guest_of(GuestAgents *a, const struct stats *s)
{
	struct guest *g = g_hash_table_lookup(a->guests, s->uuid);

	if (g)
		return g;

	g = g_new0(struct guest, 1);
	g_hash_table_insert(a->guests, g_strdup(s->uuid), g);

	return g;
}

/* Guests that do not run cannot answer, and wild ones are not asked. */
static bool is_asked(const struct stats *s)
{
	bool is_running = s->state.state == VIR_DOMAIN_RUNNING ||
			  s->state.state == VIR_DOMAIN_BLOCKED;

	return is_running && wild_vm_id(s->name) >= 0;
}

/* After another start the guest may have another operating system, and its agent may answer. */
static void begin_boot(const GuestAgents *a, struct guest *g, const struct stats *s)
{
	int boot = (int)virDomainGetID(s->dom);
	g_autofree char *devices = NULL;

	if (g->boot == boot)
		return;

	devices = virt_vm_devices(s->dom, a->metadata);
	g->boot = boot;
	g->hangs = false;
	g->next_us = g->os_until_us = g->gpus_us = 0;
	g->gpu_program = (struct guest_gpu_program){ 0 };
	g->has_gpus = guest_gpus_among(devices);
	guest_os_clear(&g->os);
}

static struct guest_question *question_for(const GuestAgents *a, const struct guest *g,
					   const struct stats *s)
{
	gint64 now_us = g_get_monotonic_time();
	struct guest_question *q;
	struct guest_os os = { 0 };

	for (int i = 0; now_us < g->os_until_us && i < GUEST_OS_PARTS; i++)
		os.part[i] = g_strdup(g->os.part[i]);
	q = guest_question_new(a->rules, s->name, s->uuid, &os);
	q->asks_gpus = g->has_gpus && now_us >= g->gpus_us;
	q->gpu_program.pid = g->gpu_program.pid;

	return q;
}

static void begin_one(GuestAgents *a, const struct stats *s)
{
	struct guest *g = guest_of(a, s);
	struct guest_question *question;
	struct task *t;

	if (g->asking || g_get_monotonic_time() < g->next_us)
		return;

	question = question_for(a, g, s);
	if (!a->rules->enabled && !question->asks_gpus) {
		guest_question_free(question);
		return;
	}

	t = g_new(struct task, 1);
	*t = (struct task){ .agents = a, .lane = &a->lanes[g->hangs], .boot = g->boot,
			    .round = a->round, .is_awaited = !g->hangs || a->by_hand,
			    .question = question };
	t->knew_os = question->os.part[GUEST_OS_ID] != NULL;
	g->asking = true;
	a->asking++;
	a->awaited += t->is_awaited;
	a->awaits_gpus |= question->asks_gpus && !question->gpu_program.pid;
	g_thread_pool_push(t->lane->pool, t, NULL);
}

static gboolean is_forgotten(gpointer key G_GNUC_UNUSED, gpointer value,
			     gpointer data G_GNUC_UNUSED)
{
	const struct guest *g = value;

	return !g->is_listed && !g->asking;
}

/* Those with GPUs come last, as NVIDIA's program may take its time. */
static void begin_all(GuestAgents *a, const GPtrArray *list, bool with_gpus)
{
	for (guint i = 0; i < list->len; i++) {
		const struct stats *s = list->pdata[i];
		struct guest *g;

		if (!is_asked(s))
			continue;
		g = guest_of(a, s);
		g->is_listed = true;
		begin_boot(a, g, s);
		if (g->has_gpus == with_gpus)
			begin_one(a, s);
	}
}

void guest_agents_begin(GuestAgents *a, const GPtrArray *list)
{
	GHashTableIter iter;
	gpointer value;

	read_rules(a);
	if (!a->rules)
		return;

	g_mutex_lock(&a->mutex);
	a->round++;
	a->awaited = 0;
	a->awaits_gpus = false;
	g_hash_table_iter_init(&iter, a->guests);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		((struct guest *)value)->is_listed = false;
	begin_all(a, list, false);
	begin_all(a, list, true);
	g_hash_table_foreach_remove(a->guests, is_forgotten, NULL);
	g_mutex_unlock(&a->mutex);
}

/* Of commands that nobody could ask, REASON. */
static void add_reason(const GuestRules *rules, const char *reason, Fields *out)
{
	for (guint i = 0; i < rules->commands->len; i++) {
		const struct guest_command *c = rules->commands->pdata[i];

		fields_add(out, c->key, FIELDS_QUOTED, "%s", reason);
	}
}

static void end_one(const GuestAgents *a, struct stats *s)
{
	const struct guest *g = g_hash_table_lookup(a->guests, s->uuid);
	bool is_answered = g && g->answer && g->round == a->round;

	if (!g)
		return;

	if (is_answered)
		s->gpus = g->answer->gpus;
	if (!a->rules->enabled)
		return;

	for (int i = 0; i < GUEST_OS_PARTS && g->os.part[i]; i++)
		fields_add(s->guest, guest_os_name((enum guest_os_part)i), FIELDS_QUOTED, "%s",
			   g->os.part[i]);
	if (is_answered)
		guest_question_add(g->answer, s->guest);
	else if (g->hangs || g->asking)
		add_reason(a->rules, "error: the guest's agent does not answer", s->guest);
}

static void await_answers(GuestAgents *a)
{
	gint64 wait_ms = a->awaits_gpus ? WAIT_MS + GUEST_GPUS_MS : WAIT_MS;
	gint64 until_us = g_get_monotonic_time() + wait_ms * G_TIME_SPAN_MILLISECOND;

	while (a->awaited > 0) {
		if (a->by_hand)
			g_cond_wait(&a->cond, &a->mutex);
		else if (!g_cond_wait_until(&a->cond, &a->mutex, until_us))
			break;
	}
}

void guest_agents_end(GuestAgents *a, GPtrArray *list)
{
	if (!a->rules)
		return;

	g_mutex_lock(&a->mutex);
	await_answers(a);
	for (guint i = 0; i < list->len; i++) {
		struct stats *s = list->pdata[i];

		if (wild_vm_id(s->name) < 0)
			continue;
		s->guest = fields_new();
		if (is_asked(s))
			end_one(a, s);
		if (!a->rules->enabled)
			add_reason(a->rules, "QEMU Guest Agent monitoring disabled", s->guest);
	}

	g_mutex_unlock(&a->mutex);
}

guint guest_agents_hung(GuestAgents *a)
{
	GHashTableIter iter;
	gpointer value;
	guint n = 0;

	g_mutex_lock(&a->mutex);
	g_hash_table_iter_init(&iter, a->guests);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct guest *g = value;

		n += g->is_listed && g->hangs;
	}

	g_mutex_unlock(&a->mutex);

	return n;
}
