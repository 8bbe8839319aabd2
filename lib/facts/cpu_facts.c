/* SPDX-License-Identifier: Apache-2.0 */
#include "facts/facts_parts.h"

#include <sys/utsname.h>

#include "base/text.h"

/* Whole words of the line "flags": "vmx flags" is another line. */
static void read_flags(HostFacts *f, const char *cpuinfo)
{
	g_autofree char *flags = facts_field(cpuinfo, "flags");

	if (facts_has(flags, "vmx"))
		f->flag = "vmx";
	else if (facts_has(flags, "svm"))
		f->flag = "svm";
	f->is_guest = facts_has(flags, "hypervisor");
}

/* Of the file, because it may be another host's. */
static const char *arch_of(HostFacts *f, const char *cpuinfo, bool is_here)
{
	g_autofree char *arm = facts_field(cpuinfo, "CPU implementer");
	struct utsname name;

	if (f->vendor)
		return "x86_64";
	if (f->platform)
		return "ppc64le";
	if (arm)
		return "aarch64";
	if (is_here && uname(&name) == 0)
		return facts_keep(f, name.machine);

	return NULL;
}

static unsigned count_cpus(const char *cpuinfo)
{
	unsigned n = 0;

	for (const char *p = cpuinfo; (p = strstr(p, "processor")); p++)
		if (p == cpuinfo || p[-1] == '\n')
			n++;

	return n;
}

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

/* "kvm-amd" and "kvm_amd" are one module. */
static void add_module(HostFacts *f, const char **list, const char *name)
{
	g_autofree char *plain = g_strdelimit(g_strdup(name), "-", '_');

	if (g_str_has_prefix(plain, "kvm") || g_str_equal(plain, "vhost_net"))
		facts_add(f, list, plain);
}

/* A list of modules-load.d(5), /etc/modules, or a script of RHEL's /etc/sysconfig/modules. */
static void read_list(HostFacts *f, const char *root, const char *path)
{
	g_autofree char *text = facts_text(root, path);
	g_auto(GStrv) lines = g_strsplit(text_or(text, ""), "\n", -1);

	for (char **l = lines; *l; l++) {
		g_auto(GStrv) words = NULL;

		g_strdelimit(g_strstrip(*l), "\t", ' ');
		words = g_strsplit(*l, " ", -1);
		for (char **w = words; *w && **w != '#' && **w != ';'; w++)
			add_module(f, &f->boot_modules, *w);
	}
}

static void read_lists(HostFacts *f, const char *root)
{
	static const char *const dirs[] = { "/etc/modules-load.d", "/run/modules-load.d",
					    "/usr/local/lib/modules-load.d",
					    "/usr/lib/modules-load.d", "/lib/modules-load.d",
					    "/etc/sysconfig/modules" };

	read_list(f, root, "/etc/modules");
	for (size_t i = 0; i < G_N_ELEMENTS(dirs); i++) {
		g_auto(GStrv) names = facts_names(root, dirs[i], "");

		for (char **n = names; *n; n++) {
			g_autofree char *path = g_build_filename(dirs[i], *n, NULL);

			read_list(f, root, path);
		}
	}
}

/* What comes without a list: built into the kernel, or with the alias of a processor. */
static void read_automatic(HostFacts *f, const char *root)
{
	static const char *const modules[] = { "kvm", "kvm_intel", "kvm_amd", "kvm_hv" };
	g_autofree char *dir = g_strconcat("/lib/modules/", f->kernel, NULL);
	g_autofree char *builtin = g_strconcat(dir, "/modules.builtin", NULL);
	g_autofree char *alias = g_strconcat(dir, "/modules.alias", NULL);
	g_autofree char *built = facts_text(root, builtin);
	g_autofree char *aliases = facts_text(root, alias);

	f->modules_there = facts_there(root, dir);

	for (size_t i = 0; i < G_N_ELEMENTS(modules); i++) {
		g_autofree char *dashed = g_strdelimit(g_strdup(modules[i]), "_", '-');
		g_autofree char *file = g_strconcat("/", dashed, ".ko", NULL);
		g_autofree char *line = g_strconcat(" ", modules[i], "\n", NULL);
		g_autofree char *with_end = g_strconcat(text_or(aliases, ""), "\n", NULL);

		if (built && strstr(built, file))
			facts_add(f, &f->auto_modules, modules[i]);
		for (char *at = with_end; (at = strstr(at, line)); at++) {
			char *begin = g_strrstr_len(with_end, at - with_end, "\n");

			/* "alias devname:kvm kvm" loads nothing at boot. */
			begin = begin ? begin + 1 : with_end;
			if (g_str_has_prefix(begin, "alias cpu:"))
				facts_add(f, &f->auto_modules, modules[i]);
		}
	}
}

static void read_parameters(HostFacts *f, const char *root)
{
	static const char *const nesting[] = { "kvm_intel", "kvm_amd", "kvm_hv" };

	for (size_t i = 0; i < G_N_ELEMENTS(nesting) && !f->nested; i++) {
		g_autofree char *path = g_strdup_printf("/sys/module/%s/parameters/nested",
							nesting[i]);

		f->nested = facts_line(f, root, path);
	}

	f->ignore_msrs = facts_line(f, root, "/sys/module/kvm/parameters/ignore_msrs");
	f->invalid_state = facts_line(f, root, "/sys/module/kvm_intel/parameters/"
				      "emulate_invalid_guest_state");
	f->sev = facts_line(f, root, "/sys/module/kvm_amd/parameters/sev");
	f->sev_es = facts_line(f, root, "/sys/module/kvm_amd/parameters/sev_es");
	f->sev_snp = facts_line(f, root, "/sys/module/kvm_amd/parameters/sev_snp");
	f->tdx = facts_line(f, root, "/sys/module/kvm_intel/parameters/tdx");
}

/* Each line is "NUMBER NAME". */
static enum fact registered(const char *misc)
{
	g_auto(GStrv) lines = g_strsplit(text_or(misc, ""), "\n", -1);

	if (!misc)
		return FACT_UNKNOWN;

	for (char **l = lines; *l; l++)
		if (g_str_has_suffix(g_strstrip(*l), " kvm"))
			return FACT_YES;

	return FACT_NO;
}

/* The list of loaded modules (lsmod) is missing on some kernels that have modules: sysfs only. */
void facts_read_modules(HostFacts *f, const struct facts_source *s)
{
	g_auto(GStrv) names = facts_names(s->root, "/sys/module", "kvm_");
	g_autofree char *misc = facts_text(s->root, "/proc/misc");

	f->kvm = facts_there(s->root, "/sys/module/kvm");
	f->vhost_net = facts_there(s->root, "/sys/module/vhost_net");
	f->vhost_device = facts_there(s->root, "/dev/vhost-net");
	f->kvm_registered = registered(misc);

	for (char **n = names; *n; n++)
		facts_add(f, &f->kvm_vendors, *n);

	read_lists(f, s->root);
	if (f->kernel)
		read_automatic(f, s->root);
	read_parameters(f, s->root);
}
