/* SPDX-License-Identifier: Apache-2.0 */
/* image_use.h - whether a disk image is open, on this host or on another that sees its locks. */
#ifndef IMAGE_IMAGE_USE_H
#define IMAGE_IMAGE_USE_H

#include <stdbool.h>

/* Whether QEMU, or one of its tools, has the file FD open. */
bool image_in_use(int fd);

#endif
