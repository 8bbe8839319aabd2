/* SPDX-License-Identifier: Apache-2.0 */
/*
 * builders.h - one builder per element family; each adds to the document what
 * the VM asks for and notes problems in B.
 *
 * Source: docs/facts/deployment.md 2.2 to 2.31; a file names its sections.
 */
#ifndef DOMAIN_BUILDERS_H
#define DOMAIN_BUILDERS_H

#include "domain/emit.h"

/* The whole domain; what is wrong with it is noted. The caller frees. */
xmlDoc *domain_document(DomainBuild *b);

/* Elements of <domain>. */
void domain_identity(DomainBuild *b, xmlNode *domain);	/* name, title, uuid, vcpu */
void domain_memory(DomainBuild *b, xmlNode *domain);	/* memory, maxMemory, currentMemory */
void domain_backing(DomainBuild *b, xmlNode *domain);	/* memoryBacking */
void domain_os(DomainBuild *b, xmlNode *domain);	/* os, pm */
void domain_cpu(DomainBuild *b, xmlNode *domain);	/* cpu */
void domain_tuning(DomainBuild *b, xmlNode *domain);	/* cputune, numatune, iothreads */
void domain_features(DomainBuild *b, xmlNode *domain);	/* features, clock */
void domain_encryption(DomainBuild *b, xmlNode *domain);	/* launchSecurity, memtune */
/* Again, after RAW, which may bring what such a guest cannot have. */
void domain_encryption_rules(DomainBuild *b, const xmlNode *domain);
/* What the keys of MEMORY_ENCRYPTION, VECTOR, add to launchSecurity. */
void domain_encryption_keys(DomainBuild *b, xmlNode *domain, const TmplAttr *vector);
void domain_raw(DomainBuild *b, xmlNode *domain);	/* what RAW adds anywhere */
void domain_metadata(DomainBuild *b, xmlNode *domain);	/* metadata */

/* Elements of <devices>. */
void domain_disks(DomainBuild *b, xmlNode *devices);	/* DISK and CONTEXT */
void domain_disk(DomainBuild *b, xmlNode *devices, const TmplAttr *disk);
void domain_filesystem(DomainBuild *b, xmlNode *devices, const TmplAttr *disk);
void domain_nic(DomainBuild *b, xmlNode *devices, const TmplAttr *nic);
void domain_check_sharing(DomainBuild *b, const xmlNode *domain); /* of memory, for DPDK */
void domain_graphics(DomainBuild *b, xmlNode *devices);	/* graphics, SPICE_OPTIONS, video, input */
void domain_hostdevs(DomainBuild *b, xmlNode *devices);	/* PCI, IOMMU */
void domain_iommu(DomainBuild *b, xmlNode *devices);	/* of MODE single */
void domain_iommu_behind(DomainBuild *b, xmlNode *devices, guint64 bus);	/* of MODE device */
void domain_hostdev(DomainBuild *b, xmlNode *devices, const TmplAttr *pci);
void domain_controllers(DomainBuild *b, xmlNode *devices);	/* pci */
void domain_channels(DomainBuild *b, xmlNode *devices);	/* guest agent */
void domain_tpm(DomainBuild *b, xmlNode *devices);
void domain_optional_devices(DomainBuild *b, xmlNode *devices); /* RNG, WATCHDOG, MEMBALLOON */

/* Notes what libvirt refuses although its schema allows it, and adds what it needs besides. */
void domain_libvirt_rules(DomainBuild *b, xmlNode *domain);
void domain_pci_rules(DomainBuild *b, const xmlNode *domain);	/* the same of PCI controllers */

/* The order that the site's OS/BOOT gives a disk or NIC, and the classes it names. */
void domain_boot_order(DomainBuild *b, xmlNode *node, const TmplAttr *device);
void domain_boot_devices(DomainBuild *b, xmlNode *os);

/* What a VM's own template wants with a path of the host. */
enum domain_path { DOMAIN_PATH_KERNEL, DOMAIN_PATH_SCRIPT, DOMAIN_PATH_DATA };

/*
 * Whether PATH, the value of WHAT, is absolute and where the administrator allows
 * that USE; a problem with DEVICE when not.
 */
bool domain_may_use(DomainBuild *b, const TmplAttr *device, const char *what, const char *path,
		    enum domain_path use);

/* What a VM's own template wants with a name of the host. */
enum domain_name {
	DOMAIN_NAME_BRIDGE,
	DOMAIN_NAME_NETWORK,	/* of libvirt */
	DOMAIN_NAME_POOL,	/* of libvirt */
	DOMAIN_NAME_SOURCE,	/* "PROTOCOL/NAME": across the network */
	DOMAIN_NAME_TAP		/* the host's end of a NIC: no other VM's */
};

/* As above, for NAME, the value of WHAT: true if it is allowed or belongs to the VM itself. */
bool domain_may_name(DomainBuild *b, const char *what, const char *name, enum domain_name use);

/* Records the problem that WHAT is allowed only with KEY. */
void domain_not_allowed(DomainBuild *b, const char *what, const char *key);

/* The policy in force, never NULL. What it does not allow explicitly is refused. */
const struct domain_policy *domain_builder_policy(const DomainBuild *b);

/* Checks DOMAIN, the finished document, against libvirt's schema, when RAW or options ask. */
void domain_validate(DomainBuild *b, xmlNode *domain);

/* Parts of a disk. */
void domain_disk_source(DomainBuild *b, xmlNode *node, const TmplAttr *disk, const char *kind);
void domain_disk_iotune(DomainBuild *b, xmlNode *node, const TmplAttr *disk);
void domain_disk_address(DomainBuild *b, xmlNode *node, const TmplAttr *disk, const char *bus,
			 const char *target);

/* The kind of DISK, upper case ("RBD_CDROM"); NULL, and a problem noted, for an unknown one. */
const char *domain_disk_kind(DomainBuild *b, const TmplAttr *disk);

/* Marks the place on IDE or SATA that TARGET's letter means as taken. */
void domain_disk_reserve(DomainBuild *b, const char *target);

/* PCI vectors that have a host address. */
bool domain_pci_complete(const TmplAttr *pci);

/* NUMA_NODE vectors, facts of TOPOLOGY. */
bool domain_vcpu_max(DomainBuild *b, guint64 *ret);	/* false: not given */
guint domain_n_nodes(const DomainBuild *b);
bool domain_has_topology(const DomainBuild *b);
bool domain_memory_hotplug(DomainBuild *b);
guint64 domain_hugepage_mib(DomainBuild *b);

/*
 * The children of the XML fragment that PATH holds, appended below PARENT. With
 * ALLOWED (NULL-terminated names), other elements are problems, and so is what
 * names a path or a source of the host.
 */
void domain_fragment(DomainBuild *b, xmlNode *parent, const char *path, unsigned levels,
		     const char *const *allowed);

#endif
