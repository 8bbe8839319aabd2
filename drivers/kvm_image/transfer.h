/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer.h - kvm-image as OpenNebula's transfer driver: TM_MAD = "kvm_image".
 *
 * oned's driver of transfers runs tm/kvm_image/ACTION on the front-end: files of one line,
 * "#!…/kvm-image", for which the kernel starts kvm-image with their path as its first word.
 * Source: docs/facts/images.md 8.
 */
#ifndef KVM_IMAGE_TRANSFER_H
#define KVM_IMAGE_TRANSFER_H

#include "base/error.h"

/* Whether PATH, our first word (or NULL), is such a file. */
bool transfer_is(const char *path);

/*
 * Runs the action ARGV[0] with the operands behind it. The exit status; a failure is printed for
 * oned.
 */
int transfer_main(char **argv);

#endif
