/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virt_domain.h - finds a domain, reads its state, and waits until it is gone.
 *
 * Source: docs/facts/actions.md 0.3 and 0.8; libvirt.md B and D.
 */
#ifndef VIRT_VIRT_DOMAIN_H
#define VIRT_VIRT_DOMAIN_H

#include <libvirt/libvirt.h>

#include "base/error.h"
#include "xml/xml.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomain, virDomainFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomainSnapshot, virDomainSnapshotFree)

/*
 * Finds the domain that DEPLOY_ID names: a UUID, or else a name; if there is none of that name,
 * "one-VM_ID", if VM_ID is a number. Never libvirt's own id. The caller frees. VMM_ERROR_NOT_FOUND:
 * libvirt answered that it does not exist. VMM_ERROR_EXISTS: DEPLOY_ID is a UUID that does not
 * exist, but an active domain "one-VM_ID" with another UUID does: another client has started the
 * VM, so "not found" would be wrong, and that domain must not be touched. Other errors: not known.
 */
virDomain *virt_domain(virConnect *conn, const char *deploy_id, const char *vm_id,
		       GError **error);

/* Another reference to DOM, which the caller frees. */
virDomain *virt_domain_ref(virDomain *dom);

/*
 * Barrier: returns once libvirt has processed all earlier requests, including those of programs
 * that have died, so that a domain that such a request creates is found. VMM_ERROR_TIMEOUT after
 * LIMIT_MS. Source: a lookup overtakes a create, which may first wait until a new QEMU binary has
 * been probed; a request for capabilities waits for the same.
 */
bool virt_barrier(virConnect *conn, unsigned limit_ms, GError **error);

struct virt_state {
	int state, reason;	/* virDomainState and its reason */
	bool gone;		/* libvirt answered that it is not there, or not active */
};

/* The state of DOM now. False: not known. Not blocked by a QEMU that hangs. */
bool virt_state_read(virDomain *dom, struct virt_state *ret, GError **error);

/* "running", "paused"… Static. */
const char *virt_state_name(const struct virt_state *state);

/* Whether it runs for libvirt: a domain that is still being started does not. */
bool virt_state_is_up(const struct virt_state *state);

/*
 * Adds a hint to ERROR if DOM stays "starting" for ever: libvirt never forgets a domain if its
 * daemon died before it had the domain's QEMU. No call ends such a domain.
 */
void virt_hint_lost(virDomain *dom, GError **error);

/* Whether a guest in that state ignores requests to restart or shut down. */
bool virt_state_is_unresponsive(const struct virt_state *state);

/*
 * The VM's directory by its metadata (namespace URI); NULL if they do not name one. The caller
 * frees.
 */
char *virt_vm_directory(virDomain *dom, const char *uri);

/* As virt_vm_directory(), in RET; false with ERROR if the metadata cannot be read. */
bool virt_vm_directory_read(virDomain *dom, const char *uri, char **ret, GError **error);

/*
 * The PCI devices that the VM was given, by its metadata (namespace URI): "10de:20b5:0302,…". NULL
 * if they name none. The caller frees.
 */
char *virt_vm_devices(virDomain *dom, const char *uri);

/* The domain's XML with its secrets left out. The caller frees with g_free(). */
char *virt_xml(virDomain *dom, GError **error);

/* The same, parsed. The caller frees; NULL with ERROR. */
xmlDoc *virt_xml_doc(virDomain *dom, GError **error);

/* Likewise with FLAGS, of virDomainXMLFlags: of a running domain, how it would start, say. */
xmlDoc *virt_xml_doc_of(virDomain *dom, unsigned flags, GError **error);

/* Listens for the end of a domain. */
typedef struct virt_watch VirtWatch;

/* Begins to listen; call it before the request that ends DOM, so that no event is missed. */
VirtWatch *virt_watch_new(virDomain *dom, GError **error);

/*
 * Waits until the domain is gone, or until UNTIL_US; RET_GONE says which. Besides the events it
 * reads the state once a second. False: not known, mostly VMM_ERROR_CONNECTION; or
 * VMM_ERROR_REFUSED, the domain is gone because it was saved or migrated.
 */
bool virt_watch_gone(VirtWatch *watch, gint64 until_us, bool *ret_gone, GError **error);

void virt_watch_free(VirtWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VirtWatch, virt_watch_free)

#endif
