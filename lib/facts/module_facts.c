/* SPDX-License-Identifier: Apache-2.0 */
/* The modules of KVM: loaded, to be loaded at boot, kept from it; and their parameters. */
#include "facts/facts_parts.h"

#include "base/text.h"

/* NULL: the architecture has KVM in its kernel, or is not known. */
const char *facts_vendor_module(const HostFacts *f)
{
	bool is_x86 = !g_strcmp0(f->arch, "x86_64") || !g_strcmp0(f->arch, "i686");

	if (f->arch && g_str_has_prefix(f->arch, "ppc64"))
		return "kvm_hv";
	if (!f->vendor || !is_x86)
		return NULL;
	if (g_str_equal(f->vendor, "AuthenticAMD") || g_str_equal(f->vendor, "HygonGenuine"))
		return "kvm_amd";

	return "kvm_intel";
}

/* "kvm-amd" and "kvm_amd" are one module. */
static void add_module(HostFacts *f, const char **list, const char *name)
{
	g_autofree char *plain = g_strdelimit(g_strdup(name), "-", '_');

	if (g_str_has_prefix(plain, "kvm") || g_str_equal(plain, "vhost_net"))
		facts_add(f, list, plain);
}

/* The words of LINE before a comment. g_strfreev(). */
static char **line_words(char *line)
{
	char **words;

	line[strcspn(line, "#;")] = '\0';
	words = g_strsplit_set(g_strstrip(line), " \t", -1);

	return words;
}

/* A list of modules-load.d(5), /etc/modules, or a script of RHEL's /etc/sysconfig/modules. */
static void read_list(HostFacts *f, const char *root, const char *path)
{
	g_autofree char *text = facts_text(root, path);
	g_auto(GStrv) lines = g_strsplit(text_or(text, ""), "\n", -1);

	for (char **l = lines; *l; l++) {
		g_auto(GStrv) words = line_words(*l);

		for (char **w = words; *w; w++)
			add_module(f, &f->boot_modules, *w);
	}
}

/* A file hides those of its name in later directories: one that is empty takes a list away. */
static void read_lists(HostFacts *f, const char *root)
{
	static const struct {
		const char *dir, *end;
	} places[] = { { "/etc/modules-load.d", ".conf" }, { "/run/modules-load.d", ".conf" },
		       { "/usr/local/lib/modules-load.d", ".conf" },
		       { "/usr/lib/modules-load.d", ".conf" }, { "/lib/modules-load.d", ".conf" },
		       { "/etc/sysconfig/modules", ".modules" } };
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	/* RHEL has no program that reads it. */
	if (!facts_is_red_hat(f))
		read_list(f, root, "/etc/modules");
	for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
		g_auto(GStrv) names = facts_names(root, places[i].dir, "");

		for (char **n = names; *n; n++) {
			g_autofree char *path = g_build_filename(places[i].dir, *n, NULL);

			if (g_str_has_suffix(*n, places[i].end) &&
			    g_hash_table_add(seen, g_strdup(*n)))
				read_list(f, root, path);
		}
	}

	f->has_load_directory = facts_there(root, "/etc/modules-load.d") ||
				facts_there(root, "/usr/lib/modules-load.d") ||
				facts_there(root, "/usr/lib/systemd");
	f->has_etc_modules = facts_there(root, "/etc/modules");
}

/* MODULE is loaded when a processor is seen; "alias devname:kvm kvm" loads nothing at boot. */
static bool has_processor_alias(const char *aliases, const char *module)
{
	g_autofree char *end = g_strconcat(" ", module, NULL);
	g_auto(GStrv) lines = g_strsplit(aliases, "\n", -1);

	for (char **l = lines; *l; l++)
		if (g_str_has_prefix(*l, "alias cpu:") && g_str_has_suffix(g_strchomp(*l), end))
			return true;

	return false;
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

		if (built && strstr(built, file))
			facts_add(f, &f->builtin_modules, modules[i]);
		if (has_processor_alias(text_or(aliases, ""), modules[i]))
			facts_add(f, &f->auto_modules, modules[i]);
	}
}

/* "blacklist MODULE", or "install MODULE /bin/false" and the like. */
static bool line_blocks(char *line, const char *module)
{
	g_auto(GStrv) words = line_words(line);

	if (g_strv_length(words) < 2)
		return false;

	g_strdelimit(words[1], "-", '_');
	if (!g_str_equal(words[1], module))
		return false;
	if (g_str_equal(words[0], "blacklist"))
		return true;

	return g_str_equal(words[0], "install") && words[2] &&
	       (g_str_has_suffix(words[2], "/false") || g_str_has_suffix(words[2], "/true"));
}

/* The last line does not win here: modprobe adds up what all files say. */
static bool file_blocks(const char *root, const char *path, const char *module)
{
	g_autofree char *text = facts_text(root, path);
	g_auto(GStrv) lines = g_strsplit(text_or(text, ""), "\n", -1);

	for (char **l = lines; *l; l++)
		if (line_blocks(*l, module))
			return true;

	return false;
}

/* "modprobe.blacklist=a,MODULE" of the kernel's command line, as it stands there, or NULL. */
static const char *blocking_parameter(HostFacts *f, const char *module)
{
	g_auto(GStrv) words = g_strsplit(text_or(f->cmdline, ""), " ", -1);

	for (char **w = words; *w; w++) {
		const char *list = strchr(*w, '=');
		g_auto(GStrv) names = NULL;

		if (!g_str_has_prefix(*w, "modprobe.blacklist=") &&
		    !g_str_has_prefix(*w, "module_blacklist="))
			continue;

		names = g_strsplit(list + 1, ",", -1);
		for (char **n = names; *n; n++)
			if (g_str_equal(g_strdelimit(*n, "-", '_'), module))
				return facts_keep(f, *w);
	}

	return NULL;
}

/* The kernel's command line is stronger than any file. */
static void read_blocked(HostFacts *f, const char *root)
{
	static const char *const dirs[] = { "/etc/modprobe.d", "/run/modprobe.d",
					    "/usr/lib/modprobe.d", "/lib/modprobe.d" };
	const char *module = facts_vendor_module(f);

	if (!module)
		return;

	f->blocked_by = blocking_parameter(f, module);
	for (size_t i = 0; i < G_N_ELEMENTS(dirs) && !f->blocked_by; i++) {
		g_auto(GStrv) names = facts_names(root, dirs[i], "");

		for (char **n = names; *n; n++) {
			g_autofree char *path = g_build_filename(dirs[i], *n, NULL);

			if (g_str_has_suffix(*n, ".conf") && file_blocks(root, path, module))
				f->blocked_by = facts_keep(f, path);
		}
	}
}

/* Of the module that this processor uses: where all are built in, each has parameters. */
static void read_nested(HostFacts *f, const char *root)
{
	const char *const nesting[] = { facts_vendor_module(f), "kvm_intel", "kvm_amd", "kvm_hv" };

	for (size_t i = 0; i < G_N_ELEMENTS(nesting) && !f->nested; i++) {
		g_autofree char *path = NULL;

		if (!nesting[i])
			continue;

		path = g_strdup_printf("/sys/module/%s/parameters/nested", nesting[i]);
		f->nested = facts_line(f, root, path);
	}
}

/* A module that is not loaded has none, and its facts stay NULL. */
static void read_parameters(HostFacts *f, const char *root)
{
	read_nested(f, root);
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

/* Other hypervisors that may hold the processor's extensions. */
static void read_rivals(HostFacts *f, const char *root)
{
	static const char *const modules[] = { "vboxdrv", "vmmon" };
	g_autofree char *below = facts_text(root, "/sys/hypervisor/type");

	for (size_t i = 0; i < G_N_ELEMENTS(modules); i++) {
		g_autofree char *path = g_strconcat("/sys/module/", modules[i], NULL);

		if (facts_there(root, path))
			facts_add(f, &f->rivals, modules[i]);
	}

	if (!g_strcmp0(below, "xen"))
		facts_add(f, &f->rivals, "xen");
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
	read_blocked(f, s->root);
	read_parameters(f, s->root);
	read_rivals(f, s->root);
}
