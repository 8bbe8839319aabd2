/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error.h - the one error domain of the set: a code is a class that a caller,
 * a user and a front-end can act on, whatever layer it comes from.
 *
 * Source: docs/architecture.md, "Three outcomes".
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <glib.h>
#include <stdbool.h>

enum vmm_error {
	VMM_ERROR_USAGE,	/* the command line: correct it */
	VMM_ERROR_INPUT,	/* a document or value given to us: correct it */
	VMM_ERROR_CONFIG,	/* a configuration file: correct it */
	VMM_ERROR_NOT_FOUND,	/* the object is certainly not there */
	VMM_ERROR_EXISTS,	/* another object has that name or identity */
	VMM_ERROR_BUSY,		/* another action is in progress: retry later */
	VMM_ERROR_REFUSED,	/* the guest, or the object's state, says no */
	VMM_ERROR_INCOMPATIBLE,	/* this host cannot do it at all */
	VMM_ERROR_NO_RESOURCE,	/* memory, ports, huge pages, devices… are used up */
	VMM_ERROR_NO_SPACE,	/* a file system is full */
	VMM_ERROR_PERMISSION,	/* we may not */
	VMM_ERROR_TIMEOUT,	/* our own deadline passed */
	VMM_ERROR_CANCELLED,	/* we were asked to stop */
	VMM_ERROR_CONNECTION,	/* libvirt, or a host, did not answer */
	VMM_ERROR_GUEST,	/* the guest or its agent failed */
	VMM_ERROR_INTERNAL,	/* none of these */
	VMM_ERROR_LAST
};

#define VMM_ERROR vmm_error_quark()
GQuark vmm_error_quark(void);

/* The class's name as users see it: "not-found". Static. */
const char *vmm_error_class(const GError *error);

/* The code of that class's name, as another program of the set gave it; NULL too: INTERNAL. */
enum vmm_error vmm_error_of_class(const char *name);

/*
 * Of what was certainly not done: whether the same call may be made again
 * without looking first, as a later try may go better.
 */
bool vmm_error_retry_safe(const GError *error);

/* The exit status for ERROR: 2 for VMM_ERROR_USAGE and G_OPTION_ERROR, else 1. */
int vmm_error_exit_status(const GError *error);

/* What the user may try; borrowed. The class's own hint when none was set, or NULL. */
const char *vmm_error_hint(const GError *error);

/* "message [CLASS] (hint: …)" on one line, as all programs of the set report it. Caller frees. */
char *vmm_error_line(const GError *error);

/* Replaces the hint of *ERROR, of domain VMM_ERROR. Nothing when ERROR or *ERROR is NULL. */
void vmm_error_set_hint(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Sets ERROR and returns false: return vmm_fail(error, VMM_ERROR_INPUT, "…"). */
bool vmm_fail(GError **error, enum vmm_error code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* As vmm_fail(), the class taken from ERRNUM, its text appended: "…: No such file". */
bool vmm_fail_errno(GError **error, int errnum, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Moves *CAUSE, which is set and then NULL, to ERROR and returns false. */
bool vmm_pass(GError **error, GError **cause);

/* Whether ERROR, which may be NULL, is of that class. */
bool vmm_is(const GError *error, enum vmm_error code);

/* The class that errno ERRNUM belongs to. */
enum vmm_error vmm_error_from_errno(int errnum);

#endif
