/* SPDX-License-Identifier: Apache-2.0 */
#include "vm_call.h"

#include <json-c/json.h>

#include "action_call.h"
#include "answer_part.h"
#include "base/error_object.h"
#include "base/text.h"

const char *vm_call_id(const struct vm_call *c)
{
	return text_or(c->vm_id, "-");
}

json_object *vm_call_vms(json_object *answer)
{
	return answer_part_array(answer, "vms");
}

bool vm_call_fail_gone(const struct vm_call *c, GError **error)
{
	vmm_fail(error, VMM_ERROR_NOT_FOUND, "there is no running VM %s", c->deploy_id);
	vmm_error_set_hint(error, "vmmexec list shows those of a host");

	return false;
}

char *vm_call_path(const struct vm_call *c, const char *what, const char *file, GError **error)
{
	if (!c->o->host || g_path_is_absolute(file))
		return g_canonicalize_filename(file, NULL);
	vmm_fail(error, VMM_ERROR_USAGE, "%s %s: not an absolute path of %s", what, file,
		 c->o->host);

	return NULL;
}

json_object *vm_call_look(const struct vm_call *c, json_object **ret_vm, GError **error)
{
	g_autoptr(ActionOrder) order = action_order_new("poll");
	struct cli_options quiet = *c->o;
	json_object *vms, *fault = NULL;
	struct action_answer answer = { 0 };

	quiet.dry_run = FALSE;
	quiet.quiet = TRUE;
	order->reads = true;
	action_order_add_option(order, "--detail");
	action_order_add_option(order, "--quick");
	action_order_add(order, WORDS(c->deploy_id, "-", vm_call_id(c)));
	if (!action_call(c->place, order, &quiet, &answer, error))
		return NULL;

	vms = vm_call_vms(answer.object);
	if (answer_part_count(vms)) {
		*ret_vm = json_object_array_get_idx(vms, 0);
		return answer.object;
	}

	json_object_object_get_ex(answer.object, "error", &fault);
	if (vms)
		vm_call_fail_gone(c, error);
	else if (!error_object_read(fault, error))
		vmm_fail(error, VMM_ERROR_INTERNAL, "poll does not say whether %s runs",
			 c->deploy_id);
	json_object_put(answer.object);

	return NULL;
}
