/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/host_numa.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "facts/facts_parts.h"

static const char nodes_dir[] = "/sys/devices/system/node";

enum { MAX_NUMBER = 65535 };

static int by_number(const void *a, const void *b)
{
	guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;

	return (x > y) - (x < y);
}

/* The numbers of names "PREFIX7" in directory PATH, sorted. The caller unrefs. */
static GArray *numbers(const char *root, const char *path, const char *prefix)
{
	g_auto(GStrv) names = facts_names(root, path, prefix);
	GArray *list = g_array_new(FALSE, FALSE, sizeof(guint64));

	for (char **n = names; *n; n++) {
		const char *digits = *n + strlen(prefix);
		guint64 number = g_ascii_strtoull(digits, NULL, 10);

		if (g_ascii_isdigit(*digits))
			g_array_append_val(list, number);
	}

	g_array_sort(list, by_number);

	return list;
}

static char *node_text(const char *root, guint64 node, const char *file)
{
	g_autofree char *path = g_strdup_printf("%s/node%" G_GUINT64_FORMAT "/%s", nodes_dir, node,
						file);

	return facts_text(root, path);
}

static void add_number(Fields *vector, const char *name, guint64 number)
{
	fields_add(vector, name, FIELDS_QUOTED, "%" G_GUINT64_FORMAT, number);
}

/* COUNT: the name of the count in OUT; FILE: where the kernel has it. */
static void add_pages(Fields *out, const char *root, guint64 node, const char *count,
		      const char *file)
{
	g_autofree char *dir = g_strdup_printf("%s/node%" G_GUINT64_FORMAT "/hugepages", nodes_dir,
					       node);
	g_autoptr(GArray) sizes = numbers(root, dir, "hugepages-");

	for (guint i = 0; i < sizes->len; i++) {
		guint64 size = g_array_index(sizes, guint64, i);
		g_autofree char *name = g_strdup_printf("hugepages/hugepages-%" G_GUINT64_FORMAT
							"kB/%s", size, file);
		g_autofree char *text = node_text(root, node, name);
		Fields *page;

		if (!text)
			continue;
		page = fields_add_vector(out, "HUGEPAGE", FIELDS_HOST);
		add_number(page, "NODE_ID", node);
		add_number(page, "SIZE", size);
		fields_add(page, count, FIELDS_QUOTED, "%s", text);
	}
}

/* In KiB: "Node 0 MemFree:  123 kB". */
static guint64 node_memory(const char *meminfo, guint64 node, const char *what)
{
	g_autofree char *key = g_strdup_printf("Node %" G_GUINT64_FORMAT " %s", node, what);
	g_autofree char *value = facts_field(meminfo, key);

	return g_ascii_strtoull(text_or(value, ""), NULL, 10);
}

void host_numa_add_usage(Fields *out, const char *root)
{
	g_autoptr(GArray) nodes = numbers(root, nodes_dir, "node");

	for (guint i = 0; i < nodes->len; i++) {
		guint64 node = g_array_index(nodes, guint64, i);
		g_autofree char *read = node_text(root, node, "meminfo");
		const char *meminfo = text_or(read, "");
		Fields *memory;

		add_pages(out, root, node, "FREE", "free_hugepages");
		memory = fields_add_vector(out, "MEMORY_NODE", FIELDS_HOST);
		add_number(memory, "NODE_ID", node);
		add_number(memory, "FREE", node_memory(meminfo, node, "MemFree"));
		add_number(memory, "USED", node_memory(meminfo, node, "MemUsed"));
	}
}

/* "0-1,4" as "0,1,4": OpenNebula reads no ranges. The caller frees. */
static char *cpu_list(const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);
	GString *out = g_string_new(NULL);

	for (char **p = parts; *p; p++) {
		const char *dash = strchr(*p, '-');
		guint64 first = g_ascii_strtoull(*p, NULL, 10), last = first;

		if (dash)
			last = g_ascii_strtoull(dash + 1, NULL, 10);
		for (guint64 n = first; n <= MIN(last, MAX_NUMBER); n++) {
			text_separate(out, ",");
			g_string_append_printf(out, "%" G_GUINT64_FORMAT, n);
		}
	}

	return g_string_free(out, FALSE);
}

/* A core for each set of threads: other CPUs of the set are no further core. */
static void add_cores(Fields *out, const char *root, guint64 node)
{
	g_autofree char *dir = g_strdup_printf("%s/node%" G_GUINT64_FORMAT, nodes_dir, node);
	g_autoptr(GArray) cpus = numbers(root, dir, "cpu");
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < cpus->len; i++) {
		guint64 cpu = g_array_index(cpus, guint64, i);
		g_autofree char *topology = g_strdup_printf("cpu%" G_GUINT64_FORMAT "/topology",
							    cpu);
		g_autofree char *id_file = g_strconcat(topology, "/core_id", NULL);
		g_autofree char *list_file = g_strconcat(topology, "/thread_siblings_list", NULL);
		g_autofree char *id = node_text(root, node, id_file);
		g_autofree char *siblings = node_text(root, node, list_file);
		g_autofree char *list = NULL;
		Fields *core;

		if (!id || !siblings || !g_hash_table_add(seen, g_strdup(siblings)))
			continue;
		list = cpu_list(siblings);
		core = fields_add_vector(out, "CORE", FIELDS_HOST);
		add_number(core, "NODE_ID", node);
		fields_add(core, "ID", FIELDS_QUOTED, "%s", id);
		fields_add(core, "CPUS", FIELDS_QUOTED, "%s", list);
	}
}

struct distance {
	guint64 node, distance;
};

static int by_distance(const void *a, const void *b)
{
	const struct distance *x = a, *y = b;

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;

	return (x->node > y->node) - (x->node < y->node);
}

/* All nodes, the nearest first; TEXT has a distance for each of NODES. The caller frees. */
static char *nearest_first(const GArray *nodes, const char *text)
{
	g_autofree struct distance *list = g_new0(struct distance, nodes->len);
	GString *out = g_string_new(NULL);
	char *at = (char *)text;

	for (guint i = 0; i < nodes->len; i++) {
		list[i].node = g_array_index(nodes, guint64, i);
		list[i].distance = g_ascii_strtoull(at, &at, 10);
	}

	qsort(list, nodes->len, sizeof(*list), by_distance);
	for (guint i = 0; i < nodes->len; i++) {
		text_separate(out, " ");
		g_string_append_printf(out, "%" G_GUINT64_FORMAT, list[i].node);
	}

	return g_string_free(out, FALSE);
}

void host_numa_add(Fields *out, const char *root)
{
	g_autoptr(GArray) nodes = numbers(root, nodes_dir, "node");

	for (guint i = 0; i < nodes->len; i++) {
		guint64 node = g_array_index(nodes, guint64, i);
		g_autofree char *meminfo = node_text(root, node, "meminfo");
		g_autofree char *distances = node_text(root, node, "distance");
		g_autofree char *nearest = nearest_first(nodes, text_or(distances, ""));
		Fields *memory;

		add_pages(out, root, node, "PAGES", "nr_hugepages");
		add_cores(out, root, node);
		memory = fields_add_vector(out, "MEMORY_NODE", FIELDS_HOST);
		add_number(memory, "NODE_ID", node);
		add_number(memory, "TOTAL", node_memory(text_or(meminfo, ""), node, "MemTotal"));
		fields_add(memory, "DISTANCE", FIELDS_QUOTED, "%s", nearest);
	}
}
