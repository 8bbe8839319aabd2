/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent.h - the guest's agent, and QEMU's monitor: one command and its answer, within a limit.
 *
 * Source: docs/facts/libvirt.md K.
 */
#ifndef VIRT_AGENT_H
#define VIRT_AGENT_H

#include "virt/virt_domain.h"

/*
 * Sends COMMAND, JSON, to the agent of DOM and returns its answer, which the caller frees. NULL:
 * VMM_ERROR_GUEST, it said no or did not answer within LIMIT_S; VMM_ERROR_INCOMPATIBLE, the VM
 * has no agent's channel; VMM_ERROR_REFUSED, it does not run.
 */
char *virt_agent(virDomain *dom, const char *command, unsigned limit_s, GError **error);

/*
 * Asks the QEMU of DOM itself: sends COMMAND, JSON, that changes nothing, to its monitor and
 * returns the answer, which the caller frees. NULL: it is not to be had.
 */
char *virt_monitor(virDomain *dom, const char *command);

#endif
