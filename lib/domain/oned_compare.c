/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/oned_parts.h"

#include "base/text.h"

/*
 * The attribute that identifies one of several elements; with "/", an attribute of a child. MORE: a
 * second one.
 */
static const struct {
	const char *place, *key, *more;
} keys[] = {
	{ "devices/disk",		"target@dev",	NULL },
	{ "devices/interface",		"mac@address",	NULL },
	{ "devices/controller",		"@type",	"@index" },
	{ "devices/channel",		"target@name",	"@type" },
	{ "clock/timer",		"@name",	NULL },
	{ "os/firmware/feature",	"@name",	NULL },
	{ "cpu/feature",		"@name",	NULL },
	{ "cpu/numa/cell",		"@id",		NULL },
	{ "cputune/vcpupin",		"@vcpu",	NULL },
	{ "numatune/memnode",		"@cellid",	NULL },
};

static void rest_free(struct oned_rest *r)
{
	g_free(r->place);
	g_free(r);
}

static void note(GPtrArray *rest, const char *place, const xmlNode *node, const xmlAttr *attr,
		 const xmlNode *other)
{
	struct oned_rest *r = g_new0(struct oned_rest, 1);

	r->place = attr ? g_strdup_printf("%s@%s", place, attr->name) : g_strdup(place);
	r->node = node;
	r->attr = attr;
	r->other = other;
	g_ptr_array_add(rest, r);
}

/* NULL: there is nothing that tells it. The caller frees. */
static char *key_of(const xmlNode *node, const char *place)
{
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		g_autofree char *key = NULL, *more = NULL;

		if (!g_str_equal(keys[i].place, place))
			continue;
		key = *keys[i].key == '@' ? xml_attribute(node, keys[i].key + 1) :
					    oned_text(node, keys[i].key);
		if (!keys[i].more)
			return g_steal_pointer(&key);
		more = xml_attribute(node, keys[i].more + 1);

		return g_strdup_printf("%s %s", text_or(key, ""), text_or(more, ""));
	}

	return NULL;
}

static void compare_nodes(const xmlNode *from, const xmlNode *to, const char *place,
			  GPtrArray *rest);

static GPtrArray *rest_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)rest_free);
}

/* The child of TO that is most like NODE and not yet USED; NULL: none. */
static const xmlNode *counterpart(const xmlNode *node, const xmlNode *to, const char *place,
				  GHashTable *used)
{
	g_autofree char *key = key_of(node, place);
	const xmlNode *best = NULL;
	guint least = G_MAXUINT;

	for (const xmlNode *n = xml_child(to, (const char *)node->name); n; n = xml_next(n)) {
		g_autofree char *other = key_of(n, place);
		g_autoptr(GPtrArray) rest = NULL;

		if (g_strcmp0(key, other) != 0 || g_hash_table_contains(used, n))
			continue;
		rest = rest_new();
		compare_nodes(node, n, place, rest);
		if (rest->len < least) {
			least = rest->len;
			best = n;
		}
	}

	return best;
}

/* Where the children of a node at PLACE that are called NAME are. The caller frees. */
static char *place_below(const char *place, const xmlChar *name)
{
	if (*place)
		return g_strdup_printf("%s/%s", place, name);

	return g_strdup((const char *)name);
}

/* Pairs devices that are equal in both: such a device of TO is the counterpart of no other. */
static void pair_devices(const xmlNode *from, const xmlNode *to, const char *place,
			 GHashTable *used)
{
	for (const xmlNode *n = xmlFirstElementChild((xmlNode *)from); n;
	     n = xmlNextElementSibling((xmlNode *)n)) {
		g_autofree char *below = place_below(place, n->name);
		const xmlNode *other = counterpart(n, to, below, used);
		g_autoptr(GPtrArray) rest = rest_new();

		if (!other)
			continue;
		compare_nodes(n, other, below, rest);
		if (!rest->len) {
			g_hash_table_add(used, (void *)other);
			g_hash_table_add(used, (void *)n);
		}
	}
}

/* A second device like one is another device; other elements are joined. */
static void compare_children(const xmlNode *from, const xmlNode *to, const char *place,
			     GPtrArray *rest)
{
	g_autoptr(GHashTable) used = g_hash_table_new(NULL, NULL);
	bool devices = g_str_equal(place, "devices");

	if (devices)
		pair_devices(from, to, place, used);
	for (const xmlNode *n = xmlFirstElementChild((xmlNode *)from); n;
	     n = xmlNextElementSibling((xmlNode *)n)) {
		g_autofree char *below = place_below(place, n->name);
		const xmlNode *other;

		if (g_hash_table_contains(used, n) || g_str_equal(below, "metadata"))
			continue;
		other = counterpart(n, to, below, used);
		if (!other) {
			note(rest, below, n, NULL, NULL);
			continue;
		}

		if (devices)
			g_hash_table_add(used, (void *)other);
		compare_nodes(n, other, below, rest);
	}
}

static void compare_nodes(const xmlNode *from, const xmlNode *to, const char *place,
			  GPtrArray *rest)
{
	for (const xmlAttr *a = from->properties; a; a = a->next) {
		g_autofree char *value = xml_attribute(from, (const char *)a->name);

		if (!xml_has(to, (const char *)a->name, value))
			note(rest, place, from, a, to);
	}

	if (xmlFirstElementChild((xmlNode *)from)) {
		compare_children(from, to, place, rest);
	} else {
		g_autofree char *ours = g_strstrip(xml_text(from));
		g_autofree char *theirs = g_strstrip(xml_text(to));

		if (*ours && strcmp(ours, theirs) != 0)
			note(rest, place, from, NULL, to);
	}
}

GPtrArray *oned_compare(const xmlNode *from, const xmlNode *to)
{
	GPtrArray *rest = rest_new();

	compare_nodes(from, to, "", rest);

	return rest;
}
