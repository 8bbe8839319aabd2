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

/* Identifies a device of a domain. Empty texts are as NULL. */
struct device_key {
	const char *target;	/* of a disk: "vdb" */
	const char *mac;	/* of a NIC */
	const TmplAttr *pci;	/* of a host's device: its PCI vector */
};

/* Whether KEY says which device: a target, a MAC, or a whole PCI address or UUID. */
bool device_key_is_whole(const struct device_key *key);

/* A running domain, and the documents to build devices for it. */
typedef struct device_vm {
	virDomain *dom;
	struct virt_state state;	/* when it was found */
	xmlDoc *live;		/* its XML */
	TmplVm *vm;		/* NULL without document */
	TmplRequest *document;
} DeviceVm;

/*
 * Finds and locks the VM of the operands, and reads its XML. With NEED, also reads the document on
 * stdin, or, if stdin is empty, in operand FALLBACK (XML or base64; 0: none). VMM_ERROR_REFUSED: it
 * is not running, or only what a migration left here (stranded.h). The caller frees.
 */
DeviceVm *device_vm_new(struct action_ctx *ctx, bool need, int fallback, GError **error);

/* As device_vm_new(), without the XML. */
DeviceVm *device_vm_find(struct action_ctx *ctx, bool need, int fallback, GError **error);

/* Reads its XML again. */
bool device_vm_refresh(DeviceVm *v, GError **error);

void device_vm_free(DeviceVm *v);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DeviceVm, device_vm_free)

/* Input of the device builders: V's XML, this libvirt's version, PATH of a disk or NULL. */
struct domain_attach device_attach_of(const struct action_ctx *ctx, const DeviceVm *v,
				      const char *path);

/* The device of V with that key in its XML, or NULL. */
xmlNode *device_find(const DeviceVm *v, const struct device_key *key);

/* Attaches XML, which is WHAT ("disk vdb") with that key. DONE: V has it. */
enum action_outcome device_attach(struct action_ctx *ctx, DeviceVm *v, const char *what,
				  const struct device_key *key, const char *xml, GError **error);

/*
 * Whether QEMU may open PATH in drive TARGET of V, as disk_image_check(); true when that is no
 * CD-ROM drive, which device_medium() reports.
 */
bool device_medium_check(const struct action_ctx *ctx, const DeviceVm *v, const char *target,
			 const char *path, GError **error);

/* Puts PATH, a file or block device, into the CD-ROM drive TARGET of V; NULL empties it. */
enum action_outcome device_medium(struct action_ctx *ctx, DeviceVm *v, const char *target,
				  const char *path, GError **error);

/*
 * Detaches WHAT. DONE: V does not have it any more, or did not have it. UNKNOWN: its guest was
 * asked to release it, and may still do so. VMM_ERROR_INPUT: KEY does not say which device.
 */
enum action_outcome device_detach(struct action_ctx *ctx, DeviceVm *v, const char *what,
				  const struct device_key *key, GError **error);

#endif
