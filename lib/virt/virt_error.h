/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virt_error.h - libvirt's errors as ours: the one place that knows what they mean.
 *
 * Source: docs/facts/libvirt.md, whole; libvirt's virterror.h.
 */
#ifndef VIRT_VIRT_ERROR_H
#define VIRT_VIRT_ERROR_H

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "base/error.h"

/*
 * The class of CAUSE, which may be NULL; RET_HINT (static, or NULL) is what a
 * user may try. Domain and code decide; the text does where libvirt says one
 * code for many causes.
 */
enum vmm_error virt_error_class(const virError *cause, const char **ret_hint);

/*
 * What CAUSE says, on one line: of an error inside QEMU only QEMU's own words.
 * The caller frees.
 */
char *virt_error_text(const virError *cause);

/*
 * virt_fail(ERROR, FORMAT, …) sets ERROR from the last libvirt error of this thread:
 * "FORMAT…: text" (or the text alone), with class and hint, and returns false. That error
 * is kept before anything else is evaluated: virDomainGetName(), say, forgets it.
 */
#define virt_fail(...) (virt_keep(), virt_fail_kept(__VA_ARGS__))
void virt_keep(void);
bool virt_fail_kept(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Whether the last libvirt error of this thread has CODE. */
bool virt_last_is(int code);

/* Whether the last error says that the daemon went away. */
bool virt_last_is_end(void);

/* Whether ERROR is the answer of a guest's agent that it cannot do what it was asked for. */
bool virt_is_agents_no(const GError *error);

/*
 * Whether ERROR says that a command was sent to a guest's agent, and not answered: the agent may
 * still execute it.
 */
bool virt_is_agents_silence(const GError *error);

#endif
