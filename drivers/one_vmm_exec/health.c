#include "health.h"

/* Quiet is who takes twice as long as usual to end any of his steps. */
enum { QUIET_MIN_US = 30000, QUIET_TIMES = 2, FORGET = 8 };

struct host {
	Health *health;
	char *name;
	enum health_state state;
	unsigned inflight, failures;
	gint64 sign_us;			/* of life, or when it was first asked for one */
	gint64 gap_us;			/* the longest between two lately */
	gint64 probe_us;		/* when it may be tried again */
	char *why;			/* it failed last time */
	guint timer;			/* source id: it may be silent by then */
};

struct health {
	GHashTable *hosts;
	unsigned silent_ms, max_failures, retry_s;
	health_changed *changed;
	void *data;
};

static void host_free(void *data)
{
	struct host *h = data;

	if (h->timer)
		g_source_remove(h->timer);
	g_free(h->name);
	g_free(h->why);
	g_free(h);
}

Health *health_new(const ConfCfg *cfg)
{
	Health *health = g_new0(Health, 1);

	health->hosts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, host_free);
	health->silent_ms = (unsigned)conf_cfg_int(cfg, "hosts.silent_s") * 1000;
	health->max_failures = (unsigned)conf_cfg_int(cfg, "hosts.failures");
	health->retry_s = (unsigned)conf_cfg_int(cfg, "hosts.retry_s");
	return health;
}

void health_free(Health *health)
{
	if (!health)
		return;
	g_hash_table_unref(health->hosts);
	g_free(health);
}

void health_listen(Health *health, health_changed *changed, void *data)
{
	health->changed = changed;
	health->data = data;
}

enum health_state health_of(const Health *health, const char *host)
{
	const struct host *h = g_hash_table_lookup(health->hosts, host);

	return h ? h->state : HEALTH_UNKNOWN;
}

void health_each(const Health *health, health_changed *each, void *data)
{
	GHashTableIter iter;
	struct host *h;

	g_hash_table_iter_init(&iter, health->hosts);
	while (g_hash_table_iter_next(&iter, NULL, (void **)&h))
		each(data, h->name, h->state, h->inflight);
}

static void set_state(struct host *h, enum health_state state)
{
	if (h->state == state && state != HEALTH_FAILING)
		return;
	h->state = state;
	if (h->health->changed)
		h->health->changed(h->health->data, h->name, state, h->inflight);
}

static void watch(struct host *h);

/* How long the host may be without a sign until it is SILENT, or before that, QUIET. */
static gint64 patience_us(const struct host *h, enum health_state until)
{
	gint64 silent = h->health->silent_ms * (gint64)1000;

	return until == HEALTH_SILENT ? silent :
	       MIN(MAX(QUIET_TIMES * h->gap_us, QUIET_MIN_US), silent);
}

static gboolean on_timer(gpointer data)
{
	struct host *h = data;
	gint64 since = g_get_monotonic_time() - h->sign_us;

	h->timer = 0;
	if (h->inflight && h->state < HEALTH_SILENT) {
		if (since >= patience_us(h, HEALTH_SILENT))
			set_state(h, HEALTH_SILENT);
		else if (since >= patience_us(h, HEALTH_QUIET))
			set_state(h, HEALTH_QUIET);
	}
	watch(h);
	return G_SOURCE_REMOVE;
}

/* One timer a host, not one a step: it looks when the last sign of life is old enough. */
static void watch(struct host *h)
{
	enum health_state next = h->state == HEALTH_QUIET ? HEALTH_SILENT : HEALTH_QUIET;
	gint64 left = h->sign_us + patience_us(h, next) - g_get_monotonic_time();

	if (!h->timer && h->inflight && h->state < HEALTH_SILENT)
		h->timer = g_timeout_add((guint)(MAX(left, 0) / 1000 + 1), on_timer, h);
}

/* The first one took a connection too. */
static void sign_of_life(struct host *h)
{
	gint64 now = g_get_monotonic_time();

	if (h->state == HEALTH_GOOD || h->state == HEALTH_QUIET)
		h->gap_us = MAX(now - h->sign_us, h->gap_us - h->gap_us / FORGET);
	h->sign_us = now;
}

char *health_begin(Health *health, const char *name)
{
	struct host *h = g_hash_table_lookup(health->hosts, name);
	gint64 now = g_get_monotonic_time();

	if (!h) {
		h = g_new0(struct host, 1);
		h->health = health;
		h->name = g_strdup(name);
		g_hash_table_insert(health->hosts, h->name, h);
	}
	if (h->state == HEALTH_DOWN && (h->inflight || now < h->probe_us))
		return g_strdup_printf("%s did not answer %u times in a row, it is tried again %s "
				       "(last: %s)", name, h->failures, h->inflight ? "now" :
				       "soon", h->why);
	if (!h->inflight++)
		h->sign_us = now;
	watch(h);
	return NULL;
}

void health_end(Health *health, const char *name, const char *why)
{
	struct host *h = g_hash_table_lookup(health->hosts, name);

	h->inflight--;
	if (!why) {
		sign_of_life(h);
		h->failures = 0;
		set_state(h, HEALTH_GOOD);
		watch(h);
		return;
	}
	g_free(h->why);
	h->why = g_strdup(why);
	h->failures++;
	if (h->failures >= health->max_failures) {
		h->probe_us = g_get_monotonic_time() + h->health->retry_s * G_USEC_PER_SEC;
		set_state(h, HEALTH_DOWN);
	} else if (h->state >= HEALTH_SILENT) {
		set_state(h, HEALTH_FAILING);
	} else {
		set_state(h, HEALTH_UNKNOWN);
	}
}
