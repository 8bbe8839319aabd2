/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

#include "fit/cpu_wish.h"

/* docs/facts/deployment.md 2.8 */

#define LIBVIRT_PHYS_BITS DOMAIN_LIBVIRT(8, 7, 0)
#define LOCAL_DISTANCE 10
#define REMOTE_DISTANCE 20
#define DISTANCE_MAX 255

guint domain_n_nodes(const DomainBuild *b)
{
	const TmplAttr *node = NULL;
	guint n = 0;

	while ((node = tmpl_set_next(b->vm->level[TMPL_VM], "NUMA_NODE", node)))
		n++;

	return n;
}

/* Without a TOPOLOGY vector libvirt shows one socket per vCPU. */
bool domain_has_topology(const DomainBuild *b)
{
	return tmpl_set_vector(b->vm->level[TMPL_VM], "TOPOLOGY");
}

/* Of a list, which is for the host to choose from, the first. */
static void set_model(DomainBuild *b, xmlNode *cpu, const FitCpuWish *wish)
{
	xmlNode *model;

	domain_set(b, cpu, "mode", wish->mode);
	if (!wish->models->len)
		return;
	model = domain_text_element(b, cpu, "model", wish->models->pdata[0]);
	domain_set(b, model, "fallback", "forbid");
}

static void add_cpu_features(DomainBuild *b, xmlNode *cpu, const FitCpuWish *wish)
{
	for (guint i = 0; i < wish->features->len; i++) {
		const struct fit_cpu_feature *feature = wish->features->pdata[i];
		xmlNode *node = domain_element(cpu, "feature");
		const char *policy = feature->on ? "require" : "disable";

		domain_set(b, node, "policy", policy);
		domain_set(b, node, "name", feature->name);
	}
}

static void add_phys_bits(DomainBuild *b, xmlNode *cpu, const FitCpuWish *wish)
{
	const char *mode = wish->phys_bits ? "emulate" : "passthrough";
	xmlNode *node;

	if (!wish->phys_bits && !wish->phys_passthrough)
		return;
	if (!domain_needs(b, NULL, "CPU_MODEL/PHYS_BITS",
			  GATE(LIBVIRT_PHYS_BITS, "maxphysaddr")))
		return;
	node = domain_element(cpu, "maxphysaddr");
	domain_set(b, node, "mode", mode);
	if (wish->phys_bits)
		domain_set_number(node, "bits", wish->phys_bits);
}

/* What only a host can answer, when none is known here. */
static void check_wish(DomainBuild *b, const FitCpuWish *wish)
{
	if (b->options->fits)
		return;
	if (!wish->mode && wish->features->len)
		domain_problem(b, NULL, "CPU_MODEL/FEATURES: no CPU model is named that they could "
			       "change; set CPU_MODEL/MODEL");
	if (wish->models->len > 1)
		domain_warn(b, "CPU_MODEL/MODELS: the host will choose; until then it is %s",
			    (const char *)wish->models->pdata[0]);
	if (wish->required->len)
		domain_warn(b, "CPU_MODEL/REQUIRED is left to the host");
	if (wish->nested)
		domain_warn(b, "FEATURES/NESTED is left to the host");
}

/*
 * libvirt refuses a topology whose product is not the number of vCPUs. Here the
 * problem is reported with the names that the user wrote.
 */
static void add_topology(DomainBuild *b, xmlNode *cpu)
{
	static const char *const keys[] = { "sockets", "cores", "threads" };
	xmlNode *topology = domain_element(cpu, "topology");
	guint64 product = 1, vcpus = b->vcpus;

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		g_autofree char *upper = g_ascii_strup(keys[i], -1);
		g_autofree char *path = g_strconcat("TOPOLOGY/", upper, NULL);
		guint64 n = 1;

		domain_number(b, NULL, path, TMPL_IN_VM, RANGE(1, G_MAXUINT16), &n);
		domain_set_number(topology, keys[i], n);
		product *= n;
	}

	domain_vcpu_max(b, &vcpus);
	if (product != MAX(vcpus, 1))
		domain_problem(b, NULL, "TOPOLOGY: SOCKETS x CORES x THREADS = %" G_GUINT64_FORMAT
			       " is not the number of vCPUs, %" G_GUINT64_FORMAT, product,
			       MAX(vcpus, 1));
}

/* One item "ID:VALUE" or "FROM-TO:VALUE" of DISTANCE. */
static bool set_distances(const char *item, guint64 *values, guint n)
{
	char *end;
	guint64 from, to, value;

	if (!g_ascii_isdigit(*item))
		return false;

	from = to = g_ascii_strtoull(item, &end, 10);
	if (*end == '-') {
		if (!g_ascii_isdigit(end[1]))
			return false;

		to = g_ascii_strtoull(end + 1, &end, 10);
	}

	if (*end != ':' || !g_ascii_isdigit(end[1]))
		return false;

	value = g_ascii_strtoull(end + 1, &end, 10);
	if (*end)
		return false;
	if (value < LOCAL_DISTANCE)
		return false;
	if (value > DISTANCE_MAX)
		return false;
	if (from > to)
		return false;

	/* A range may end beyond the last node: the same template is for VMs of any size. */
	for (guint64 i = from; i <= to && i < n; i++)
		values[i] = value;

	return true;
}

/*
 * DISTANCE may name some of the nodes only: the others are as far as ACPI says that a
 * remote node is, 20; a node itself is at 10.
 */
static void add_siblings(DomainBuild *b, xmlNode *cell, const TmplAttr *node, guint own, guint n)
{
	const char *list = tmpl_attr_text(node, "DISTANCE");
	g_auto(GStrv) items = g_strsplit(domain_or(list, ""), ",", -1);
	g_autofree guint64 *values = g_new(guint64, n);
	xmlNode *distances;

	if (!list)
		return;

	for (guint i = 0; i < n; i++)
		values[i] = REMOTE_DISTANCE;
	for (char **item = items; *item; item++)
		if (!set_distances(g_strstrip(*item), values, n))
			domain_problem(b, node,
				       "DISTANCE = '%s': not a list of ID:10-255 or ID-ID:10-255",
				       list);
	values[own] = LOCAL_DISTANCE;	/* "0-3:20" means the others */
	distances = domain_element(cell, "distances");
	for (guint i = 0; i < n; i++) {
		xmlNode *sibling = domain_element(distances, "sibling");

		domain_set_number(sibling, "id", i);
		domain_set_number(sibling, "value", values[i]);
	}
}

/* With ballooning the cells must hold the maximum, or libvirt lowers it to their sum. */
static guint64 cell_kib(DomainBuild *b, const TmplAttr *node)
{
	guint64 kib = 0, max = 0;

	if (!domain_number(b, node, "NUMA_NODE/MEMORY", TMPL_IN_VM,
			   RANGE(0, G_MAXINT64 / 1024), &kib))
		domain_problem(b, node, "MEMORY is missing");
	domain_number(b, NULL, "MEMORY_MAX", TMPL_IN_VM, RANGE(0, G_MAXINT64 / 1024), &max);
	if (max <= b->memory_mib)
		return kib;
	if (!b->memory_mib)
		return kib;
	if (domain_memory_hotplug(b))
		return kib;

	return (guint64)((double)kib / 1024 * (double)max / (double)b->memory_mib) * 1024;
}

/* A node without vCPUs is memory only: libvirt allows a cell that has no cpus. */
static void add_cells(DomainBuild *b, xmlNode *numa, guint n)
{
	static const char *const accesses[] = { "private", "shared", NULL };
	const char *access = domain_word(b, NULL, "TOPOLOGY/MEMORY_ACCESS", TMPL_IN_VM, accesses);
	const TmplAttr *node = NULL;
	guint64 first = 0;

	for (guint i = 0; (node = tmpl_set_next(b->vm->level[TMPL_VM], "NUMA_NODE", node)); i++) {
		xmlNode *cell = domain_element(numa, "cell");
		guint64 cpus = 0;

		domain_set_number(cell, "id", i);
		domain_set_number(cell, "memory", cell_kib(b, node));
		domain_number(b, node, "NUMA_NODE/TOTAL_CPUS", TMPL_IN_VM,
			      RANGE(0, G_MAXUINT16), &cpus);

		if (cpus) {
			g_autofree char *range =
				g_strdup_printf("%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT, first,
						first + cpus - 1);

			domain_set(b, cell, "cpus", range);
			first += cpus;
		}

		if (access)
			domain_set(b, cell, "memAccess", access);
		add_siblings(b, cell, node, i, n);
	}
}

/* libvirt hot-plugs memory into a cell only. */
static void add_hotplug_cell(DomainBuild *b, xmlNode *numa)
{
	xmlNode *cell = domain_element(numa, "cell");
	g_autofree char *cpus = g_strdup_printf("0-%" G_GUINT64_FORMAT, MAX(b->vcpus, 1) - 1);

	domain_set(b, cell, "id", "0");
	domain_set(b, cell, "cpus", cpus);
	domain_set_number(cell, "memory", b->memory_mib * 1024);
	domain_set(b, cell, "unit", "KiB");
}

static void add_model(DomainBuild *b, xmlNode *cpu, const FitCpuWish *wish)
{
	set_model(b, cpu, wish);
	if (domain_has_topology(b))
		add_topology(b, cpu);
	add_cpu_features(b, cpu, wish);
	add_phys_bits(b, cpu, wish);
}

void domain_cpu(DomainBuild *b, xmlNode *domain)
{
	bool topology = domain_has_topology(b), hotplug = domain_memory_hotplug(b);
	guint n = domain_n_nodes(b);
	g_auto(FitCpuWish) wish = { 0 };
	bool model;
	xmlNode *cpu;

	fit_cpu_wish_read(b->vm, &wish, b->problems);
	check_wish(b, &wish);
	model = wish.mode && !g_str_equal(wish.mode, "none");
	if (!model && !topology && !hotplug && !n)
		return;

	cpu = domain_element(domain, "cpu");
	if (model)
		add_model(b, cpu, &wish);
	else if (topology)
		add_topology(b, cpu);
	if (n)
		add_cells(b, domain_element(cpu, "numa"), n);
	else if (hotplug)
		add_hotplug_cell(b, domain_element(cpu, "numa"));
}
