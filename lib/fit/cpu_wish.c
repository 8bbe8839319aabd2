/* SPDX-License-Identifier: Apache-2.0 */
#include "fit/cpu_wish.h"

#include "base/number.h"
#include "base/text.h"

enum { PHYS_BITS_MIN = 32, PHYS_BITS_MAX = 64 };

/* The rest of a longer list stays one word, which is then refused as unknown. */
enum { WORDS_MAX = 500 };

static const char *const modes[] = { "none", "host-model", "host-passthrough", "maximum",
				     "custom", NULL };

void fit_cpu_feature_free(struct fit_cpu_feature *feature)
{
	g_free(feature->name);
	g_free(feature);
}

static void wish_init(FitCpuWish *wish)
{
	*wish = (FitCpuWish){ .from = "CPU_MODEL/MODEL" };
	wish->models = g_ptr_array_new_with_free_func(g_free);
	wish->required = g_ptr_array_new_with_free_func(g_free);
	wish->features = g_ptr_array_new_with_free_func((GDestroyNotify)fit_cpu_feature_free);
}

void fit_cpu_wish_clear(FitCpuWish *wish)
{
	g_clear_pointer(&wish->models, g_ptr_array_unref);
	g_clear_pointer(&wish->required, g_ptr_array_unref);
	g_clear_pointer(&wish->features, g_ptr_array_unref);
}

static const char *mode_of(const char *text)
{
	for (const char *const *mode = modes; *mode; mode++)
		if (!g_ascii_strcasecmp(*mode, text))
			return *mode;

	return NULL;
}

G_GNUC_PRINTF(4, 5)
static void bad(GPtrArray *problems, const char *path, const struct tmpl_hit *hit,
		const char *format, ...)
{
	g_autofree char *place = tmpl_hit_place(hit), *reason = NULL;
	va_list ap;

	va_start(ap, format);
	reason = g_strdup_vprintf(format, ap);
	va_end(ap);
	g_ptr_array_add(problems, g_strdup_printf("%s = '%.200s' (%s): %s", path, hit->text, place,
						  reason));
}

static char **split_words(const char *text)
{
	return g_strsplit_set(text, ", \t\r\n", WORDS_MAX);
}

static void add_words(GPtrArray *to, const char *text)
{
	g_auto(GStrv) words = split_words(text);

	for (char **w = words; *w; w++)
		if (**w && !g_ptr_array_find_with_equal_func(to, *w, g_str_equal, NULL))
			g_ptr_array_add(to, g_strdup(*w));
}

static void name_model(FitCpuWish *wish, const char *text)
{
	wish->text = text;
	wish->mode = mode_of(text);
	if (wish->mode)
		return;
	wish->mode = "custom";
	g_ptr_array_add(wish->models, g_strdup(text));
}

/* The more special level wins: a VM's MODEL over the site's list, and vice versa. */
static void read_models(const TmplVm *vm, FitCpuWish *wish, GPtrArray *problems)
{
	struct tmpl_hit model, list;
	bool has_list = tmpl_vm_find(vm, NULL, "CPU_MODEL/MODELS", TMPL_IN_ALL, &list);
	bool custom;

	if (tmpl_vm_find(vm, NULL, "CPU_MODEL/MODEL", TMPL_IN_ALL, &model))
		name_model(wish, model.text);
	custom = !g_ascii_strcasecmp(text_or(wish->text, "custom"), "custom");
	if (has_list && (custom || list.level < model.level)) {
		g_ptr_array_set_size(wish->models, 0);
		wish->mode = "custom";
		wish->from = "CPU_MODEL/MODELS";
		wish->has_list = true;
		add_words(wish->models, list.text);
	} else if (has_list && list.level == model.level) {
		bad(problems, "CPU_MODEL/MODELS", &list, "it is for MODEL = custom, not %s",
		    model.text);
	}

	if (!g_strcmp0(wish->mode, "custom") && !wish->models->len)
		bad(problems, "CPU_MODEL/MODEL", wish->text ? &model : &list,
		    "MODELS does not name a model");
}

/* EVC_MODE is what the cluster's administrator lets VMs migrate with: it precedes CPU_MODEL. */
static bool read_evc(const TmplVm *vm, FitCpuWish *wish)
{
	struct tmpl_hit hit;

	if (!tmpl_vm_find(vm, NULL, "EVC_MODE", TMPL_IN_CLUSTER | TMPL_IN_CONF, &hit))
		return false;
	wish->from = "EVC_MODE";
	name_model(wish, hit.text);

	return true;
}

static struct fit_cpu_feature *find_feature(const FitCpuWish *wish, const char *name)
{
	for (guint i = 0; i < wish->features->len; i++) {
		struct fit_cpu_feature *feature = wish->features->pdata[i];

		if (!g_ascii_strcasecmp(feature->name, name))
			return feature;
	}

	return NULL;
}

bool fit_cpu_wish_says(const FitCpuWish *wish, const char *name, bool on)
{
	const struct fit_cpu_feature *feature = find_feature(wish, name);

	if (!feature)
		return false;

	return feature->on == on;
}

bool fit_cpu_wish_feature(FitCpuWish *wish, const char *name, bool on)
{
	struct fit_cpu_feature *feature = find_feature(wish, name);

	if (feature)
		return feature->on == on;
	feature = g_new0(struct fit_cpu_feature, 1);
	feature->name = g_ascii_strdown(name, -1);
	feature->on = on;
	g_ptr_array_add(wish->features, feature);

	return true;
}

/* "vmx,+ssbd,-hle": a name is required, with '-' it is disabled. RET_BOTH: one that is both. */
static bool parse_features(FitCpuWish *wish, const char *text, char **ret_both)
{
	g_auto(GStrv) words = split_words(text);

	for (char **w = words; *w; w++) {
		bool sign = **w == '+' || **w == '-';
		const char *name = *w + sign;

		if (!*name)
			continue;
		if (fit_cpu_wish_feature(wish, name, **w != '-'))
			continue;
		*ret_both = g_strdup(name);
		return false;
	}

	return true;
}

static void read_features(const TmplVm *vm, FitCpuWish *wish, GPtrArray *problems)
{
	static const char path[] = "CPU_MODEL/FEATURES";
	g_autofree char *both = NULL;
	struct tmpl_hit hit;

	if (!tmpl_vm_find(vm, NULL, path, TMPL_IN_ALL, &hit))
		return;
	if (!parse_features(wish, hit.text, &both))
		bad(problems, path, &hit, "it contradicts itself: %.100s is both asked for and "
		    "disabled", both);
}

static void read_required(const TmplVm *vm, FitCpuWish *wish)
{
	static const char *const paths[] = { "CPU_MODEL/REQUIRED", "CPU_MODEL/TRAITS" };
	struct tmpl_hit hit;

	for (size_t i = 0; i < G_N_ELEMENTS(paths); i++)
		if (tmpl_vm_find(vm, NULL, paths[i], TMPL_IN_ALL, &hit))
			add_words(wish->required, hit.text);
}

static void read_phys_bits(const TmplVm *vm, FitCpuWish *wish, GPtrArray *problems)
{
	static const char path[] = "CPU_MODEL/PHYS_BITS";
	struct tmpl_hit hit;
	guint64 bits;

	if (!tmpl_vm_find(vm, NULL, path, TMPL_IN_ALL, &hit))
		return;
	if (!g_ascii_strcasecmp(hit.text, "passthrough"))
		wish->phys_passthrough = true;
	else if (number_unsigned(hit.text, PHYS_BITS_MIN, PHYS_BITS_MAX, &bits, NULL))
		wish->phys_bits = (guint)bits;
	else
		bad(problems, path, &hit, "not passthrough or a whole number from %d to %d",
		    PHYS_BITS_MIN, PHYS_BITS_MAX);
}

static void read_nested(const TmplVm *vm, FitCpuWish *wish, GPtrArray *problems)
{
	static const char path[] = "FEATURES/NESTED";
	struct tmpl_hit hit;

	if (!tmpl_vm_find(vm, NULL, path, TMPL_IN_ALL, &hit))
		return;
	if (!number_bool(hit.text, &wish->nested, NULL))
		bad(problems, path, &hit, "not yes or no");
}

static void check_none(const FitCpuWish *wish, GPtrArray *problems)
{
	const struct {
		bool given;
		const char *name;
	} rows[] = {
		{ wish->features->len, "CPU_MODEL/FEATURES" },
		{ wish->required->len, "CPU_MODEL/REQUIRED" },
		{ wish->phys_bits || wish->phys_passthrough, "CPU_MODEL/PHYS_BITS" },
		{ wish->nested, "FEATURES/NESTED" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (rows[i].given)
			g_ptr_array_add(problems,
					g_strdup_printf("%s needs a CPU model: %s is none",
							rows[i].name, wish->from));
}

void fit_cpu_wish_read(const TmplVm *vm, FitCpuWish *wish, GPtrArray *problems)
{
	wish_init(wish);
	if (!vm)
		return;
	if (!read_evc(vm, wish))
		read_models(vm, wish, problems);
	read_features(vm, wish, problems);
	read_required(vm, wish);
	read_phys_bits(vm, wish, problems);
	read_nested(vm, wish, problems);
	if (!g_strcmp0(wish->mode, "none"))
		check_none(wish, problems);
}

G_GNUC_PRINTF(4, 5)
static void bad_parameter(GPtrArray *problems, const ConfKvmrc *rc, const char *name,
			  const char *format, ...)
{
	g_autofree char *reason = NULL;
	va_list ap;

	va_start(ap, format);
	reason = g_strdup_vprintf(format, ap);
	va_end(ap);
	g_ptr_array_add(problems, g_strdup_printf("%s = '%.200s' (kvmrc): %s", name,
						  conf_kvmrc_string(rc, name), reason));
}

static void complete_features(FitCpuWish *wish, const ConfKvmrc *rc, GPtrArray *problems)
{
	const char *text = conf_kvmrc_string(rc, "CPU_FEATURES");
	g_autofree char *both = NULL;

	if (!text || wish->features->len)
		return;
	if (!wish->mode)
		bad_parameter(problems, rc, "CPU_FEATURES", "it needs CPU_MODE or CPU_MODELS");
	else if (!parse_features(wish, text, &both))
		bad_parameter(problems, rc, "CPU_FEATURES", "it contradicts itself: %.100s is both "
			      "asked for and disabled", both);
}

void fit_cpu_wish_complete(FitCpuWish *wish, const ConfKvmrc *rc, GPtrArray *problems)
{
	const char *mode = conf_kvmrc_string(rc, "CPU_MODE");
	const char *models = conf_kvmrc_string(rc, "CPU_MODELS");
	bool custom;

	if (models)
		wish->mode = "custom";
	if (mode)
		wish->mode = mode_of(mode);
	custom = !g_strcmp0(wish->mode, "custom");
	if (wish->mode)
		wish->from = models ? "CPU_MODELS in kvmrc" : "CPU_MODE in kvmrc";
	wish->has_list = models;
	if (models)
		add_words(wish->models, models);
	if (models && !custom)
		bad_parameter(problems, rc, "CPU_MODELS", "it is for CPU_MODE = custom, not %s",
			      mode);
	if (custom && !wish->models->len)
		bad_parameter(problems, rc, "CPU_MODE", "CPU_MODELS does not name a model");
	complete_features(wish, rc, problems);
	if (!g_strcmp0(wish->mode, "none"))
		check_none(wish, problems);
}
