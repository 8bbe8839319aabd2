/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_facts.h - what is true of a host, found out by reading alone: the kernel's files, a few
 * opened devices, libvirt's own documents. What the facts mean is lib/check.
 *
 * Lists are words separated by blanks. Every text is borrowed from the facts, NULL: not there.
 * Nothing is loaded or changed: a device file without a driver behind it is not opened, because
 * the kernel would load the module.
 * Source: docs/facts/hosts.md.
 */
#ifndef FACTS_HOST_FACTS_H
#define FACTS_HOST_FACTS_H

#include "base/error.h"

enum fact { FACT_UNKNOWN, FACT_NO, FACT_YES };

struct device_fact {
	bool there, is_device;
	bool has_acl;			/* then the mode says not all */
	unsigned mode;			/* permissions */
	const char *group;
	enum fact allowed;		/* QEMU's user may use it, by owner, group and mode */
	bool tried;			/* the rest is known */
	bool tried_as_us;		/* with our own rights, as we may not take QEMU's */
	int open_errno;			/* 0: it was opened */
	int api_version;		/* KVM_GET_API_VERSION, which has been 12 since 2007 */
	int create_errno;		/* of KVM_CREATE_VM; 0: a VM was made, and closed */
};

enum libvirt_state {
	LIBVIRT_NOT_ASKED, LIBVIRT_ANSWERED, LIBVIRT_NOT_INSTALLED, LIBVIRT_NOT_RUNNING,
	LIBVIRT_DENIED, LIBVIRT_SILENT,
};

struct libvirt_fact {
	enum libvirt_state state;
	const char *error;		/* of the connection */
	const char *oneadmin_error;	/* it lets us in, and not the user oneadmin */
	bool is_modular;		/* virtqemud, not libvirtd */
	bool has_service;		/* systemd or init knows that daemon */
	const char *socket_group;	/* unix_sock_group */
	unsigned long version, qemu;	/* 1000000 * major + 1000 * minor + release; 0: unknown */
	/* of capabilities */
	bool has_capabilities;
	bool hvm, hvm_type;		/* os type hvm for the arch; and with the domain type */
	const char *cpu_arch, *cpu_model, *cpu_vendor, *cpu_features, *machines, *emulator;
	/* of domain capabilities */
	bool has_domain;
	const char *domain_error;
	const char *models, *unusable;	/* CPU models by usable */
	const char *blockers;		/* "MODEL:flag,flag" of those that are not */
	const char *loaders, *secure;	/* values of the enums "firmware" and "secure" */
	const char *tpm_backends, *secured;	/* "emulator passthrough"; "sev sev-snp tdx" */
	enum fact sev, tdx;		/* unknown: this libvirt does not say */
	const char *sev_guests, *sev_es_guests;	/* slots */
	const char *incompatible;	/* "MODEL: reason": of kvmrc's, with its features */
	unsigned max_vcpus;		/* 0: unknown */
	unsigned sev_used, sev_es_used;	/* running guests */
};

struct storage_fact {
	const char *what;		/* "lvm:vg-one" */
	enum fact works;
	bool is_full;			/* it works, with no room for a new volume */
	const char *text;		/* why not, or what there is */
	const char *package;		/* "lvm2", "ceph-common": missing; or NULL */
};

struct room_fact {
	const char *path;
	bool is_mute;			/* the file system does not answer, the rest is unknown */
	bool is_read_only, has_no_inodes;
	guint64 free_mib;
	unsigned free_percent;
};

struct peer_fact {
	const char *host;
	const char *uri;		/* of its libvirt */
	const char *ssh_error, *libvirt_error;	/* NULL: it works */
	bool libvirt_asked;
	bool is_new;			/* ssh works and would keep its key: no more is asked */
};

enum { FACTS_STORAGE = 16, FACTS_ROOM = 64, FACTS_PEERS = 256 };

/* What a VM document asks of a host. */
struct vm_fact {
	const char *name;		/* "VM 7" */
	guint64 memory_mib;
	unsigned vcpus;
	const char *arch, *machine, *firmware, *encryption, *model, *features, *pci;
	bool secure_boot, tpm, queues;
	bool own_tpm;			/* the host's chip is passed through */
	bool firmware_missing;		/* it is a path, and not there */
	guint64 page_kib;		/* of huge pages; 0: none asked for */
};

typedef struct host_facts {
	GStringChunk *texts;
	bool below_sysroot, is_root;
	const char *kernel;		/* release */
	const char *os;			/* ID and ID_LIKE of os-release */
	/* processor */
	const char *arch, *vendor, *platform;
	const char *flag;		/* "vmx", "svm" or "sie" */
	const char *encryption_flags;	/* "sev sev_es sev_snp tdx_host_platform" */
	bool is_guest;			/* of another hypervisor */
	unsigned cpus, nodes;
	/* kernel modules; parameters as the kernel prints them */
	bool kvm;
	const char *kvm_vendors;	/* "kvm_amd" */
	bool vhost_net, vhost_device;
	enum fact kvm_registered;	/* /proc/misc has a driver for /dev/kvm */
	const char *boot_modules;	/* of the lists that are loaded at boot */
	const char *auto_modules;	/* loaded by udev when the processor is seen */
	const char *builtin_modules;
	const char *blocked_by;		/* file or parameter that keeps the maker's module out */
	bool has_load_directory, has_etc_modules;	/* of modules-load.d; /etc/modules */
	const char *rivals;		/* "vboxdrv vmmon": modules of other hypervisors */
	bool modules_there;		/* /lib/modules of this kernel */
	const char *nested, *ignore_msrs, *invalid_state, *sev, *sev_es, *sev_snp, *tdx;
	/* devices and QEMU's user */
	const char *qemu_user;
	bool qemu_user_there, has_kvm_group;
	const char *qemu_group_missing, *swtpm_user_missing;	/* that qemu.conf names */
	struct device_fact kvm_device;
	bool sev_device;
	unsigned iommu_groups;
	const char *cmdline;
	/* programs and firmware */
	const char *programs, *firmware_features;
	bool has_emulator;		/* some QEMU for the guests' architecture */
	const char *firmware_missing;	/* that a descriptor names */
	unsigned firmwares;
	const char *tpm_version;
	bool tpm_device;
	enum fact tpm_answers;
	/* memory */
	guint64 memory_kib, available_kib;
	const char *huge_pages;		/* "2048:512:300": size in KiB, all, free */
	bool mounts_known;
	const char *huge_mounts;	/* "2048": sizes with a mounted hugetlbfs */
	int cgroup_version;		/* 0: none */
	const char *controllers;
	bool apparmor_confines;		/* libvirt gives each QEMU a profile */
	bool apparmor_reads;		/* a rule lets its helper, or QEMU, read the datastores */
	/* settings of kvmrc */
	const char *cpu_models;		/* wanted */
	int encrypted_limit;		/* NUM_MEMORY_ENCRYPTED_GUESTS; -1: unset */
	struct storage_fact storage[FACTS_STORAGE];
	unsigned storages;
	struct room_fact room[FACTS_ROOM];
	unsigned rooms;
	struct peer_fact peer[FACTS_PEERS];
	unsigned peers;
	const char *set_version;	/* of the synced set */
	const char *pci;		/* addresses that the host has */
	struct libvirt_fact libvirt;
	struct vm_fact *vm;		/* NULL: none was given */
} HostFacts;

/* What is to be found out, and where. Borrowed. */
struct facts_source {
	const char *root;		/* the directory that stands for /; NULL: this host */
	const char *type;		/* of domains: "kvm" or "qemu" */
	const char *arch;		/* of guests; NULL: the host's */
	const char *uri;		/* of libvirt */
	const char *capabilities, *domcapabilities, *vm;	/* files; or NULL */
	const char *cpu_models, *cpu_features;	/* of kvmrc; or NULL */
	int encrypted_limit;		/* NUM_MEMORY_ENCRYPTED_GUESTS of kvmrc; -1: unset */
	const char *const *storage;	/* "lvm:VG", "rbd:POOL[:USER]"; or NULL */
	const char *const *peers;	/* hosts; or NULL */
	const char *protocol;		/* of peers: "qemu+ssh" */
	const char *set_directory;	/* of the synced set; or NULL */
	unsigned limit_ms;		/* of each question that may not be answered */
};

/* Finds out all. NULL with ERROR set: a file that SOURCE names cannot be used. */
HostFacts *facts_new(const struct facts_source *source, GError **error);

/* What libvirt said of the host; each may be NULL. Borrowed. */
struct facts_documents {
	const char *capabilities, *domain;
	const char *cpu;		/* the processor with all its features */
};

/*
 * What changes seldom and takes no time to find out: the processor, memory, cgroups, and what
 * DOCUMENTS say. No device is opened, nothing is run or asked.
 */
HostFacts *facts_new_quick(const struct facts_source *source,
			   const struct facts_documents *documents, GError **error);

void facts_free(HostFacts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostFacts, facts_free)

/* False with VMM_ERROR_USAGE: WORDS (or NULL) has one that is no storage. */
bool facts_check_storage(const char *const *words, GError **error);

/* "kvm_amd": the module that the host's processor needs; NULL: none, or unknown. Static. */
const char *facts_vendor_module(const HostFacts *facts);

/* Whether the distribution is Red Hat's, or derived from it. */
bool facts_is_red_hat(const HostFacts *facts);

/*
 * MEMORY_ENCRYPTION as OpenNebula's probe has it: the strongest kind that libvirt has, or "NONE";
 * SEV-ES where the firmware left slots for it. Static.
 */
const char *facts_encryption(const struct libvirt_fact *libvirt);

/* Whether WORD is one of LIST, which may be NULL. */
bool facts_has(const char *list, const char *word);

#endif
