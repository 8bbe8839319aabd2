/* SPDX-License-Identifier: Apache-2.0 */
/* vm_call.h - one call of a sub-command, and what the host knows of its VM. */
#ifndef VMMEXEC_VM_CALL_H
#define VMMEXEC_VM_CALL_H

#include "action_order.h"
#include "action_place.h"

struct json_object;

/* One call of a command. */
struct vm_call {
	const struct action_place *place;
	const struct cli_options *o;
	char **operands;	/* behind the command */
	char *deploy_id;	/* of its VM: "one-7", or a UUID; owned */
	char *vm_id;		/* "7"; NULL: not known; owned */
};

/* The VM's number as an operand of an action: "-" when it is not known. Borrowed. */
const char *vm_call_id(const struct vm_call *c);

/* The VMs in the ANSWER of poll; or NULL. Borrowed. */
struct json_object *vm_call_vms(struct json_object *answer);

/*
 * What the host knows of the VM now, as poll --detail says it: in RET_VM, a part of the result,
 * which the caller puts. VMM_ERROR_NOT_FOUND: it does not run there; else the host cannot tell.
 */
struct json_object *vm_call_look(const struct vm_call *c, struct json_object **ret_vm,
				 GError **error);

/*
 * FILE of the host, given as WHAT ("--file"): a relative path is meant on this one. The caller
 * frees; NULL with ERROR set: it is relative, and the host another one.
 */
char *vm_call_path(const struct vm_call *c, const char *what, const char *file, GError **error);

/* The host does not have the VM: sets ERROR and returns false. */
bool vm_call_fail_gone(const struct vm_call *c, GError **error);

#endif
