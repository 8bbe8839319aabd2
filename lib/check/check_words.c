/* SPDX-License-Identifier: Apache-2.0 */
/* What stands for {word} in the texts of the checks. */
#include "base/text.h"
#include "check/check_rows.h"

struct word {
	const char *name;
	char *(*text)(const struct check_view *v);	/* the caller frees; NULL: nothing */
};

/* Derived distributions name their parents in ID_LIKE, which is in the list, too. */
static bool os_is(const struct check_view *v, const char *const *ids)
{
	for (const char *const *id = ids; *id; id++)
		if (facts_has(v->f->os, *id))
			return true;

	return false;
}

static bool is_suse(const struct check_view *v)
{
	static const char *const ids[] = { "suse", "opensuse", "sles", NULL };

	return os_is(v, ids);
}

/* Packages by distribution; of QEMU and its firmware by architecture, too. */
static const struct package {
	const char *what, *arch;	/* arch NULL: any */
	const char *debian, *red_hat, *suse;
} packages[] = {
	{ "qemu", "x86_64", "qemu-system-x86 qemu-utils", "qemu-kvm qemu-img",
	  "qemu-x86 qemu-tools" },
	{ "qemu", "aarch64", "qemu-system-arm qemu-utils", "qemu-kvm qemu-img",
	  "qemu-arm qemu-tools" },
	{ "qemu", "ppc64le", "qemu-system-ppc qemu-utils", "qemu-kvm qemu-img",
	  "qemu-ppc qemu-tools" },
	{ "qemu", NULL, "qemu-system qemu-utils", "qemu-kvm qemu-img", "qemu qemu-tools" },
	{ "firmware", "aarch64", "qemu-efi-aarch64", "edk2-aarch64", "qemu-uefi-aarch64" },
	{ "firmware", NULL, "ovmf", "edk2-ovmf", "qemu-ovmf-x86_64" },
	{ "lvm", NULL, "lvm2", "lvm2", "lvm2" },
	{ "ceph", NULL, "ceph-common", "ceph-common", "ceph-common" },
	{ "libvirt", NULL, "libvirt-daemon-system", "libvirt", "libvirt" },
	{ "swtpm", NULL, "swtpm swtpm-tools", "swtpm swtpm-tools", "swtpm" },
	{ "tpm2", NULL, "tpm2-tools", "tpm2-tools", "tpm2.0-tools" },
	{ "guestfs", NULL, "libguestfs-tools", "guestfs-tools", "guestfs-tools" },
};

/* The most special row comes first: that of an architecture before that of any. */
static char *install(const struct check_view *v, const char *what)
{
	for (size_t i = 0; i < G_N_ELEMENTS(packages); i++) {
		const struct package *p = &packages[i];

		if (!g_str_equal(p->what, what) || (p->arch && g_strcmp0(p->arch, v->f->arch)))
			continue;
		if (facts_is_red_hat(v->f))
			return g_strconcat("dnf install ", p->red_hat, NULL);
		if (is_suse(v))
			return g_strconcat("zypper install ", p->suse, NULL);

		return g_strconcat("apt-get install ", p->debian, NULL);
	}

	return NULL;
}

/* Files and lists spell it with a dash, the kernel with an underscore. */
static char *dashed_module(const struct check_view *v)
{
	const char *module = check_vendor_module(v);

	if (!module)
		return NULL;

	return g_strdelimit(g_strdup(module), "_", '-');
}

static char *plain_module(const struct check_view *v)
{
	return g_strdup(check_vendor_module(v));
}

/* Newer installations have a daemon for each driver, and no libvirtd to restart. */
static char *libvirtd(const struct check_view *v)
{
	if (v->f->libvirt.is_modular)
		return g_strdup("virtqemud");

	return g_strdup("libvirtd");
}

static char *guest_arch(const struct check_view *v)
{
	return g_strdup(text_or(v->wish->arch, v->f->arch));
}

static char *mode(const struct check_view *v)
{
	return g_strdup_printf("%04o", v->f->kvm_device.mode);
}

static char *open_error(const struct check_view *v)
{
	return g_strdup(g_strerror(v->f->kvm_device.open_errno));
}

static char *create_error(const struct check_view *v)
{
	return g_strdup(g_strerror(v->f->kvm_device.create_errno));
}

static char *api(const struct check_view *v)
{
	return g_strdup_printf("%d", v->f->kvm_device.api_version);
}

/* Root can become QEMU's user. Others try it as themselves, and say so. */
static char *tried_as(const struct check_view *v)
{
	if (!v->f->kvm_device.tried_as_us)
		return g_strdup(v->f->qemu_user);
	if (v->f->qemu_user_there)
		return g_strdup_printf("us, and its mode lets %s in", v->f->qemu_user);

	if (v->f->is_root)
		return g_strdup("root (QEMU's own user is not known)");

	return g_strdup("us (QEMU's own user is not known)");
}

/* libvirt's numbers are major × 1,000,000 + minor × 1,000 + micro. */
static char *release(unsigned long version)
{
	return g_strdup_printf("%lu.%lu.%lu", version / 1000000, version / 1000 % 1000,
			       version % 1000);
}

static char *libvirt_version(const struct check_view *v)
{
	return release(v->f->libvirt.version);
}

static char *qemu_version(const struct check_view *v)
{
	return release(v->f->libvirt.qemu);
}

/* What libvirt names is right; else where the distribution has it. */
static char *emulator(const struct check_view *v)
{
	if (v->f->libvirt.emulator)
		return g_strdup(v->f->libvirt.emulator);
	if (facts_is_red_hat(v->f))
		return g_strdup("/usr/libexec/qemu-kvm");

	if (v->f->arch && g_str_has_prefix(v->f->arch, "ppc64"))
		return g_strdup("/usr/bin/qemu-system-ppc64");

	return g_strconcat("/usr/bin/qemu-system-", text_or(v->f->arch, "x86_64"), NULL);
}

/* " (it lacks FLAGS)": what keeps the host from running MODEL, or "". */
static char *blockers_of(const struct check_view *v, const char *model)
{
	g_auto(GStrv) words = g_strsplit(text_or(v->f->libvirt.blockers, ""),
					 " ", -1);
	size_t len = strlen(model);

	for (char **w = words; *w; w++)
		if (g_str_has_prefix(*w, model) && (*w)[len] == ':')
			return g_strdup_printf(" (it lacks %s)", *w + len + 1);

	return g_strdup("");
}

/* Those of CPU_MODELS that libvirt does not list as usable. */
static char *bad_models(const struct check_view *v)
{
	g_auto(GStrv) names = g_strsplit_set(text_or(v->f->cpu_models, ""), ", ", -1);
	g_autoptr(GString) bad = g_string_new(NULL);

	for (char **n = names; *n; n++) {
		g_autofree char *why = NULL;

		if (!**n || facts_has(v->f->libvirt.models, *n))
			continue;

		why = blockers_of(v, *n);
		text_separate(bad, ", ");
		g_string_append_printf(bad, "%s%s", *n, why);
	}

	return g_string_free(g_steal_pointer(&bad), FALSE);
}

static char *vm_blockers(const struct check_view *v)
{
	return blockers_of(v, v->f->vm->model);
}

/* What gives the kernel PARAMETER from the next boot on. The caller frees. */
static char *kernel_parameter(const struct check_view *v, const char *parameter)
{
	const char *update = "update-grub";

	if (facts_is_red_hat(v->f))
		return g_strdup_printf("grubby --update-kernel=ALL --args='%s'", parameter);
	if (is_suse(v))
		update = "grub2-mkconfig -o /boot/grub2/grub.cfg";

	return g_strdup_printf("sed -i 's/^GRUB_CMDLINE_LINUX=\"/&%s /' /etc/default/grub && %s",
			       parameter, update);
}

static char *iommu_command(const struct check_view *v)
{
	if (!g_strcmp0(v->f->vendor, "GenuineIntel"))
		return kernel_parameter(v, "intel_iommu=on iommu=pt");
	if (v->f->vendor)
		return kernel_parameter(v, "iommu=pt");

	return NULL;
}

static char *nested_command(const struct check_view *v)
{
	g_autofree char *parameter = g_strconcat(check_vendor_module(v), ".nested=1", NULL);

	return kernel_parameter(v, parameter);
}

static char *cgroup_command(const struct check_view *v)
{
	return kernel_parameter(v, "systemd.unified_cgroup_hierarchy=1");
}

/* For a system from before systemd; NULL: this is none. The caller frees. */
static char *persist_before_systemd(const struct check_view *v)
{
	g_autofree char *module = dashed_module(v);

	if (!v->f->has_etc_modules || v->f->has_load_directory || !module)
		return NULL;

	return g_strdup_printf("printf '%%s\\n' kvm %s >>/etc/modules", module);
}

/* From the file that blocks it, or from the kernel's command line. */
static char *unblock(const struct check_view *v)
{
	const char *by = v->f->blocked_by;
	const char *module = strchr(check_vendor_module(v), '_') + 1;

	if (*by == '/')
		return g_strdup_printf("sed -i -E '/^\\s*(blacklist|install)\\s+kvm[-_]%s\\b/d' %s",
				       module, by);
	if (facts_is_red_hat(v->f))
		return g_strdup_printf("grubby --update-kernel=ALL --remove-args='%s'", by);

	return g_strdup_printf("sed -i 's/%s//' /etc/default/grub && update-grub", by);
}

/* Those of VirtualBox that use the first one go before it. */
static char *rival_modules(const struct check_view *v)
{
	if (facts_has(v->f->rivals, "vboxdrv"))
		return g_strdup("vboxnetadp vboxnetflt vboxdrv");

	return g_strdup(v->f->rivals);
}

/* Those that work, or all others: what could not be told is among the bad ones. */
static char *storage(const struct check_view *v, bool works)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (unsigned i = 0; i < v->f->storages; i++) {
		const struct storage_fact *s = &v->f->storage[i];

		if ((s->works == FACT_YES) != works)
			continue;

		text_separate(text, "; ");
		g_string_append_printf(text, "%s %s", s->what, s->text);
	}

	return g_string_free(g_steal_pointer(&text), FALSE);
}

/* What to look at for the first that fails. */
static char *storage_command(const struct check_view *v)
{
	for (unsigned i = 0; i < v->f->storages; i++) {
		const struct storage_fact *s = &v->f->storage[i];
		g_auto(GStrv) words = g_strsplit(s->what, ":", 3);

		if (s->works != FACT_NO)
			continue;
		if (g_str_equal(words[0], "lvm"))
			return g_strdup("vgs; pvs");

		if (words[2])
			return g_strdup_printf("ls -l /etc/ceph; rbd ls --pool %s --id %s",
					       words[1], words[2]);

		return g_strdup_printf("ls -l /etc/ceph; rbd ls --pool %s", words[1]);
	}

	return NULL;
}

static char *bad_storage(const struct check_view *v)
{
	return storage(v, false);
}

static char *good_storage(const struct check_view *v)
{
	return storage(v, true);
}

/* "2048 KiB: 300 of 512 free" */
static char *huge_pages(const struct check_view *v)
{
	g_auto(GStrv) sizes = g_strsplit(text_or(v->f->huge_pages, ""), " ", -1);
	g_autoptr(GString) text = g_string_new(NULL);

	for (char **s = sizes; *s; s++) {
		g_auto(GStrv) fields = g_strsplit(*s, ":", 3);

		if (g_strv_length(fields) != 3 || g_str_equal(fields[1], "0"))
			continue;

		text_separate(text, ", ");
		g_string_append_printf(text, "%s of %s of %s KiB are free", fields[2], fields[1],
				       fields[0]);
	}

	if (text->len)
		return g_string_free(g_steal_pointer(&text), FALSE);

	return g_strdup("there are none");
}

/* Pages that are set aside but have no file system of their size: libvirt cannot use them. */
guint64 check_unmounted_pages(const struct check_view *v)
{
	g_auto(GStrv) sizes = g_strsplit(text_or(v->f->huge_pages, ""), " ", -1);

	for (char **s = sizes; *s; s++) {
		g_auto(GStrv) fields = g_strsplit(*s, ":", 3);

		if (g_strv_length(fields) == 3 && !g_str_equal(fields[1], "0") &&
		    !facts_has(v->f->huge_mounts, fields[0]))
			return g_ascii_strtoull(fields[0], NULL, 10);
	}

	return 0;
}

static char *gib(guint64 kib)
{
	return g_strdup_printf("%.1f GiB", (double)kib / (1 << 20));
}

static char *unmounted_pages(const struct check_view *v)
{
	return g_strdup_printf("%" G_GUINT64_FORMAT, check_unmounted_pages(v));
}

static char *all_memory(const struct check_view *v)
{
	return gib(v->f->memory_kib);
}

static char *available(const struct check_view *v)
{
	return gib(v->f->available_kib);
}

/* "PATH SIZE (PERCENT %)" for each file system, with what is wrong about it. */
static char *room(const struct check_view *v)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (unsigned i = 0; i < v->f->rooms; i++) {
		const struct room_fact *r = &v->f->room[i];
		g_autofree char *size = gib(r->free_mib << 10);

		text_separate(text, ", ");
		g_string_append(text, r->path);
		if (r->is_mute) {
			g_string_append(text, " is silent");
			continue;
		}

		g_string_append_printf(text, " %s (%u %%)", size, r->free_percent);
		if (r->is_read_only)
			g_string_append(text, " read-only");
		if (r->has_no_inodes)
			g_string_append(text, " without inodes");
	}

	return g_string_free(g_steal_pointer(&text), FALSE);
}

static char *room_paths(const struct check_view *v)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (unsigned i = 0; i < v->f->rooms; i++) {
		text_separate(text, " ");
		g_string_append(text, v->f->room[i].path);
	}

	return g_string_free(g_steal_pointer(&text), FALSE);
}

static char *bad_peers(const struct check_view *v)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (unsigned i = 0; i < v->f->peers; i++) {
		const struct peer_fact *p = &v->f->peer[i];

		if (!p->ssh_error && !p->libvirt_error)
			continue;

		text_separate(text, "; ");
		if (p->ssh_error)
			g_string_append_printf(text, "no ssh to %s: %s", p->host, p->ssh_error);
		else
			g_string_append_printf(text, "no libvirt of %s: %s", p->host,
					       p->libvirt_error);
	}

	return g_string_free(g_steal_pointer(&text), FALSE);
}

static char *new_peers(const struct check_view *v)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (unsigned i = 0; i < v->f->peers; i++) {
		if (!v->f->peer[i].is_new)
			continue;

		text_separate(text, ", ");
		g_string_append(text, v->f->peer[i].host);
	}

	return g_string_free(g_steal_pointer(&text), FALSE);
}

/* To log in once by hand shows the key of the host, and keeps it if it is accepted. */
static char *new_peer_command(const struct check_view *v)
{
	for (unsigned i = 0; i < v->f->peers; i++)
		if (v->f->peer[i].is_new)
			return g_strdup_printf("ssh %s true", v->f->peer[i].host);

	return NULL;
}

/* Of the first one that fails, as one command shows the reason mostly for all. */
static char *peer_command(const struct check_view *v)
{
	for (unsigned i = 0; i < v->f->peers; i++) {
		const struct peer_fact *p = &v->f->peer[i];

		if (p->ssh_error)
			return g_strdup_printf("ssh -v %s true", p->host);
		if (p->libvirt_error)
			return g_strdup_printf("virsh -c %s uri", p->uri);
	}

	return NULL;
}

#define TEXT_WORD(name, expression) \
	static char *name(const struct check_view *v) \
	{ \
		return g_strdup(expression); \
	}

#define NUMBER_WORD(name, expression) \
	static char *name(const struct check_view *v) \
	{ \
		return g_strdup_printf("%" G_GUINT64_FORMAT, (guint64)(expression)); \
	}

TEXT_WORD(arch, v->f->arch)
TEXT_WORD(flag, v->f->flag)
TEXT_WORD(platform, v->f->platform)
TEXT_WORD(kernel, v->f->kernel)
TEXT_WORD(blocked_by, v->f->blocked_by)
TEXT_WORD(rivals, v->f->rivals)
TEXT_WORD(qemu_group, v->f->qemu_group_missing)
TEXT_WORD(swtpm_user, v->f->swtpm_user_missing)
TEXT_WORD(socket_group, text_or(v->f->libvirt.socket_group, "libvirt"))
TEXT_WORD(oneadmin_error, v->f->libvirt.oneadmin_error)
TEXT_WORD(incompatible, v->f->libvirt.incompatible)
TEXT_WORD(firmware_missing, v->f->firmware_missing)
TEXT_WORD(vendors, v->f->kvm_vendors)
TEXT_WORD(group, v->f->kvm_device.group)
TEXT_WORD(qemu_user, v->f->qemu_user)
TEXT_WORD(nested, v->f->nested)
TEXT_WORD(type, v->wish->type)
TEXT_WORD(libvirt_error, v->f->libvirt.error)
TEXT_WORD(models, v->f->libvirt.models)
TEXT_WORD(machines, v->f->libvirt.machines)
TEXT_WORD(cpu_models, v->f->cpu_models)
TEXT_WORD(sev, v->f->sev)
TEXT_WORD(sev_es, v->f->sev_es)
TEXT_WORD(sev_snp, v->f->sev_snp)
TEXT_WORD(tdx, v->f->tdx)
TEXT_WORD(sev_slots, text_or(v->f->libvirt.sev_guests, "an unknown number of"))
TEXT_WORD(es_slots, text_or(v->f->libvirt.sev_es_guests, "an unknown number of"))
TEXT_WORD(tpm_version, v->f->tpm_version)
TEXT_WORD(controllers, text_or(v->f->controllers, "none"))
TEXT_WORD(ignore_msrs, v->f->ignore_msrs)
TEXT_WORD(invalid_state, text_or(v->f->invalid_state, "not there"))
TEXT_WORD(set_version, v->f->set_version)
TEXT_WORD(vm, v->f->vm->name)
TEXT_WORD(vm_arch, v->f->vm->arch)
TEXT_WORD(vm_machine, v->f->vm->machine)
TEXT_WORD(vm_model, v->f->vm->model)
TEXT_WORD(vm_pci, v->f->vm->pci)
NUMBER_WORD(firmwares, v->f->firmwares)
NUMBER_WORD(sev_used, v->f->libvirt.sev_used)
NUMBER_WORD(es_used, v->f->libvirt.sev_es_used)
NUMBER_WORD(iommu_groups, v->f->iommu_groups)
NUMBER_WORD(cpus, v->f->cpus)
NUMBER_WORD(nodes, MAX(v->f->nodes, 1))
NUMBER_WORD(vm_memory, v->f->vm->memory_mib)
NUMBER_WORD(vm_cpus, v->f->vm->vcpus)

static const struct word words[] = {
	{ "module", dashed_module }, { "module_", plain_module }, { "libvirtd", libvirtd },
	{ "guest_arch", guest_arch }, { "mode", mode }, { "open_error", open_error },
	{ "create_error", create_error }, { "api", api }, { "tried_as", tried_as },
	{ "libvirt_version", libvirt_version }, { "qemu_version", qemu_version },
	{ "emulator", emulator }, { "bad_models", bad_models }, { "vm_blockers", vm_blockers },
	{ "iommu_command", iommu_command }, { "kernel_parameter:nested", nested_command },
	{ "kernel_parameter:cgroup", cgroup_command },
	{ "persist_before_systemd", persist_before_systemd },
	{ "unblock", unblock }, { "rival_modules", rival_modules }, { "rivals", rivals },
	{ "blocked_by", blocked_by }, { "qemu_group", qemu_group },
	{ "swtpm_user", swtpm_user }, { "socket_group", socket_group },
	{ "oneadmin_error", oneadmin_error }, { "incompatible", incompatible },
	{ "firmware_missing", firmware_missing }, { "bad_storage", bad_storage },
	{ "storage_command", storage_command }, { "unmounted_pages", unmounted_pages },
	{ "good_storage", good_storage }, { "huge_pages", huge_pages }, { "memory", all_memory },
	{ "available", available }, { "room", room }, { "room_paths", room_paths },
	{ "bad_peers", bad_peers }, { "peer_command", peer_command },
	{ "new_peers", new_peers }, { "new_peer_command", new_peer_command }, { "arch", arch },
	{ "flag", flag }, { "platform", platform }, { "kernel", kernel }, { "vendors", vendors },
	{ "group", group }, { "qemu_user", qemu_user }, { "nested", nested }, { "type", type },
	{ "libvirt_error", libvirt_error }, { "models", models }, { "machines", machines },
	{ "cpu_models", cpu_models }, { "sev", sev }, { "sev_es", sev_es },
	{ "sev_snp", sev_snp }, { "tdx", tdx }, { "sev_slots", sev_slots },
	{ "es_slots", es_slots }, { "tpm_version", tpm_version }, { "controllers", controllers },
	{ "ignore_msrs", ignore_msrs }, { "invalid_state", invalid_state },
	{ "set_version", set_version }, { "vm", vm }, { "vm_arch", vm_arch },
	{ "vm_machine", vm_machine }, { "vm_model", vm_model }, { "vm_pci", vm_pci },
	{ "firmwares", firmwares }, { "sev_used", sev_used }, { "es_used", es_used },
	{ "iommu_groups", iommu_groups }, { "cpus", cpus }, { "nodes", nodes },
	{ "vm_memory", vm_memory }, { "vm_cpus", vm_cpus },
};

static char *word_text(const char *name, const struct check_view *v)
{
	if (g_str_has_prefix(name, "install:"))
		return install(v, name + strlen("install:"));

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (g_str_equal(words[i].name, name))
			return words[i].text(v);

	g_error("%s is no word of a check", name);
}

char *check_fill(const char *text, const struct check_view *v)
{
	g_autoptr(GString) out = g_string_new(NULL);

	for (const char *p = text; *p;) {
		const char *end = strchr(p, '}');
		g_autofree char *name = NULL;
		g_autofree char *filled = NULL;

		if (*p != '{' || !end) {
			g_string_append_c(out, *p++);
			continue;
		}

		name = g_strndup(p + 1, (gsize)(end - p - 1));
		filled = word_text(name, v);
		g_string_append(out, text_or(filled, ""));
		p = end + 1;
	}

	return g_strstrip(g_string_free(g_steal_pointer(&out), FALSE));
}
