/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

/* docs/facts/deployment.md 2.4 (cputune), 2.9 (numatune), 2.10 (iothreads) */

enum pin { PIN_NONE, PIN_SHARED, PIN_EACH };

static const struct {
	guint64 base, min, max;
} scales[] = {
	{ 1024, 2, 262144 },	/* cgroup v1 */
	{ 100, 2, 10000 },	/* cgroup v2, which would take 1, but libvirt does not */
};

/* Single precision, as in oned: CPU = 1.1 must give 1128 shares as it always did, not 1127. */
static void shares(DomainBuild *b, xmlNode *cputune)
{
	guint64 version = 0, value;
	struct tmpl_hit hit;
	float cpu = 1;
	char *end;
	size_t row;
	g_autofree char *text = NULL;

	domain_number(b, NULL, "CGROUPS_VERSION", TMPL_IN_SITE, RANGE(0, 2), &version);
	row = version == 2;

	if (tmpl_vm_find(b->vm, NULL, "CPU", TMPL_IN_VM, &hit)) {
		cpu = (float)g_ascii_strtod(hit.text, &end);
		if (*end || end == hit.text || !(cpu > 0 && cpu < G_MAXFLOAT))
			domain_bad_value(b, NULL, "CPU", &hit, "not a number above 0");
	}

	cpu = CLAMP((float)scales[row].base * cpu, 0, (float)scales[row].max);
	value = (guint64)cpu;

	if ((float)value < cpu)
		value++;
	text = g_strdup_printf("%" G_GUINT64_FORMAT, MAX(value, scales[row].min));
	domain_text_element(b, cputune, "shares", text);
}

/* CORE and THREAD differ in which CPUs oned's scheduler takes; the pinning is the same. */
static enum pin pin_policy(DomainBuild *b)
{
	static const char *const words[] = { "NONE", "CORE", "THREAD", "SHARED", NULL };
	const char *policy = domain_word(b, NULL, "TOPOLOGY/PIN_POLICY", TMPL_IN_VM, words);

	if (!policy || !strcmp(policy, "NONE"))
		return PIN_NONE;
	if (strcmp(policy, "SHARED"))
		return PIN_EACH;

	return PIN_SHARED;
}

/* -1 means "none" here, which domain_number() does not accept. */
static bool has_affinity(DomainBuild *b)
{
	const char *node = domain_text(b, NULL, "TOPOLOGY/NODE_AFFINITY", TMPL_IN_VM);
	guint64 n;

	if (!node)
		return false;
	if (!strcmp(node, "-1"))
		return false;

	return domain_number(b, NULL, "TOPOLOGY/NODE_AFFINITY", TMPL_IN_VM,
			     RANGE(0, G_MAXUINT16), &n);
}

static guint64 total_cpus(DomainBuild *b, const TmplAttr *node)
{
	guint64 n = 0;

	domain_number(b, node, "NUMA_NODE/TOTAL_CPUS", TMPL_IN_VM, RANGE(0, G_MAXUINT16), &n);
	return n;
}

/* One element per vCPU: libvirt knows no range of them. */
static void pin(DomainBuild *b, xmlNode *cputune, guint64 vcpu, const char *cpuset)
{
	xmlNode *node = domain_element(cputune, "vcpupin");

	domain_set_number(node, "vcpu", vcpu);
	domain_set(b, node, "cpuset", cpuset);
}

/* Pins the vCPUs of NODE from FIRST on; CPUS is its list of host CPUs. */
static void pin_node(DomainBuild *b, xmlNode *cputune, const TmplAttr *node, const char *cpus,
		     guint64 first, enum pin policy)
{
	g_auto(GStrv) list = g_strsplit(cpus, ",", -1);
	guint64 n = total_cpus(b, node);

	if (!domain_is_cpuset(cpus)) {
		domain_problem(b, node, "CPUS = '%s': not a set of CPUs", cpus);
		return;
	}

	if (policy == PIN_EACH && g_strv_length(list) < n) {
		domain_problem(b, node, "CPUS = '%s': fewer CPUs than TOTAL_CPUS", cpus);
		return;
	}

	for (guint64 i = 0; i < n; i++)
		pin(b, cputune, first + i, policy == PIN_EACH ? list[i] : cpus);
}

/* Pins all vCPUs; returns the host CPUs of all nodes, which the caller frees. */
static GString *pin_nodes(DomainBuild *b, xmlNode *cputune, enum pin policy)
{
	GString *all = g_string_new(NULL);
	const TmplAttr *node = NULL;
	guint64 first = 0;

	while ((node = tmpl_set_next(b->vm->level[TMPL_VM], "NUMA_NODE", node))) {
		const char *cpus = tmpl_attr_text(node, "CPUS");
		guint64 n = total_cpus(b, node);

		if (!n || !cpus)
			continue;

		pin_node(b, cputune, node, cpus, first, policy);
		first += n;
		g_string_append_printf(all, "%s%s", all->len ? "," : "", cpus);
	}

	return all;
}

/*
 * QEMU's own threads run where its vCPUs do: on another NUMA node they would fetch the
 * guest's memory from afar. EMULATOR_CPUS is for sites that keep CPUs free for them.
 */
static void cputune(DomainBuild *b, xmlNode *domain)
{
	xmlNode *node = domain_element(domain, "cputune");
	enum pin policy = pin_policy(b);
	const char *emulator = domain_text(b, NULL, "EMULATOR_CPUS", TMPL_IN_SITE);
	GString *all = NULL;

	shares(b, node);
	if (policy != PIN_NONE || has_affinity(b) || domain_hugepage_mib(b))
		all = pin_nodes(b, node, policy);
	if (emulator && !domain_is_cpuset(emulator))
		domain_problem(b, NULL, "EMULATOR_CPUS = '%s': not a set of CPUs", emulator);
	else if (emulator)
		domain_put(b, node, "emulatorpin@cpuset", emulator);
	else if (all && all->len)
		domain_put(b, node, "emulatorpin@cpuset", all->str);
	if (all)
		g_string_free(all, TRUE);
}

/* strict: memory of another node would be slow, and oned has reserved that of this one. */
static void numatune(DomainBuild *b, xmlNode *domain)
{
	const TmplAttr *node = NULL;
	GString *all = g_string_new(NULL);
	xmlNode *numatune = NULL, *memory;

	for (guint i = 0; (node = tmpl_set_next(b->vm->level[TMPL_VM], "NUMA_NODE", node)); i++) {
		const char *host = tmpl_attr_text(node, "MEMORY_NODE_ID");
		xmlNode *memnode;

		if (!host)
			continue;
		if (!domain_is_cpuset(host))
			domain_problem(b, node, "MEMORY_NODE_ID = '%s': not a node", host);
		if (!numatune)
			numatune = domain_element(domain, "numatune");
		memnode = domain_element(numatune, "memnode");
		domain_set_number(memnode, "cellid", i);
		domain_set(b, memnode, "mode", "strict");
		domain_set(b, memnode, "nodeset", host);
		g_string_append_printf(all, "%s%s", all->len ? "," : "", host);
	}

	if (numatune) {
		memory = domain_element(numatune, "memory");
		domain_set(b, memory, "mode", "strict");
		domain_set(b, memory, "nodeset", all->str);
	}

	g_string_free(all, TRUE);
}

void domain_tuning(DomainBuild *b, xmlNode *domain)
{
	g_autofree char *threads = g_strdup_printf("%" G_GUINT64_FORMAT, b->iothreads);

	cputune(b, domain);
	numatune(b, domain);
	if (b->iothreads)
		domain_text_element(b, domain, "iothreads", threads);
}
