/* SPDX-License-Identifier: Apache-2.0 */
/* Source: docs/facts/hosts.md 5, 6. */
#include "check/check_rows.h"

static bool not_amd(const struct check_view *v)
{
	return g_strcmp0(check_vendor_module(v), "kvm_amd") != 0;
}

static bool not_intel(const struct check_view *v)
{
	return g_strcmp0(v->f->vendor, "GenuineIntel") != 0;
}

/* kvm_amd has the parameter since Linux 4.16, if it was built with encryption. */
static bool sev_unbuilt(const struct check_view *v)
{
	return !v->f->sev;
}

/* kvm_amd sets its parameter to N when it finds no support, whatever was asked for. */
static bool sev_off(const struct check_view *v)
{
	return !check_is_on(v->f->sev);
}

static bool libvirt_has_sev(const struct check_view *v)
{
	return v->f->libvirt.sev == FACT_YES;
}

/* The kernel hides the flag of the processor when the firmware's setup has it off. */
static bool has_flag(const struct check_view *v, const char *flag)
{
	return facts_has(v->f->encryption_flags, flag);
}

static bool sev_off_by_parameter(const struct check_view *v)
{
	return sev_off(v) && has_flag(v, "sev");
}

/* libvirt reports how many there are; 0 is a firmware that gives all ASIDs to ES and SNP. */
static bool no_sev_slots(const struct check_view *v)
{
	return libvirt_has_sev(v) && !g_strcmp0(v->f->libvirt.sev_guests, "0");
}

/* Nova's name for it; an operator's word is stronger than what the processor could do. */
static bool sev_forbidden(const struct check_view *v)
{
	return libvirt_has_sev(v) && v->f->encrypted_limit == 0;
}

static bool sev_slots_used(const struct check_view *v)
{
	const char *slots = v->f->libvirt.sev_guests;

	return libvirt_has_sev(v) && slots &&
	       v->f->libvirt.sev_used >= g_ascii_strtoull(slots, NULL, 10);
}

static bool es_slots_used(const struct check_view *v)
{
	const char *slots = v->f->libvirt.sev_es_guests;

	return libvirt_has_sev(v) && slots &&
	       v->f->libvirt.sev_es_used >= g_ascii_strtoull(slots, NULL, 10);
}

/* QEMU speaks to the secure processor through it. */
static bool no_sev_device(const struct check_view *v)
{
	return !v->f->sev_device;
}

/* A UEFI image says in its JSON description what it was built for. */
static bool no_sev_firmware(const struct check_view *v)
{
	return !facts_has(v->f->firmware_features, "amd-sev");
}

/* It asks QEMU once and keeps the answer until it or QEMU's file changes. */
static bool libvirt_denies_sev(const struct check_view *v)
{
	return v->f->libvirt.sev == FACT_NO;
}

/* Since Linux 5.11. */
static bool es_unbuilt(const struct check_view *v)
{
	return !v->f->sev_es;
}

static bool es_off(const struct check_view *v)
{
	return !check_is_on(v->f->sev_es);
}

static bool es_off_by_parameter(const struct check_view *v)
{
	return es_off(v) && has_flag(v, "sev_es");
}

/* A fix of the firmware (CVE-2025-48514) made the two exclude each other. */
static bool es_beside_snp(const struct check_view *v)
{
	return check_is_on(v->f->sev_snp);
}

static bool no_es_firmware(const struct check_view *v)
{
	return !facts_has(v->f->firmware_features, "amd-sev-es");
}

/* ES and SNP share the ASIDs below the firmware's minimum for SEV. */
static bool no_es_slots(const struct check_view *v)
{
	const char *slots = v->f->libvirt.sev_es_guests;

	return libvirt_has_sev(v) && (!slots || g_str_equal(slots, "0"));
}

/* As a host since Linux 6.11. */
static bool snp_unbuilt(const struct check_view *v)
{
	return !v->f->sev_snp;
}

static bool snp_off(const struct check_view *v)
{
	return !check_is_on(v->f->sev_snp);
}

static bool snp_off_by_parameter(const struct check_view *v)
{
	return snp_off(v) && has_flag(v, "sev_snp");
}

static bool no_snp_firmware(const struct check_view *v)
{
	return !facts_has(v->f->firmware_features, "amd-sev-snp");
}

/* Since libvirt 10.5 in domain capabilities, beside the older element for SEV. */
static bool snp_not_by_libvirt(const struct check_view *v)
{
	return !facts_has(v->f->libvirt.secured, "sev-snp");
}

/* As a host since Linux 6.16. */
static bool tdx_unbuilt(const struct check_view *v)
{
	return !v->f->tdx;
}

static bool tdx_off(const struct check_view *v)
{
	return !check_is_on(v->f->tdx);
}

/* The firmware has it on: the kernel switched it off when the TDX module did not start. */
static bool tdx_not_started(const struct check_view *v)
{
	return tdx_off(v) && has_flag(v, "tdx_host_platform");
}

static bool no_tdx_firmware(const struct check_view *v)
{
	return !facts_has(v->f->firmware_features, "intel-tdx");
}

static bool libvirt_has_tdx(const struct check_view *v)
{
	return v->f->libvirt.tdx == FACT_YES || facts_has(v->f->libvirt.secured, "tdx");
}

/* libvirt starts swtpm_setup for each new virtual TPM, and swtpm for each start. */
static bool no_swtpm(const struct check_view *v)
{
	return !facts_has(v->f->programs, "swtpm") || !facts_has(v->f->programs, "swtpm_setup");
}

/* Packages make it; qemu.conf may name another one. */
static bool no_swtpm_user(const struct check_view *v)
{
	return v->f->swtpm_user_missing != NULL;
}

static bool libvirt_has_vtpm(const struct check_view *v)
{
	return facts_has(v->f->libvirt.tpm_backends, "emulator");
}

static bool no_chip(const struct check_view *v)
{
	return !v->f->tpm_version;
}

/* QEMU passes a TPM 1.2 through, too, but guests of today need 2.0. */
static bool old_chip(const struct check_view *v)
{
	return g_strcmp0(v->f->tpm_version, "2") != 0;
}

/* The resource manager's device; /dev/tpm0 without it serves one program at a time. */
static bool no_chip_device(const struct check_view *v)
{
	return !v->f->tpm_device;
}

static bool chip_is_mute(const struct check_view *v)
{
	return v->f->tpm_answers == FACT_NO;
}

static bool chip_answers(const struct check_view *v)
{
	return v->f->tpm_answers == FACT_YES;
}

static bool no_tpm_tools(const struct check_view *v)
{
	return !facts_has(v->f->programs, "tpm2");
}

static const char hint_sev_bios[] =
	"in the firmware's setup: SMEE (secure memory encryption) on, and a minimum SEV ASID above "
	"1 for ES and SNP; then the module's parameter";
static const char hint_reload[] = "the module can be reloaded only while no guest runs; else "
				  "restart the host";
static const char hint_slots[] = "end or move one of them; the firmware's minimum SEV ASID divides "
				 "the slots between SEV and the others";
static const char hint_says_no[] = "restart it if the module was loaded later; else QEMU is older";

static const struct check_row rows[] = {
	{ "sev", CHECK_INFO, not_amd, "SEV is of AMD's processors", NULL, { 0 }, NULL },
	{ "sev", CHECK_INFO, sev_unbuilt, "no SEV: kvm_amd has no parameter sev",
	  "the kernel must be 4.16 or later, built with it, and kvm_amd loaded", { 0 }, NULL },
	{ "sev", CHECK_INFO, sev_off_by_parameter,
	  "no SEV: the processor has it, and the parameter sev of kvm_amd is {sev}",
	  hint_reload, { "echo 'options kvm_amd sev=1' >>/etc/modprobe.d/kvm-sev.conf",
			 "modprobe -r kvm_amd && modprobe kvm_amd" }, NULL },
	{ "sev", CHECK_INFO, sev_off, "no SEV: the parameter sev of kvm_amd is {sev}",
	  hint_sev_bios,
	  { "echo 'options kvm_amd sev=1' >>/etc/modprobe.d/kvm-sev.conf",
	    "modprobe -r kvm_amd && modprobe kvm_amd" }, NULL },
	{ "sev", CHECK_INFO, no_sev_device, "no SEV: /dev/sev is not there",
	  "the module ccp makes it, if the firmware has the secure processor on",
	  { "modprobe ccp", "dmesg | grep -iE 'ccp|sev'" }, NULL },
	{ "sev", CHECK_INFO, libvirt_denies_sev, "no SEV: libvirt and QEMU say that they have none",
	  hint_says_no, { "systemctl restart {libvirtd}" }, NULL },
	{ "sev", CHECK_INFO, no_sev_firmware, "no SEV: no UEFI firmware here is for amd-sev", NULL,
	  { "{install:firmware}" }, NULL },
	{ "sev", CHECK_INFO, sev_forbidden,
	  "no SEV: NUM_MEMORY_ENCRYPTED_GUESTS of kvmrc is 0", NULL, { 0 }, NULL },
	{ "sev", CHECK_INFO, no_sev_slots, "no SEV: no slots are set aside for it",
	  "in the firmware's setup: the minimum SEV ASID gives all of them to ES and SNP", { 0 },
	  NULL },
	{ "sev", CHECK_INFO, sev_slots_used, "no slot for SEV is free: {sev_used} of {sev_slots}",
	  hint_slots, { 0 }, NULL },
	{ "sev", CHECK_OK, libvirt_has_sev, "SEV: {sev_used} of {sev_slots} guests", NULL, { 0 },
	  NULL },
	{ "sev", CHECK_INFO, NULL, "could not tell whether libvirt has SEV", NULL, { 0 }, NULL },

	{ "sev-es", CHECK_INFO, not_amd, "SEV-ES is of AMD's processors", NULL, { 0 }, NULL },
	{ "sev-es", CHECK_INFO, es_unbuilt, "no SEV-ES: kvm_amd has no parameter sev_es",
	  "the kernel must be 5.11 or later, built with it, and kvm_amd loaded", { 0 }, NULL },
	{ "sev-es", CHECK_INFO, es_off_by_parameter,
	  "no SEV-ES: the processor has it, and the parameter sev_es of kvm_amd is {sev_es}",
	  hint_reload, { "echo 'options kvm_amd sev_es=1' >>/etc/modprobe.d/kvm-sev.conf",
			 "modprobe -r kvm_amd && modprobe kvm_amd" }, NULL },
	{ "sev-es", CHECK_INFO, es_off, "no SEV-ES: the parameter sev_es of kvm_amd is {sev_es}",
	  hint_sev_bios, { "echo 'options kvm_amd sev_es=1' >>/etc/modprobe.d/kvm-sev.conf",
			   "modprobe -r kvm_amd && modprobe kvm_amd" }, NULL },
	{ "sev-es", CHECK_INFO, es_beside_snp, "no SEV-ES while SEV-SNP is on",
	  "the firmware runs one of the two: sev_snp=0 of kvm_amd gives ES back", { 0 }, NULL },
	{ "sev-es", CHECK_INFO, libvirt_denies_sev, "no SEV-ES: libvirt and QEMU have no SEV",
	  hint_says_no, { "systemctl restart {libvirtd}" }, NULL },
	{ "sev-es", CHECK_INFO, no_es_slots, "no SEV-ES: no slots are set aside for it",
	  "in the firmware's setup: a minimum SEV ASID above 1", { 0 }, NULL },
	{ "sev-es", CHECK_INFO, no_es_firmware, "no SEV-ES: no UEFI firmware here is for it", NULL,
	  { "{install:firmware}" }, NULL },
	{ "sev-es", CHECK_INFO, sev_forbidden,
	  "no SEV-ES: NUM_MEMORY_ENCRYPTED_GUESTS of kvmrc is 0", NULL, { 0 }, NULL },
	{ "sev-es", CHECK_INFO, es_slots_used,
	  "no slot for SEV-ES is free: {es_used} of {es_slots}", hint_slots, { 0 }, NULL },
	{ "sev-es", CHECK_OK, libvirt_has_sev, "SEV-ES: {es_used} of {es_slots} guests", NULL,
	  { 0 }, NULL },
	{ "sev-es", CHECK_INFO, NULL, "could not tell whether libvirt has SEV-ES", NULL, { 0 },
	  NULL },

	{ "sev-snp", CHECK_INFO, not_amd, "SEV-SNP is of AMD's processors", NULL, { 0 }, NULL },
	{ "sev-snp", CHECK_INFO, snp_unbuilt, "no SEV-SNP: kvm_amd has no parameter sev_snp",
	  "the kernel must be 6.11 or later, built with it, and kvm_amd loaded", { 0 }, NULL },
	{ "sev-snp", CHECK_INFO, snp_off_by_parameter,
	  "no SEV-SNP: the processor has it, and the parameter sev_snp of kvm_amd is {sev_snp}",
	  hint_reload, { "echo 'options kvm_amd sev_snp=1' >>/etc/modprobe.d/kvm-sev.conf",
			 "modprobe -r kvm_amd && modprobe kvm_amd" }, NULL },
	{ "sev-snp", CHECK_INFO, snp_off,
	  "no SEV-SNP: the parameter sev_snp of kvm_amd is {sev_snp}", hint_sev_bios,
	  { "echo 'options kvm_amd sev_snp=1' >>/etc/modprobe.d/kvm-sev.conf",
	    "modprobe -r kvm_amd && modprobe kvm_amd" }, NULL },
	{ "sev-snp", CHECK_INFO, no_snp_firmware, "no SEV-SNP: no UEFI firmware here is for it",
	  NULL, { "{install:firmware}" }, NULL },
	{ "sev-snp", CHECK_INFO, snp_not_by_libvirt,
	  "no SEV-SNP: libvirt does not list it", "it takes libvirt 10.5.0 and QEMU 9.1", { 0 },
	  NULL },
	{ "sev-snp", CHECK_INFO, sev_forbidden,
	  "no SEV-SNP: NUM_MEMORY_ENCRYPTED_GUESTS of kvmrc is 0", NULL, { 0 }, NULL },
	{ "sev-snp", CHECK_INFO, es_slots_used,
	  "no slot for SEV-SNP is free: {es_used} of {es_slots}", hint_slots, { 0 }, NULL },
	{ "sev-snp", CHECK_OK, NULL, "SEV-SNP: {es_used} of {es_slots} guests", NULL,
	  { 0 }, NULL },

	{ "tdx", CHECK_INFO, not_intel, "TDX is of Intel's processors", NULL, { 0 }, NULL },
	{ "tdx", CHECK_INFO, tdx_unbuilt, "no TDX: kvm_intel has no parameter tdx",
	  "the kernel must be 6.16 or later, built with it, and kvm_intel loaded", { 0 }, NULL },
	{ "tdx", CHECK_INFO, tdx_not_started,
	  "no TDX: the firmware has it on, and the parameter tdx of kvm_intel is {tdx}",
	  "the TDX module did not start, which the kernel's log explains, or the parameter is not "
	  "set",
	  { "dmesg | grep -i tdx", "echo 'options kvm_intel tdx=1' >>/etc/modprobe.d/kvm-tdx.conf",
	    "modprobe -r kvm_intel && modprobe kvm_intel" }, NULL },
	{ "tdx", CHECK_INFO, tdx_off, "no TDX: the parameter tdx of kvm_intel is {tdx}",
	  "in the firmware's setup: TME, TME-MT and TDX on; then the module's parameter",
	  { "echo 'options kvm_intel tdx=1' >>/etc/modprobe.d/kvm-tdx.conf",
	    "modprobe -r kvm_intel && modprobe kvm_intel" }, NULL },
	{ "tdx", CHECK_INFO, no_tdx_firmware, "no TDX: no UEFI firmware here is for intel-tdx",
	  NULL, { "{install:firmware}" }, NULL },
	{ "tdx", CHECK_OK, libvirt_has_tdx, "TDX is there", NULL, { 0 }, NULL },
	{ "tdx", CHECK_INFO, NULL, "no TDX: libvirt does not list it", "it takes libvirt 11.6.0",
	  { 0 }, NULL },

	{ "vtpm", CHECK_INFO, no_swtpm, "no virtual TPM: swtpm or swtpm_setup is not installed",
	  NULL, { "{install:swtpm}" }, NULL },
	{ "vtpm", CHECK_INFO, no_swtpm_user,
	  "no virtual TPM: swtpm_user of qemu.conf is {swtpm_user}, and there is no such user",
	  "correct swtpm_user and swtpm_group in /etc/libvirt/qemu.conf, then restart libvirt",
	  { "systemctl restart {libvirtd}" }, NULL },
	{ "vtpm", CHECK_OK, libvirt_has_vtpm, "virtual TPMs are there", NULL, { 0 }, NULL },
	{ "vtpm", CHECK_INFO, check_has_domain,
	  "swtpm is installed, and libvirt has no virtual TPM all the same",
	  "it looks for swtpm when it starts", { "systemctl restart {libvirtd}" }, NULL },
	{ "vtpm", CHECK_OK, NULL, "swtpm is installed", NULL, { 0 }, NULL },

	{ "tpm", CHECK_INFO, no_chip, "the host has no TPM",
	  "if it has a chip, the firmware's setup has it off (TPM, PTT, fTPM)", { 0 }, NULL },
	{ "tpm", CHECK_INFO, old_chip, "the host's TPM is of version {tpm_version}, not 2",
	  "some chips can be switched to 2.0 in the firmware's setup", { 0 }, NULL },
	{ "tpm", CHECK_INFO, no_chip_device, "the host's TPM has no /dev/tpmrm0", NULL,
	  { "modprobe tpm_crb", "modprobe tpm_tis" }, NULL },
	{ "tpm", CHECK_INFO, chip_is_mute, "the host's TPM 2 does not answer", NULL,
	  { "tpm2 getrandom --hex 8" }, NULL },
	{ "tpm", CHECK_OK, chip_answers, "the host's TPM 2 answers", NULL, { 0 }, NULL },
	{ "tpm", CHECK_OK, no_tpm_tools, "the host has a TPM 2 (not asked: no tpm2-tools)", NULL,
	  { "{install:tpm2}" }, NULL },
	{ "tpm", CHECK_OK, NULL, "the host has a TPM 2 (not asked)", NULL, { 0 }, NULL },
};

const struct check_table check_secure = { rows, G_N_ELEMENTS(rows) };
