/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arch_fit.h - a domain whose architecture is not its host's: QEMU emulates it.
 *
 * Source: docs/facts/cpu.md 6.
 */
#ifndef FIT_ARCH_FIT_H
#define FIT_ARCH_FIT_H

#include "xml/xml.h"

/* Whether a host of architecture HOST (as uname says; NULL: unknown) cannot run DOMAIN itself. */
bool fit_arch_is_foreign(const xmlNode *domain, const char *host);

/*
 * Gives DOMAIN, which is foreign to the host with CAPABILITIES, what an emulated guest needs: type
 * qemu, the QEMU of its architecture, and a CPU that QEMU has. Adds to CHANGES (of char *) what was
 * changed. VMM_ERROR_INCOMPATIBLE: the host has no QEMU for it, and DOMAIN is as it was.
 */
bool fit_arch(xmlNode *domain, const xmlNode *capabilities, GPtrArray *changes, GError **error);

#endif
