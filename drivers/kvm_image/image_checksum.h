/* SPDX-License-Identifier: Apache-2.0 */
/* image_checksum.h - whether a file has the checksum that its publisher gives. */
#ifndef KVM_IMAGE_IMAGE_CHECKSUM_H
#define KVM_IMAGE_IMAGE_CHECKSUM_H

#include "base/error.h"

/* WANTED is "sha256:" and 64 hexadecimal digits: VMM_ERROR_USAGE. */
bool image_checksum_is_valid(const char *wanted, GError **error);

/* Reads all of PATH. VMM_ERROR_INPUT, with both sums, when it is another one. */
bool image_checksum_verify(const char *path, const char *wanted, GError **error);

#endif
