/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm.h - a VM document with the templates that complete it: an attribute is
 * looked for in VM, host, cluster and defaults, key by key, not vector by
 * vector.
 *
 * Source: docs/facts/deployment.md 1.1, 1.3.
 */
#ifndef TEMPLATE_VM_H
#define TEMPLATE_VM_H

#include "template/attr.h"

/* In the order of the lookup. */
enum tmpl_level { TMPL_VM, TMPL_HOST, TMPL_CLUSTER, TMPL_CONF, TMPL_LEVELS };

/* Which levels an attribute may come from: a sum of these. */
enum {
	TMPL_IN_VM = 1 << TMPL_VM,
	TMPL_IN_HOST = 1 << TMPL_HOST,
	TMPL_IN_CLUSTER = 1 << TMPL_CLUSTER,
	TMPL_IN_CONF = 1 << TMPL_CONF,
	TMPL_IN_SITE = TMPL_IN_HOST | TMPL_IN_CLUSTER | TMPL_IN_CONF,
	TMPL_IN_ALL = TMPL_IN_VM | TMPL_IN_SITE,
	TMPL_EMPTY_COUNTS = 1 << TMPL_LEVELS,	/* an empty text is a value too, not "unset" */
};

typedef struct tmpl_vm {
	TmplSet *header;		/* ID, NAME, …: the elements beside TEMPLATE */
	TmplSet *history;		/* the last HISTORY record; empty when there is none */
	TmplSet *level[TMPL_LEVELS];	/* NULL: that template is not known */
	TmplSet *user;			/* what is left of USER_TEMPLATE */
	TmplSet *datastore;		/* the system datastore: TEMPLATE and BASE_PATH; or NULL */
} TmplVm;

/* Where a value was found; all borrowed from the TmplVm. */
struct tmpl_hit {
	const char *text;
	const TmplAttr *attr;
	const TmplSet *set;
	enum tmpl_level level;
};

/*
 * The VM in element VM of some document, which may be freed afterwards. The
 * caller frees the result. Errors: VMM_ERROR_INPUT when it is not a VM element
 * or lacks ID or TEMPLATE.
 */
TmplVm *tmpl_vm_new(const xmlNode *vm, GError **error);
/*
 * As tmpl_vm_new() for a whole document: a VM, or the data of a driver's action
 * with its DATASTORE. NAME is for messages.
 */
TmplVm *tmpl_vm_of_document(xmlDoc *doc, const char *name, GError **error);

void tmpl_vm_free(TmplVm *vm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TmplVm, tmpl_vm_free)

/* Uses SET, which it takes, as LEVEL; an earlier one is freed. */
void tmpl_vm_set_level(TmplVm *vm, enum tmpl_level level, TmplSet *set);

/* Uses element HOST or CLUSTER of some document as LEVEL. VMM_ERROR_INPUT: another element. */
bool tmpl_vm_set_object(TmplVm *vm, enum tmpl_level level, const xmlNode *object, GError **error);

/* As tmpl_vm_set_object() for the system datastore. */
bool tmpl_vm_set_datastore(TmplVm *vm, const xmlNode *datastore, GError **error);

/* Text of NAME in the header or in the last history record; "" when missing. Borrowed. */
const char *tmpl_vm_header(const TmplVm *vm, const char *name);
const char *tmpl_vm_history(const TmplVm *vm, const char *name);

/*
 * Looks for PATH, "VECTOR/KEY" or "SINGLE", in LEVELS. With DEVICE, a vector of
 * the VM, that vector replaces the VM level: a DISK's own CACHE comes before DISK/CACHE of the
 * host. An empty text is not a hit, unless LEVELS has TMPL_EMPTY_COUNTS. False, and RET cleared,
 * when nothing was found.
 */
bool tmpl_vm_find(const TmplVm *vm, const TmplAttr *device, const char *path, unsigned levels,
		  struct tmpl_hit *ret);

/*
 * Adds to WARNINGS (of char *, freed by the array) a text for each attribute of
 * the VM that is not known, with the nearest known name; for USER_TEMPLATE only if a known name
 * is close.
 */
void tmpl_vm_check(const TmplVm *vm, GPtrArray *warnings);

/* The vector NAME of the VM with ATTACH = YES, which an action is about; NULL: none. Borrowed. */
const TmplAttr *tmpl_vm_attached(const TmplVm *vm, const char *name);

/* "VM 7", "defaults FILE:12", …: where HIT was found. The caller frees. */
char *tmpl_hit_place(const struct tmpl_hit *hit);

#endif
