/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent.h - sends one command to the guest's agent or to QEMU's monitor, with a time limit.
 *
 * Source: docs/facts/libvirt.md K.
 */
#ifndef VIRT_AGENT_H
#define VIRT_AGENT_H

#include "virt/virt_domain.h"

/*
 * Sends COMMAND, JSON, to the agent of DOM and returns its answer, which the caller frees. NULL:
 * VMM_ERROR_GUEST, it refused or did not answer within LIMIT_S; VMM_ERROR_INCOMPATIBLE, the VM has
 * no channel for an agent; VMM_ERROR_REFUSED, it is not running.
 */
char *virt_agent(virDomain *dom, const char *command, unsigned limit_s, GError **error);

/*
 * Sends COMMAND, JSON that changes nothing, to the monitor of DOM's QEMU and returns the answer,
 * which the caller frees. NULL: there is none.
 */
char *virt_monitor(virDomain *dom, const char *command);

#endif
