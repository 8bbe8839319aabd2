/* SPDX-License-Identifier: Apache-2.0 */
#include "facts/facts_parts.h"

#include <sys/statvfs.h>

#include "base/child.h"
#include "base/text.h"

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

static void read_cgroups(HostFacts *f, const char *root)
{
	g_auto(GStrv) names = NULL;

	f->controllers = facts_line(f, root, "/sys/fs/cgroup/cgroup.controllers");
	if (f->controllers) {
		f->cgroup_version = 2;
		return;
	}

	names = facts_names(root, "/sys/fs/cgroup", "");
	for (char **n = names; *n; n++) {
		g_auto(GStrv) controllers = g_strsplit(*n, ",", -1);

		for (char **c = controllers; *c; c++)
			facts_add(f, &f->controllers, *c);
	}

	if (facts_has(f->controllers, "cpu"))
		f->cgroup_version = 1;
}

static void read_room(HostFacts *f)
{
	static const char *const places[] = { "/var/lib/one", "/var/lib/libvirt", "/var/tmp" };

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
		struct statvfs st;

		if (statvfs(places[i], &st) < 0 || st.f_blocks == 0)
			continue;

		f->room[f->rooms++] = (struct room_fact){
			.path = places[i],
			.free_mib = (guint64)st.f_bavail * st.f_frsize >> 20,
			.free_percent = (unsigned)(st.f_bavail * 100 / st.f_blocks),
		};
	}
}

static void read_programs(HostFacts *f, const char *root)
{
	static const char *const names[] = { "guestmount", "swtpm", "swtpm_setup", "tpm2",
					     "qemu-img", "qemu-kvm-one", "rbd", "vgdisplay",
					     "libvirtd", "virtqemud" };
	static const char *const dirs[] = { "/usr/bin", "/usr/sbin", "/usr/libexec", "/bin",
					    "/sbin", "/usr/local/bin" };

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		for (size_t d = 0; d < G_N_ELEMENTS(dirs); d++) {
			g_autofree char *path = g_strdup_printf("%s%s/%s", text_or(root, ""),
								dirs[d], names[i]);

			if (g_file_test(path, G_FILE_TEST_IS_EXECUTABLE))
				facts_add(f, &f->programs, names[i]);
		}
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
	read_release(f, s->root);
	read_memory(f, s->root);
	read_huge_pages(f, s->root);
	read_cgroups(f, s->root);
	read_programs(f, s->root);
	read_set(f, s);
	if (!s->root)
		read_room(f);
}

/* The reason as one line, or NULL when ARGV ended with status 0. The caller frees. */
static char *run_reason(const char *const *argv, unsigned limit_ms)
{
	struct child_spec spec = { .argv = argv, .timeout_ms = limit_ms, .grace_ms = 200 };
	struct child_result result = { 0 };
	g_autoptr(GError) error = NULL;

	if (child_run(&spec, &result, &error)) {
		child_result_check(&result, argv[0], &error);
		child_result_clear(&result);
	}

	if (error)
		return g_strdup(error->message);

	return NULL;
}

static void add_storage(HostFacts *f, const char *what, enum fact works, const char *text)
{
	if (f->storages < FACTS_STORAGE)
		f->storage[f->storages++] = (struct storage_fact){
			.what = facts_keep(f, what), .works = works, .text = facts_keep(f, text),
		};
}

/* Root alone may ask LVM; OpenNebula's sudoers give oneadmin vgdisplay. */
static void read_group(HostFacts *f, const char *what, const char *group, unsigned limit_ms)
{
	const char *const argv[] = { "sudo", "-n", "vgdisplay", "-c", group, NULL };
	const char *const *words = f->is_root ? argv + 2 : argv;
	g_autofree char *reason = NULL;

	if (!facts_has(f->programs, "vgdisplay")) {
		add_storage(f, what, FACT_NO, "vgdisplay is not installed");
		return;
	}

	reason = run_reason(words, limit_ms);
	if (!reason)
		add_storage(f, what, FACT_YES, "is there");
	else if (!f->is_root && strstr(reason, "sudo"))
		add_storage(f, what, FACT_UNKNOWN, reason);
	else
		add_storage(f, what, FACT_NO, reason);
}

/* Asks the monitors and the pool, whatever it holds. */
static void read_pool(HostFacts *f, const char *what, const char *pool, unsigned limit_ms)
{
	g_auto(GStrv) words = g_strsplit(pool, ":", 2);
	const char *const argv[] = { "rbd", "namespace", "ls", "--pool", words[0],
				     words[1] ? "--id" : NULL, words[1], NULL };
	g_autofree char *reason = NULL;

	if (!facts_has(f->programs, "rbd")) {
		add_storage(f, what, FACT_NO, "rbd is not installed");
		return;
	}

	reason = run_reason(argv, limit_ms);
	if (reason)
		add_storage(f, what, FACT_NO, reason);
	else
		add_storage(f, what, FACT_YES, "answers");
}

bool facts_check_storage(const char *const *words, GError **error)
{
	for (const char *const *w = words; w && *w; w++) {
		bool is_known = g_str_has_prefix(*w, "lvm:") || g_str_has_prefix(*w, "rbd:");

		/* A dash would be an option of the program that is asked. */
		if (!is_known || (*w)[4] == '\0' || (*w)[4] == '-')
			return vmm_fail(error, VMM_ERROR_USAGE, "'%s' is not lvm:GROUP or "
					"rbd:POOL[:USER]", *w);
	}

	return true;
}

void facts_read_storage(HostFacts *f, const struct facts_source *s)
{
	for (const char *const *w = s->storage; w && *w; w++) {
		const char *name = strchr(*w, ':');

		if (s->root)
			add_storage(f, *w, FACT_UNKNOWN, "is asked for on the host itself only");
		else if (g_str_has_prefix(*w, "lvm:"))
			read_group(f, *w, name + 1, s->limit_ms);
		else if (g_str_has_prefix(*w, "rbd:"))
			read_pool(f, *w, name + 1, s->limit_ms);
	}
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

	reason = run_reason(argv, s->limit_ms);
	f->tpm_answers = reason ? FACT_NO : FACT_YES;
}

void facts_read_peers(HostFacts *f, const struct facts_source *s)
{
	for (const char *const *p = s->peers; p && *p && f->peers < FACTS_PEERS; p++) {
		const char *const argv[] = { "ssh", "-o", "BatchMode=yes", "-o",
					     "ConnectTimeout=10", "--", *p, "true", NULL };
		struct peer_fact *peer = &f->peer[f->peers++];
		g_autofree char *reason = run_reason(argv, s->limit_ms);

		peer->host = facts_keep(f, *p);
		peer->ssh_error = facts_keep(f, reason);
		if (!reason)
			facts_ask_peer(f, s, peer);
	}
}
