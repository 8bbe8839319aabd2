/*
 * domain.h - a VM document as the XML that libvirt takes. One device of it, to
 * attach it to a running domain, is in attach.h.
 *
 * Source: deployment.md 2, with its "ours" notes.
 */
#ifndef DOMAIN_DOMAIN_H
#define DOMAIN_DOMAIN_H

#include "tmpl/vm.h"

/* A libvirt version as libvirt counts: 9.2.0 is DOMAIN_LIBVIRT(9, 2, 0). */
#define DOMAIN_LIBVIRT(major, minor, micro) ((major) * 1000000 + (minor) * 1000 + (micro))

struct domain_options {
	const char *type;		/* "kvm" or "qemu"; NULL: as the history's VM_MAD says */
	const char *one_version;	/* for the metadata; NULL: left out */
	gint64 now;			/* seconds since 1970, for the metadata */
	unsigned long libvirt;		/* the host's version; 0: unknown, the oldest we support */
};

/*
 * The domain for VM as indented text without an XML declaration. The caller
 * frees. What is odd but harmless is added to WARNINGS (of char *, freed by the
 * array). NULL with VMM_ERROR_INPUT: all problems in one line, each naming
 * attribute, value and where it was found.
 */
char *domain_xml(const TmplVm *vm, const struct domain_options *options, GPtrArray *warnings,
		 GError **error);

#endif
