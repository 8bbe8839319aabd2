/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

#include "xml/xml.h"

/*
 * Provenance by perturbation: the domain is rebuilt without each attribute, and with another
 * value of it (a lower level may set the same value). What is then missing or different came
 * from that attribute. If several attributes affect one place, the one with the fewest effects
 * is reported.
 */

#define VALUE_MAX 60

/* One attribute or text of the domain. */
struct line {
	char *path, *value;
	char *origin;		/* NULL: nothing that was tried made a difference */
	guint spread;		/* of ORIGIN: how many lines it made */
};

struct explain {
	TmplVm *vm;
	const struct domain_options *options;
	GPtrArray *lines;	/* in the order of the document */
};

static void line_free(struct line *l)
{
	g_free(l->path);
	g_free(l->value);
	g_free(l->origin);
	g_free(l);
}

static bool is_like(const xmlNode *node, const xmlNode *other)
{
	if (node->type != XML_ELEMENT_NODE)
		return false;

	return xmlStrEqual(node->name, other->name);
}

/*
 * What identifies NODE among its siblings of that name, independent of their order. The caller
 * frees.
 */
static char *identity(const xmlNode *node)
{
	static const struct { const char *child, *name; } keys[] = {
		{ "target", "dev" }, { "target", "name" }, { "mac", "address" }, { NULL, "vcpu" },
		{ NULL, "cellid" },  { NULL, "id" },       { NULL, "name" },
	};
	g_autofree char *type = xml_attribute(node, "type");
	g_autofree char *index = xml_attribute(node, "index");
	guint place = 1;

	if (index)
		return g_strdup_printf("%s %s", domain_or(type, ""), index);

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		const xmlNode *at = node;
		char *text;

		if (keys[i].child)
			at = xml_child(node, keys[i].child);
		text = xml_attribute(at, keys[i].name);
		if (text)
			return text;
	}

	for (const xmlNode *n = node->prev; n; n = n->prev)
		place += is_like(n, node);

	return g_strdup_printf("%u", place);
}

static bool has_brother(const xmlNode *node)
{
	for (const xmlNode *n = node->parent->children; n; n = n->next)
		if (n != node && is_like(n, node))
			return true;
	return false;
}

static void add_line(GPtrArray *lines, char *path, const char *value)
{
	struct line *l = g_new0(struct line, 1);

	l->path = path;
	l->value = g_strstrip(g_strdup(value));
	g_ptr_array_add(lines, l);
}

/* Lines for NODE, which is at PATH, and all below it. */
static void flatten(GPtrArray *lines, const xmlNode *node, const char *path)
{
	bool leaf = !node->properties && !xmlFirstElementChild((xmlNode *)node);
	g_autofree char *text = NULL;

	if (xmlFirstElementChild((xmlNode *)node))
		text = NULL;
	else
		text = xml_text(node);

	for (const xmlAttr *a = node->properties; a; a = a->next) {
		g_autofree char *value = xml_attribute(node, (const char *)a->name);
		const char *shown = value;

		/* The table is made to be shown to others. */
		if (domain_hides((const char *)a->name))
			shown = "***";
		add_line(lines, g_strdup_printf("%s/@%s", path, a->name), shown);
	}

	if (text && domain_hides((const char *)node->name)) {
		g_free(text);
		text = g_strdup("***");
	}

	if (leaf || (text && *text))
		add_line(lines, g_strdup(path), domain_or(text, ""));
	for (const xmlNode *n = node->children; n; n = n->next) {
		g_autofree char *below = NULL, *key = NULL;

		if (n->type != XML_ELEMENT_NODE)
			continue;

		/* A device is always named by its key: brothers come and go. */
		if (has_brother(n) || xmlStrEqual(node->name, BAD_CAST "devices")) {
			key = identity(n);
			below = g_strdup_printf("%s/%s[%s]", path, n->name, key);
		} else {
			below = g_strdup_printf("%s/%s", path, n->name);
		}

		flatten(lines, n, below);
	}
}

/*
 * Without one of its attributes many a VM is wrong: only the problems of the VM as it is are
 * reported, by the first call.
 */
static GPtrArray *build(const struct explain *e, GError **error)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func((GDestroyNotify)line_free);
	g_autoptr(xmlDoc) doc = NULL;
	g_auto(DomainBuild) b = { 0 };

	domain_build_init(&b, e->vm, e->options, NULL, NULL);
	doc = domain_document(&b);
	flatten(lines, xmlDocGetRootElement(doc), "/domain");

	if (error)
		domain_build_check(&b, error);

	return lines;
}

/* Adds to MADE the lines that are not among those that the domain has now. */
static void compare_places(struct explain *e, GHashTable *made)
{
	g_autoptr(GHashTable) values = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GPtrArray) now = build(e, NULL);

	for (guint i = 0; i < now->len; i++) {
		const struct line *l = now->pdata[i];

		g_hash_table_insert(values, l->path, l->value);
	}

	for (guint i = 0; i < e->lines->len; i++) {
		struct line *l = e->lines->pdata[i];

		if (g_strcmp0(g_hash_table_lookup(values, l->path), l->value) != 0)
			g_hash_table_add(made, l);
	}
}

/* As few lines as possible: MACHINE changes half of the document, a DISK's CACHE one line. */
static void credit(GHashTable *made, const char *origin)
{
	guint n = g_hash_table_size(made);
	GHashTableIter iter;
	gpointer key;

	g_hash_table_iter_init(&iter, made);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		struct line *l = key;

		if (l->origin && l->spread <= n)
			continue;

		g_free(l->origin);
		l->origin = g_strdup(origin);
		l->spread = n;
	}
}

/* Makes the domain without ATTR and with another value of it. */
static void try_attr(struct explain *e, TmplAttr *attr, const char *origin)
{
	g_autoptr(GHashTable) made = g_hash_table_new(NULL, NULL);
	char *name = attr->name, *value = attr->value, none[] = "";

	attr->name = none;
	compare_places(e, made);
	attr->name = name;

	if (value) {
		attr->value = g_strconcat(value, "~", NULL);
		compare_places(e, made);
		g_free(attr->value);
		attr->value = value;
	}

	credit(made, origin);
}

/* "VM 7: DISK 0/CACHE"; PLACE: NULL when SET is one of the levels. The caller frees. */
static char *origin_of(const TmplSet *set, enum tmpl_level level, const char *place,
		       const TmplAttr *attr, const char *name)
{
	const struct tmpl_hit hit = { "", attr, set, level };
	g_autofree char *found = NULL;

	if (place)
		found = g_strdup(place);
	else
		found = tmpl_hit_place(&hit);

	return g_strdup_printf("%s: %s", found, name);
}

static void try_vector(struct explain *e, const TmplSet *set, enum tmpl_level level,
		       TmplAttr *vector)
{
	g_autofree char *device = domain_device_name(vector);
	g_autofree char *whole = origin_of(set, level, NULL, vector, device);

	for (guint i = 0; i < vector->keys->len; i++) {
		TmplAttr *key = vector->keys->pdata[i];
		g_autofree char *name = g_strconcat(device, "/", key->name, NULL);
		g_autofree char *origin = origin_of(set, level, NULL, key, name);

		try_attr(e, key, origin);
	}

	try_attr(e, vector, whole);
}

static void try_set(struct explain *e, const TmplSet *set, enum tmpl_level level,
		    const char *place)
{
	for (guint i = 0; set && i < set->attrs->len; i++) {
		TmplAttr *attr = set->attrs->pdata[i];
		g_autofree char *origin = NULL;

		if (!attr->value) {
			try_vector(e, set, level, attr);
			continue;
		}

		origin = origin_of(set, level, place, attr, attr->name);
		try_attr(e, attr, origin);
	}
}

static char *table(const GPtrArray *lines)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < lines->len; i++) {
		const struct line *l = lines->pdata[i];
		g_autofree char *value = g_utf8_substring(l->value, 0,
				MIN(g_utf8_strlen(l->value, -1), VALUE_MAX));

		g_strdelimit(value, "\r\n\t", ' ');
		g_string_append_printf(text, "%s\t%s\t%s\n", l->path, value,
				       domain_or(l->origin, "always"));
	}

	return g_string_free(text, FALSE);
}

char *domain_explain(TmplVm *vm, const struct domain_options *options, GError **error)
{
	struct explain e = { vm, options, NULL };
	g_autoptr(GError) cause = NULL;
	char *text = NULL;

	e.lines = build(&e, &cause);
	if (cause) {
		g_propagate_error(error, g_steal_pointer(&cause));
	} else {
		try_set(&e, vm->header, TMPL_VM, "VM");
		try_set(&e, vm->history, TMPL_VM, "history");
		try_set(&e, vm->datastore, TMPL_VM, "datastore");

		for (int i = TMPL_VM; i < TMPL_LEVELS; i++)
			try_set(&e, vm->level[i], (enum tmpl_level)i, NULL);
		text = table(e.lines);
	}

	g_ptr_array_unref(e.lines);

	return text;
}
