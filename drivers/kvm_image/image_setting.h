/* SPDX-License-Identifier: Apache-2.0 */
/* image_setting.h - how disks are kept: what the datastore's template says, else kvmrc. */
#ifndef KVM_IMAGE_IMAGE_SETTING_H
#define KVM_IMAGE_IMAGE_SETTING_H

#include "image_job.h"

/* The text of NAME, a parameter of kvmrc; NULL: it is not given. Borrowed from the job. */
const char *image_setting(const struct image_job *job, const char *name);

#endif
