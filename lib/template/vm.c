/* SPDX-License-Identifier: Apache-2.0 */
#include "template/vm.h"

#include "template/request.h"
#include "xml/xml.h"

static const char *const level_name[] = {
	[TMPL_VM] = "VM",
	[TMPL_HOST] = "host",
	[TMPL_CLUSTER] = "cluster",
	[TMPL_CONF] = "defaults",
};
G_STATIC_ASSERT(G_N_ELEMENTS(level_name) == TMPL_LEVELS);

static bool is_element(const xmlNode *node, const char *name, GError **error)
{
	const char *found = "";

	if (node)
		found = (const char *)node->name;
	if (!g_strcmp0(found, name))
		return true;

	return vmm_fail(error, VMM_ERROR_INPUT,
			"a %s document was expected, the root element is '%s'", name, found);
}

static xmlNode *last_history(const xmlNode *vm)
{
	xmlNode *found = NULL;

	for (xmlNode *n = xmlLastElementChild(xml_child(vm, "HISTORY_RECORDS")); n && !found;
	     n = xmlPreviousElementSibling(n))
		if (xmlStrEqual(n->name, BAD_CAST "HISTORY"))
			found = n;

	return found;
}

/* The elements beside TEMPLATE, without the sub-documents. */
static TmplSet *header_of(const xmlNode *vm)
{
	TmplSet *header = tmpl_set_new("VM");

	for (xmlNode *n = xmlFirstElementChild((xmlNode *)vm); n; n = xmlNextElementSibling(n))
		if (!xmlFirstElementChild(n))
			g_ptr_array_add(
				header->attrs,
				tmpl_attr_new(g_strdup((const char *)n->name), xml_text(n)));

	return header;
}

/*
 * Attributes for oned's domain generator that oned's core leaves in USER_TEMPLATE, as it does not
 * know them.
 */
static const char *const users[] = {
	"HYPERV_TIMERS", "MEMORY_TUNE_OFFSET", "RNG", "WATCHDOG", "MEMBALLOON", NULL
};

/* Moves them from USER to SET, unless that has them. */
static void take_users(TmplSet *set, TmplSet *user)
{
	for (guint i = user->attrs->len; i-- > 0;) {
		const TmplAttr *attr = g_ptr_array_index(user->attrs, i);

		if (g_strv_contains(users, attr->name) && !tmpl_set_single(set, attr->name) &&
		    !tmpl_set_vector(set, attr->name))
			g_ptr_array_add(set->attrs, g_ptr_array_steal_index(user->attrs, i));
	}
}

TmplVm *tmpl_vm_new(const xmlNode *node, GError **error)
{
	g_autoptr(TmplVm) vm = NULL;
	const char *id, *missing = NULL;

	if (!is_element(node, "VM", error))
		return NULL;

	vm = g_new0(TmplVm, 1);
	vm->header = header_of(node);
	vm->history = tmpl_set_from_xml(last_history(node), "history");
	id = tmpl_vm_header(vm, "ID");

	if (!*id)
		missing = "ID";
	else if (!xml_child(node, "TEMPLATE"))
		missing = "TEMPLATE";
	if (missing) {
		vmm_fail(error, VMM_ERROR_INPUT, "the VM document has no %s", missing);
		return NULL;
	}

	vm->level[TMPL_VM] = tmpl_set_from_xml(xml_child(node, "TEMPLATE"), id);
	vm->user = tmpl_set_from_xml(xml_child(node, "USER_TEMPLATE"), id);
	take_users(vm->level[TMPL_VM], vm->user);

	return g_steal_pointer(&vm);
}

TmplVm *tmpl_vm_of_document(xmlDoc *doc, const char *name, GError **error)
{
	const xmlNode *node, *datastore;
	g_autoptr(TmplVm) vm = NULL;

	tmpl_request_parts(doc, &node, &datastore);
	if (!node)
		node = xmlDocGetRootElement(doc);	/* for the message */

	vm = tmpl_vm_new(node, error);
	if (!vm || (datastore && !tmpl_vm_set_datastore(vm, datastore, error))) {
		g_prefix_error(error, "%s: ", name);
		return NULL;
	}

	return g_steal_pointer(&vm);
}

void tmpl_vm_free(TmplVm *vm)
{
	if (!vm)
		return;

	g_clear_pointer(&vm->header, tmpl_set_free);
	g_clear_pointer(&vm->history, tmpl_set_free);
	g_clear_pointer(&vm->user, tmpl_set_free);
	g_clear_pointer(&vm->datastore, tmpl_set_free);
	for (int i = 0; i < TMPL_LEVELS; i++)
		g_clear_pointer(&vm->level[i], tmpl_set_free);
	g_free(vm);
}

void tmpl_vm_set_level(TmplVm *vm, enum tmpl_level level, TmplSet *set)
{
	tmpl_set_free(vm->level[level]);
	vm->level[level] = set;
}

bool tmpl_vm_set_object(TmplVm *vm, enum tmpl_level level, const xmlNode *object, GError **error)
{
	if (!is_element(object, level == TMPL_HOST ? "HOST" : "CLUSTER", error))
		return false;
	tmpl_vm_set_level(vm, level, tmpl_set_from_xml(xml_child(object, "TEMPLATE"), ""));
	return true;
}

bool tmpl_vm_set_datastore(TmplVm *vm, const xmlNode *datastore, GError **error)
{
	char *base;

	if (!is_element(datastore, "DATASTORE", error))
		return false;

	tmpl_set_free(vm->datastore);
	vm->datastore = tmpl_set_from_xml(xml_child(datastore, "TEMPLATE"), "datastore");
	base = xml_child_text(datastore, "BASE_PATH");

	if (base)
		g_ptr_array_insert(vm->datastore->attrs, 0,
				   tmpl_attr_new(g_strdup("BASE_PATH"), base));

	return true;
}

static const char *text_of(const TmplSet *set, const char *name)
{
	const TmplAttr *attr = tmpl_set_single(set, name);

	if (attr)
		return attr->value;

	return "";
}

const char *tmpl_vm_header(const TmplVm *vm, const char *name)
{
	return text_of(vm->header, name);
}

const char *tmpl_vm_history(const TmplVm *vm, const char *name)
{
	return text_of(vm->history, name);
}

bool tmpl_vm_find(const TmplVm *vm, const TmplAttr *device, const char *path, unsigned levels,
		  struct tmpl_hit *ret)
{
	const char *slash = strchr(path, '/');
	g_autofree char *vector = NULL;

	if (slash)
		vector = g_strndup(path, (gsize)(slash - path));

	*ret = (struct tmpl_hit){ 0 };
	for (int i = TMPL_VM; i < TMPL_LEVELS; i++) {
		const TmplSet *set = NULL;
		const TmplAttr *attr;

		if (levels & (1u << i))
			set = vm->level[i];

		if (!set)
			continue;
		if (!slash)
			attr = tmpl_set_single(set, path);
		else if (i == TMPL_VM && device)
			attr = tmpl_attr_key(device, slash + 1);
		else
			attr = tmpl_attr_key(tmpl_set_vector(set, vector), slash + 1);
		if (!attr)
			continue;
		if (!*attr->value && !(levels & TMPL_EMPTY_COUNTS))
			continue;

		*ret = (struct tmpl_hit){ attr->value, attr, set, (enum tmpl_level)i };
		return true;
	}

	return false;
}

const TmplAttr *tmpl_vm_attached(const TmplVm *vm, const char *name)
{
	const TmplAttr *vector = NULL;

	while ((vector = tmpl_set_next(vm->level[TMPL_VM], name, vector))) {
		const char *attach = tmpl_attr_text(vector, "ATTACH");

		if (attach && !g_ascii_strcasecmp(attach, "YES"))
			return vector;
	}

	return NULL;
}

char *tmpl_hit_place(const struct tmpl_hit *hit)
{
	if (hit->attr && hit->attr->line)
		return g_strdup_printf("%s %s:%u", level_name[hit->level], hit->set->source,
				       hit->attr->line);

	return g_strdup_printf("%s%s%s", level_name[hit->level], *hit->set->source ? " " : "",
			       hit->set->source);
}
