/* SPDX-License-Identifier: Apache-2.0 */
/* Source: docs/facts/hosts.md 3, 4. */
#include "base/text.h"
#include "check/check_rows.h"

#define RELEASE(major, minor, micro) ((major) * 1000000UL + (minor) * 1000UL + (micro))

static const struct libvirt_fact *libvirt(const struct check_view *v)
{
	return &v->f->libvirt;
}

/* For TYPE = "qemu" what only KVM needs is no fault. */
static bool is_kvm(const struct check_view *v)
{
	return g_str_equal(v->wish->type, "kvm");
}

static bool not_installed(const struct check_view *v)
{
	return libvirt(v)->state == LIBVIRT_NOT_INSTALLED;
}

/* The socket refuses or is not there: installed, so it can be started. */
static bool not_running(const struct check_view *v)
{
	return libvirt(v)->state == LIBVIRT_NOT_RUNNING;
}

/* The library alone came with some other package; virtqemud is the modular daemon. */
static bool has_no_daemon(const struct check_view *v)
{
	return not_running(v) && !facts_has(v->f->programs, "libvirtd") &&
	       !facts_has(v->f->programs, "virtqemud");
}

static bool has_no_service(const struct check_view *v)
{
	return not_running(v) && !libvirt(v)->has_service;
}

/* libvirt runs but does not let us in, so nothing else about it is known. */
static bool not_let_in(const struct check_view *v)
{
	return libvirt(v)->state == LIBVIRT_DENIED;
}

/* Root can use libvirt, but the drivers, which log in as oneadmin, cannot. */
static bool oneadmin_not_let_in(const struct check_view *v)
{
	return libvirt(v)->oneadmin_error != NULL;
}

/* It took the connection and does not answer: a daemon that hangs, not one that is down. */
static bool is_silent(const struct check_view *v)
{
	return libvirt(v)->state == LIBVIRT_SILENT;
}

static bool libvirt_below(const struct check_view *v, unsigned long release)
{
	return libvirt(v)->version && libvirt(v)->version < release;
}

/*
 * The version that Nova requires today is the minimum; the next one that it will require is a
 * warning.
 */
static bool libvirt_too_old(const struct check_view *v)
{
	return libvirt_below(v, RELEASE(8, 0, 0));
}

static bool libvirt_old(const struct check_view *v)
{
	return libvirt_below(v, RELEASE(10, 0, 0));
}

static bool libvirt_known(const struct check_view *v)
{
	return libvirt(v)->version != 0;
}

static bool qemu_below(const struct check_view *v, unsigned long release)
{
	return libvirt(v)->qemu && libvirt(v)->qemu < release;
}

static bool qemu_too_old(const struct check_view *v)
{
	return qemu_below(v, RELEASE(6, 2, 0));
}

static bool qemu_old(const struct check_view *v)
{
	return qemu_below(v, RELEASE(8, 2, 2));
}

static bool qemu_known(const struct check_view *v)
{
	return libvirt(v)->qemu != 0;
}

/* No QEMU for that architecture was found when libvirt started. */
static bool no_hvm(const struct check_view *v)
{
	return libvirt(v)->has_capabilities && !libvirt(v)->hvm;
}

/* There is a QEMU, but without the acceleration that VMs are to have. */
static bool no_hvm_type(const struct check_view *v)
{
	return libvirt(v)->has_capabilities && !libvirt(v)->hvm_type;
}

/* The module came after libvirt had looked. */
static bool no_hvm_type_yet(const struct check_view *v)
{
	return no_hvm_type(v) && is_kvm(v) && check_kvm_works(v);
}

static bool has_hvm_type(const struct check_view *v)
{
	return libvirt(v)->hvm_type;
}

/* libvirt says what it found, if it was asked. */
static bool no_emulator(const struct check_view *v)
{
	return !libvirt(v)->has_capabilities && !v->f->has_emulator;
}

static bool no_qemu_img(const struct check_view *v)
{
	return !facts_has(v->f->programs, "qemu-img");
}

/*
 * A link that OpenNebula's package for hosts makes, as QEMU's name differs between distributions.
 */
static bool has_stock_emulator(const struct check_view *v)
{
	return facts_has(v->f->programs, "qemu-kvm-one");
}

bool check_has_domain(const struct check_view *v)
{
	return libvirt(v)->has_domain;
}

/* libvirt chooses a firmware by descriptors whose files are there. */
static bool has_efi(const struct check_view *v)
{
	return facts_has(libvirt(v)->loaders, "efi");
}

static bool firmware_is_missing(const struct check_view *v)
{
	return v->f->firmware_missing != NULL;
}

static bool has_firmware_file(const struct check_view *v)
{
	return v->f->firmwares > 0;
}

/* A descriptor without its file is passed over by libvirt without a word. */
static bool no_usable_firmware(const struct check_view *v)
{
	return firmware_is_missing(v) && !has_firmware_file(v);
}

/* Files that came after libvirt had started are not in what it reports. */
static bool has_firmware_unseen(const struct check_view *v)
{
	return check_has_domain(v) && has_firmware_file(v);
}

static bool firmware_is_secure(const struct check_view *v)
{
	return facts_has(v->f->firmware_features, "secure-boot");
}

/* Without domain capabilities the descriptors are all there is to go by. */
static bool says_not_secure(const struct check_view *v)
{
	return check_has_domain(v) && !facts_has(libvirt(v)->secure, "yes");
}

/* Names compared without case, as libvirt's are found. */
static bool has_model(const char *list, const char *name)
{
	g_autofree char *low_list = g_ascii_strdown(text_or(list, ""), -1);
	g_autofree char *low_name = g_ascii_strdown(name, -1);

	return facts_has(low_list, low_name);
}

static bool any_wanted_model(const struct check_view *v, bool (*is)(const struct check_view *,
								     const char *))
{
	g_auto(GStrv) names = g_strsplit_set(text_or(v->f->cpu_models, ""), ", ", -1);

	for (char **n = names; *n; n++)
		if (**n && is(v, *n))
			return true;

	return false;
}

/* Whether the host can run it is another question: see is_unusable(). */
static bool is_no_model(const struct check_view *v, const char *name)
{
	return !has_model(libvirt(v)->models, name) && !has_model(libvirt(v)->unusable, name);
}

static bool is_unusable(const struct check_view *v, const char *name)
{
	return !has_model(libvirt(v)->models, name);
}

/* Without domain capabilities there is nothing to compare the names with. */
static bool no_models_wanted(const struct check_view *v)
{
	return !v->f->cpu_models || !*v->f->cpu_models || !check_has_domain(v);
}

static bool wants_no_model(const struct check_view *v)
{
	return !no_models_wanted(v) && any_wanted_model(v, is_no_model);
}

/* QEMU without acceleration starts them, without some of their flags. */
static bool wants_unusable(const struct check_view *v)
{
	return !no_models_wanted(v) && is_kvm(v) && any_wanted_model(v, is_unusable);
}

/* Each model is usable alone, but not with the features that kvmrc requires beside it. */
static bool models_compared(const struct check_view *v)
{
	return !no_models_wanted(v) && libvirt(v)->incompatible;
}

static bool models_compared_for_kvm(const struct check_view *v)
{
	return models_compared(v) && is_kvm(v);
}

static bool models_wanted(const struct check_view *v)
{
	return !no_models_wanted(v);
}

static bool models_named(const struct check_view *v)
{
	return v->f->cpu_models && *v->f->cpu_models;
}

static const struct check_row rows[] = {
	{ "libvirt", CHECK_FAIL, not_installed, "libvirt is not installed", NULL,
	  { "{install:libvirt}" }, NULL },
	{ "libvirt", CHECK_FAIL, has_no_daemon, "libvirt's daemon is not installed", NULL,
	  { "{install:libvirt}" }, NULL },
	{ "libvirt", CHECK_FAIL, has_no_service,
	  "libvirt cannot be reached, and its daemon is no service of this host: {libvirt_error}",
	  "the daemon's program is there without the package that starts it",
	  { "{install:libvirt}" }, NULL },
	{ "libvirt", CHECK_FAIL, not_running, "libvirt cannot be reached: {libvirt_error}",
	  "start it; LIBVIRT_URI in kvmrc says which",
	  { "systemctl enable --now {libvirtd}.socket", "systemctl start {libvirtd}" }, NULL },
	{ "libvirt", CHECK_UNKNOWN, not_let_in, "libvirt does not let us in: {libvirt_error}",
	  "oneadmin must be in the group of its socket, and log in again after that",
	  { "usermod -aG {socket_group} oneadmin" }, NULL },
	{ "libvirt", CHECK_FAIL, oneadmin_not_let_in,
	  "libvirt does not let oneadmin in: {oneadmin_error}",
	  "it must be in the group of the socket, and end its sessions after that",
	  { "usermod -aG {socket_group} oneadmin" }, NULL },
	{ "libvirt", CHECK_UNKNOWN, is_silent, "libvirt does not answer", "its log may say why",
	  { "journalctl -u {libvirtd} | tail", "systemctl restart {libvirtd}" }, NULL },
	{ "libvirt", CHECK_FAIL, libvirt_too_old,
	  "libvirt is {libvirt_version}, and must be at least 8.0.0", NULL, { "{install:libvirt}" },
	  NULL },
	{ "libvirt", CHECK_WARN, libvirt_old,
	  "libvirt is {libvirt_version}; a later release will need 10.0.0", NULL, { 0 }, NULL },
	{ "libvirt", CHECK_OK, libvirt_known, "libvirt is {libvirt_version}", NULL, { 0 }, NULL },

	{ "qemu", CHECK_FAIL, qemu_too_old,
	  "QEMU is {qemu_version}, and must be at least 6.2.0", NULL, { "{install:qemu}" }, NULL },
	{ "qemu", CHECK_WARN, qemu_old,
	  "QEMU is {qemu_version}; a later release will need 8.2.2", NULL, { 0 }, NULL },
	{ "qemu", CHECK_OK, qemu_known, "QEMU is {qemu_version}", NULL, { 0 }, NULL },

	{ "guest-arch", CHECK_FAIL, no_hvm, "libvirt has no guests of os type hvm for {guest_arch}",
	  "QEMU for that architecture is not installed (\"no supported architecture for os type "
	  "'hvm'\" means this)", { "{install:qemu}", "systemctl restart {libvirtd}" }, NULL },
	{ "guest-arch", CHECK_FAIL, no_hvm_type_yet,
	  "libvirt has no {type} guests for {guest_arch}, though /dev/kvm works",
	  "it looked before the module was loaded", { "systemctl restart {libvirtd}" }, NULL },
	{ "guest-arch", CHECK_FAIL, no_hvm_type,
	  "libvirt has no {type} guests for {guest_arch}",
	  "\"no supported architecture for os type 'hvm'\" means this: see kvm-device",
	  { "systemctl restart {libvirtd}" }, "cpu-virt kvm-module kvm-vendor kvm-device" },
	{ "guest-arch", CHECK_OK, has_hvm_type, "libvirt has {type} guests for {guest_arch}", NULL,
	  { 0 }, NULL },

	{ "emulator", CHECK_FAIL, no_emulator, "QEMU for {guest_arch} is not installed", NULL,
	  { "{install:qemu}" }, NULL },
	{ "emulator", CHECK_FAIL, no_qemu_img, "qemu-img is not installed", NULL,
	  { "{install:qemu}" }, NULL },
	{ "emulator", CHECK_OK, has_stock_emulator, "qemu-kvm-one and qemu-img are there", NULL,
	  { 0 }, NULL },
	{ "emulator", CHECK_WARN, NULL,
	  "/usr/bin/qemu-kvm-one, the EMULATOR of the shipped configuration, is not there",
	  "or name another EMULATOR in vmm_exec_kvm.conf",
	  { "ln -sfn {emulator} /usr/bin/qemu-kvm-one" }, NULL },

	{ "uefi", CHECK_OK, has_efi, "libvirt has UEFI firmware", NULL, { 0 }, NULL },
	{ "uefi", CHECK_INFO, no_usable_firmware,
	  "there is no UEFI firmware: the file {firmware_missing} of a descriptor is missing", NULL,
	  { "{install:firmware}" }, NULL },
	{ "uefi", CHECK_INFO, has_firmware_unseen,
	  "libvirt has no UEFI firmware, though there are {firmwares} descriptors",
	  "it looks for them when it starts", { "systemctl restart {libvirtd}" }, NULL },
	{ "uefi", CHECK_INFO, check_has_domain, "libvirt has no UEFI firmware", NULL,
	  { "{install:firmware}" }, NULL },
	{ "uefi", CHECK_OK, has_firmware_file, "there are {firmwares} descriptors of firmware",
	  NULL, { 0 }, NULL },
	{ "uefi", CHECK_INFO, NULL, "there is no descriptor of a UEFI firmware", NULL,
	  { "{install:firmware}" }, NULL },

	{ "secure-boot", CHECK_INFO, says_not_secure, "libvirt has no firmware for Secure Boot",
	  NULL, { "{install:firmware}" }, NULL },
	{ "secure-boot", CHECK_OK, firmware_is_secure, "there is firmware for Secure Boot", NULL,
	  { 0 }, NULL },
	{ "secure-boot", CHECK_INFO, NULL, "no descriptor of a firmware names Secure Boot", NULL,
	  { "{install:firmware}" }, NULL },

	{ "cpu-models", CHECK_FAIL, wants_no_model,
	  "CPU_MODELS of kvmrc has a model that libvirt does not know: {bad_models}",
	  "it knows {models}", { 0 }, NULL },
	{ "cpu-models", CHECK_FAIL, wants_unusable,
	  "CPU_MODELS of kvmrc has a model that this host cannot run: {bad_models}", NULL, { 0 },
	  NULL },
	{ "cpu-models", CHECK_FAIL, models_compared_for_kvm,
	  "this host cannot run CPU_MODELS with CPU_FEATURES of kvmrc: {incompatible}",
	  "name older models, or require less", { 0 }, NULL },
	{ "cpu-models", CHECK_INFO, models_compared,
	  "KVM could not run CPU_MODELS with CPU_FEATURES of kvmrc here: {incompatible}",
	  "QEMU's own emulation leaves features out", { 0 }, NULL },
	{ "cpu-models", CHECK_OK, models_wanted, "this host can run {cpu_models}", NULL, { 0 },
	  NULL },
	{ "cpu-models", CHECK_UNKNOWN, models_named,
	  "could not tell whether this host can run {cpu_models}", "libvirt must answer", { 0 },
	  NULL },
	{ "cpu-models", CHECK_OK, NULL, "kvmrc names no CPU_MODELS", NULL, { 0 }, NULL },
};

const struct check_table check_libvirt = { rows, G_N_ELEMENTS(rows) };
