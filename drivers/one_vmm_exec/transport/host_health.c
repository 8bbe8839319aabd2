/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/host_health.h"

struct host {
	char *name;
	enum host_health_state state;
	unsigned inflight, failures;
	gint64 probe_us;		/* when a host that is down may be tried again */
	char *why;			/* it failed last time */
};

struct host_health {
	GHashTable *hosts;
	unsigned max_failures, retry_s;
	host_health_changed *changed;
	void *data;
};

static void host_free(void *data)
{
	struct host *h = data;

	g_free(h->name);
	g_free(h->why);
	g_free(h);
}

HostHealth *host_health_new(const ConfCfg *cfg)
{
	HostHealth *health = g_new0(HostHealth, 1);

	health->hosts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, host_free);
	health->max_failures = (unsigned)conf_cfg_int(cfg, "hosts.failures");
	health->retry_s = (unsigned)conf_cfg_int(cfg, "hosts.retry_s");

	return health;
}

void host_health_free(HostHealth *health)
{
	if (!health)
		return;

	g_hash_table_unref(health->hosts);
	g_free(health);
}

void host_health_listen(HostHealth *health, host_health_changed *changed, void *data)
{
	health->changed = changed;
	health->data = data;
}

enum host_health_state host_health_of(const HostHealth *health, const char *host)
{
	const struct host *h = g_hash_table_lookup(health->hosts, host);

	if (h)
		return h->state;

	return HEALTH_GOOD;
}

unsigned host_health_inflight(const HostHealth *health, const char *host)
{
	const struct host *h = g_hash_table_lookup(health->hosts, host);

	if (h)
		return h->inflight;

	return 0;
}

void host_health_each(const HostHealth *health, host_health_one *each, void *data)
{
	GHashTableIter iter;
	struct host *h;

	g_hash_table_iter_init(&iter, health->hosts);
	while (g_hash_table_iter_next(&iter, NULL, (void **)&h))
		each(data, h->name, h->state, h->inflight);
}

char *host_health_begin(HostHealth *health, const char *name)
{
	struct host *h = g_hash_table_lookup(health->hosts, name);
	gint64 now = g_get_monotonic_time();

	if (!h) {
		h = g_new0(struct host, 1);
		h->name = g_strdup(name);
		g_hash_table_insert(health->hosts, h->name, h);
	}

	/*
	 * One step at a time finds out whether a host that is down is back; the others would each
	 * wait for the same time-out of ssh.
	 */
	if (h->state == HEALTH_DOWN && (h->inflight || now < h->probe_us))
		return g_strdup_printf("%s did not answer %u times in a row, it is tried again %s "
				       "(last: %s)", name, h->failures, h->inflight ? "now" :
				       "soon", h->why);
	h->inflight++;

	return NULL;
}

static void change_health(HostHealth *health, struct host *h, enum host_health_state state)
{
	enum host_health_state was = h->state;

	h->state = state;
	/* Each failure on the way to "down" is logged; successes are not. */
	if (health->changed && (was != state || state == HEALTH_FAILING))
		health->changed(health->data, h->name, was, state);
}

void host_health_end(HostHealth *health, const char *name, const char *why)
{
	struct host *h = g_hash_table_lookup(health->hosts, name);

	h->inflight--;
	if (!why) {
		h->failures = 0;
		change_health(health, h, HEALTH_GOOD);
		return;
	}

	g_free(h->why);
	h->why = g_strdup(why);
	h->failures++;

	/* A single lost connection is no reason to refuse the next step. */
	if (h->failures < health->max_failures) {
		change_health(health, h, HEALTH_FAILING);
		return;
	}

	h->probe_us = g_get_monotonic_time() + health->retry_s * G_USEC_PER_SEC;
	change_health(health, h, HEALTH_DOWN);
}
