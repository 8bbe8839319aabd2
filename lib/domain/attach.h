/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attach.h - a device for a domain that runs. The builders are those of
 * domain_xml(): a device that is attached is the one that a deployment makes,
 * but for what the running domain has: I/O threads and free PCI addresses.
 *
 * Source: docs/facts/actions.md 9, 11, 14; kvmrc.md 1.
 */
#ifndef DOMAIN_ATTACH_H
#define DOMAIN_ATTACH_H

#include "conf/kvmrc.h"
#include "domain/domain.h"

struct domain_attach {
	struct domain_options options;
	const xmlNode *live;	/* <domain> of the running domain; NULL: as in a deployment */
	const char *path;	/* a disk's file or block device; NULL: disk.N of the VM */
};

/*
 * Makes RC's DEFAULT_ATTACH_* the lowest level of VM's lookup, before what a
 * defaults file says of the same attribute. They apply to all that is built
 * from VM afterwards. Call it once, before the functions below.
 */
void domain_attach_defaults(TmplVm *vm, const ConfKvmrc *rc);

/*
 * The device of one DISK, NIC or PCI vector of VM (see tmpl_vm_attached()), as
 * text of one element without an XML declaration, for
 * virDomainAttachDeviceFlags(). The caller frees. Warnings and errors are those
 * of domain_xml(). Of a DISK it is <disk> or <filesystem>, of a NIC <interface>,
 * of a PCI vector, also one of a NIC, <hostdev>. A guest's PCI address is left
 * out when the running domain has no such bus, or another device there.
 */
char *domain_disk_xml(const TmplVm *vm, const TmplAttr *disk, const struct domain_attach *attach,
		      GPtrArray *warnings, GError **error);
char *domain_nic_xml(const TmplVm *vm, const TmplAttr *nic, const struct domain_attach *attach,
		     GPtrArray *warnings, GError **error);
char *domain_pci_xml(const TmplVm *vm, const TmplAttr *pci, const struct domain_attach *attach,
		     GPtrArray *warnings, GError **error);

/*
 * A memory module of MIB for the first NUMA cell of LIVE, <domain> of the running
 * domain. The caller frees. NULL with VMM_ERROR_REFUSED when that domain was not
 * made for memory hot-plug or has no free slot, or MIB exceeds what is left.
 */
char *domain_dimm_xml(const xmlNode *live, guint64 mib, GError **error);

#endif
