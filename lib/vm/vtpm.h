/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vtpm.h - the state of a virtual TPM outlives its domain: the keys of the guest's disks are in it.
 *
 * While a VM runs it lies in libvirt's place, VTPM_PLACE/UUID; the copy in DIRECTORY/tpm, the VM's,
 * is where it lies otherwise. What libvirt is given keeps it at the domain's end (it deletes that
 * of a transient domain else); after each stop it is brought to the VM's directory, and removed
 * there when the two are the same. vtpm_setup does it, as root.
 *
 * The link DIRECTORY/tpm/.host says on which host the newest state is: a guest that powers off by
 * itself leaves it there, and a start on another host fetches it. Without that link it is in
 * the directory. What any other host has in libvirt's place is of no worth: a migration or
 * restore that failed leaves an empty TPM there.
 * Source: actions.md 22; pitfalls.md P-21; measured: persistent_state of libvirt 9.0 holds for
 * transient domains, also when QEMU is killed; a saved or migrated domain brings its state along.
 */
#ifndef VM_VTPM_H
#define VM_VTPM_H

#include <libxml/tree.h>

#include "action/action.h"

#define VTPM_PLACE "/var/lib/libvirt/swtpm"

/* Lets libvirt keep the state of DOMAIN's TPM at its end, if the XML does not say what it shall. */
void vtpm_persist(xmlNode *domain);

/*
 * Before DOMAIN starts on this host, called HOST (or NULL): puts the newest state, the copy in
 * DIRECTORY or what is left on the host where it ran last, where libvirt finds it. False: that
 * cannot be had, and REQUIRE_TPM_STATE of kvmrc is not "no".
 */
bool vtpm_bring(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
		const char *host, GError **error);

/*
 * Before DOMAIN is restored at HOST from a checkpoint in DIRECTORY, which has the state: notes that
 * host. Returns what was noted until now, for vtpm_unmark(); the caller frees.
 */
char *vtpm_mark(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
		const char *host);

/* It was not restored: what was noted before, OLD or nothing, is true again. */
void vtpm_unmark(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
		 const char *old);

/*
 * DOM, whose TPM if it has one came along, runs at HOST now: notes that in its directory there. A
 * failure is logged.
 */
void vtpm_moved(const struct action_ctx *ctx, virDomain *dom, const char *host);

/*
 * Before DOMAIN, which runs, is ended: a copy in DIRECTORY (NULL: it is none of ours). False: there
 * is none, so it must not be ended, unless REQUIRE_TPM_STATE of kvmrc is "no".
 */
bool vtpm_copy(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
	       GError **error);

/* Whether libvirt's place has a state of UUID, whose domain is gone. */
bool vtpm_is_left(const char *uuid);

/*
 * After a domain's end, seen (RAN) or found: brings what libvirt kept of UUID to DIRECTORY. Either
 * may be NULL. A failure is logged: the state stays in libvirt's place then.
 */
void vtpm_collect(const struct action_ctx *ctx, const char *uuid, const char *directory, bool ran);

#endif
