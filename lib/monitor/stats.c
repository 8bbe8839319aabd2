/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/stats.h"

#include "virt/connect.h"
#include "virt/virt_error.h"
#include "virt/timed_call.h"
#include "virt/qemu_process.h"

/*
 * A call that hangs may delay the others on its connection (virt_open()), and libvirt serves only
 * five calls of a connection at a time. One call for several domains costs libvirt half as much as
 * one for each, but if one of them hangs, all wait.
 */
enum { WORKERS = 3, OPEN_MS = 5000, TOGETHER = 16 };

static const char no_answer[] = "its QEMU does not answer";

static void stats_free(void *data)
{
	struct stats *s = data;

	virDomainFree(s->dom);
	g_free(s->name);
	g_free(s->fault);
	fields_free(s->guest);
	fields_free(s->forecast);
	g_free(s);
}

static guint64 number(const virDomainStatsRecord *r, const char *field)
{
	unsigned long long n = 0;

	if (virTypedParamsGetULLong(r->params, r->nparams, field, &n) == 1)
		return n;
	return 0;
}

static int small(const virDomainStatsRecord *r, const char *field)
{
	int n = 0;

	if (virTypedParamsGetInt(r->params, r->nparams, field, &n) == 1)
		return n;

	return 0;
}

static struct stats *stats_new(const virDomainStatsRecord *r)
{
	struct stats *s = g_new0(struct stats, 1);

	s->dom = r->dom;
	virDomainRef(s->dom);
	s->name = g_strdup(virDomainGetName(r->dom));
	virDomainGetUUIDString(r->dom, s->uuid);
	s->state.state = small(r, "state.state");
	s->state.reason = small(r, "state.reason");
	s->cpu_percent = -1;

	return s;
}

static gint stats_by_name(gconstpointer a, gconstpointer b)
{
	const struct stats *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

GPtrArray *stats_list(virConnect *conn, virDomain *dom, GError **error)
{
	/* CPU_TOTAL would ask QEMU, and without NOWAIT the domain's job would be waited for. */
	const unsigned groups = VIR_DOMAIN_STATS_STATE;
	const unsigned nowait = VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT;
	GPtrArray *list = g_ptr_array_new_with_free_func(stats_free);
	virDomain *doms[] = { dom, NULL };
	virDomainStatsRecord **records = NULL;
	int n;

	if (dom)
		n = virDomainListGetStats(doms, groups, &records, nowait);
	else
		n = virConnectGetAllDomainStats(conn, groups, &records, nowait |
						VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE);
	if (n < 0) {
		virt_fail(error, "cannot read the states of domains");
		g_ptr_array_unref(list);
		return NULL;
	}

	for (int i = 0; i < n; i++)
		g_ptr_array_add(list, stats_new(records[i]));
	virDomainStatsRecordListFree(records);
	g_ptr_array_sort(list, stats_by_name);

	return list;
}

/* One domain's counters. */
struct detail {
	virDomain *dom;
	bool is_there, has_counters;
	guint64 counter[VIRT_COUNTERS];
	guint64 rss_kib;
};

/* A question about some domains. Its thread may outlive the caller, so it owns all that it uses. */
struct question {
	guint n;
	struct detail detail[TOGETHER];
	bool with_memory, is_elsewhere;		/* not on the domains' own connection */
};

static void question_free(void *data)
{
	struct question *q = data;

	for (guint i = 0; i < q->n; i++)
		virDomainFree(q->detail[i].dom);
	g_free(q);
}

static guint64 sum(const virDomainStatsRecord *r, const char *group, const char *field)
{
	g_autofree char *count = g_strconcat(group, ".count", NULL);
	unsigned n = 0;
	guint64 all = 0;

	virTypedParamsGetUInt(r->params, r->nparams, count, &n);
	for (unsigned i = 0; i < n; i++) {
		g_autofree char *name = g_strdup_printf("%s.%u.%s", group, i, field);

		all += number(r, name);
	}

	return all;
}

static bool has_field(const virDomainStatsRecord *r, const char *field)
{
	return virTypedParamsGet(r->params, r->nparams, field) != NULL;
}

static void read_detail(struct detail *d, const virDomainStatsRecord *r)
{
	static const struct {
		const char *group, *field;
	} fields[] = {
		[VIRT_NET_RX]       = { "net",   "rx.bytes" },
		[VIRT_NET_TX]       = { "net",   "tx.bytes" },
		[VIRT_DISK_RD]      = { "block", "rd.bytes" },
		[VIRT_DISK_WR]      = { "block", "wr.bytes" },
		[VIRT_DISK_RD_REQS] = { "block", "rd.reqs" },
		[VIRT_DISK_WR_REQS] = { "block", "wr.reqs" },
	};

	d->is_there = true;
	for (size_t i = 0; i < VIRT_COUNTERS; i++)
		d->counter[i] = sum(r, fields[i].group, fields[i].field);
	d->rss_kib = number(r, "balloon.rss");
	/* Another client holds its job: then its disks have names, no numbers. */
	d->has_counters = !has_field(r, "block.0.name") || has_field(r, "block.0.rd.bytes");
}

static struct detail *detail_of(struct question *q, virDomain *dom)
{
	unsigned char uuid[VIR_UUID_BUFLEN], other[VIR_UUID_BUFLEN];

	virDomainGetUUID(dom, uuid);
	for (guint i = 0; i < q->n; i++)
		if (virDomainGetUUID(q->detail[i].dom, other) == 0 &&
		    memcmp(uuid, other, sizeof(uuid)) == 0)
			return &q->detail[i];

	return NULL;
}

static bool ask_question(void *data, GError **error)
{
	struct question *q = data;
	unsigned groups = VIR_DOMAIN_STATS_INTERFACE | VIR_DOMAIN_STATS_BLOCK;
	virDomain *doms[TOGETHER + 1] = { 0 };
	virDomainStatsRecord **records = NULL;
	int n;

	if (q->with_memory)	/* it asks QEMU once more */
		groups |= VIR_DOMAIN_STATS_BALLOON;
	for (guint i = 0; i < q->n; i++)
		doms[i] = q->detail[i].dom;
	n = virDomainListGetStats(doms, groups, &records,
				  VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
	if (n < 0)
		return virt_fail(error, "no statistics");

	for (int i = 0; i < n; i++) {
		struct detail *d = detail_of(q, records[i]->dom);

		if (d)
			read_detail(d, records[i]);
	}

	virDomainStatsRecordListFree(records);

	return true;
}

struct asking {
	const char *uri;
	unsigned limit_ms;
	GMutex mutex;
	unsigned hung;		/* calls that hang on the connection used now */
	unsigned left;		/* those on that of the domains' own handles */
	virConnect *conn;	/* NULL: that of the domain's own handle */
};

/* Some domains that are asked about together. */
struct group {
	guint n;
	struct stats *stats[TOGETHER];
};

/* Where to ask, referenced; a new connection once a call hangs. NULL: the domains' own. */
static virConnect *connection_to_ask(struct asking *a)
{
	virConnect *conn;

	g_mutex_lock(&a->mutex);
	if (a->hung > 0 && (conn = virt_open(a->uri, OPEN_MS, NULL))) {
		if (a->conn)
			virt_let_go(a->conn);
		a->conn = conn;
		a->hung = 0;
	}

	conn = a->conn;
	if (conn)
		virConnectRef(conn);
	g_mutex_unlock(&a->mutex);

	return conn;
}

/* New question about the N domains of STATS. */
static struct question *question_new(struct asking *a, struct stats *const *stats, guint n)
{
	struct question *q = g_new0(struct question, 1);
	virConnect *conn = connection_to_ask(a);

	q->n = n;
	q->is_elsewhere = conn != NULL;
	for (guint i = 0; i < n; i++) {
		const struct stats *s = stats[i];

		if (conn)
			q->detail[i].dom = virDomainLookupByUUIDString(conn, s->uuid);
		if (!q->detail[i].dom)
			q->detail[i].dom = virt_domain_ref(s->dom);
		q->with_memory |= s->memory_kib == 0;
	}

	if (conn)
		virConnectClose(conn);	/* but for the handles' */

	return q;
}

static void take(struct stats *s, const struct detail *d)
{
	s->has_counters = d->has_counters;
	memcpy(s->counter, d->counter, sizeof(s->counter));
	if (!s->memory_kib)
		s->memory_kib = d->rss_kib;
	if (!d->is_there)
		s->fault = g_strdup("it is gone");
	else if (!d->has_counters)
		s->fault = g_strdup("its QEMU is busy");
}

static enum virt_call_result ask_in_time(struct asking *a, struct question *q, GError **error)
{
	bool is_elsewhere = q->is_elsewhere;	/* Q is another thread's when it hangs */
	enum virt_call_result r = virt_call(ask_question, q, question_free, a->limit_ms, error);

	if (r == VIRT_CALL_TIMED_OUT) {
		g_mutex_lock(&a->mutex);
		a->hung++;
		a->left += !is_elsewhere;
		g_mutex_unlock(&a->mutex);
	}

	return r;
}

/*
 * HANGS: a common call with others did not return, so that call may still hold this domain's job.
 */
static void ask_alone(struct asking *a, struct stats *s, bool hangs)
{
	struct question *q = question_new(a, &s, 1);
	g_autoptr(GError) error = NULL;
	enum virt_call_result r = ask_in_time(a, q, &error);

	if (r == VIRT_CALL_TIMED_OUT) {
		s->fault = g_strdup(no_answer);
		return;
	}

	if (r == VIRT_CALL_OK)
		take(s, &q->detail[0]);
	else
		s->fault = g_strdup(error->message);
	if (hangs && r == VIRT_CALL_OK && s->fault && q->detail[0].is_there) {
		g_free(s->fault);
		s->fault = g_strdup(no_answer);
	}

	question_free(q);
}

/* VIRT_CALL_FAILED: something is wrong with one of them. */
static enum virt_call_result ask_together(struct asking *a, const struct group *g)
{
	struct question *q = question_new(a, g->stats, g->n);
	enum virt_call_result r = ask_in_time(a, q, NULL);

	for (guint i = 0; r == VIRT_CALL_OK && i < g->n; i++)
		take(g->stats[i], &q->detail[i]);
	if (r != VIRT_CALL_TIMED_OUT)
		question_free(q);

	return r;
}

static void ask_group(void *task, void *data)
{
	struct group *g = task;
	enum virt_call_result r = VIRT_CALL_FAILED;

	if (g->n > 1)
		r = ask_together(data, g);

	for (guint i = 0; r != VIRT_CALL_OK && i < g->n; i++)
		ask_alone(data, g->stats[i], r == VIRT_CALL_TIMED_OUT);
	g_free(g);
}

unsigned stats_detail(GPtrArray *list, const char *uri, unsigned limit_ms)
{
	struct asking a = { .uri = uri, .limit_ms = limit_ms };
	GThreadPool *pool;

	g_mutex_init(&a.mutex);
	pool = g_thread_pool_new(ask_group, &a, WORKERS, FALSE, NULL);
	for (guint i = 0; i < list->len; i += TOGETHER) {
		struct group *g = g_new(struct group, 1);

		g->n = MIN(TOGETHER, list->len - i);
		memcpy(g->stats, list->pdata + i, g->n * sizeof(g->stats[0]));
		g_thread_pool_push(pool, g, NULL);
	}

	g_thread_pool_free(pool, FALSE, TRUE);
	if (a.conn)
		virt_let_go(a.conn);
	g_mutex_clear(&a.mutex);

	return a.left;
}

struct stats_cpu_times {
	GHashTable *by_uuid;	/* struct sample */
	QemuProcesses *processes;
};

struct sample {
	int boot;		/* the domain's number, which each start changes */
	gint64 asked_us;	/* monotonic time of CPU_NS */
	guint64 cpu_ns;
};

StatsCpuTimes *stats_cpu_times_new(void)
{
	StatsCpuTimes *times = g_new(StatsCpuTimes, 1);

	times->by_uuid = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	times->processes = qemu_processes_new();

	return times;
}

void stats_cpu_times_free(StatsCpuTimes *times)
{
	if (!times)
		return;

	g_hash_table_unref(times->by_uuid);
	qemu_processes_free(times->processes);
	g_free(times);
}

/* As libvirt does it, without a call; by a call, where QEMU's process is not seen. */
static bool cpu_time(struct stats *s, QemuProcesses *processes, guint64 *ret_ns)
{
	struct qemu_usage usage;
	virDomainInfo info;

	if (qemu_processes_usage(processes, s->uuid, &usage)) {
		*ret_ns = usage.cpu_ns;
		s->memory_kib = usage.memory_kib;
		return true;
	}

	if (virDomainGetInfo(s->dom, &info) < 0)
		return false;
	*ret_ns = info.cpuTime;

	return true;
}

static void compare(struct stats *s, const struct sample *before, const struct sample *now)
{
	gint64 us = before && before->boot == now->boot ? now->asked_us - before->asked_us : 0;

	if (us > 0 && now->cpu_ns >= before->cpu_ns)
		s->cpu_percent = (double)(now->cpu_ns - before->cpu_ns) / 10 / (double)us;
}

void stats_cpu(GPtrArray *list, StatsCpuTimes *times)
{
	GHashTable *kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	qemu_processes_look(times->processes);
	for (guint i = 0; i < list->len; i++) {
		struct stats *s = list->pdata[i];
		struct sample now = { .boot = (int)virDomainGetID(s->dom) };

		if (!cpu_time(s, times->processes, &now.cpu_ns))
			continue;
		now.asked_us = g_get_monotonic_time();
		compare(s, g_hash_table_lookup(times->by_uuid, s->uuid), &now);
		g_hash_table_insert(kept, g_strdup(s->uuid), g_memdup2(&now, sizeof(now)));
	}

	g_hash_table_unref(times->by_uuid);
	times->by_uuid = kept;
}

bool stats_has_counters(const struct stats *s)
{
	bool moves;
	char letter = stats_letter(&s->state, &moves);

	return letter == 'a' && !moves && s->has_counters;
}

const char *stats_counter_name(enum virt_counter counter)
{
	static const char *const names[] = {
		[VIRT_NET_RX] = "NETRX", [VIRT_NET_TX] = "NETTX",
		[VIRT_DISK_RD] = "DISKRDBYTES", [VIRT_DISK_WR] = "DISKWRBYTES",
		[VIRT_DISK_RD_REQS] = "DISKRDIOPS", [VIRT_DISK_WR_REQS] = "DISKWRIOPS",
	};

	return names[counter];
}
