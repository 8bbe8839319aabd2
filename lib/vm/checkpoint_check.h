/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint_check.h - whether a checkpoint may be given to libvirt, which starts a QEMU by the
 * domain's XML in it: the file lies where other users may be able to write.
 *
 * Its owner must be root or our own user. What its XML has libvirtd run or hand to the guest of the
 * host (emulator, scripts, kernel, arguments of QEMU, security labels, devices) must be in the VM's
 * own deployment file, of such an owner too, or be what vmm_exec.cfg allows a VM's RAW, or harm
 * nobody. Images are the business of disk_images.h.
 *
 * kvmrc's CHECKPOINT_CHECK: yes, warn (faults are logged only), no.
 */
#ifndef VM_CHECKPOINT_CHECK_H
#define VM_CHECKPOINT_CHECK_H

#include "action/action.h"
#include "xml/xml.h"

/*
 * Before libvirt reads FILE, FILE.part or FILE.restoring: reading alone lets libvirt ask the
 * emulator in it what it can do. VMM_ERROR_REFUSED: others could have written it.
 */
bool checkpoint_check_owner(const struct action_ctx *ctx, const char *file, GError **error);

/*
 * The domain in FILE, as checkpoint_domain_of(), once both checks have passed; the paths in it are
 * changed (RET_CHANGED) to where FILE lies. The caller gives libvirt this XML, not what the file
 * has by then. VMM_ERROR_REFUSED: it may not be started. The caller frees.
 */
xmlDoc *checkpoint_check_load(const struct action_ctx *ctx, const char *file,
			      const char *deploy_id, const char *vm_id, bool *ret_changed,
			      GError **error);

#endif
