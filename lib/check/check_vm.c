/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a VM could run on the host: what its document asks for, against the host's facts. */
#include "base/text.h"
#include "check/check_rows.h"

/* What --vm named: without one this table is passed over. */
static const struct vm_fact *vm(const struct check_view *v)
{
	return v->f->vm;
}

/* KiB that are free in pages of PAGE_KIB. Each size is written "KIB:ALL:FREE". */
static guint64 huge_free(const struct check_view *v, guint64 page_kib)
{
	g_auto(GStrv) sizes = g_strsplit(text_or(v->f->huge_pages, ""), " ", -1);

	for (char **s = sizes; *s; s++) {
		g_auto(GStrv) fields = g_strsplit(*s, ":", 3);

		if (g_strv_length(fields) == 3 && g_ascii_strtoull(*s, NULL, 10) == page_kib)
			return g_ascii_strtoull(fields[2], NULL, 10) * page_kib;
	}

	return 0;
}

/* No moment will come at which it fits, whatever else runs: this fails, the next one warns. */
static bool is_too_large(const struct check_view *v)
{
	return v->f->memory_kib && vm(v)->memory_mib * 1024 > v->f->memory_kib;
}

/* Memory in huge pages is set aside beforehand, and not among what is available. */
static bool lacks_memory_now(const struct check_view *v)
{
	return !vm(v)->page_kib && v->f->available_kib &&
	       vm(v)->memory_mib * 1024 > v->f->available_kib;
}

static bool lacks_huge_pages(const struct check_view *v)
{
	return vm(v)->page_kib && huge_free(v, vm(v)->page_kib) < vm(v)->memory_mib * 1024;
}

static bool asks_memory(const struct check_view *v)
{
	return vm(v)->memory_mib;
}

/* The limit is that of the machine type, which libvirt reports for its newest one. */
static bool has_too_many_cpus(const struct check_view *v)
{
	return v->f->libvirt.max_vcpus && vm(v)->vcpus > v->f->libvirt.max_vcpus;
}

/* QEMU allows it, but guests whose CPUs wait for each other with spinning locks become slow. */
static bool has_more_than_host(const struct check_view *v)
{
	return v->f->cpus && vm(v)->vcpus > v->f->cpus;
}

static bool asks_cpus(const struct check_view *v)
{
	return vm(v)->vcpus;
}

/* Another architecture is emulated, which no /dev/kvm speeds up. */
static bool other_arch(const struct check_view *v)
{
	const char *arch = text_or(v->wish->arch, v->f->arch);

	return vm(v)->arch && g_strcmp0(vm(v)->arch, arch) != 0;
}

static bool other_arch_kvm(const struct check_view *v)
{
	return other_arch(v) && g_str_equal(v->wish->type, "kvm");
}

static bool asks_arch(const struct check_view *v)
{
	return vm(v)->arch;
}

/* The list is that of the host's own architecture, so it says nothing about others. */
static bool no_machine(const struct check_view *v)
{
	return vm(v)->machine && v->f->libvirt.machines && !other_arch(v) &&
	       !facts_has(v->f->libvirt.machines, vm(v)->machine);
}

static bool asks_machine(const struct check_view *v)
{
	return vm(v)->machine && v->f->libvirt.machines;
}

/* OpenNebula takes any word but BIOS for the path of a firmware, or for "UEFI". */
static bool is_uefi(const struct check_view *v)
{
	const char *firmware = vm(v)->firmware;

	return firmware && g_ascii_strcasecmp(firmware, "BIOS") != 0;
}

/* A path is the administrator's own choice, and needs no descriptor. */
static bool no_uefi(const struct check_view *v)
{
	bool has_none = check_has_domain(v) && !facts_has(v->f->libvirt.loaders, "efi");

	return is_uefi(v) && !strchr(vm(v)->firmware, '/') && has_none;
}

/* It takes a firmware that was built for it, and q35 with SMM: libvirt chooses by the first. */
static bool no_secure_boot(const struct check_view *v)
{
	return vm(v)->secure_boot &&
	       !facts_has(v->f->firmware_features, "secure-boot");
}

/* Looked for by name only: QEMU opens it with its own rights when the VM starts. */
static bool no_firmware_file(const struct check_view *v)
{
	return vm(v)->firmware_missing;
}

/* "SEV-SNP" as libvirt writes it. */
static bool has_encryption(const struct check_view *v, const char *type)
{
	g_autofree char *low = g_ascii_strdown(type, -1);

	if (g_str_equal(low, "sev-es"))
		return v->f->libvirt.sev == FACT_YES && check_is_on(v->f->sev_es);
	if (g_str_equal(low, "sev"))
		return v->f->libvirt.sev == FACT_YES;

	return facts_has(v->f->libvirt.secured, low);
}

static bool asks_encryption(const struct check_view *v)
{
	return vm(v)->encryption && g_ascii_strcasecmp(vm(v)->encryption, "none");
}

/* libvirt would refuse it when the VM starts, after its disks were made. */
static bool no_encryption(const struct check_view *v)
{
	return asks_encryption(v) && !has_encryption(v, vm(v)->encryption);
}

/* QEMU takes the chip itself for the VM, by its resource manager. */
static bool no_own_tpm(const struct check_view *v)
{
	return vm(v)->own_tpm && (!v->f->tpm_version || !v->f->tpm_device);
}

/* Not known without domain capabilities: the row of vtpm says then what is missing. */
static bool no_vtpm(const struct check_view *v)
{
	return vm(v)->tpm && !vm(v)->own_tpm && check_has_domain(v) &&
	       !facts_has(v->f->libvirt.tpm_backends, "emulator");
}

static bool asks_tpm(const struct check_view *v)
{
	return vm(v)->tpm;
}

static bool asks_model(const struct check_view *v)
{
	return vm(v)->model && check_has_domain(v);
}

/* One of the models that would do is in LISTS; libvirt's names are found without case. */
static bool has_one_of(const struct check_view *v, const char *const *lists)
{
	g_autofree char *wanted = g_ascii_strdown(vm(v)->model, -1);
	g_auto(GStrv) names = g_strsplit_set(wanted, ", ", -1);

	for (; *lists; lists++) {
		g_autofree char *low = g_ascii_strdown(*lists, -1);

		for (char **n = names; *n; n++)
			if (**n && facts_has(low, *n))
				return true;
	}

	return false;
}

/* Neither usable nor unusable here: misspelled, or newer than this libvirt. */
static bool model_unknown(const struct check_view *v)
{
	const char *const lists[] = { text_or(v->f->libvirt.models, ""),
				      text_or(v->f->libvirt.unusable, ""), NULL };

	return asks_model(v) && !has_one_of(v, lists);
}

/* QEMU's own emulation starts any model, and leaves out what it cannot emulate. */
static bool model_unusable(const struct check_view *v)
{
	const char *const lists[] = { text_or(v->f->libvirt.models, ""), NULL };

	return asks_model(v) && g_str_equal(v->wish->type, "kvm") && !has_one_of(v, lists);
}

static bool asks_pci(const struct check_view *v)
{
	return vm(v)->pci;
}

/* VFIO gives a device to a guest only if an IOMMU keeps its DMA within that guest. */
static bool pci_without_iommu(const struct check_view *v)
{
	return asks_pci(v) && v->f->iommu_groups == 0;
}

/* Another host may have it: OpenNebula chooses by the PCI devices that monitoring reports. */
static bool pci_missing(const struct check_view *v)
{
	g_auto(GStrv) wanted = NULL;

	if (!asks_pci(v))
		return false;

	wanted = g_strsplit(vm(v)->pci, " ", -1);
	for (char **w = wanted; *w; w++)
		if (!facts_has(v->f->pci, *w))
			return true;

	return false;
}

/* libvirt refuses several queues for a NIC that QEMU would have to serve itself. */
static bool queues_without_vhost(const struct check_view *v)
{
	return vm(v)->queues && g_str_equal(v->wish->type, "kvm") && !v->f->vhost_device;
}

static bool asks_queues(const struct check_view *v)
{
	return vm(v)->queues;
}

static const struct check_row rows[] = {
	{ "vm-memory", CHECK_FAIL, is_too_large,
	  "{vm} wants {vm_memory} MiB of memory, and the host has {memory} in all", NULL, { 0 },
	  NULL },
	{ "vm-memory", CHECK_FAIL, lacks_huge_pages,
	  "{vm} wants {vm_memory} MiB in huge pages, and fewer are free: {huge_pages}", NULL,
	  { 0 }, NULL },
	{ "vm-memory", CHECK_WARN, lacks_memory_now,
	  "{vm} wants {vm_memory} MiB of memory, and {available} are available now", NULL, { 0 },
	  NULL },
	{ "vm-memory", CHECK_OK, asks_memory, "{vm} gets its {vm_memory} MiB of memory", NULL,
	  { 0 }, NULL },
	{ "vm-cpus", CHECK_FAIL, has_too_many_cpus,
	  "{vm} wants {vm_cpus} virtual CPUs, and QEMU gives fewer", NULL, { 0 }, NULL },
	{ "vm-cpus", CHECK_WARN, has_more_than_host,
	  "{vm} wants {vm_cpus} virtual CPUs, and the host has {cpus}", NULL, { 0 }, NULL },
	{ "vm-cpus", CHECK_OK, asks_cpus, "{vm} gets its {vm_cpus} virtual CPUs", NULL, { 0 },
	  NULL },
	{ "vm-arch", CHECK_FAIL, other_arch_kvm,
	  "{vm} is for {vm_arch}, and KVM runs {guest_arch} here", "use TYPE = \"qemu\" in VM_MAD",
	  { 0 }, NULL },
	{ "vm-arch", CHECK_INFO, other_arch, "{vm} is for {vm_arch}: --arch {vm_arch} checks that",
	  NULL, { 0 }, NULL },
	{ "vm-arch", CHECK_OK, asks_arch, "{vm} is for {vm_arch}", NULL, { 0 }, NULL },
	{ "vm-machine", CHECK_FAIL, no_machine, "{vm} wants the machine {vm_machine}",
	  "the host has {machines}", { 0 }, NULL },
	{ "vm-machine", CHECK_OK, asks_machine, "{vm} gets its machine {vm_machine}", NULL, { 0 },
	  NULL },
	{ "vm-firmware", CHECK_FAIL, no_uefi, "{vm} wants UEFI firmware, and libvirt has none",
	  NULL, { "{install:firmware}" }, "uefi" },
	{ "vm-firmware", CHECK_FAIL, no_firmware_file, "{vm} wants a firmware file that is missing",
	  NULL, { "{install:firmware}" }, NULL },
	{ "vm-firmware", CHECK_FAIL, no_secure_boot,
	  "{vm} wants Secure Boot, and no firmware has it", NULL, { "{install:firmware}" },
	  "secure-boot" },
	{ "vm-firmware", CHECK_OK, is_uefi, "{vm} gets UEFI firmware", NULL, { 0 }, NULL },
	{ "vm-encryption", CHECK_FAIL, no_encryption,
	  "{vm} wants encrypted memory, and libvirt has none of that type",
	  "host_check --only sev,sev-es,sev-snp,tdx says what is missing", { 0 },
	  "sev sev-es sev-snp tdx" },
	{ "vm-encryption", CHECK_OK, asks_encryption, "{vm} gets encrypted memory", NULL, { 0 },
	  NULL },
	{ "vm-tpm", CHECK_FAIL, no_vtpm, "{vm} wants a TPM, and libvirt has no virtual one", NULL,
	  { "{install:swtpm}" }, "vtpm" },
	{ "vm-tpm", CHECK_FAIL, no_own_tpm, "{vm} wants the TPM of the host, which has none",
	  "host_check --only tpm says why", { 0 }, "tpm" },
	{ "vm-tpm", CHECK_OK, asks_tpm, "{vm} gets a TPM", NULL, { 0 }, NULL },
	{ "vm-cpu-model", CHECK_FAIL, model_unknown,
	  "{vm} wants the CPU model {vm_model}, which libvirt does not know", "it knows {models}",
	  { 0 }, NULL },
	{ "vm-cpu-model", CHECK_FAIL, model_unusable,
	  "{vm} wants the CPU model {vm_model}, which this host cannot run{vm_blockers}", NULL,
	  { 0 }, NULL },
	{ "vm-cpu-model", CHECK_OK, asks_model, "{vm} gets the CPU model {vm_model}", NULL, { 0 },
	  NULL },
	{ "vm-pci", CHECK_FAIL, pci_missing, "{vm} wants PCI devices that are not there: {vm_pci}",
	  NULL, { 0 }, NULL },
	{ "vm-pci", CHECK_FAIL, pci_without_iommu, "{vm} wants PCI devices, and there is no IOMMU",
	  "host_check --only iommu says how to switch it on", { 0 }, "iommu" },
	{ "vm-pci", CHECK_OK, asks_pci, "{vm} gets its PCI devices", NULL, { 0 }, NULL },
	{ "vm-queues", CHECK_FAIL, queues_without_vhost,
	  "{vm} has a NIC with VIRTIO_QUEUES, and there is no /dev/vhost-net", NULL,
	  { "modprobe vhost_net" }, "vhost-net" },
	{ "vm-queues", CHECK_OK, asks_queues, "{vm} gets its queues of a NIC", NULL, { 0 }, NULL },
};

const struct check_table check_vm = { rows, G_N_ELEMENTS(rows) };
