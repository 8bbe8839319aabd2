/* SPDX-License-Identifier: Apache-2.0 */
#include "image_setting.h"

const char *image_setting(const struct image_job *job, const char *name)
{
	const TmplAttr *attr = tmpl_set_single(job->datastore, name);

	if (attr && *attr->value)
		return attr->value;

	return conf_kvmrc_string(job->rc, name);
}
