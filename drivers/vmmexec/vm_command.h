/* SPDX-License-Identifier: Apache-2.0 */
/* vm_command.h - the sub-commands, and which action of the host each of them is. */
#ifndef VMMEXEC_VM_COMMAND_H
#define VMMEXEC_VM_COMMAND_H

#include "vm_call.h"

/* The words behind the VM are a command of its guest, and none of them is an option of ours. */
#define VM_COMMAND_OF_GUEST G_MAXINT

struct vm_command {
	const char *name;
	const char *action;
	const char *usage;	/* its operands */
	const char *summary;
	const char *options;	/* that belong to it, between blanks */
	guint least, most;	/* operands */
	bool takes_vm;		/* the first operand is one */
	bool reads;		/* it changes nothing */
	/* Fills ORDER, which has only the action's name. NULL: the operands are as they come. */
	bool (*build)(const struct vm_call *c, ActionOrder *order, GError **error);
	/* Prints what the action answered; NULL: its output and a sentence. */
	bool (*print)(const struct vm_call *c, struct json_object *answer, GError **error);
};

/* The command called NAME, with '-' or '_'; NULL: none. */
const struct vm_command *vm_command_find(const char *name);

/* "  list   …" for each. The caller frees. */
char *vm_command_help(void);

#endif
