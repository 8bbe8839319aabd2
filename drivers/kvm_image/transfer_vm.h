/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer_vm.h - what oned says of a VM and of the datastore that its disks are in.
 *
 * Source: docs/facts/images.md 8.
 */
#ifndef KVM_IMAGE_TRANSFER_VM_H
#define KVM_IMAGE_TRANSFER_VM_H

#include "template/vm.h"
#include "transfer_place.h"

struct transfer_vm {
	TmplVm *vm;
	GBytes *document;	/* with its system datastore, as kvm-image prepare takes it */
};

/*
 * Asks oned for VM, and for the datastore whose id is DATASTORE. transfer_vm_clear() RET, also
 * after a failure.
 */
bool transfer_vm_ask(struct transfer_vm *ret, const char *vm, const char *datastore,
		     GError **error);

/* Whether oned has the VM on that host, in that datastore: VMM_ERROR_REFUSED. */
bool transfer_vm_check(const struct transfer_vm *vm, const struct transfer_place *place,
		       GError **error);

/* The DISK with that DISK_ID; NULL with VMM_ERROR_REFUSED: the VM has none. Borrowed. */
const TmplAttr *transfer_vm_disk(const struct transfer_vm *vm, const char *disk, GError **error);

/* Text of KEY of DISK, "" when it is missing. Borrowed. */
const char *transfer_vm_text(const TmplAttr *disk, const char *key);

/* What oned wants it to be when the guest has it: raw or qcow2. Borrowed. */
const char *transfer_vm_driver(const TmplAttr *disk);

void transfer_vm_clear(struct transfer_vm *vm);

#endif
