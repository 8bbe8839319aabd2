/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

/* docs/facts/deployment.md 2.5 (memory) and 2.25 (its backing); all values are KiB in the XML */

#define DEFAULT_SLOTS 16
#define SLOTS_MAX 256

/* The site's MEMORY_MAX has no meaning: the memory is each VM's own. */
static guint64 max_mib(DomainBuild *b)
{
	guint64 max = 0;

	domain_number(b, NULL, "MEMORY_MAX", TMPL_IN_VM, RANGE(0, G_MAXINT64 / 1024), &max);
	if (max > b->memory_mib)
		return max;

	return 0;
}

/* A resize may have left MEMORY_MAX behind: that is no reason to refuse the VM. */
static void warn_of_max(DomainBuild *b)
{
	const char *max = domain_text(b, NULL, "MEMORY_MAX", TMPL_IN_VM);

	if (max && !max_mib(b))
		domain_warn(b, "MEMORY_MAX = '%s' is ignored: it is not above MEMORY", max);
}

static bool mode_is_hotplug(DomainBuild *b)
{
	static const char *const modes[] = { "HOTPLUG", "BALLOONING", NULL };

	return !g_strcmp0(domain_word(b, NULL, "MEMORY_RESIZE_MODE", TMPL_IN_VM, modes), "HOTPLUG");
}

bool domain_memory_hotplug(DomainBuild *b)
{
	if (!max_mib(b))
		return false;
	return mode_is_hotplug(b);
}

static xmlNode *kib_element(DomainBuild *b, xmlNode *domain, const char *name, guint64 mib)
{
	g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, mib * 1024);

	return domain_text_element(b, domain, name, text);
}

/*
 * By ballooning a domain starts with the maximum, of which the balloon takes what is above
 * MEMORY. By hot-plug it starts with MEMORY, and modules are added up to maxMemory.
 */
void domain_memory(DomainBuild *b, xmlNode *domain)
{
	guint64 max = max_mib(b), slots = DEFAULT_SLOTS;

	if (!domain_text(b, NULL, "MEMORY", TMPL_IN_VM))
		domain_problem(b, NULL, "MEMORY is missing");
	warn_of_max(b);
	if (!domain_memory_hotplug(b)) {
		kib_element(b, domain, "memory", max ? max : b->memory_mib);
		if (max)
			kib_element(b, domain, "currentMemory", b->memory_mib);
		return;
	}

	domain_number(b, NULL, "MEMORY_SLOTS", TMPL_IN_ALL, RANGE(1, SLOTS_MAX), &slots);
	kib_element(b, domain, "memory", b->memory_mib);
	domain_set_number(kib_element(b, domain, "maxMemory", max), "slots", slots);
}

guint64 domain_hugepage_mib(DomainBuild *b)
{
	guint64 size = 0;

	domain_number(b, NULL, "TOPOLOGY/HUGEPAGE_SIZE", TMPL_IN_VM, RANGE(0, G_MAXUINT32), &size);
	return size;
}

/* virtiofsd maps the guest's memory: without sharing QEMU does not start. */
static bool domain_has_filesystem(DomainBuild *b)
{
	const TmplAttr *disk = NULL;

	while ((disk = tmpl_set_next(b->vm->level[TMPL_VM], "DISK", disk)))
		if (!g_strcmp0(tmpl_attr_text(disk, "TYPE"), "FILESYSTEM"))
			return true;

	return false;
}

/* Huge pages can be shared as they are; other memory needs a file, which memfd is. */
void domain_backing(DomainBuild *b, xmlNode *domain)
{
	guint64 page = domain_hugepage_mib(b);
	bool shared = domain_has_filesystem(b);
	xmlNode *node;

	if (!page && !shared)
		return;

	node = domain_element(domain, "memoryBacking");
	if (page)
		domain_set_number(domain_element(domain_element(node, "hugepages"), "page"), "size",
				  page * 1024);
	else
		domain_put(b, node, "source@type", "memfd");
	if (shared)
		domain_put(b, node, "access@mode", "shared");
}
