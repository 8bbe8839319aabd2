/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vtpm.h - the state of a virtual TPM outlives its domain: the keys of the guest's disks are in it.
 *
 * While a VM runs, the state is in libvirt's directory, VTPM_PLACE/UUID; otherwise in the VM's,
 * DIRECTORY/tpm. The domain's XML makes libvirt keep it at the domain's end (it would delete that
 * of a transient domain). After each stop it is copied to the VM's directory, and removed from
 * libvirt's once both are equal. The program vtpm_setup does this, as root.
 *
 * The links of vtpm_note.h name the host with the newest state: a guest that powers off by itself
 * leaves it there, and a start on another host fetches it. What other hosts have in libvirt's
 * directory is ignored: a migration or restore that failed leaves an empty TPM there.
 * Source: actions.md 22; pitfalls.md P-21; measured: persistent_state of libvirt 9.0 holds for
 * transient domains, also when QEMU is killed; a saved or migrated domain brings its state along.
 */
#ifndef VM_VTPM_H
#define VM_VTPM_H

#include <libxml/tree.h>

#include "action/action.h"

#define VTPM_PLACE "/var/lib/libvirt/swtpm"

/* Makes libvirt keep the TPM's state at the end of DOMAIN, unless the XML says what it does. */
void vtpm_persist(xmlNode *domain);

/* Whether DOMAIN has a TPM that libvirt emulates, whose state is to be kept. */
bool vtpm_needed(const xmlNode *domain);

/*
 * Before DOMAIN starts on this host, called HOST (or NULL): copies the newest state, from DIRECTORY
 * or from the host where it ran last, to where libvirt finds it. False: that failed, and
 * REQUIRE_TPM_STATE of kvmrc is not "no".
 */
bool vtpm_bring(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
		const char *host, GError **error);

/*
 * Before DOMAIN is restored at HOST from a checkpoint in DIRECTORY, which has the state: notes that
 * host. Returns what was noted until now, for vtpm_unmark(); the caller frees.
 */
char *vtpm_mark(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
		const char *host);

/* It was not restored: notes OLD (or nothing) again. */
void vtpm_unmark(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
		 const char *old);

/*
 * DOM is about to move from host FROM (NULL: not known) to host TO, and its TPM, if any, with it:
 * notes that in its directory here, in case we die before vtpm_moved() or vtpm_stayed(). A failure
 * is logged.
 */
void vtpm_moving(const struct action_ctx *ctx, virDomain *dom, const char *from, const char *to);

/* DOM is here: it did not move, or was restored. The note of where it was moved to is removed. */
void vtpm_stayed(const struct action_ctx *ctx, virDomain *dom);

/*
 * DOM runs on HOST now, and its TPM, if any, moved with it: notes that in its directory there. A
 * failure is logged.
 */
void vtpm_moved(const struct action_ctx *ctx, virDomain *dom, const char *host);

/*
 * Before DOMAIN, which is running, is ended: copies the state to DIRECTORY (NULL: not a VM of
 * OpenNebula). False: that failed, and it must not be ended, as REQUIRE_TPM_STATE is not "no".
 */
bool vtpm_copy(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
	       GError **error);

/* Whether libvirt's directory still has a state of UUID, whose domain is gone. */
bool vtpm_is_left(const char *uuid);

/*
 * After a domain's end (RAN: we saw it run): copies what libvirt kept of UUID to DIRECTORY. Either
 * may be NULL. A failure is logged: the state then stays in libvirt's directory. The passphrase of
 * vtpm_secret.h is taken from libvirt.
 */
void vtpm_collect(const struct action_ctx *ctx, const char *uuid, const char *directory, bool ran);

#endif
