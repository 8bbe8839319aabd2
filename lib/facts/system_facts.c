/* SPDX-License-Identifier: Apache-2.0 */
#include "facts/facts_parts.h"

#include "base/text.h"

/* Both lines are lists of words, of which the first is the distribution itself. */
static void read_release(HostFacts *f, const char *root)
{
	static const char *const keys[] = { "ID=", "ID_LIKE=" };
	g_autofree char *text = facts_text(root, "/etc/os-release");
	g_auto(GStrv) lines = g_strsplit(text_or(text, ""), "\n", -1);

	for (char **l = lines; *l; l++)
		for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
			if (g_str_has_prefix(*l, keys[i])) {
				g_strdelimit(*l, "\"'", ' ');
				facts_add(f, &f->os, g_strstrip(*l + strlen(keys[i])));
			}
}

static void read_memory(HostFacts *f, const char *root)
{
	g_autofree char *text = facts_text(root, "/proc/meminfo");
	g_autofree char *all = facts_field(text_or(text, ""), "MemTotal");
	g_autofree char *available = facts_field(text_or(text, ""), "MemAvailable");

	f->memory_kib = all ? g_ascii_strtoull(all, NULL, 10) : 0;
	f->available_kib = available ? g_ascii_strtoull(available, NULL, 10) : 0;
}

static void read_huge_pages(HostFacts *f, const char *root)
{
	static const char dir[] = "/sys/kernel/mm/hugepages";
	g_auto(GStrv) sizes = facts_names(root, dir, "hugepages-");

	for (char **n = sizes; *n; n++) {
		g_autofree char *all = g_strdup_printf("%s/%s/nr_hugepages", dir, *n);
		g_autofree char *unused = g_strdup_printf("%s/%s/free_hugepages", dir, *n);
		g_autofree char *all_text = facts_text(root, all);
		g_autofree char *free_text = facts_text(root, unused);
		g_autofree char *word = NULL;

		if (!all_text || !free_text)
			continue;

		word = g_strdup_printf("%" G_GUINT64_FORMAT ":%s:%s",
				       g_ascii_strtoull(*n + strlen("hugepages-"), NULL, 10),
				       all_text, free_text);
		facts_add(f, &f->huge_pages, word);
	}
}

/* Sizes in KiB that a file system of huge pages is mounted for: libvirt uses no others. */
static void read_huge_mounts(HostFacts *f, const char *root)
{
	g_autofree char *text = facts_text(root, "/proc/mounts");
	g_auto(GStrv) lines = g_strsplit(text_or(text, ""), "\n", -1);

	f->mounts_known = text != NULL;
	for (char **l = lines; *l; l++) {
		g_auto(GStrv) fields = g_strsplit(*l, " ", 5);
		const char *size;
		g_autofree char *word = NULL;
		guint64 number;
		char *unit;

		if (g_strv_length(fields) < 4 || !g_str_equal(fields[2], "hugetlbfs"))
			continue;

		size = strstr(fields[3], "pagesize=");
		size = size ? size + strlen("pagesize=") : "2M";
		number = g_ascii_strtoull(size, &unit, 10);
		if (*unit == 'M')
			number <<= 10;
		else if (*unit == 'G')
			number <<= 20;
		word = g_strdup_printf("%" G_GUINT64_FORMAT, number);
		facts_add(f, &f->huge_mounts, word);
	}
}

static void read_cgroups(HostFacts *f, const char *root)
{
	g_auto(GStrv) names = NULL;

	f->controllers = facts_line(f, root, "/sys/fs/cgroup/cgroup.controllers");
	if (f->controllers) {
		f->cgroup_version = 2;
		return;
	}

	/* "unified" is version 2 beside version 1, for systemd alone. */
	names = facts_names(root, "/sys/fs/cgroup", "");
	for (char **n = names; *n; n++) {
		g_auto(GStrv) controllers = g_strsplit(*n, ",", -1);

		f->cgroup_version = 1;
		for (char **c = controllers; *c; c++)
			if (!g_str_equal(*c, "unified") && !g_str_equal(*c, "systemd"))
				facts_add(f, &f->controllers, *c);
	}
}

/*
 * libvirt's helper writes the profile of each guest. It finds the backing files of a disk by
 * reading it, which its own profile allows for some names only, and leaves out what it could not
 * read. OpenNebula's guide lets all guests read the datastores instead.
 */
static void read_apparmor(HostFacts *f, const char *root)
{
	static const char helper[] = "/etc/apparmor.d/usr.lib.libvirt.virt-aa-helper";
	static const char *const files[] = { helper,
					     "/etc/apparmor.d/local/usr.lib.libvirt.virt-aa-helper",
					     "/etc/apparmor.d/abstractions/libvirt-qemu",
					     "/etc/apparmor.d/local/abstractions/libvirt-qemu" };
	g_autofree char *enabled = facts_text(root, "/sys/module/apparmor/parameters/enabled");
	g_autofree char *driver = facts_setting(root, "/etc/libvirt/qemu.conf", "security_driver");
	bool is_off = driver && strstr(driver, "none");

	f->apparmor_confines = !g_strcmp0(enabled, "Y") && facts_there(root, helper) && !is_off;
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *text = facts_text(root, files[i]);
		g_auto(GStrv) lines = g_strsplit(text_or(text, ""), "\n", -1);

		for (char **l = lines; *l; l++)
			if (g_str_has_prefix(g_strchug(*l), "/var/lib/one/"))
				f->apparmor_reads = true;
	}
}

static void add_program(HostFacts *f, const char *root, const char *dir, const char *name)
{
	g_autofree char *path = g_strdup_printf("%s%s/%s", text_or(root, ""), dir, name);

	if (g_file_test(path, G_FILE_TEST_IS_EXECUTABLE))
		facts_add(f, &f->programs, name);
}

/* Looked for where packages put them, as oneadmin's PATH need not be ours. */
static void read_programs(HostFacts *f, const struct facts_source *s)
{
	static const char *const names[] = { "guestmount", "swtpm", "swtpm_setup", "tpm2",
					     "qemu-img", "qemu-kvm-one", "rbd", "vgdisplay",
					     "libvirtd", "virtqemud", "qemu-kvm" };
	static const char *const dirs[] = { "/usr/bin", "/usr/sbin", "/usr/libexec", "/bin",
					    "/sbin", "/usr/local/bin" };

	const char *arch = text_or(text_or(s->arch, f->arch), "none");
	const char *suffix = g_str_has_prefix(arch, "ppc64") ? "ppc64" : arch;
	g_autofree char *qemu = g_strconcat("qemu-system-", suffix, NULL);

	for (size_t d = 0; d < G_N_ELEMENTS(dirs); d++) {
		for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
			add_program(f, s->root, dirs[d], names[i]);
		add_program(f, s->root, dirs[d], qemu);
	}

	if (facts_has(f->programs, qemu) || facts_has(f->programs, "qemu-kvm-one"))
		f->has_emulator = true;
	else if (!s->arch || !g_strcmp0(s->arch, f->arch))
		f->has_emulator = facts_has(f->programs, "qemu-kvm");
}

/* Of the set that this program belongs to, so not of a host that only files stand for. */
static void read_set(HostFacts *f, const struct facts_source *s)
{
	g_autofree char *text = NULL;
	const char *last;

	if (s->root || !s->set_directory)
		return;

	text = facts_text(s->set_directory, "/VERSION");
	last = strrchr(text_or(text, ""), '\n');
	if (last)
		f->set_version = facts_keep(f, last + 1);
	else
		f->set_version = facts_keep(f, text);
}

void facts_read_system(HostFacts *f, const struct facts_source *s)
{
	g_auto(GStrv) pci = facts_names(s->root, "/sys/bus/pci/devices", "");
	g_autofree char *addresses = g_strjoinv(" ", pci);

	f->kernel = facts_line(f, s->root, "/proc/sys/kernel/osrelease");
	f->cmdline = facts_line(f, s->root, "/proc/cmdline");
	f->pci = facts_keep(f, addresses);
	f->cpu_models = facts_keep(f, s->cpu_models);
	f->encrypted_limit = s->encrypted_limit;
	read_release(f, s->root);
	read_memory(f, s->root);
	read_huge_pages(f, s->root);
	read_huge_mounts(f, s->root);
	read_cgroups(f, s->root);
	read_apparmor(f, s->root);
	read_programs(f, s);
	read_set(f, s);
}

/* Does the chip answer? Random bytes are all it is asked for. */
void facts_read_firmware(HostFacts *f, const struct facts_source *s)
{
	static const char *const argv[] = { "tpm2", "getrandom", "--hex", "8", NULL };
	g_autofree char *reason = NULL;
	bool may_ask = f->is_root && !s->root && facts_has(f->programs, "tpm2");

	f->tpm_version = facts_line(f, s->root, "/sys/class/tpm/tpm0/tpm_version_major");
	f->tpm_device = facts_there(s->root, "/dev/tpmrm0");
	facts_read_descriptors(f, s->root);

	if (!f->tpm_device || !may_ask)
		return;

	reason = facts_run(argv, s->limit_ms, NULL);
	f->tpm_answers = reason ? FACT_NO : FACT_YES;
}
