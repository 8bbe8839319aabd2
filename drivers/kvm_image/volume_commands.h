/* SPDX-License-Identifier: Apache-2.0 */
/* volume_commands.h - the commands of kvm-image whose operand is a volume, not a file. */
#ifndef KVM_IMAGE_VOLUME_COMMANDS_H
#define KVM_IMAGE_VOLUME_COMMANDS_H

#include "image_copy.h"

/* Its size, and whether it is in use and made by kvm-image. */
bool volume_info(struct image_job *job, GError **error);

/* A new one that reads as zeros. */
bool volume_create(struct image_job *job, GError **error);

/* Larger; never smaller, and not while a program has it open. */
bool volume_resize(struct image_job *job, GError **error);

/* Removes one that kvm-image made, or that is declared raw. */
bool volume_delete(struct image_job *job, GError **error);

/* Makes volume COPY->to of an image that was looked at. */
bool volume_copy(struct image_copy *copy, GError **error);

#endif
