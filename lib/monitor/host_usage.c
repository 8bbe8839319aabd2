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

static void put_number(Fields *out, const char *name, guint64 value)
{
	fields_add(out, name, FIELDS_BARE, "%" G_GUINT64_FORMAT, value);
}

static guint64 number_in(const char *text, const char *key)
{
	g_autofree char *value = facts_field(text, key);

	if (value)
		return g_ascii_strtoull(value, NULL, 10);

	return 0;
}

static void add_memory(Fields *out, const char *root)
{
	g_autofree char *read = facts_text(root, "/proc/meminfo");
	const char *text = text_or(read, "");
	guint64 total = number_in(text, "MemTotal");
	guint64 unused = number_in(text, "MemFree") + number_in(text, "Buffers") +
			 number_in(text, "Cached");

	unused = MIN(unused, total);
	put_number(out, "USEDMEMORY", total - unused);
	put_number(out, "FREEMEMORY", unused);
}

static void add_cpu(Fields *out, const struct host_cpu *before, const struct host_cpu *now)
{
	guint64 all = 100 * (guint64)now->cpus, ticks = now->total, idle = now->idle;
	guint64 unused;

	if (before->total < now->total && before->idle <= now->idle) {
		ticks -= before->total;
		idle -= before->idle;
	}

	unused = ticks ? all * MIN(idle, ticks) / ticks : 0;
	put_number(out, "FREECPU", unused);
	put_number(out, "USEDCPU", all - unused);
}

static guint64 traffic(const char *root, const char *name, const char *counter)
{
	g_autofree char *path = g_strdup_printf("/sys/class/net/%s/statistics/%s", name, counter);
	g_autofree char *text = facts_text(root, path);

	return g_ascii_strtoull(text_or(text, ""), NULL, 10);
}

/* Bridges, VLANs and taps have no device: what they carry would be counted more than once. */
static void add_network(Fields *out, const char *root)
{
	g_auto(GStrv) names = facts_names(root, "/sys/class/net", "");
	guint64 rx = 0, tx = 0;

	for (char **n = names; *n; n++) {
		g_autofree char *device = g_strdup_printf("/sys/class/net/%s/device", *n);

		if (!facts_there(root, device))
			continue;
		rx += traffic(root, *n, "rx_bytes");
		tx += traffic(root, *n, "tx_bytes");
	}

	put_number(out, "NETRX", rx);
	put_number(out, "NETTX", tx);
}

void host_usage_add(Fields *out, const char *root, const struct host_cpu *before,
		    const struct host_cpu *now)
{
	fields_add(out, "HYPERVISOR", FIELDS_BARE, "kvm");
	add_memory(out, root);
	add_cpu(out, before, now);
	add_network(out, root);
}
