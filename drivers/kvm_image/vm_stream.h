/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm_stream.h - the directory of a VM as bytes of a pipe: "send --all" writes them, "receive --all"
 * reads them.
 *
 * "kvm-image-vm 1\n", a length (8 bytes, big-endian), 32 bytes of SHA-256, and a text of that
 * length: vm_move_print(). Then each file, and each volume that is copied, in the order of the text
 * as image_stream.h says; at last "kvm-image-vm end\n", after the source has checked that nothing
 * was changed meanwhile.
 */
#ifndef KVM_IMAGE_VM_STREAM_H
#define KVM_IMAGE_VM_STREAM_H

#include "vm_move.h"

/* Writes what goes before the files to stdout. */
bool vm_stream_write_head(const VmMove *move, GError **error);

/* Writes the end. */
bool vm_stream_write_end(GError **error);

/*
 * Reads what goes before the files from stdin. VMM_ERROR_CONNECTION: it ends too early;
 * VMM_ERROR_INPUT: it is no such stream.
 */
VmMove *vm_stream_read_head(GError **error);

/* Reads the end: VMM_ERROR_CONNECTION if it is missing. */
bool vm_stream_read_end(GError **error);

#endif
