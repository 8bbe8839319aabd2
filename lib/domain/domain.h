/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain.h - a VM document as the XML that libvirt takes. One device of it, to
 * attach it to a running domain, is in attach.h.
 *
 * Source: docs/facts/deployment.md 2.
 */
#ifndef DOMAIN_DOMAIN_H
#define DOMAIN_DOMAIN_H

#include <libxml/tree.h>

#include "conf/cfg.h"
#include "template/vm.h"

/* A libvirt version as libvirt counts: 9.2.0 is DOMAIN_LIBVIRT(9, 2, 0). */
#define DOMAIN_LIBVIRT(major, minor, micro) ((major) * 1000000 + (minor) * 1000 + (micro))
#define DOMAIN_LIBVIRT_NONE 999999999UL	/* since when no libvirt is known to have something */

/*
 * What a VM's own template may ask of the host. The templates of host and cluster and the
 * defaults file belong to the administrator and are not restricted.
 * Paths are directories separated by ':'; names are patterns ("*", "?") separated by blanks.
 */
struct domain_policy {
	const char *kernel_paths;	/* for OS/KERNEL and OS/INITRD */
	const char *script_paths;	/* for NIC/SCRIPT, which runs as root */
	const char *host_paths;		/* for FILESYSTEM disks and RAW, beside the datastores */
	bool qemu_commandline;		/* qemu:* in RAW */
	bool seclabel;			/* <seclabel> in RAW */
	bool host_devices;		/* devices of the host in RAW */
	const char *schema;		/* libvirt's domain.rng */
	/* NULL: none. */
	const char *bridges;		/* names in RAW, beside those of the VM's own NICs */
	const char *networks;		/* names in RAW: of libvirt's networks */
	const char *pools;		/* names in RAW: of libvirt's storage pools */
	const char *network_sources;	/* "PROTOCOL/NAME" in RAW: what the host connects to */
};

/* What vmm_exec.cfg says; CFG must outlive the result. */
struct domain_policy domain_policy_of(const ConfCfg *cfg);

/* Whether PATH is in one of the directories of LIST, one of the policy's. */
bool domain_policy_lists(const char *list, const char *path);

struct domain_options {
	const char *type;		/* "kvm" or "qemu"; NULL: as the history's VM_MAD says */
	const char *one_version;	/* for the metadata; NULL: left out */
	gint64 now;			/* seconds since 1970, for the metadata */
	unsigned long libvirt;		/* the host's version; 0: unknown, the oldest we support */
	const char *schemas;		/* text of the host's; NULL: LIBVIRT alone decides */
	const struct domain_policy *policy;	/* NULL: nothing of the host, no schema */
	bool validate;			/* against the schema, also without RAW */
	bool fits;			/* fit_domain() is called next: it answers for the host */
};

/*
 * The domain for VM as indented text without an XML declaration. The caller
 * frees. What is odd but harmless is added to WARNINGS (of char *, freed by the
 * array). NULL with VMM_ERROR_INPUT: all problems in one line, each naming
 * attribute, value and where it was found.
 */
char *domain_xml(const TmplVm *vm, const struct domain_options *options, GPtrArray *warnings,
		 GError **error);

/*
 * As domain_xml(), but the domain is made although something is wrong with VM: what cannot be
 * understood is missing in it. To see what libvirt says of it.
 */
char *domain_xml_unchecked(const TmplVm *vm, const struct domain_options *options);

/*
 * All that is wrong with VM, one text (char *) each, also what libvirt's schema
 * says of the result; empty when nothing is. The caller unrefs.
 */
GPtrArray *domain_check(const TmplVm *vm, const struct domain_options *options,
			GPtrArray *warnings);

/*
 * Returns a table with one row for each attribute and text of VM's domain: its place, its value,
 * and the template attribute and level that it comes from. Passwords are not shown. VM is changed
 * during the call and restored. The caller frees.
 * NULL with VMM_ERROR_INPUT as domain_xml().
 */
char *domain_explain(TmplVm *vm, const struct domain_options *options, GError **error);

/* Whether what an element or attribute called NAME holds is a secret, and must not be shown. */
bool domain_hides(const char *name);

/* Puts "***" in the place of each secret in NODE, a domain that is to be shown. */
void domain_hide(xmlNode *node);

#endif
