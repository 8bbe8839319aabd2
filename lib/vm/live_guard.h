/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live_guard.h - what cannot be done to a guest while it runs, because its memory is encrypted or
 * because it uses the host's TPM: it is refused at once, before anything is touched.
 *
 * Source: docs/facts/hosts.md 5 and 6.
 */
#ifndef VM_LIVE_GUARD_H
#define VM_LIVE_GUARD_H

#include "action/action.h"
#include "xml/xml.h"

/* What writes a guest's memory down. */
enum live_guard { LIVE_GUARD_MIGRATE, LIVE_GUARD_SAVE, LIVE_GUARD_SNAPSHOT };

/*
 * VMM_ERROR_REFUSED with what to do instead when DOM cannot stand WHAT. True also for a DOM that
 * cannot be read: what follows will say so.
 */
bool live_guard_memory(virDomain *dom, enum live_guard what, GError **error);

/* The same of a DOM whose XML was read: LIVE. */
bool live_guard_memory_of(virDomain *dom, const xmlNode *live, enum live_guard what,
			  GError **error);

/* As live_guard_memory(), for a device of the host that is to be attached to LIVE, a domain. */
bool live_guard_host_device(const xmlNode *live, GError **error);

#endif
