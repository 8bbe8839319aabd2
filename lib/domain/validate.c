/* SPDX-License-Identifier: Apache-2.0 */
#include <libxml/relaxng.h>
#include <unistd.h>

#include "domain/builders.h"
#include "xml/xml.h"

/* docs/facts/deployment.md 2.30: the whole document against libvirt's own schema. */

#if LIBXML_VERSION >= 21200
typedef const xmlError *error_ptr;
#else
typedef xmlErrorPtr error_ptr;
#endif

struct report {
	GString *text;		/* the first complaint about the deepest node */
	int depth;
};

static int depth_of(const xmlNode *node)
{
	int depth = 0;

	for (; node && node->parent; node = node->parent)
		depth++;

	return depth;
}

static void quiet(void *data G_GNUC_UNUSED, error_ptr error G_GNUC_UNUSED)
{
}

/*
 * An error of RELAX NG is followed by those of all elements around it: the deepest says
 * most. Of several at one depth the first is the cause.
 */
static void keep(void *data, error_ptr error)
{
	struct report *r = data;
	int depth = depth_of(error->node);
	g_autoptr(xmlChar) path = NULL;

	if (depth <= r->depth || !error->message)
		return;
	if (error->node)
		path = xmlGetNodePath(error->node);
	r->depth = depth;
	g_string_printf(r->text, "%s: %s", path ? (const char *)path : "/domain", error->message);
	g_strdelimit(g_strchomp(r->text->str), "\r\n", ' ');
	g_string_set_size(r->text, strlen(r->text->str));
}

static bool is_valid(xmlRelaxNG *schema, xmlDoc *doc, struct report *r)
{
	xmlRelaxNGValidCtxt *context = xmlRelaxNGNewValidCtxt(schema);
	bool valid;

	xmlRelaxNGSetValidStructuredErrors(context, r ? keep : quiet, r);
	valid = xmlRelaxNGValidateDoc(context, doc) == 0;
	xmlRelaxNGFreeValidCtxt(context);

	return valid;
}

/* The place of a node that is taken out of its document for a while. */
struct place {
	xmlNode *parent, *next;
};

static struct place take_out(xmlNode *node)
{
	struct place was = { node->parent, node->next };

	xmlUnlinkNode(node);
	return was;
}

static void put_back(xmlNode *node, const struct place *was)
{
	if (was->next)
		xmlAddPrevSibling(was->next, node);
	else
		xmlAddChild(was->parent, node);
}

/* Whether DOC were valid without the N nodes. */
static bool are_to_blame(xmlRelaxNG *schema, xmlDoc *doc, gpointer *nodes, guint n)
{
	g_autofree struct place *was = g_new(struct place, n);
	bool valid;

	for (guint i = 0; i < n; i++)
		was[i] = take_out(nodes[i]);
	valid = is_valid(schema, doc, NULL);
	while (n-- > 0)
		put_back(nodes[n], &was[n]);

	return valid;
}

static bool is_to_blame(xmlRelaxNG *schema, xmlDoc *doc, xmlNode *node)
{
	gpointer nodes[] = { node };

	return are_to_blame(schema, doc, nodes, 1);
}

/* The smallest part of NODE that makes the document invalid; NODE itself does. */
static xmlNode *smallest(xmlRelaxNG *schema, xmlDoc *doc, xmlNode *node)
{
	for (xmlNode *n = xmlFirstElementChild(node); n; n = xmlNextElementSibling(n))
		if (is_to_blame(schema, doc, n))
			return smallest(schema, doc, n);
	return node;
}

/* The path of the one node from RAW without which DOC were valid; NULL: none. xmlFree(). */
static xmlChar *offender(DomainBuild *b, xmlRelaxNG *schema, xmlDoc *doc)
{
	for (guint i = 0; i < b->raw->len; i++)
		if (is_to_blame(schema, doc, b->raw->pdata[i]))
			return xmlGetNodePath(smallest(schema, doc, b->raw->pdata[i]));
	return NULL;
}

/*
 * What is wrong without RAW too is ours, made for a libvirt newer than the one
 * whose schema is here: that says nothing against RAW.
 */
static void complain(DomainBuild *b, xmlRelaxNG *schema, xmlDoc *doc, const struct report *r)
{
	g_autoptr(xmlChar) path = offender(b, schema, doc);
	bool ours = !path && !are_to_blame(schema, doc, b->raw->pdata, b->raw->len);

	if (ours && !b->options->validate)
		domain_warn(b, "RAW is not checked: libvirt's schema here does not know all that "
			    "this domain has without it (%s)", r->text->str);
	else if (path && !g_str_has_prefix(r->text->str, (const char *)path))
		domain_problem(b, NULL, "RAW: libvirt's schema does not allow %s (%s)", path,
			       r->text->str);
	else
		domain_problem(b, NULL, "%slibvirt's schema does not allow %s", ours ? "" : "RAW: ",
			       r->text->str);
}

/* Without a handler libxml2 prints to stderr, which oned reads as the action's. */
static xmlRelaxNG *read_schema(const char *path)
{
	xmlRelaxNGParserCtxt *context = xmlRelaxNGNewParserCtxt(path);
	xmlRelaxNG *schema;

	xmlRelaxNGSetParserStructuredErrors(context, quiet, NULL);
	schema = xmlRelaxNGParse(context);
	xmlRelaxNGFreeParserCtxt(context);

	return schema;
}

void domain_validate(DomainBuild *b, xmlNode *domain)
{
	const char *path = domain_builder_policy(b)->schema;
	xmlRelaxNG *schema = NULL;
	struct report r = { NULL, -1 };

	/* A bad value was left out, so the schema would only report its consequences. */
	if (!b->validate && !b->options->validate)
		return;
	if (b->problems->len)
		return;
	if (*path && access(path, R_OK) == 0)
		schema = read_schema(path);
	if (!schema) {
		domain_problem(b, NULL, "cannot read libvirt's schema '%s': see domain.schema in "
			       "vmm_exec.cfg%s", path,
			       b->validate ? ", or set VALIDATE = no in RAW" : "");
		return;
	}

	r.text = g_string_new(NULL);
	if (!is_valid(schema, domain->doc, &r))
		complain(b, schema, domain->doc, &r);
	g_string_free(r.text, TRUE);
	xmlRelaxNGFree(schema);
}
