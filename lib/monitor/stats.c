/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/stats.h"

#include "virt/connect.h"
#include "virt/virt_error.h"
#include "virt/timed_call.h"
#include "monitor/qemu_rss.h"
#include "virt/qemu_process.h"

/* libvirt serves five calls of a connection at a time; a hung one stays one of them. */
enum { WORKERS = 3, MAX_HUNG = 2, OPEN_MS = 5000 };

static void stats_free(void *data)
{
	struct stats *s = data;

	virDomainFree(s->dom);
	g_free(s->name);
	g_free(s->fault);
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

/* One domain's question; its thread may outlive us, so that all is its own. */
struct detail {
	virDomain *dom;
	bool has_counters;
	guint64 counter[VIRT_COUNTERS];
	guint64 rss_kib;
};

static void detail_free(void *data)
{
	struct detail *d = data;

	virDomainFree(d->dom);
	g_free(d);
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

static bool ask_detail(void *data, GError **error)
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
	const unsigned groups = VIR_DOMAIN_STATS_INTERFACE | VIR_DOMAIN_STATS_BLOCK |
				VIR_DOMAIN_STATS_BALLOON;
	struct detail *d = data;
	virDomain *doms[] = { d->dom, NULL };
	virDomainStatsRecord **records = NULL;
	int n = virDomainListGetStats(doms, groups, &records,
				      VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);

	if (n < 0)
		return virt_fail(error, "no statistics");
	if (n == 0)
		return vmm_fail(error, VMM_ERROR_NOT_FOUND, "it is gone");
	for (size_t i = 0; i < VIRT_COUNTERS; i++)
		d->counter[i] = sum(records[0], fields[i].group, fields[i].field);
	d->rss_kib = number(records[0], "balloon.rss");
	/* Another client holds its job: then its disks have names, no numbers. */
	d->has_counters = !has_field(records[0], "block.0.name") ||
			  has_field(records[0], "block.0.rd.bytes");
	virDomainStatsRecordListFree(records);

	if (d->has_counters)
		return true;

	return vmm_fail(error, VMM_ERROR_BUSY, "its QEMU is busy");
}

struct asking {
	const char *uri;
	unsigned limit_ms;
	GHashTable *pids;	/* of QEMUs, by UUID; read only */
	GMutex mutex;
	unsigned hung;		/* calls that hang on the connection used now */
	virConnect *conn;	/* NULL: that of the domain's own handle */
};

/* The handle to ask; a new connection when the one used is nearly full of hung calls. */
static virDomain *handle(struct asking *a, const struct stats *s)
{
	virDomain *dom = NULL;
	virConnect *next;

	g_mutex_lock(&a->mutex);
	if (a->hung >= MAX_HUNG && (next = virt_open(a->uri, OPEN_MS, NULL))) {
		/* The older one is not closed: hung calls use it. */
		a->conn = next;
		a->hung = 0;
	}

	if (a->conn)
		dom = virDomainLookupByUUIDString(a->conn, s->uuid);
	g_mutex_unlock(&a->mutex);
	if (dom)
		return dom;
	virDomainRef(s->dom);

	return s->dom;
}

static void take(struct stats *s, const struct detail *d)
{
	s->has_counters = d->has_counters;
	memcpy(s->counter, d->counter, sizeof(s->counter));
	if (!s->memory_kib)
		s->memory_kib = d->rss_kib;
}

static void detail(void *task, void *data)
{
	struct stats *s = task;
	struct asking *a = data;
	struct detail *d = g_new0(struct detail, 1);
	g_autoptr(GError) error = NULL;
	enum virt_call_result r;

	s->memory_kib = qemu_rss_kib(a->pids, s->uuid);
	d->dom = handle(a, s);
	r = virt_call(ask_detail, d, detail_free, a->limit_ms, &error);
	if (r == VIRT_CALL_TIMED_OUT) {
		s->fault = g_strdup("its QEMU does not answer");
		g_mutex_lock(&a->mutex);
		a->hung++;
		g_mutex_unlock(&a->mutex);
		return;
	}

	take(s, d);
	if (r == VIRT_CALL_FAILED)
		s->fault = g_strdup(error->message);
	detail_free(d);
}

void stats_detail(GPtrArray *list, const char *uri, unsigned limit_ms)
{
	g_autoptr(GHashTable) pids = qemu_process_pids();
	struct asking a = { .uri = uri, .limit_ms = limit_ms, .pids = pids };
	GThreadPool *pool;

	g_mutex_init(&a.mutex);
	pool = g_thread_pool_new(detail, &a, WORKERS, FALSE, NULL);
	for (guint i = 0; i < list->len; i++)
		g_thread_pool_push(pool, list->pdata[i], NULL);
	g_thread_pool_free(pool, FALSE, TRUE);
	if (a.conn)
		virt_close(a.conn);
	g_mutex_clear(&a.mutex);
}

struct stats_cpu_times {
	GHashTable *by_uuid;	/* struct sample */
};

struct sample {
	gint64 asked_us;	/* monotonic time of CPU_NS */
	guint64 cpu_ns;
};

StatsCpuTimes *stats_cpu_times_new(void)
{
	StatsCpuTimes *times = g_new(StatsCpuTimes, 1);

	times->by_uuid = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	return times;
}

void stats_cpu_times_free(StatsCpuTimes *times)
{
	if (!times)
		return;

	g_hash_table_unref(times->by_uuid);
	g_free(times);
}

/* Asks neither QEMU nor for a job. */
static bool cpu_time(virDomain *dom, guint64 *ret_ns)
{
	virDomainInfo info;

	if (virDomainGetInfo(dom, &info) < 0)
		return false;
	*ret_ns = info.cpuTime;
	return true;
}

/* A guest that was started again meanwhile has used less than before. */
static void compare(struct stats *s, const struct sample *before, const struct sample *now)
{
	gint64 us = before ? now->asked_us - before->asked_us : 0;

	if (us > 0 && now->cpu_ns >= before->cpu_ns)
		s->cpu_percent = (double)(now->cpu_ns - before->cpu_ns) / 10 / (double)us;
}

void stats_cpu(GPtrArray *list, StatsCpuTimes *times)
{
	GHashTable *kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	for (guint i = 0; i < list->len; i++) {
		struct stats *s = list->pdata[i];
		struct sample now = { 0 };

		if (!cpu_time(s->dom, &now.cpu_ns))
			continue;
		now.asked_us = g_get_monotonic_time();
		compare(s, g_hash_table_lookup(times->by_uuid, s->uuid), &now);
		g_hash_table_insert(kept, g_strdup(s->uuid), g_memdup2(&now, sizeof(now)));
	}

	g_hash_table_unref(times->by_uuid);
	times->by_uuid = kept;
}

/* What a state is called. */
struct name {
	int state, reason;	/* reason -1: any */
	char letter;		/* to OpenNebula 5 */
	bool moves;
	const char *name;	/* from 5.12 on */
};

static const struct name *state_row(const struct virt_state *state)
{
	static const struct name names[] = {
		{ VIR_DOMAIN_RUNNING,     -1, 'a', false, "RUNNING" },
		{ VIR_DOMAIN_BLOCKED,     -1, 'a', false, "RUNNING" },
		{ VIR_DOMAIN_SHUTDOWN,    -1, 'a', false, "RUNNING" },
		{ VIR_DOMAIN_CRASHED,     -1, 'e', false, "FAILURE" },
		{ VIR_DOMAIN_PMSUSPENDED, -1, 'e', false, "SUSPENDED" },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN,         'e', false, "FAILURE" },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER,            'e', false, "SUSPENDED" },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR,         'e', false, "FAILURE" },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_WATCHDOG,        'e', false, "FAILURE" },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_CRASHED,         'e', false, "FAILURE" },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY_FAILED, 'e', false, "FAILURE" },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION,       'a', true,  "RUNNING" },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SAVE,            'a', true,  "RUNNING" },
		{ VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP,     'a', true,  "RUNNING" },
		{ VIR_DOMAIN_PAUSED,      -1, 'a', false, "RUNNING" },
	};
	static const struct name unknown = { 0, -1, '-', false, "UNKNOWN" };

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		if (names[i].state != state->state)
			continue;
		if (names[i].reason < 0 || names[i].reason == state->reason)
			return &names[i];
	}

	return &unknown;
}

char stats_letter(const struct virt_state *state, bool *ret_moves)
{
	const struct name *name = state_row(state);

	*ret_moves = name->moves;

	return name->letter;
}

const char *stats_state_name(const struct virt_state *state)
{
	return state_row(state)->name;
}

bool stats_has_counters(const struct stats *s)
{
	const struct name *name = state_row(&s->state);

	return name->letter == 'a' && !name->moves && s->has_counters;
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
