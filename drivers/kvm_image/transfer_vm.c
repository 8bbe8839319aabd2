/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_vm.h"

#include "base/child.h"
#include "base/text.h"
#include "xml/xml.h"

enum { ASK_MS = 60000, MAX_ANSWER = 64 << 20 };

/* OpenNebula's own program, as its other drivers ask. */
static xmlDoc *ask_oned(const char *program, const char *id, GError **error)
{
	const char *const argv[] = { program, "show", "-x", id, NULL };
	const struct child_spec spec = { .argv = argv, .timeout_ms = ASK_MS,
					 .max_output = MAX_ANSWER };
	struct child_result result = { 0 };
	xmlDoc *doc = NULL;

	if (!child_run(&spec, &result, error)) {
		vmm_error_set_hint(error, "run it on the front-end, as oneadmin");
		return NULL;
	}

	if (child_result_check(&result, program, error))
		doc = xml_parse(result.out->str, result.out->len, program, error);
	child_result_clear(&result);

	return doc;
}

/* RET: one document of both, as drivers get it. */
static GBytes *join(xmlDoc *vm, xmlDoc *datastore)
{
	g_autofree char *first = xml_print(xmlDocGetRootElement(vm));
	g_autofree char *second = xml_print(xmlDocGetRootElement(datastore));
	char *all = g_strconcat("<VMM_DRIVER_ACTION_DATA>", first, second,
				"</VMM_DRIVER_ACTION_DATA>", NULL);

	return g_bytes_new_take(all, strlen(all));
}

bool transfer_vm_ask(struct transfer_vm *t, const char *vm, const char *datastore, GError **error)
{
	g_autoptr(xmlDoc) first = NULL, second = NULL;

	*t = (struct transfer_vm){ 0 };
	first = ask_oned("onevm", vm, error);
	if (!first)
		return false;
	t->vm = tmpl_vm_of_document(first, "onevm", error);
	if (!t->vm)
		return false;
	if (!g_str_equal(tmpl_vm_header(t->vm, "ID"), vm))
		return vmm_fail(error, VMM_ERROR_REFUSED, "onevm answers with VM %s, not %s",
				tmpl_vm_header(t->vm, "ID"), vm);

	second = ask_oned("onedatastore", datastore, error);
	if (!second)
		return false;
	if (!tmpl_vm_set_datastore(t->vm, xmlDocGetRootElement(second), error))
		return false;

	t->document = join(first, second);

	return true;
}

bool transfer_vm_check(const struct transfer_vm *t, const struct transfer_place *p, GError **error)
{
	const char *host = tmpl_vm_history(t->vm, "HOSTNAME");
	const char *datastore = tmpl_vm_history(t->vm, "DS_ID");
	bool is_there = g_str_equal(host, p->host) && g_str_equal(datastore, p->datastore);

	if (is_there)
		return true;

	return vmm_fail(error, VMM_ERROR_REFUSED, "oned says that VM %s is on host %s, in "
			"datastore %s, not on host %s in datastore %s",
			tmpl_vm_header(t->vm, "ID"), host, datastore, p->host, p->datastore);
}

const TmplAttr *transfer_vm_disk(const struct transfer_vm *t, const char *disk, GError **error)
{
	const TmplAttr *vector = NULL;

	while ((vector = tmpl_set_next(t->vm->level[TMPL_VM], "DISK", vector)))
		if (!g_strcmp0(tmpl_attr_text(vector, "DISK_ID"), disk))
			return vector;

	vmm_fail(error, VMM_ERROR_REFUSED, "oned says that VM %s has no disk %s",
		 tmpl_vm_header(t->vm, "ID"), disk);

	return NULL;
}

const char *transfer_vm_text(const TmplAttr *disk, const char *key)
{
	return text_or(tmpl_attr_text(disk, key), "");
}

const char *transfer_vm_driver(const TmplAttr *disk)
{
	const char *driver = transfer_vm_text(disk, "DRIVER");

	return *driver ? driver : "raw";
}

void transfer_vm_clear(struct transfer_vm *t)
{
	tmpl_vm_free(t->vm);
	if (t->document)
		g_bytes_unref(t->document);
}
