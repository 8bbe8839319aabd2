/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oned_parts.h - parts of from_oned.c: oned's domain made comparable, the site's attributes read
 * out of it, and what of it another domain does not have.
 */
#ifndef DOMAIN_ONED_PARTS_H
#define DOMAIN_ONED_PARTS_H

#include "template/vm.h"
#include "xml/xml.h"

/*
 * A copy of ONED with each element once, as libvirt joins them, and without what the RAW of VM has
 * put there. The caller frees.
 */
xmlDoc *oned_normalize(const xmlNode *oned, const TmplVm *vm);

/* The attributes that VM does not have, as DOMAIN (a normalized one) shows them. Caller frees. */
TmplSet *oned_site(const xmlNode *domain, const TmplVm *vm);

/* The first element at PLACE ("features/hyperv") below DOMAIN; NULL: none. Borrowed. */
xmlNode *oned_find(const xmlNode *domain, const char *place);

/* The text at PLACE ("os/type@arch", "devices/emulator"); NULL: none. The caller frees. */
char *oned_text(const xmlNode *domain, const char *place);

/* One thing that one domain has and another has not, or otherwise. All borrowed but PLACE. */
struct oned_rest {
	char *place;		/* "devices/disk/driver@cache" */
	const xmlNode *node;	/* where it is: of an attribute, its element */
	const xmlAttr *attr;	/* NULL: the element, or its text */
	const xmlNode *other;	/* its counterpart; NULL: there is none */
};

/* What of FROM, metadata apart, is not in TO: of struct oned_rest *. The caller unrefs. */
GPtrArray *oned_compare(const xmlNode *from, const xmlNode *to);

#endif
