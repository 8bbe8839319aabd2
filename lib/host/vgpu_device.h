/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgpu_device.h - virtual GPUs of a host, by the kernel's files of mediated devices and of
 * NVIDIA's driver.
 *
 * Source: docs/facts/actions.md 21.
 */
#ifndef HOST_VGPU_DEVICE_H
#define HOST_VGPU_DEVICE_H

#include "base/error.h"

/*
 * Makes the vGPUs that the VM in file PATH (vm.xml) has; those that are there are done. On
 * failure those that were made now are removed. VMM_ERROR_INPUT: a bad address, UUID or
 * profile.
 */
bool vgpu_device_create(const char *path, GError **error);

/* Removes them; WARN is called with what failed. False: PATH is not a VM's file. */
bool vgpu_device_delete(const char *path, void (*warn)(const char *text), GError **error);

#endif
