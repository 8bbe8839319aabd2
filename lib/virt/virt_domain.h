/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virt_domain.h - finding a domain, what state it is in, and waiting until it is gone.
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
 * Finds the domain that DEPLOY_ID names: a UUID, else a name; a name that is not
 * there may be "one-VM_ID" if VM_ID is a number. Never libvirt's own id. The caller
 * frees. VMM_ERROR_NOT_FOUND means that libvirt answered and it is not there;
 * VMM_ERROR_EXISTS that DEPLOY_ID is a UUID, which is not there, and that an active domain
 * "one-VM_ID" has another one: the VM was started by another client, so that "not there" would not
 * be the truth and that domain is not ours to touch. Every other error: nobody knows.
 */
virDomain *virt_domain(virConnect *conn, const char *deploy_id, const char *vm_id,
		       GError **error);

/* DOM once more: the caller frees it as well. */
virDomain *virt_domain_ref(virDomain *dom);

/*
 * Returns when libvirt has looked at every call that reached it before this one, also at those of
 * programs that have died: a domain that such a call makes is found afterwards. VMM_ERROR_TIMEOUT
 * after LIMIT_MS. Source: lookups overtake the calls that make a domain, which first may
 * wait until a new QEMU has told what it can; to ask what it can waits for the same.
 */
bool virt_barrier(virConnect *conn, unsigned limit_ms, GError **error);

struct virt_state {
	int state, reason;	/* virDomainState and its reason */
	bool gone;		/* libvirt answered that it is not there, or not active */
};

/* The state of DOM now. False: nobody knows. Not blocked by a QEMU that hangs. */
bool virt_state_read(virDomain *dom, struct virt_state *ret, GError **error);

/* "running", "paused"… Static. */
const char *virt_state_name(const struct virt_state *state);

/* Whether it runs, as far as libvirt is concerned: a domain still being started does not. */
bool virt_state_is_up(const struct virt_state *state);

/*
 * Adds to ERROR what helps when DOM is being started for ever: libvirt never lets go of a domain
 * when its daemon died before it had heard of that domain's QEMU. No call ends it.
 */
void virt_hint_lost(virDomain *dom, GError **error);

/* What a guest in that state does with a request to restart or shut down: nothing. */
bool virt_state_is_unresponsive(const struct virt_state *state);

/*
 * The VM's directory as its metadata (namespace URI) say; NULL when they do
 * not. The caller frees.
 */
char *virt_vm_directory(virDomain *dom, const char *uri);

/* As virt_vm_directory(), in RET; false with ERROR when nobody knows what its metadata say. */
bool virt_vm_directory_read(virDomain *dom, const char *uri, char **ret, GError **error);

/* The domain's XML with its secrets left out. The caller frees with g_free(). */
char *virt_xml(virDomain *dom, GError **error);

/* The same, parsed. The caller frees; NULL with ERROR. */
xmlDoc *virt_xml_doc(virDomain *dom, GError **error);

/* Sees a domain end without asking. */
typedef struct virt_watch VirtWatch;

/* Begins to listen; before the request that shall end DOM, so that nothing is missed. */
VirtWatch *virt_watch_new(virDomain *dom, GError **error);

/*
 * Waits until the domain is gone, or until monotonic time UNTIL_US. RET_GONE
 * says which. False: nobody knows, mostly VMM_ERROR_CONNECTION; or it is gone but was
 * saved or migrated, not stopped: VMM_ERROR_REFUSED. Besides the events it asks
 * once a second.
 */
bool virt_watch_gone(VirtWatch *watch, gint64 until_us, bool *ret_gone, GError **error);

void virt_watch_free(VirtWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VirtWatch, virt_watch_free)

#endif
