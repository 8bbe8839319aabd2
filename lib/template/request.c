/* SPDX-License-Identifier: Apache-2.0 */
#include "template/request.h"

#include <libxml/xpath.h>

#include "xml/peek.h"
#include "xml/xml.h"

#define ROOT "VMM_DRIVER_ACTION_DATA"

/* The fields that hold them are in the same order. */
static const char *const field_names[] = {
	"HOST", "MIGR_HOST", "DEPLOY_ID", "LOCAL_DEPLOYMENT_FILE", "REMOTE_DEPLOYMENT_FILE",
	"TM_COMMAND", NULL,
};

static void take_element(TmplRequest *r, char *texts[])
{
	char **fields[] = {
		&r->host, &r->migr_host, &r->deploy_id, &r->local_file, &r->remote_file,
		&r->tm_command,
	};

	G_STATIC_ASSERT(G_N_ELEMENTS(fields) == G_N_ELEMENTS(field_names) - 1);
	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
		*fields[i] = texts[i];
}

void tmpl_request_parts(xmlDoc *doc, const xmlNode **ret_vm, const xmlNode **ret_datastore)
{
	const xmlNode *root = xmlDocGetRootElement(doc);

	*ret_vm = *ret_datastore = NULL;
	if (root && xmlStrEqual(root->name, BAD_CAST "VM")) {
		*ret_vm = root;
		return;
	}

	*ret_vm = xml_child(root, "VM");
	*ret_datastore = xml_child(root, "DATASTORE");
}

static bool make_tree(TmplRequest *r, const char *name, GError **error)
{
	gsize size;
	const char *text = g_bytes_get_data(r->document, &size);

	r->doc = xml_parse(text, size, name, error);
	if (!r->doc)
		return false;

	tmpl_request_parts(r->doc, &r->vm, &r->datastore);

	return true;
}

/* What the fast way could not read. */
static bool read_tree(TmplRequest *r, GError **error)
{
	char *texts[G_N_ELEMENTS(field_names) - 1];
	const xmlNode *root;

	if (!make_tree(r, "request", error))
		return false;

	root = xmlDocGetRootElement(r->doc);
	if (!xmlStrEqual(root->name, BAD_CAST ROOT))
		return vmm_fail(error, VMM_ERROR_INPUT, "request: its root is %s, not " ROOT,
				(const char *)root->name);
	for (size_t i = 0; field_names[i]; i++)
		texts[i] = xml_child_text(root, field_names[i]);
	take_element(r, texts);

	return true;
}

TmplRequest *tmpl_request_parse(GBytes *document, GError **error)
{
	g_autoptr(TmplRequest) r = g_new0(TmplRequest, 1);
	char *texts[G_N_ELEMENTS(field_names) - 1];
	gsize size;
	const char *text = g_bytes_get_data(document, &size);

	r->document = g_bytes_ref(document);
	if (xml_peek(text, size, ROOT, field_names, texts))
		take_element(r, texts);
	else if (!read_tree(r, error))
		return NULL;

	return g_steal_pointer(&r);
}

bool tmpl_request_complete(TmplRequest *r, GError **error)
{
	if (r->doc)
		return true;

	return make_tree(r, "request", error);
}

TmplRequest *tmpl_request_of_input(GBytes *document, const char *name, GError **error)
{
	g_autoptr(TmplRequest) r = g_new0(TmplRequest, 1);

	r->document = g_bytes_ref(document);
	if (g_bytes_get_size(document) && !make_tree(r, name, error))
		return NULL;

	return g_steal_pointer(&r);
}

bool tmpl_request_is_shared(const TmplRequest *request)
{
	g_autofree char *shared = NULL;

	if (!request->datastore)
		return true;
	shared = xml_child_text(xml_child(request->datastore, "TEMPLATE"), "SHARED");
	if (!shared)
		return false;

	return g_ascii_strcasecmp(shared, "yes") == 0;
}

char *tmpl_request_child(const TmplRequest *r, const char *name)
{
	if (!r->doc)
		return NULL;

	return xml_child_text(xmlDocGetRootElement(r->doc), name);
}

/* Many actions need none. */
static xmlDoc *tree(TmplRequest *r)
{
	if (!r->doc)
		make_tree(r, "request", NULL);

	return r->doc;
}

void tmpl_request_free(TmplRequest *r)
{
	if (!r)
		return;

	g_free(r->host);
	g_free(r->migr_host);
	g_free(r->deploy_id);
	g_free(r->local_file);
	g_free(r->remote_file);
	g_free(r->tm_command);
	g_clear_pointer(&r->document, g_bytes_unref);
	g_clear_pointer(&r->doc, xmlFreeDoc);
	g_free(r);
}

static char *peek(GBytes *document, const char *name)
{
	const char *const names[] = { name, NULL };
	gsize size;
	const char *text = g_bytes_get_data(document, &size);
	char *host;

	if (xml_peek(text, size, ROOT, names, &host))
		return host;

	return NULL;
}

char *tmpl_request_peek_host(GBytes *document)
{
	return peek(document, "HOST");
}

char *tmpl_request_peek_target(GBytes *document)
{
	return peek(document, "MIGR_HOST");
}

static const xmlNode *element(TmplRequest *r, const char *name)
{
	return xml_child(xmlDocGetRootElement(tree(r)), name);
}

char *tmpl_request_element(TmplRequest *r, const char *name)
{
	const xmlNode *node = element(r, name);

	if (node)
		return xml_print(node);

	return g_strdup("");
}

char *tmpl_request_text(TmplRequest *r, const char *xpath)
{
	xmlXPathContextPtr context = xmlXPathNewContext(tree(r));
	g_autofree char *text = NULL;
	xmlXPathObjectPtr found;

	xmlXPathSetContextNode(xmlDocGetRootElement(tree(r)), context);
	found = xmlXPathEvalExpression(BAD_CAST xpath, context);
	g_assert(found);

	if (found->nodesetval && found->nodesetval->nodeNr)
		text = xml_text(found->nodesetval->nodeTab[0]);
	xmlXPathFreeObject(found);
	xmlXPathFreeContext(context);

	if (text && *text)
		return g_steal_pointer(&text);

	return NULL;
}

char *tmpl_request_vm_with(TmplRequest *r, const char *name, const char *text)
{
	g_autoptr(xmlDoc) doc = xmlNewDoc(BAD_CAST "1.0");
	const xmlNode *vm = element(r, "VM");
	xmlNode *root;

	if (vm)
		root = xmlDocCopyNode((xmlNode *)vm, doc, 1);
	else
		root = xmlNewDocNode(doc, NULL, BAD_CAST "VM", NULL);

	xmlDocSetRootElement(doc, root);
	xmlNewTextChild(root, NULL, BAD_CAST name, BAD_CAST text);

	return xml_print(root);
}

char *tmpl_request_datastore_data(TmplRequest *r)
{
	static const char *const parts[] = { "DATASTORE", "VM" };
	g_autoptr(xmlDoc) doc = xmlNewDoc(BAD_CAST "1.0");
	xmlNode *root = xmlNewDocNode(doc, NULL, BAD_CAST "DS_DRIVER_ACTION_DATA", NULL);

	xmlDocSetRootElement(doc, root);
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		const xmlNode *part = element(r, parts[i]);

		if (!part)
			continue;

		xmlAddChild(root, xmlNewDocText(doc, BAD_CAST "\n  "));
		xmlAddChild(root, xmlDocCopyNode((xmlNode *)part, doc, 1));
	}

	xmlAddChild(root, xmlNewDocText(doc, BAD_CAST "\n"));

	return xml_print(root);
}

/* What a network driver gets, in this order; each copy has a chain of parents of its own. */
static const struct {
	const char *path;
	bool all;		/* not only the first */
	bool with_driver;	/* only those that name a VN_MAD */
} network_parts[] = {
	{ "ID",                                 false, false },
	{ "DEPLOY_ID",                          false, false },
	{ "TEMPLATE/CONTEXT",                   false, false },
	{ "USER_TEMPLATE",                      false, false },
	{ "TEMPLATE/SECURITY_GROUP_RULE",       true,  false },
	{ "HISTORY_RECORDS/HISTORY/HOSTNAME",   true,  false },
	{ "HISTORY_RECORDS/HISTORY/HID",        true,  false },
	{ "HISTORY_RECORDS/HISTORY/DS_ID",      true,  false },
	{ "HISTORY_RECORDS/HISTORY/VM_MAD",     true,  false },
	{ "TEMPLATE/NIC",                       true,  true  },
	{ "TEMPLATE/NIC_ALIAS",                 true,  true  },
	{ "TEMPLATE/PCI",                       true,  true  },
};

/* Copies NODE below ROOT under new parents, named by PART up to the last. */
static void add_copy(xmlNode *root, char *const *part, const xmlNode *node)
{
	for (; part[1]; part++)
		root = xmlNewChild(root, NULL, BAD_CAST *part, NULL);
	xmlAddChild(root, xmlDocCopyNode((xmlNode *)node, root->doc, 1));
}

/* Calls itself for each element of PART below PARENT; leaves are copied to ROOT. */
static void copy_part(xmlNode *root, char *const *part, size_t depth, const xmlNode *parent,
		      bool all, bool with_driver)
{
	for (const xmlNode *n = parent->children; n; n = n->next) {
		g_autofree char *driver = NULL;

		if (n->type != XML_ELEMENT_NODE)
			continue;
		if (!xmlStrEqual(n->name, BAD_CAST part[depth]))
			continue;
		if (part[depth + 1]) {
			copy_part(root, part, depth + 1, n, all, with_driver);
			continue;
		}

		driver = xml_child_text(n, "VN_MAD");
		if (!with_driver || driver)
			add_copy(root, part, n);
		if (!all)
			return;
	}
}

char *tmpl_request_network_vm(TmplRequest *r)
{
	g_autoptr(xmlDoc) doc = xmlNewDoc(BAD_CAST "1.0");
	xmlNode *root = xmlNewDocNode(doc, NULL, BAD_CAST "VM", NULL);
	const xmlNode *vm = element(r, "VM");

	xmlDocSetRootElement(doc, root);
	for (size_t i = 0; vm && i < G_N_ELEMENTS(network_parts); i++) {
		g_auto(GStrv) part = g_strsplit(network_parts[i].path, "/", -1);

		copy_part(root, part, 0, vm, network_parts[i].all, network_parts[i].with_driver);
	}

	return xml_print(root);
}

char **tmpl_request_network_drivers(TmplRequest *r)
{
	static const char *const kinds[] = { "NIC", "NIC_ALIAS", "PCI" };
	const xmlNode *template = xml_child(element(r, "VM"), "TEMPLATE");
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

	for (size_t i = 0; template && i < G_N_ELEMENTS(kinds); i++)
		for (const xmlNode *n = template->children; n; n = n->next) {
			g_autofree char *name = NULL;

			if (!xmlStrEqual(n->name, BAD_CAST kinds[i]))
				continue;

			name = xml_child_text(n, "VN_MAD");
			if (name && !g_ptr_array_find_with_equal_func(names, name, g_str_equal,
								      NULL))
				g_ptr_array_add(names, g_steal_pointer(&name));
		}
	g_ptr_array_add(names, NULL);

	return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}
