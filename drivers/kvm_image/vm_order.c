/* SPDX-License-Identifier: Apache-2.0 */
#include "vm_order.h"

#include "disk_plan.h"
#include "vm_contents.h"

bool vm_order_load(struct vm_order *ret, struct image_job *job, GError **error)
{
	struct disk_plan plan = { 0 };
	bool ok;

	*ret = (struct vm_order){ .id = job->o->move };
	if (!job->o->directory)
		return vmm_fail(error, VMM_ERROR_USAGE, "--directory is missing");
	if (ret->id && !g_uuid_string_is_valid(ret->id))
		return vmm_fail(error, VMM_ERROR_USAGE, "--move '%s': not a UUID", ret->id);

	ok = disk_plan_load(&plan, job->path, error);
	if (ok) {
		ret->directory = image_job_path(job->o->directory);
		ret->document = g_steal_pointer(&plan.vm);
		ret->vm = g_strdup(tmpl_vm_header(ret->document, "ID"));
		ret->context = vm_contents_context(ret->document);
		job->datastore = ret->document->datastore;
	}
	disk_plan_clear(&plan);

	return ok;
}

bool vm_order_load_move(struct vm_order *ret, struct image_job *job, GError **error)
{
	if (!vm_order_load(ret, job, error))
		return false;

	return ret->id || vmm_fail(error, VMM_ERROR_USAGE, "--move is missing");
}

void vm_order_clear(struct vm_order *order)
{
	tmpl_vm_free(order->document);
	g_free(order->directory);
	g_free(order->vm);
	g_free(order->context);
}
