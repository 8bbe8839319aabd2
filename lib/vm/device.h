/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device.h - what the actions that attach, detach and change devices have in common:
 * the running domain's XML is looked at before, and after whatever went wrong.
 *
 * Source: docs/facts/actions.md 9 to 13; libvirt.md F.
 */
#ifndef VM_DEVICE_H
#define VM_DEVICE_H

#include "action/action.h"
#include "action/request_input.h"
#include "domain/attach.h"
#include "virt/hotplug.h"

/* What makes a device of a domain the one that is meant. Empty texts count as NULL. */
struct device_key {
	const char *target;	/* of a disk: "vdb" */
	const char *mac;	/* of a NIC */
	const TmplAttr *pci;	/* of a host's device: its PCI vector */
};

/* The running domain, and what is needed to build devices for it. */
typedef struct device_vm {
	virDomain *dom;
	struct virt_state state;	/* when it was found */
	xmlDoc *live;		/* its XML */
	TmplVm *vm;		/* NULL without document */
	TmplRequest *document;
} DeviceVm;

/*
 * Finds the VM of the operands, for us alone, and reads its XML; with NEED, the document on stdin
 * (or, when stdin has none, in operand FALLBACK as base64; 0: none) too.
 * VMM_ERROR_REFUSED when it does not run. The caller frees.
 */
DeviceVm *device_vm_new(struct action_ctx *ctx, bool need, int fallback, GError **error);

/* As device_vm_new(), without the XML. */
DeviceVm *device_vm_find(struct action_ctx *ctx, bool need, int fallback, GError **error);

/* Reads its XML again. */
bool device_vm_refresh(DeviceVm *v, GError **error);

void device_vm_free(DeviceVm *v);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DeviceVm, device_vm_free)

/* For the builders, with the XML of V and this libvirt's version; a disk is at PATH. */
struct domain_attach device_attach_of(const struct action_ctx *ctx, const DeviceVm *v,
				      const char *path);

/* The device of V with that key in its XML; NULL. */
xmlNode *device_find(const DeviceVm *v, const struct device_key *key);

/* Attaches XML, which is WHAT ("disk vdb") with that key. DONE: V has it. */
enum action_outcome device_attach(struct action_ctx *ctx, DeviceVm *v, const char *what,
				  const struct device_key *key, const char *xml, GError **error);

/* Puts PATH, a file or block device, into the CD-ROM drive TARGET of V; NULL empties it. */
enum action_outcome device_medium(struct action_ctx *ctx, DeviceVm *v, const char *target,
				  const char *path, GError **error);

/* Detaches WHAT; one that is not there is done. DONE: V has it no more. */
enum action_outcome device_detach(struct action_ctx *ctx, DeviceVm *v, const char *what,
				  const struct device_key *key, GError **error);

#endif
