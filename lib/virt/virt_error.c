/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/virt_error.h"

/* The agent's since libvirt 11.2: hosts may have a newer libvirt than this was built with. */
enum { ANY = -1, AGENT_COMMAND_TIMEOUT = 112 };

static const char hint_daemon[] = "check that libvirtd runs on the host: run host_check --only "
				  "libvirt";
static const char hint_socket[] = "run host_check --only libvirt: the user must be allowed to use "
				  "libvirt's socket";
static const char hint_image[] = "another program uses that image";
static const char hint_kvm[] = "run host_check --only kvm-device; often the module is not "
			       "loaded (modprobe -a kvm kvm-intel, or kvm-amd); or use type qemu";
static const char hint_hvm[] = "run host_check --only guest-arch,kvm-device; often the "
			       "module is not loaded (modprobe -a kvm kvm-intel, or kvm-amd)";
static const char hint_device[] = "run host_check --only kvm-device: the user that QEMU runs as "
				  "must be able to open /dev/kvm; often udevadm trigger helps";
static const char hint_cpu[] = "name an older CPU model in CPU_MODEL/MODEL or several in MODELS, "
			       "or use another host; host_check --only vm-cpu-model --vm FILE "
			       "says what it lacks";
static const char hint_cpu_name[] = "virsh cpu-models and virsh domcapabilities say what this host "
				    "knows";
static const char hint_features[] = "CPU_MODEL/FEATURES, REQUIRED or FEATURES/NESTED ask for what "
				    "QEMU cannot give on this host";
static const char hint_mode[] = "run host_check --only kvm-device: host-passthrough needs "
				"KVM, without it use maximum; on ARM with KVM use "
				"host-passthrough, not host-model";
static const char hint_sev[] = "run host_check --only sev,sev-es,sev-snp,tdx: firmware, kernel, "
			       "QEMU, libvirt and OVMF must all have it on";
static const char hint_emulator[] = "run host_check --only emulator,guest-arch: EMULATOR must be "
				    "the QEMU of OS/ARCH";
static const char hint_spice[] = "install QEMU's part for it (Debian 13: "
				 "qemu-system-modules-spice), or use GRAPHICS/TYPE vnc";
static const char hint_vhost[] = "run host_check --only vhost-net; modprobe vhost_net mostly "
				 "suffices";
static const char hint_uefi[] = "run host_check --only uefi,secure-boot: the package ovmf "
				"(qemu-efi-aarch64 on ARM) is missing, or has not what OS asks for";
static const char hint_vtpm[] = "run host_check --only vtpm: swtpm and swtpm-tools must be "
				"installed";
static const char hint_rbd[] = "run host_check --only storage --storage rbd:POOL[:USER]: pool, "
			       "user and monitors must be those of the datastore";
static const char hint_iommu[] = "run host_check --only iommu: the firmware and the kernel must "
				 "have it on";
static const char hint_huge[] = "run host_check --only hugepages: a hugetlbfs must be mounted for "
				"that size when libvirt starts";
static const char hint_memory[] = "run host_check --only hugepages,numa: the host has not enough "
				  "free memory or huge pages";
static const char hint_space[] = "run host_check --only disk-room: free space on that file system";
static const char hint_secret[] = "TPM/SECRET or the disk's secret must be a secret of this host: "
				  "virsh secret-list";
static const char hint_machine[] = "OS/MACHINE must be one that this host's QEMU has: virsh "
				   "capabilities";
static const char hint_magic[] = "the file is no complete checkpoint of libvirt; when a host makes "
				 "such files, run host_check --only msrs: 'options kvm "
				 "ignore_msrs=1' and 'options kvm_intel nested=0' in "
				 "/etc/modprobe.d may help";
static const char hint_uri[] = "check LIBVIRT_URI in kvmrc";
static const char hint_agent[] = "the guest agent must be installed and running in the guest";
static const char hint_given_up[] = "libvirt talks to that agent again when it is restarted in "
				    "the guest";
static const char hint_way[] = "the way to the other host was cut";
static const char hint_name[] = "remove or rename the domain that has this name or UUID";
static const char hint_bridge[] = "NIC/BRIDGE must be a bridge of the host where the VM is to run: "
				  "ip link";
static const char hint_unsafe[] = "the disks need cache none, or a shared file system that libvirt "
				  "knows; else MIGRATE_OPTIONS=--unsafe in kvmrc";
static const char hint_shared[] = "libvirt knows no shared file system below the disks: where both "
				  "hosts have the same one, MIGRATE_OPTIONS=--unsafe in kvmrc";
static const char hint_rights[] = "the user that QEMU runs as must be able to use that file";

/* The first row that fits is taken. */
static const struct rule {
	int domain, code;
	const char *text;	/* part of the message; NULL: any */
	enum vmm_error class;
	const char *hint;
} rules[] = {
	/* domain             code                        text */
	{ VIR_FROM_RPC,       VIR_ERR_SYSTEM_ERROR,       "Permission denied",
	  VMM_ERROR_PERMISSION, hint_socket },
	{ VIR_FROM_RPC,       VIR_ERR_RPC,                "encode message payload",
	  VMM_ERROR_NO_RESOURCE, NULL },
	{ VIR_FROM_RPC,       VIR_ERR_AUTH_FAILED,        NULL, VMM_ERROR_PERMISSION, hint_socket },
	{ VIR_FROM_RPC,       ANY,                        NULL, VMM_ERROR_CONNECTION, hint_daemon },
	{ ANY,                VIR_ERR_NO_CONNECT,         NULL, VMM_ERROR_CONFIG, hint_uri },
	{ ANY,                VIR_ERR_INTERNAL_ERROR,     "unexpected qemu URI path",
	  VMM_ERROR_CONFIG, hint_uri },
	{ VIR_FROM_REMOTE,    VIR_ERR_INVALID_ARG,        "transport in URL",
	  VMM_ERROR_CONFIG, hint_uri },
	{ ANY,                VIR_ERR_AUTH_FAILED,        NULL, VMM_ERROR_PERMISSION, hint_socket },
	{ ANY,                VIR_ERR_AUTH_CANCELLED,     NULL, VMM_ERROR_PERMISSION, hint_socket },
	{ ANY,                VIR_ERR_AUTH_UNAVAILABLE,   NULL, VMM_ERROR_PERMISSION, hint_socket },
	{ ANY,                VIR_ERR_OPERATION_DENIED,   NULL, VMM_ERROR_PERMISSION, NULL },
	{ ANY,                VIR_ERR_ACCESS_DENIED,      NULL, VMM_ERROR_PERMISSION, NULL },

	{ ANY,                ANY,                        "for os type 'hvm'",
	  VMM_ERROR_INCOMPATIBLE, hint_hvm },
	{ ANY,                ANY,                        "could not find capabilities for",
	  VMM_ERROR_INCOMPATIBLE, hint_hvm },
	{ ANY,                ANY,                        "KVM kernel module: Permission denied",
	  VMM_ERROR_PERMISSION, hint_device },
	{ ANY,                ANY,                        "Could not access KVM kernel module",
	  VMM_ERROR_INCOMPATIBLE, hint_kvm },
	{ ANY,                ANY,                        "failed to initialize kvm",
	  VMM_ERROR_INCOMPATIBLE, hint_kvm },
	{ ANY,                ANY,                        "failed to initialize KVM",
	  VMM_ERROR_INCOMPATIBLE, hint_kvm },
	{ ANY,                ANY,                        "any firmware to satisfy",
	  VMM_ERROR_INCOMPATIBLE, hint_uefi },
	{ ANY,                ANY,                        " firmware that is compatible with",
	  VMM_ERROR_INCOMPATIBLE, hint_uefi },
	{ ANY,                ANY,                        "find 'swtpm",
	  VMM_ERROR_INCOMPATIBLE, hint_vtpm },
	{ ANY,                ANY,                        "support TPM backend type",
	  VMM_ERROR_INCOMPATIBLE, hint_vtpm },
	/* Of QEMU's driver for Ceph; why, it says behind that. */
	{ ANY,                ANY,                        "error opening pool ",
	  VMM_ERROR_NOT_FOUND, hint_rbd },
	{ ANY,                ANY,                        "error reading header from ",
	  VMM_ERROR_NOT_FOUND, hint_rbd },
	{ ANY,                ANY,                        "passthrough of host PCI devices",
	  VMM_ERROR_INCOMPATIBLE, hint_iommu },
	{ ANY,                ANY,                        "support VFIO PCI passthrough",
	  VMM_ERROR_INCOMPATIBLE, hint_iommu },
	{ ANY,                ANY,                        "usable hugetlbfs mount",
	  VMM_ERROR_INCOMPATIBLE, hint_huge },
	{ ANY,                ANY,                        "image magic is incorrect",
	  VMM_ERROR_INPUT, hint_magic },
	{ ANY,                ANY,                        "does not support machine type",
	  VMM_ERROR_INCOMPATIBLE, hint_machine },
	{ ANY,                VIR_ERR_CPU_INCOMPATIBLE,   NULL, VMM_ERROR_INCOMPATIBLE, hint_cpu },
	{ ANY,                ANY,                        "guest CPU doesn't match specification",
	  VMM_ERROR_INCOMPATIBLE, hint_features },

	{ ANY,                VIR_ERR_NO_DOMAIN,          NULL, VMM_ERROR_NOT_FOUND, NULL },
	{ ANY,                VIR_ERR_NO_DOMAIN_METADATA, NULL, VMM_ERROR_NOT_FOUND, NULL },
	{ ANY,                VIR_ERR_NO_DOMAIN_SNAPSHOT, NULL, VMM_ERROR_NOT_FOUND, NULL },
	{ ANY,                VIR_ERR_NO_NETWORK,         NULL, VMM_ERROR_NOT_FOUND, NULL },
	{ ANY,                VIR_ERR_NO_STORAGE_POOL,    NULL, VMM_ERROR_NOT_FOUND, NULL },
	{ ANY,                VIR_ERR_NO_STORAGE_VOL,     NULL, VMM_ERROR_NOT_FOUND, NULL },
	{ ANY,                VIR_ERR_NO_SECRET,          NULL, VMM_ERROR_NOT_FOUND, hint_secret },
	{ ANY,                VIR_ERR_NO_NWFILTER,        NULL, VMM_ERROR_NOT_FOUND, NULL },
	{ ANY,                VIR_ERR_DEVICE_MISSING,     NULL, VMM_ERROR_NOT_FOUND, NULL },
	{ ANY,                VIR_ERR_INTERNAL_ERROR,     "no device found with alias",
	  VMM_ERROR_NOT_FOUND, NULL },

	{ ANY,                VIR_ERR_DOM_EXIST,          NULL, VMM_ERROR_EXISTS, hint_name },
	{ ANY,                VIR_ERR_OPERATION_INVALID,  "already active",
	  VMM_ERROR_EXISTS, NULL },
	{ ANY,                VIR_ERR_OPERATION_FAILED,   "already exists with uuid",
	  VMM_ERROR_EXISTS, hint_name },
	{ ANY,                VIR_ERR_OPERATION_FAILED,   "already defined with uuid",
	  VMM_ERROR_EXISTS, hint_name },
	{ ANY,                VIR_ERR_OPERATION_FAILED,   "already exists",
	  VMM_ERROR_EXISTS, NULL },
	{ ANY,                VIR_ERR_XML_ERROR,          "duplicated for disk sources",
	  VMM_ERROR_EXISTS, NULL },

	{ ANY,                VIR_ERR_OPERATION_TIMEOUT,  "cannot acquire state change lock",
	  VMM_ERROR_BUSY, NULL },
	{ ANY,                VIR_ERR_OPERATION_TIMEOUT,  NULL, VMM_ERROR_GUEST, NULL },
	{ ANY,                VIR_ERR_OPERATION_INVALID,  "active block job",
	  VMM_ERROR_BUSY, NULL },
	{ ANY,                VIR_ERR_OPERATION_INVALID,  "another migration job",
	  VMM_ERROR_BUSY, NULL },
	{ ANY,                VIR_ERR_BLOCK_COPY_ACTIVE,  NULL, VMM_ERROR_BUSY, NULL },
	{ ANY,                VIR_ERR_RESOURCE_BUSY,      NULL, VMM_ERROR_BUSY, NULL },
	{ ANY,                VIR_ERR_INTERNAL_ERROR,     "\" lock", VMM_ERROR_BUSY, hint_image },
	{ ANY,                VIR_ERR_INTERNAL_ERROR,     "is in use", VMM_ERROR_BUSY, NULL },
	{ ANY,                VIR_ERR_INTERNAL_ERROR,     "Failed to reserve port",
	  VMM_ERROR_BUSY, NULL },
	{ ANY,                VIR_ERR_INTERNAL_ERROR,     "Cannot assign requested address",
	  VMM_ERROR_INPUT, "GRAPHICS/LISTEN must be an address that the host has" },
	{ ANY,                VIR_ERR_INTERNAL_ERROR,     "could not read keymap file",
	  VMM_ERROR_INPUT, "GRAPHICS/KEYMAP must be a key map of QEMU, such as en-us" },
	{ ANY,                ANY,                        "referenced filter",
	  VMM_ERROR_NOT_FOUND, "NIC/FILTER must be a filter of the host: virsh nwfilter-list" },
	{ ANY,                VIR_ERR_INTERNAL_ERROR,     "Address already in use",
	  VMM_ERROR_BUSY, NULL },

	{ ANY,                VIR_ERR_OPERATION_FAILED,   "write to socket",
	  VMM_ERROR_CONNECTION, hint_way },
	{ ANY,                VIR_ERR_OPERATION_FAILED,   "failed: Channel error",
	  VMM_ERROR_CONNECTION, hint_way },
	{ ANY,                VIR_ERR_OPERATION_FAILED,   "read from socket",
	  VMM_ERROR_CONNECTION, hint_way },
	{ ANY,                VIR_ERR_OPERATION_ABORTED,  NULL, VMM_ERROR_CANCELLED, NULL },
	{ ANY,                VIR_ERR_OPERATION_INVALID,  NULL, VMM_ERROR_REFUSED, NULL },
	{ ANY,                VIR_ERR_MIGRATE_UNSAFE,     "without shared storage",
	  VMM_ERROR_REFUSED, hint_shared },
	{ ANY,                VIR_ERR_MIGRATE_UNSAFE,     NULL, VMM_ERROR_REFUSED, hint_unsafe },
	{ ANY,                VIR_ERR_SNAPSHOT_REVERT_RISKY, NULL, VMM_ERROR_REFUSED, NULL },

	{ ANY,                VIR_ERR_ARGUMENT_UNSUPPORTED, "guest agent",
	  VMM_ERROR_INCOMPATIBLE, "add the guest agent's channel to the VM" },
	{ ANY,                VIR_ERR_CONFIG_UNSUPPORTED, "virt type 'kvm'",
	  VMM_ERROR_INCOMPATIBLE, hint_kvm },
	{ ANY,                VIR_ERR_CONFIG_UNSUPPORTED, "launch security",
	  VMM_ERROR_INCOMPATIBLE, hint_sev },
	{ ANY,                VIR_ERR_CONFIG_UNSUPPORTED, "CPU mode '",
	  VMM_ERROR_INCOMPATIBLE, hint_mode },
	{ ANY,                VIR_ERR_CONFIG_UNSUPPORTED, "does not support arch",
	  VMM_ERROR_INCOMPATIBLE, hint_emulator },
	{ ANY,                VIR_ERR_CONFIG_UNSUPPORTED, "spice graphics are not supported",
	  VMM_ERROR_INCOMPATIBLE, hint_spice },
	{ ANY,                VIR_ERR_CONFIG_UNSUPPORTED, "vhost-net was requested",
	  VMM_ERROR_INCOMPATIBLE, hint_vhost },
	{ ANY,                VIR_ERR_CONFIG_UNSUPPORTED, "unknown CPU feature",
	  VMM_ERROR_INCOMPATIBLE, hint_cpu_name },
	{ ANY,                VIR_ERR_CONFIG_UNSUPPORTED, "exceed", VMM_ERROR_NO_RESOURCE, NULL },
	{ ANY,                VIR_ERR_CONFIG_UNSUPPORTED, NULL, VMM_ERROR_INCOMPATIBLE, NULL },
	{ ANY,                VIR_ERR_NO_SUPPORT,         NULL, VMM_ERROR_INCOMPATIBLE, NULL },
	{ ANY,                VIR_ERR_OPERATION_UNSUPPORTED, NULL, VMM_ERROR_INCOMPATIBLE, NULL },
	{ ANY,                VIR_ERR_ARGUMENT_UNSUPPORTED, NULL, VMM_ERROR_INCOMPATIBLE, NULL },
	{ ANY,                VIR_ERR_INTERNAL_ERROR,     "does not support hotplugging",
	  VMM_ERROR_INCOMPATIBLE, NULL },
	{ ANY,                VIR_ERR_INTERNAL_ERROR,     "Unknown CPU model",
	  VMM_ERROR_INCOMPATIBLE, hint_cpu_name },

	{ ANY,                VIR_ERR_SYSTEM_ERROR,       "No complete agent response",
	  VMM_ERROR_NO_RESOURCE, hint_given_up },
	{ ANY,                VIR_ERR_AGENT_UNRESPONSIVE, "not available due to an error",
	  VMM_ERROR_GUEST, hint_given_up },
	{ ANY,                VIR_ERR_AGENT_UNRESPONSIVE, NULL, VMM_ERROR_GUEST, hint_agent },
	{ ANY,                VIR_ERR_AGENT_UNSYNCED,     NULL, VMM_ERROR_GUEST, hint_agent },
	{ ANY,                AGENT_COMMAND_TIMEOUT,      NULL, VMM_ERROR_GUEST, hint_agent },
	{ ANY,                ANY,                        "the agent is in frozen state",
	  VMM_ERROR_REFUSED, "its file systems are frozen: virsh domfsthaw" },
	/* VIR_ERR_INTERNAL_ERROR, or VIR_ERR_AGENT_COMMAND_FAILED (113). */
	{ ANY,                ANY,                        "QEMU agent command",
	  VMM_ERROR_GUEST, NULL },
	{ ANY,                VIR_ERR_INTERNAL_ERROR,     "device unplug request for not supported",
	  VMM_ERROR_GUEST, "the guest's operating system must support it" },
	{ ANY,                VIR_ERR_INTERNAL_ERROR,     "guest is not in suspended state",
	  VMM_ERROR_REFUSED, NULL },

	{ ANY,                VIR_ERR_SYSTEM_ERROR,       "Cannot get interface MTU",
	  VMM_ERROR_NOT_FOUND, hint_bridge },
	{ ANY,                VIR_ERR_NO_MEMORY,          NULL, VMM_ERROR_NO_RESOURCE, NULL },
	{ ANY,                ANY,                        "No space left on device",
	  VMM_ERROR_NO_SPACE, hint_space },
	{ ANY,                VIR_ERR_INTERNAL_ERROR,     "Cannot allocate memory",
	  VMM_ERROR_NO_RESOURCE, hint_memory },
	{ ANY,                VIR_ERR_INTERNAL_ERROR,     "No more available PCI slots",
	  VMM_ERROR_NO_RESOURCE, NULL },
	{ ANY,                VIR_ERR_INTERNAL_ERROR,     "Permission denied",
	  VMM_ERROR_PERMISSION, hint_rights },
	{ VIR_FROM_STORAGE,   VIR_ERR_SYSTEM_ERROR,       "Permission denied",
	  VMM_ERROR_PERMISSION, hint_rights },
	{ ANY,                VIR_ERR_INTERNAL_ERROR,     "No such file or directory",
	  VMM_ERROR_NOT_FOUND, NULL },
	{ ANY,                VIR_ERR_INTERNAL_ERROR,     "Image is not in",
	  VMM_ERROR_INPUT, "the disk's DRIVER must be the format of its image" },
	{ ANY,                VIR_ERR_INTERNAL_ERROR,     "not a valid device model name",
	  VMM_ERROR_INPUT, NULL },

	{ ANY,                VIR_ERR_XML_ERROR,          NULL, VMM_ERROR_INPUT, NULL },
	{ ANY,                VIR_ERR_XML_DETAIL,         NULL, VMM_ERROR_INPUT, NULL },
	{ ANY,                VIR_ERR_XML_INVALID_SCHEMA, NULL, VMM_ERROR_INPUT, NULL },
	{ ANY,                VIR_ERR_INVALID_ARG,        NULL, VMM_ERROR_INPUT, NULL },
};

enum vmm_error virt_error_class(const virError *cause, const char **ret_hint)
{
	*ret_hint = NULL;
	if (!cause)
		return VMM_ERROR_INTERNAL;
	for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
		const struct rule *r = &rules[i];

		if (r->domain != ANY && r->domain != cause->domain)
			continue;
		if (r->code != ANY && r->code != cause->code)
			continue;
		if (r->text && !(cause->message && strstr(cause->message, r->text)))
			continue;
		*ret_hint = r->hint;
		return r->class;
	}

	/* libvirt puts errno there. */
	if (cause->code == VIR_ERR_SYSTEM_ERROR)
		return vmm_error_from_errno(cause->int1);

	return VMM_ERROR_INTERNAL;
}

/* "process exited while connecting to monitor: 2026-…Z qemu-system-x86_64: -drive …: cause" */
static const char *own_words_of_qemu(const char *text)
{
	const char *best = text, *colon;

	for (const char *p = text; (p = strstr(p, "qemu-system-")); p++) {
		colon = strstr(p, ": ");
		if (colon && !memchr(p, ' ', (size_t)(colon - p)))
			best = colon + 2;
	}

	return best;
}

char *virt_error_text(const virError *cause)
{
	const char *text = cause && cause->message ? cause->message : "libvirt gave no reason";
	char *line = g_strdup(own_words_of_qemu(text));

	return g_strchomp(g_strdelimit(line, "\r\n\t", ' '));
}

static __thread virError *kept;

void virt_keep(void)
{
	virFreeError(kept);
	kept = virSaveLastError();
}

bool virt_fail_kept(GError **error, const char *format, ...)
{
	virError *cause = g_steal_pointer(&kept);
	const char *hint;
	enum vmm_error class = virt_error_class(cause, &hint);
	g_autofree char *text = virt_error_text(cause);
	g_autofree char *what = NULL;
	va_list ap;

	va_start(ap, format);
	what = g_strdup_vprintf(format, ap);
	va_end(ap);
	vmm_fail(error, class, "%s%s%s", what, *what ? ": " : "", text);
	if (hint)
		vmm_error_set_hint(error, "%s", hint);
	virFreeError(cause);

	return false;
}

bool virt_is_agents_no(const GError *error)
{
	if (!vmm_is(error, VMM_ERROR_GUEST))
		return false;

	return strstr(error->message, "QEMU agent command");
}

bool virt_is_agents_silence(const GError *error)
{
	static const char *const texts[] = {
		"not available for now", "respond to command within", "does not answer",
		"disappeared while executing",
	};

	if (!vmm_is(error, VMM_ERROR_GUEST))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		if (strstr(error->message, texts[i]))
			return true;
	return false;
}

bool virt_last_is_end(void)
{
	const char *message = virGetLastErrorMessage();

	if (!message)
		return false;

	return strstr(message, "End of file");
}

bool virt_last_is(int code)
{
	return virGetLastErrorCode() == code;
}
