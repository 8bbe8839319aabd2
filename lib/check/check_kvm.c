/* SPDX-License-Identifier: Apache-2.0 */
/* Source: docs/facts/hosts.md 1, 2. */
#include <errno.h>

#include "base/text.h"
#include "check/check_rows.h"

enum { API_VERSION = 12 };

static bool is_x86(const struct check_view *v)
{
	return !g_strcmp0(v->f->arch, "x86_64") || !g_strcmp0(v->f->arch, "i686");
}

/* ppc64le and ppc64 have the same modules and the same platform word. */
static bool is_power(const struct check_view *v)
{
	return v->f->arch && g_str_has_prefix(v->f->arch, "ppc64");
}

/* KVM is part of the kernel there, and needs the hypervisor's exception level. */
static bool is_arm(const struct check_view *v)
{
	return !g_strcmp0(v->f->arch, "aarch64");
}

/* A VM without memory or CPUs was made, and given up: no other proof is as good. */
bool check_kvm_works(const struct check_view *v)
{
	const struct device_fact *d = &v->f->kvm_device;

	return d->tried && !d->open_errno && !d->create_errno && d->api_version == API_VERSION;
}

/* The kernel prints "Y" for parameters of type bool, and "1" for numbers. */
bool check_is_on(const char *parameter)
{
	return parameter && (*parameter == 'Y' || *parameter == '1');
}

const char *check_vendor_module(const struct check_view *v)
{
	return facts_vendor_module(v->f);
}

static bool is_mainframe(const struct check_view *v)
{
	return !g_strcmp0(v->f->arch, "s390x");
}

/* "sie", start interpretive execution, is what KVM uses there. */
static bool mainframe_with_flag(const struct check_view *v)
{
	return is_mainframe(v) && v->f->flag;
}

/* Xen has the processor, and this is its first guest. */
static bool is_below_xen(const struct check_view *v)
{
	return is_x86(v) && facts_has(v->f->rivals, "xen");
}

static bool x86_with_flag(const struct check_view *v)
{
	return is_x86(v) && v->f->flag;
}

/* The driver is registered only after the processor was found fit by some module. */
static bool has_driver(const struct check_view *v)
{
	return check_kvm_works(v) || v->f->kvm_registered == FACT_YES;
}

/* A module that registered its device found the processor fit, whatever /proc/cpuinfo shows. */
static bool x86_driver(const struct check_view *v)
{
	return is_x86(v) && has_driver(v) && v->f->kvm_vendors;
}

/* The bit of CPUID that a hypervisor sets; the flag is missing as it hides that. */
static bool x86_guest(const struct check_view *v)
{
	return is_x86(v) && v->f->is_guest;
}

/* On pSeries the host is itself a guest of another hypervisor. */
static bool power_native(const struct check_view *v)
{
	return is_power(v) && v->f->platform && g_str_has_prefix(v->f->platform, "PowerNV");
}

/* Nested KVM of newer POWER processors works below PowerVM and KVM, on pSeries. */
static bool power_works(const struct check_view *v)
{
	return is_power(v) && check_kvm_works(v);
}

static bool no_arch(const struct check_view *v)
{
	return !v->f->arch;
}

/* Built in it has no folder in /sys/module, but its device is registered. */
static bool kvm_is_there(const struct check_view *v)
{
	return v->f->kvm || v->f->kvm_registered == FACT_YES;
}

/* In /sys/module, where a module is as soon as it is loaded. */
static bool has_right_vendor(const struct check_view *v)
{
	return facts_has(v->f->kvm_vendors, check_vendor_module(v));
}

/* No processor's module is needed, or known. */
static bool needs_no_vendor(const struct check_view *v)
{
	return !check_vendor_module(v);
}

/* Hygon and Zhaoxin processors run the modules of AMD and Intel: what works is right. */
static bool other_vendor_has_driver(const struct check_view *v)
{
	return v->f->kvm_vendors && has_driver(v);
}

/* Modules that are built in cannot be unloaded, and exist on processors of the other maker, too. */
static bool other_vendor(const struct check_view *v)
{
	g_auto(GStrv) vendors = g_strsplit(text_or(v->f->kvm_vendors, ""), " ", -1);

	for (char **w = vendors; *w; w++)
		if (**w && !facts_has(v->f->builtin_modules, *w))
			return true;

	return false;
}

static bool is_built_in(const struct check_view *v)
{
	return v->f->kvm_registered == FACT_YES;
}

/* From modules.builtin of the running kernel: /sys/module does not tell the two apart. */
static bool vendor_is_builtin(const struct check_view *v)
{
	return facts_has(v->f->builtin_modules, check_vendor_module(v));
}

/* A blacklist keeps udev from loading it, and `install … /bin/false` also modprobe. */
static bool vendor_is_blocked(const struct check_view *v)
{
	return v->f->blocked_by != NULL;
}

/* It is asked for at boot, in a list; that it was loaded is not said by that. */
static bool vendor_is_listed(const struct check_view *v)
{
	return facts_has(v->f->boot_modules, check_vendor_module(v));
}

/* Its aliases name this processor, so that udev loads it without any list. */
static bool vendor_comes_alone(const struct check_view *v)
{
	return facts_has(v->f->auto_modules, check_vendor_module(v));
}

/* As in a container, or after an upgrade of the kernel that waits for a restart. */
static bool no_modules_there(const struct check_view *v)
{
	return !v->f->modules_there;
}

static const struct device_fact *device(const struct check_view *v)
{
	return &v->f->kvm_device;
}

/* The driver is in /proc/misc, which is the same for all containers; /dev is not. */
static bool device_absent_in_container(const struct check_view *v)
{
	return !device(v)->there && v->f->kvm_registered == FACT_YES;
}

/* There is no module to load: the driver refused when the kernel started. */
static bool device_absent_builtin(const struct check_view *v)
{
	return !device(v)->there && check_vendor_module(v) && vendor_is_builtin(v);
}

/* Loaded, and without its device all the same: only the kernel's log can say why. */
static bool device_absent_vendor_there(const struct check_view *v)
{
	return !device(v)->there && check_vendor_module(v) && has_right_vendor(v);
}

/* No module and no flag can be missing there. */
static bool device_absent_arm(const struct check_view *v)
{
	return !device(v)->there && is_arm(v);
}

/* Without the flag each module refuses to load: the hint is the firmware, not modprobe. */
static bool device_absent_flagless(const struct check_view *v)
{
	return !device(v)->there && is_x86(v) && !v->f->flag;
}

static bool device_absent(const struct check_view *v)
{
	return !device(v)->there;
}

/* Output that was redirected there before udev made the device leaves a plain file. */
static bool device_is_none(const struct check_view *v)
{
	return !device(v)->is_device;
}

/* A node made by hand, or left over in a static /dev, opens with ENODEV. */
static bool device_without_driver(const struct check_view *v)
{
	return v->f->kvm_registered == FACT_NO;
}

static bool opened_with(const struct check_view *v, int number)
{
	return device(v)->tried && device(v)->open_errno == number;
}

/* By the mode and the groups of QEMU's user, or as the kernel said when it was opened. */
static bool is_denied(const struct check_view *v)
{
	return device(v)->allowed == FACT_NO || opened_with(v, EACCES);
}

/* The data base lets the user in, and our own session is older than that. */
static bool session_is_old(const struct check_view *v)
{
	return opened_with(v, EACCES) && device(v)->allowed == FACT_YES && !v->f->is_root;
}

/* The group comes with the packages of QEMU; made later, udev has not applied it. */
static bool denied_no_group(const struct check_view *v)
{
	return is_denied(v) && !v->f->has_kvm_group;
}

static bool denied_no_mode(const struct check_view *v)
{
	return is_denied(v) && (device(v)->mode & 0060) != 0060;
}

static bool denied_other_group(const struct check_view *v)
{
	return is_denied(v) && g_strcmp0(device(v)->group, "kvm") != 0;
}

/* Mode and group allow it: EPERM is the device controller of a cgroup. */
static bool forbidden(const struct check_view *v)
{
	return opened_with(v, EPERM);
}

static bool no_driver_behind(const struct check_view *v)
{
	return opened_with(v, ENODEV) || opened_with(v, ENXIO);
}

static bool not_opened(const struct check_view *v)
{
	return device(v)->tried && device(v)->open_errno;
}

static bool other_api(const struct check_view *v)
{
	return device(v)->tried && device(v)->api_version != API_VERSION;
}

/* VMX and SVM have one owner: VirtualBox or VMware holds it while its guests run. */
static bool is_taken(const struct check_view *v)
{
	return device(v)->tried && device(v)->create_errno == EBUSY;
}

/*
 * Newer kernels fail with EIO then, and for whatever else keeps the processor from switching the
 * extensions on.
 */
static bool is_not_switched_on(const struct check_view *v)
{
	return device(v)->tried && device(v)->create_errno == EIO;
}

static bool no_vm_made(const struct check_view *v)
{
	return device(v)->tried && device(v)->create_errno;
}

/* libvirt starts no guest then, whatever else is well. */
static bool no_qemu_user(const struct check_view *v)
{
	return v->f->qemu_user && !v->f->qemu_user_there;
}

static bool no_qemu_group(const struct check_view *v)
{
	return v->f->qemu_group_missing != NULL;
}

static bool user_unknown(const struct check_view *v)
{
	return !v->f->qemu_user;
}

/* Nobody but root can open it as another user. */
static bool only_mode_known(const struct check_view *v)
{
	return !device(v)->tried && device(v)->allowed == FACT_YES;
}

static bool not_tried(const struct check_view *v)
{
	return !device(v)->tried;
}

static bool rival_is_taken(const struct check_view *v)
{
	return (is_taken(v) || is_not_switched_on(v)) && v->f->rivals;
}

/* Its parameter can only be given on the kernel's command line. */
static bool nested_builtin(const struct check_view *v)
{
	return v->f->nested && vendor_is_builtin(v);
}

static bool nested_on(const struct check_view *v)
{
	return check_is_on(v->f->nested);
}

static bool nested_known(const struct check_view *v)
{
	return v->f->nested != NULL;
}

static bool vhost_there(const struct check_view *v)
{
	return v->f->vhost_device;
}

/* The module makes its device by udev, which is missing in some containers. */
static bool vhost_without_device(const struct check_view *v)
{
	return v->f->vhost_net;
}

static const char hint_firmware[] =
	"switch it on in the firmware's setup (an option named virtualization, VT, VMX or SVM) and "
	"switch the host off and on; or use TYPE = \"qemu\" in VM_MAD";
static const char hint_load[] =
	"if modprobe says \"Operation not supported\", the firmware has it switched off (an option "
	"named virtualization, VT, VMX or SVM)";
static const char hint_qemu[] = "this host can only run guests with TYPE = \"qemu\" in VM_MAD";
static const char persist[] = "printf '%s\\n' kvm {module} >>/etc/modules-load.d/kvm.conf";
static const char trigger[] =
	"udevadm trigger --action=add --subsystem-match=misc --sysname-match=kvm";

static const struct check_row rows[] = {
	{ "cpu-virt", CHECK_UNKNOWN, no_arch, "cannot read the processor's kind",
	  "is /proc mounted?", { 0 }, NULL },
	{ "cpu-virt", CHECK_OK, x86_with_flag, "the processor has {flag}", NULL, { 0 }, NULL },
	{ "cpu-virt", CHECK_INFO, x86_driver,
	  "/proc/cpuinfo has neither vmx nor svm, and {vendors} gives KVM all the same", NULL,
	  { 0 }, NULL },
	{ "cpu-virt", CHECK_FAIL, is_below_xen,
	  "this kernel runs below Xen, which has the processor",
	  "boot the kernel without Xen", { 0 }, NULL },
	{ "cpu-virt", CHECK_FAIL, x86_guest,
	  "this host is itself a guest, and sees neither vmx nor svm",
	  "its own host must allow nested guests and give it that flag; or use TYPE = \"qemu\" in "
	  "VM_MAD", { 0 }, NULL },
	{ "cpu-virt", CHECK_FAIL, is_x86, "/proc/cpuinfo has neither vmx nor svm",
	  hint_firmware, { 0 }, NULL },
	{ "cpu-virt", CHECK_OK, power_native, "the platform is PowerNV", NULL, { 0 }, NULL },
	{ "cpu-virt", CHECK_INFO, power_works,
	  "the platform is {platform}, not PowerNV, and KVM works all the same", NULL, { 0 },
	  NULL },
	{ "cpu-virt", CHECK_FAIL, is_power, "the platform is {platform}, not PowerNV",
	  hint_qemu, { 0 }, NULL },
	{ "cpu-virt", CHECK_OK, mainframe_with_flag, "the processor has {flag}", NULL, { 0 },
	  NULL },
	{ "cpu-virt", CHECK_FAIL, is_mainframe, "/proc/cpuinfo has no sie",
	  "this host is itself a guest whose host allows no nested guests", { 0 }, NULL },
	{ "cpu-virt", CHECK_OK, NULL, "{arch} needs no flag", NULL, { 0 }, NULL },

	{ "kvm-module", CHECK_OK, kvm_is_there, "the kernel has kvm", NULL, { 0 }, NULL },
	{ "kvm-module", CHECK_FAIL, is_arm, "the kernel has no kvm",
	  "it must be built with KVM, and the firmware must start it at EL2 (dmesg says which)",
	  { "dmesg | grep -iE 'kvm|EL2'" }, NULL },
	{ "kvm-module", CHECK_FAIL, NULL, "the module kvm is not loaded", hint_load,
	  { "modprobe -a kvm {module}" }, "cpu-virt" },

	{ "kvm-vendor", CHECK_OK, needs_no_vendor, "{arch} needs no other module", NULL, { 0 },
	  NULL },
	{ "kvm-vendor", CHECK_OK, has_right_vendor, "the module {module} is loaded", NULL, { 0 },
	  NULL },
	{ "kvm-vendor", CHECK_INFO, other_vendor_has_driver,
	  "{vendors} gives KVM here, not {module}", NULL, { 0 }, NULL },
	{ "kvm-vendor", CHECK_FAIL, other_vendor,
	  "{vendors} is loaded, and this processor needs {module}",
	  "the kernel takes one at a time (\"already loaded vendor module\")",
	  { "modprobe -r {vendors}", "modprobe -a {module}" }, "cpu-virt" },
	{ "kvm-vendor", CHECK_OK, is_built_in, "it is built into the kernel", NULL, { 0 }, NULL },
	{ "kvm-vendor", CHECK_FAIL, vendor_is_listed,
	  "the module {module} is to be loaded at boot, and is not",
	  "the kernel refused it: mostly the firmware has it switched off (an option named "
	  "virtualization, VT, VMX or SVM)",
	  { "modprobe -a {module}", "dmesg | grep -iE 'kvm|svm|vmx'" }, "cpu-virt kvm-module" },
	{ "kvm-vendor", CHECK_FAIL, NULL, "the module {module} is not loaded", hint_load,
	  { "modprobe -a kvm {module}" }, "cpu-virt kvm-module" },

	{ "kvm-boot", CHECK_OK, needs_no_vendor, "{arch} has it built in", NULL, { 0 }, NULL },
	{ "kvm-boot", CHECK_OK, vendor_is_builtin, "{module} is built into the kernel", NULL,
	  { 0 }, NULL },
	{ "kvm-boot", CHECK_WARN, vendor_is_blocked,
	  "{module} is kept from loading when the host boots, by {blocked_by}", NULL,
	  { "{unblock}" }, NULL },
	{ "kvm-boot", CHECK_OK, vendor_is_listed, "{module} is in the lists of boot", NULL, { 0 },
	  NULL },
	{ "kvm-boot", CHECK_OK, vendor_comes_alone,
	  "udev or the kernel loads {module} by itself", NULL, { 0 }, NULL },
	{ "kvm-boot", CHECK_INFO, no_modules_there,
	  "could not tell: there is no /lib/modules/{kernel}", NULL, { 0 }, NULL },
	{ "kvm-boot", CHECK_WARN, NULL, "nothing loads {module} when the host boots",
	  NULL, { persist, "{persist_before_systemd}" }, NULL },

	{ "kvm-device", CHECK_FAIL, device_absent_in_container,
	  "/dev/kvm is not there, and the kernel has its driver",
	  "udev did not make it; or this is a container that was not given it",
	  { trigger }, NULL },
	{ "kvm-device", CHECK_FAIL, device_absent_builtin,
	  "/dev/kvm is not there, though {module} is built into the kernel",
	  "the kernel's log says why; mostly the firmware has it switched off (an option named "
	  "virtualization, VT, VMX or SVM)", { "dmesg | grep -iE 'kvm|svm|vmx'" }, "cpu-virt" },
	{ "kvm-device", CHECK_FAIL, device_absent_vendor_there,
	  "/dev/kvm is not there, though {module} is loaded",
	  "the kernel's log says why; mostly the firmware has it switched off",
	  { "dmesg | grep -iE 'kvm|svm|vmx'", "modprobe -r {module}", "modprobe -a {module}" },
	  NULL },
	{ "kvm-device", CHECK_FAIL, device_absent_arm, "/dev/kvm is not there",
	  "the firmware must start the kernel at EL2", { "dmesg | grep -iE 'kvm|EL2'" },
	  "kvm-module" },
	{ "kvm-device", CHECK_FAIL, device_absent_flagless, "/dev/kvm is not there", hint_firmware,
	  { 0 }, "cpu-virt" },
	{ "kvm-device", CHECK_FAIL, device_absent, "/dev/kvm is not there", hint_load,
	  { "modprobe -a kvm {module}", persist }, "cpu-virt kvm-module kvm-vendor" },
	{ "kvm-device", CHECK_FAIL, device_is_none, "/dev/kvm is not a character device",
	  "something else made it: remove it and let udev make the device",
	  { "rm -ri /dev/kvm",
	    trigger }, NULL },
	{ "kvm-device", CHECK_FAIL, device_without_driver,
	  "/dev/kvm is there, and no driver behind it", hint_load,
	  { "modprobe -a kvm {module}", persist }, "cpu-virt kvm-module kvm-vendor" },
	{ "kvm-device", CHECK_FAIL, no_qemu_user,
	  "qemu.conf lets QEMU run as {qemu_user}, and there is no such user",
	  "correct user and group in /etc/libvirt/qemu.conf, then restart libvirt",
	  { "systemctl restart {libvirtd}" }, NULL },
	{ "kvm-device", CHECK_WARN, session_is_old,
	  "{qemu_user} may use /dev/kvm, but this session of it may not yet",
	  "its groups were changed after it had logged in: log in again", { 0 }, NULL },
	{ "kvm-device", CHECK_FAIL, denied_no_group,
	  "{qemu_user} may not use /dev/kvm: its group is {group}, its mode {mode}, and there is "
	  "no group kvm", "the package of QEMU makes it",
	  { "groupadd --system kvm && usermod -aG kvm {qemu_user}", trigger,
	    "chgrp kvm /dev/kvm && chmod 0660 /dev/kvm" }, NULL },
	{ "kvm-device", CHECK_FAIL, denied_other_group,
	  "{qemu_user} may not use /dev/kvm: its group is {group}, its mode {mode}",
	  "the module was loaded before the package with the rule of udev was installed",
	  { trigger,
	    "chgrp kvm /dev/kvm && chmod 0660 /dev/kvm" }, NULL },
	{ "kvm-device", CHECK_FAIL, denied_no_mode,
	  "{qemu_user} may not use /dev/kvm: its group is {group}, its mode {mode}",
	  "a rule of udev gives it the mode 0660 or 0666",
	  { trigger,
	    "chmod 0660 /dev/kvm" }, NULL },
	{ "kvm-device", CHECK_FAIL, is_denied,
	  "{qemu_user} may not use /dev/kvm: it is not in group {group}",
	  "then restart libvirt, and log in again where you are that user",
	  { "usermod -aG {group} {qemu_user}", "systemctl restart {libvirtd}" }, NULL },
	{ "kvm-device", CHECK_FAIL, no_qemu_group,
	  "qemu.conf gives QEMU the group {qemu_group}, and there is no such group",
	  "correct user and group in /etc/libvirt/qemu.conf, then restart libvirt",
	  { "systemctl restart {libvirtd}" }, NULL },
	{ "kvm-device", CHECK_FAIL, forbidden, "/dev/kvm cannot be opened: {open_error}",
	  "a container or a cgroup forbids the device", { 0 }, NULL },
	{ "kvm-device", CHECK_FAIL, no_driver_behind, "/dev/kvm cannot be opened: {open_error}",
	  hint_load, { "modprobe -a kvm {module}" }, NULL },
	{ "kvm-device", CHECK_FAIL, not_opened, "/dev/kvm cannot be opened: {open_error}", NULL,
	  { "dmesg | grep -i kvm" }, NULL },
	{ "kvm-device", CHECK_FAIL, other_api,
	  "/dev/kvm has the interface {api}, and QEMU needs 12",
	  "the kernel is not one that QEMU knows", { "uname -r" }, NULL },
	{ "kvm-device", CHECK_FAIL, rival_is_taken,
	  "another hypervisor uses the processor's extensions: {create_error} ({rivals} is "
	  "loaded)", "stop its guests and unload its modules",
	  { "modprobe -r {rival_modules}" }, NULL },
	{ "kvm-device", CHECK_FAIL, is_taken,
	  "another hypervisor uses the processor's extensions: {create_error}",
	  "stop it (VirtualBox, VMware, Xen) and unload its modules",
	  { "ls -d /sys/module/vboxdrv /sys/module/vmmon /proc/xen",
	    "modprobe -r vboxnetadp vboxnetflt vboxdrv" }, NULL },
	{ "kvm-device", CHECK_FAIL, is_not_switched_on,
	  "the processor's extensions cannot be switched on: {create_error}",
	  "another hypervisor (VirtualBox, VMware, Xen) may use them: stop it and unload its "
	  "modules",
	  { "ls -d /sys/module/vboxdrv /sys/module/vmmon /proc/xen", "dmesg | grep -i kvm" },
	  NULL },
	{ "kvm-device", CHECK_FAIL, no_vm_made, "/dev/kvm makes no VM: {create_error}", NULL,
	  { "dmesg | grep -i kvm" }, NULL },
	{ "kvm-device", CHECK_OK, check_kvm_works, "/dev/kvm makes a VM for {tried_as}", NULL,
	  { 0 }, NULL },
	{ "kvm-device", CHECK_OK, only_mode_known, "{qemu_user} may use /dev/kvm (not opened)",
	  NULL, { 0 }, NULL },
	{ "kvm-device", CHECK_UNKNOWN, user_unknown,
	  "could not tell as which user QEMU will run, nor open /dev/kvm as it",
	  "libvirt's driver for QEMU makes that user", { "{install:libvirt}" }, NULL },
	{ "kvm-device", CHECK_UNKNOWN, not_tried, "could not open /dev/kvm as {qemu_user}",
	  "run it as root", { 0 }, NULL },

	{ "nested", CHECK_OK, nested_on, "guests may have guests (nested is {nested})", NULL,
	  { 0 }, NULL },
	{ "nested", CHECK_INFO, nested_builtin,
	  "guests cannot have guests (nested is {nested})",
	  "the module is built into the kernel: its parameter is one of the kernel's; restart the "
	  "host after that", { "{kernel_parameter:nested}" }, NULL },
	{ "nested", CHECK_INFO, nested_known, "guests cannot have guests (nested is {nested})",
	  "the module can be reloaded only while no guest runs; else restart the host",
	  { "echo 'options {module_} nested=1' >>/etc/modprobe.d/kvm.conf",
	    "modprobe -r {module_} && modprobe {module_}" }, NULL },
	{ "nested", CHECK_INFO, NULL, "could not tell: no module has the parameter nested", NULL,
	  { 0 }, NULL },

	{ "vhost-net", CHECK_OK, vhost_there, "/dev/vhost-net is there", NULL, { 0 }, NULL },
	{ "vhost-net", CHECK_WARN, vhost_without_device,
	  "the module vhost_net is loaded, and /dev/vhost-net is not there", NULL,
	  { "udevadm trigger --action=add --subsystem-match=misc --sysname-match=vhost-net" },
	  NULL },
	{ "vhost-net", CHECK_WARN, NULL, "/dev/vhost-net is not there",
	  "without it QEMU itself carries each packet of a guest, and a NIC with VIRTIO_QUEUES is "
	  "refused",
	  { "modprobe vhost_net", "echo vhost_net >>/etc/modules-load.d/vhost_net.conf" }, NULL },
};

const struct check_table check_kvm = { rows, G_N_ELEMENTS(rows) };
