/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device_command.h - the sub-commands that change the devices and the size of a VM. Each fills
 * ORDER as struct vm_command says; VMM_ERROR_USAGE: an operand or option cannot be meant.
 */
#ifndef VMMEXEC_DEVICE_COMMAND_H
#define VMMEXEC_DEVICE_COMMAND_H

#include "vm_call.h"

bool device_command_attach_disk(const struct vm_call *c, ActionOrder *order, GError **error);
bool device_command_detach_disk(const struct vm_call *c, ActionOrder *order, GError **error);
bool device_command_update_disk(const struct vm_call *c, ActionOrder *order, GError **error);
bool device_command_attach_nic(const struct vm_call *c, ActionOrder *order, GError **error);
bool device_command_detach_nic(const struct vm_call *c, ActionOrder *order, GError **error);
bool device_command_update_nic(const struct vm_call *c, ActionOrder *order, GError **error);
bool device_command_eject(const struct vm_call *c, ActionOrder *order, GError **error);
bool device_command_insert(const struct vm_call *c, ActionOrder *order, GError **error);
bool device_command_resize(const struct vm_call *c, ActionOrder *order, GError **error);
bool device_command_resize_disk(const struct vm_call *c, ActionOrder *order, GError **error);

#endif
