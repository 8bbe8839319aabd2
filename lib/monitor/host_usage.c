/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/host_usage.h"

#include <string.h>

#include "base/text.h"
#include "facts/facts_parts.h"

/* Fields of a line "cpu" in /proc/stat: those behind are part of the first. Source: proc(5). */
enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, CPU_FIELDS };

void host_cpu_read(struct host_cpu *ret, const char *root)
{
	g_autofree char *text = facts_text(root, "/proc/stat");
	g_auto(GStrv) lines = g_strsplit(text_or(text, ""), "\n", -1);

	*ret = (struct host_cpu){ 0 };
	for (char **l = lines; *l && g_str_has_prefix(*l, "cpu"); l++) {
		char *at = *l + strlen("cpu");

		if (*at != ' ') {
			ret->cpus++;
			continue;
		}

		for (int i = 0; i < CPU_FIELDS; i++) {
			guint64 ticks = g_ascii_strtoull(at, &at, 10);

			ret->total += ticks;
			if (i == IDLE)
				ret->idle = ticks;
		}
	}
}

static guint64 number_in(const char *text, const char *key)
{
	g_autofree char *value = facts_field(text, key);

	if (value)
		return g_ascii_strtoull(value, NULL, 10);

	return 0;
}

static void read_memory(struct host_usage *u, const char *root)
{
	g_autofree char *read = facts_text(root, "/proc/meminfo");
	const char *text = text_or(read, "");
	guint64 total = number_in(text, "MemTotal");
	guint64 unused = number_in(text, "MemFree") + number_in(text, "Buffers") +
			 number_in(text, "Cached");

	unused = MIN(unused, total);
	u->figure[HOST_USED_MEMORY] = total - unused;
	u->figure[HOST_FREE_MEMORY] = unused;
}

static void read_cpu(struct host_usage *u, const struct host_cpu *before,
		     const struct host_cpu *now)
{
	guint64 all = 100 * (guint64)now->cpus, ticks = now->total, idle = now->idle;
	guint64 unused;

	if (before->total < now->total && before->idle <= now->idle) {
		ticks -= before->total;
		idle -= before->idle;
	}

	unused = ticks ? all * MIN(idle, ticks) / ticks : 0;
	u->figure[HOST_FREE_CPU] = unused;
	u->figure[HOST_USED_CPU] = all - unused;
}

static guint64 traffic(const char *root, const char *name, const char *counter)
{
	g_autofree char *path = g_strdup_printf("/sys/class/net/%s/statistics/%s", name, counter);
	g_autofree char *text = facts_text(root, path);

	return g_ascii_strtoull(text_or(text, ""), NULL, 10);
}

/* Bridges, VLANs and taps have no device: what they carry would be counted more than once. */
static void read_network(struct host_usage *u, const char *root)
{
	g_auto(GStrv) names = facts_names(root, "/sys/class/net", "");

	for (char **n = names; *n; n++) {
		g_autofree char *device = g_strdup_printf("/sys/class/net/%s/device", *n);

		if (!facts_there(root, device))
			continue;
		u->figure[HOST_NET_RX] += traffic(root, *n, "rx_bytes");
		u->figure[HOST_NET_TX] += traffic(root, *n, "tx_bytes");
	}
}

void host_usage_read(struct host_usage *ret, const char *root, const struct host_cpu *before,
		     const struct host_cpu *now)
{
	*ret = (struct host_usage){ 0 };
	read_memory(ret, root);
	read_cpu(ret, before, now);
	read_network(ret, root);
}

const char *host_usage_name(enum host_figure figure)
{
	static const char *const names[] = {
		[HOST_USED_MEMORY] = "USEDMEMORY", [HOST_FREE_MEMORY] = "FREEMEMORY",
		[HOST_FREE_CPU] = "FREECPU",       [HOST_USED_CPU] = "USEDCPU",
		[HOST_NET_RX] = "NETRX",           [HOST_NET_TX] = "NETTX",
	};

	return names[figure];
}

void host_usage_add(Fields *out, const struct host_usage *usage)
{
	fields_add(out, "HYPERVISOR", FIELDS_BARE, "kvm");
	for (int i = 0; i < HOST_FIGURES; i++)
		fields_add(out, host_usage_name((enum host_figure)i), FIELDS_BARE,
			   "%" G_GUINT64_FORMAT, usage->figure[i]);
}
