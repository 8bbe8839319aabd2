/* SPDX-License-Identifier: Apache-2.0 */
#include "facts/facts_parts.h"

#include <sys/utsname.h>

#include "base/text.h"

/*
 * Whole words of the line "flags": "vmx flags" is another line. The kernel takes those of encrypted
 * memory away when the firmware has it off.
 */
static void read_flags(HostFacts *f, const char *cpuinfo)
{
	static const char *const encryption[] = { "sev", "sev_es", "sev_snp", "tdx_host_platform" };
	g_autofree char *flags = facts_field(cpuinfo, "flags");
	g_autofree char *features = facts_field(cpuinfo, "features");

	if (facts_has(flags, "vmx"))
		f->flag = "vmx";
	else if (facts_has(flags, "svm"))
		f->flag = "svm";
	else if (facts_has(features, "sie"))
		f->flag = "sie";
	f->is_guest = facts_has(flags, "hypervisor");
	for (size_t i = 0; i < G_N_ELEMENTS(encryption); i++)
		if (facts_has(flags, encryption[i]))
			facts_add(f, &f->encryption_flags, encryption[i]);
}

/* Of the file, if it is another host's. */
static const char *arch_of(HostFacts *f, const char *cpuinfo, bool is_here)
{
	g_autofree char *arm = facts_field(cpuinfo, "CPU implementer");
	struct utsname name;

	if (!*cpuinfo)
		return NULL;
	if (is_here && uname(&name) == 0)
		return facts_keep(f, name.machine);
	if (f->vendor && g_str_has_prefix(f->vendor, "IBM/"))
		return "s390x";
	if (f->vendor)
		return "x86_64";
	if (f->platform)
		return "ppc64le";
	if (arm)
		return "aarch64";

	return NULL;
}

/* Threads, as the kernel lists them: what OpenNebula, too, takes for CPUs. */
static unsigned count_cpus(const char *cpuinfo)
{
	unsigned n = 0;

	for (const char *p = cpuinfo; (p = strstr(p, "processor")); p++)
		if (p == cpuinfo || p[-1] == '\n')
			n++;

	return n;
}

/* Without /proc/cpuinfo all of them stay unknown, which the first check says. */
void facts_read_cpu(HostFacts *f, const struct facts_source *s)
{
	g_autofree char *cpuinfo = facts_text(s->root, "/proc/cpuinfo");
	g_autofree char *vendor = facts_field(text_or(cpuinfo, ""), "vendor_id");
	g_autofree char *platform = facts_field(text_or(cpuinfo, ""), "platform");
	g_auto(GStrv) nodes = facts_names(s->root, "/sys/devices/system/node", "node");

	f->vendor = facts_keep(f, vendor);
	f->platform = facts_keep(f, platform);
	f->arch = arch_of(f, text_or(cpuinfo, ""), !s->root);
	f->nodes = g_strv_length(nodes);
	if (!cpuinfo)
		return;

	read_flags(f, cpuinfo);
	f->cpus = count_cpus(cpuinfo);
}
