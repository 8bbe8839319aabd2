/* SPDX-License-Identifier: Apache-2.0 */
#include "fit/cpu_map.h"

#include "base/file.h"
#include "base/text.h"
#include "xml/xml.h"

enum { FILE_MAX = 4 << 20, NEAR_DISTANCE = 2, DEPTH_MAX = 8 };

#define TRAIT_PREFIX "hw_cpu_x86_"

struct model {
	char *name;
	GHashTable *features;	/* a set of names */
};

struct fit_cpu_map {
	GPtrArray *models;	/* of struct model, ancestors before their heirs */
	GHashTable *features;	/* any spelling, lower case -> libvirt's; both owned */
};

/* Traits whose name is not the feature's; without prefix, lower case. */
static const struct {
	const char *trait, *feature;
} traits[] = {
	{ "aesni", "aes" },
	{ "amd_svm", "svm" },
	{ "amxbf16", "amx-bf16" },
	{ "amxint8", "amx-int8" },
	{ "amxtile", "amx-tile" },
	{ "avx512gfni", "gfni" },
	{ "avx512vaes", "vaes" },
	{ "avx512vpclmulqdq", "vpclmulqdq" },
	{ "avx512vpopcntdq", "avx512-vpopcntdq" },
	{ "bmi", "bmi1" },
	{ "clmul", "pclmuldq" },
	{ "fma3", "fma" },
	{ "intel_vmx", "vmx" },
	{ "sha", "sha-ni" },
	{ "sse3", "pni" },
	{ "sse41", "sse4.1" },
	{ "sse42", "sse4.2" },
};

static void model_free(struct model *model)
{
	g_free(model->name);
	g_hash_table_unref(model->features);
	g_free(model);
}

static const struct model *find_model(const FitCpuMap *map, const char *name)
{
	for (guint i = 0; i < map->models->len; i++) {
		const struct model *model = map->models->pdata[i];

		if (!g_ascii_strcasecmp(model->name, name))
			return model;
	}

	return NULL;
}

static void add_name(FitCpuMap *map, const char *spelling, const char *name)
{
	char *key = g_ascii_strdown(spelling, -1);

	if (g_hash_table_contains(map->features, key))
		g_free(key);
	else
		g_hash_table_insert(map->features, key, g_strdup(name));
}

static void add_feature(FitCpuMap *map, const xmlNode *node)
{
	g_autofree char *name = xml_attribute(node, "name");

	if (!name)
		return;
	add_name(map, name, name);
	for (const xmlNode *n = xml_child(node, "alias"); n; n = xml_next(n)) {
		g_autofree char *alias = xml_attribute(n, "name");

		if (alias)
			add_name(map, alias, name);
	}
}

/* A model inside a model: all that the inner one has. */
static void inherit(const FitCpuMap *map, struct model *model, const xmlNode *node)
{
	g_autofree char *name = xml_child_attribute(node, "model", "name");
	const struct model *ancestor = NULL;
	GHashTableIter iter;
	gpointer feature;

	if (name)
		ancestor = find_model(map, name);
	if (!ancestor)
		return;
	g_hash_table_iter_init(&iter, ancestor->features);
	while (g_hash_table_iter_next(&iter, &feature, NULL))
		g_hash_table_add(model->features, g_strdup(feature));
}

/* A feature that was removed from the model may be missing in the guest. */
static void add_model(FitCpuMap *map, const xmlNode *node)
{
	g_autofree char *name = xml_attribute(node, "name");
	struct model *model;

	if (!name)
		return;
	model = g_new0(struct model, 1);
	model->name = g_steal_pointer(&name);
	model->features = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	inherit(map, model, node);
	for (const xmlNode *n = xml_child(node, "feature"); n; n = xml_next(n)) {
		char *feature = xml_attribute(n, "name");

		if (feature && !xml_has(n, "removed", "yes"))
			g_hash_table_add(model->features, feature);
		else
			g_free(feature);
	}

	g_ptr_array_add(map->models, model);
}

static xmlDoc *read_xml(const char *directory, const char *name, GError **error)
{
	g_autofree char *path = g_build_filename(directory, name, NULL);
	GString *text = file_read(path, FILE_MAX, error);
	xmlDoc *doc;

	if (!text)
		return NULL;
	doc = xml_parse(text->str, text->len, path, error);
	g_string_free(text, TRUE);

	return doc;
}

static bool read_file(FitCpuMap *map, const char *directory, const xmlNode *include,
		      GError **error)
{
	g_autofree char *name = xml_attribute(include, "filename");
	g_autoptr(xmlDoc) doc = NULL;
	const xmlNode *root;

	if (!name)
		return true;
	doc = read_xml(directory, name, error);
	if (!doc)
		return false;
	root = xmlDocGetRootElement(doc);
	for (const xmlNode *n = xml_child(root, "feature"); n; n = xml_next(n))
		add_feature(map, n);
	for (const xmlNode *n = xml_child(root, "model"); n; n = xml_next(n))
		add_model(map, n);

	return true;
}

/* Newer maps have groups of files. */
static bool read_files(FitCpuMap *map, const char *directory, const xmlNode *parent,
		       unsigned depth, GError **error)
{
	for (const xmlNode *n = parent->children; n; n = n->next) {
		bool done = true;

		if (n->type != XML_ELEMENT_NODE)
			continue;
		if (xmlStrEqual(n->name, BAD_CAST "include"))
			done = read_file(map, directory, n, error);
		else if (depth < DEPTH_MAX)
			done = read_files(map, directory, n, depth + 1, error);
		if (!done)
			return false;
	}

	return true;
}

static const char *family(const char *arch)
{
	if (g_str_equal(arch, "x86_64") || g_str_equal(arch, "i686"))
		return "x86";
	if (g_str_equal(arch, "aarch64") || g_str_has_prefix(arch, "arm"))
		return "arm";
	if (g_str_has_prefix(arch, "ppc64"))
		return "ppc64";

	return arch;
}

static bool read_map(FitCpuMap *map, const char *directory, const char *arch, GError **error)
{
	g_autoptr(xmlDoc) doc = read_xml(directory, "index.xml", error);
	const xmlNode *node;

	if (!doc)
		return false;
	node = xml_child(xmlDocGetRootElement(doc), "arch");
	while (node && !xml_has(node, "name", family(arch)))
		node = xml_next(node);
	if (!node)
		return true;

	return read_files(map, directory, node, 0, error);
}

FitCpuMap *fit_cpu_map_read(const char *directory, const char *arch, GError **error)
{
	g_autoptr(FitCpuMap) map = g_new0(FitCpuMap, 1);

	map->models = g_ptr_array_new_with_free_func((GDestroyNotify)model_free);
	map->features = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	if (read_map(map, directory, arch, error))
		return g_steal_pointer(&map);
	g_prefix_error(error, "libvirt's CPU map: ");

	return NULL;
}

void fit_cpu_map_free(FitCpuMap *map)
{
	if (!map)
		return;
	g_ptr_array_unref(map->models);
	g_hash_table_unref(map->features);
	g_free(map);
}

const char *fit_cpu_map_model(const FitCpuMap *map, const char *name)
{
	const struct model *model = find_model(map, name);

	if (!model)
		return NULL;

	return model->name;
}

char *fit_cpu_map_models(const FitCpuMap *map)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (guint i = 0; i < map->models->len; i++) {
		const struct model *model = map->models->pdata[i];

		g_ptr_array_add(names, model->name);
	}

	g_ptr_array_add(names, NULL);

	return g_strjoinv(", ", (char **)names->pdata);
}

static const char *feature_of_trait(const char *trait)
{
	for (size_t i = 0; i < G_N_ELEMENTS(traits); i++)
		if (g_str_equal(traits[i].trait, trait))
			return traits[i].feature;

	return trait;
}

const char *fit_cpu_map_feature(const FitCpuMap *map, const char *name)
{
	g_autofree char *lower = g_ascii_strdown(name, -1);
	const char *found = g_hash_table_lookup(map->features, lower), *trait = lower;

	if (found)
		return found;
	if (g_str_has_prefix(lower, TRAIT_PREFIX))
		trait = lower + strlen(TRAIT_PREFIX);

	found = g_hash_table_lookup(map->features, feature_of_trait(trait));
	if (found)
		return found;

	return g_hash_table_lookup(map->features, g_strdelimit(lower, "_", '-'));
}

const char *fit_cpu_map_near(const FitCpuMap *map, const char *name)
{
	g_autofree char *lower = g_ascii_strdown(name, -1);
	guint best = MIN(NEAR_DISTANCE, strlen(lower) / 2) + 1;
	const char *found = NULL;
	GHashTableIter iter;
	gpointer key, value;

	g_hash_table_iter_init(&iter, map->features);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		guint d = text_distance(lower, key, best);
		bool first = d == best && found && strcmp(value, found) < 0;

		if (d < best || first) {
			best = d;
			found = value;
		}
	}

	return found;
}

bool fit_cpu_map_has(const FitCpuMap *map, const char *name, const char *feature)
{
	const struct model *model = find_model(map, name);

	if (!model)
		return false;

	return g_hash_table_contains(model->features, feature);
}
