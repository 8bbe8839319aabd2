/* SPDX-License-Identifier: Apache-2.0 */
/*
 * others_use.h - whether a disk or NIC that someone wants to attach by hand is another VM's, or at
 * another place of the same VM already: two guests that write one file system destroy it. oned
 * keeps account of that itself, and does not ask.
 *
 * It is a look at what runs on this host now.
 */
#ifndef VM_OTHERS_USE_H
#define VM_OTHERS_USE_H

#include "vm/device.h"

/*
 * DISK, to be attached to V, is used by no domain of this host, also not as a backing file, unless
 * neither writes to it or both share it (<shareable/>). VMM_ERROR_BUSY names the domain that has
 * it.
 */
bool others_use_check_disk(const struct action_ctx *ctx, const DeviceVm *v, const xmlNode *disk,
			   GError **error);

/*
 * The file of DISK does not lie in the directory of another VM than the one of DIRECTORY, V's
 * (NULL: it has none), STORE/ID/VM_ID. VMM_ERROR_REFUSED names that VM.
 */
bool others_use_check_place(const DeviceVm *v, const xmlNode *disk, const char *directory,
			    GError **error);

/* No domain of this host has a NIC of that MAC. VMM_ERROR_EXISTS names the one that has. */
bool others_use_check_mac(const struct action_ctx *ctx, const DeviceVm *v, const char *mac,
			  GError **error);

#endif
