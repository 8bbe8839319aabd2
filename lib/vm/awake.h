/* SPDX-License-Identifier: Apache-2.0 */
/*
 * awake.h - wakes a guest that suspended itself to RAM, before its memory is written or sent.
 *
 * QEMU before 9 wakes such a guest when it is saved or migrated, and what is written then is the
 * first moment of that: the guest may hang when it runs again.
 * Source: docs/facts/libvirt.md D; measured with QEMU 7.2.
 */
#ifndef VM_AWAKE_H
#define VM_AWAKE_H

#include "action/action.h"

/*
 * Returns once DOM's guest is awake: its agent answers, or, without one, after what a guest needs
 * for that. True at once if the guest is not suspended. False: it could not be woken, and nothing
 * was done.
 */
bool awake_guest(const struct action_ctx *ctx, virDomain *dom, GError **error);

#endif
