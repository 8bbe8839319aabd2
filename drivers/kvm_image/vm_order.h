/* SPDX-License-Identifier: Apache-2.0 */
/* vm_order.h - what each command of a move is given: the VM, its directory, and which move. */
#ifndef KVM_IMAGE_VM_ORDER_H
#define KVM_IMAGE_VM_ORDER_H

#include "image_job.h"
#include "template/vm.h"

struct vm_order {
	TmplVm *document;
	char *directory;	/* absolute */
	char *vm;		/* the VM's id */
	char *context;		/* the name of the medium with its context; NULL: none */
	const char *id;		/* of the move; NULL: not given; borrowed */
};

/*
 * Reads the VM document that is JOB's operand, whose datastore becomes JOB's, and --directory.
 * VMM_ERROR_USAGE, VMM_ERROR_INPUT. vm_order_clear() RET, also after a failure.
 */
bool vm_order_load(struct vm_order *ret, struct image_job *job, GError **error);

/* The same, and --move must be given. */
bool vm_order_load_move(struct vm_order *ret, struct image_job *job, GError **error);

void vm_order_clear(struct vm_order *order);

#endif
