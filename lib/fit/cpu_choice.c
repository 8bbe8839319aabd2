/* SPDX-License-Identifier: Apache-2.0 */
#include "fit/cpu_choice.h"

xmlNode *fit_cpu_mode(const xmlNode *domcapabilities, const char *name)
{
	xmlNode *mode = xml_child(xml_child(domcapabilities, "cpu"), "mode");

	while (mode && !xml_has(mode, "name", name))
		mode = xml_next(mode);

	return mode;
}

/* What the host says of a model; NULL: it does not know it. */
static const xmlNode *host_model(const struct fit_input *in, const char *name)
{
	const xmlNode *n = xml_child(fit_cpu_mode(in->domcapabilities, "custom"), "model");

	for (; n; n = xml_next(n)) {
		g_autofree char *text = xml_text(n);

		if (!g_ascii_strcasecmp(text, name))
			return n;
	}

	return NULL;
}

/* WORDS, which is freed, divided by commas; NULL when there are none. */
static char *join_words(GPtrArray *words)
{
	char *text = NULL;

	if (words->len) {
		g_ptr_array_add(words, NULL);
		text = g_strjoinv(", ", (char **)words->pdata);
	}

	g_ptr_array_unref(words);

	return text;
}

/* What is required and in neither the model nor FEATURES; NULL: nothing. The caller frees. */
static char *lacking(const struct fit_input *in, const FitCpuWish *wish, const char *model)
{
	GPtrArray *list = g_ptr_array_new();

	for (guint i = 0; i < wish->required->len; i++) {
		char *name = wish->required->pdata[i];

		if (fit_cpu_map_has(in->cpus, model, name))
			continue;
		if (!fit_cpu_wish_says(wish, name, true))
			g_ptr_array_add(list, name);
	}

	return join_words(list);
}

/* libvirt 10.9 and later say what a model needs and the host's CPU lacks. */
static char *blockers(const struct fit_input *in, const char *model)
{
	const xmlNode *n = xml_child(fit_cpu_mode(in->domcapabilities, "custom"), "blockers");
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);

	while (n && !xml_has(n, "model", model))
		n = xml_next(n);
	for (n = xml_child(n, "feature"); n; n = xml_next(n)) {
		char *name = xml_attribute(n, "name");

		if (name)
			g_ptr_array_add(list, name);
	}

	return join_words(list);
}

/*
 * The reason against MODEL, in libvirt's spelling; NULL: none. QEMU's own emulation starts a
 * model that is not usable: whether it has what is required is read from the running guest.
 */
static char *objection(const struct fit_input *in, const FitCpuWish *wish, bool kvm,
		       const char *model)
{
	const xmlNode *known = host_model(in, model);
	g_autofree char *lacks = lacking(in, wish, model), *missing = NULL;

	if (in->domcapabilities && !known)
		return g_strdup_printf("this host's libvirt does not know %s", model);
	if (lacks)
		return g_strdup_printf("%s lacks %s", model, lacks);
	if (!kvm || !known)
		return NULL;
	if (!xml_has(known, "usable", "no"))
		return NULL;
	missing = blockers(in, model);
	if (missing)
		return g_strdup_printf("this host's CPU cannot run %s, it lacks %s", model,
				       missing);

	return g_strdup_printf("this host's CPU cannot run %s", model);
}

/* libvirt's spelling: of its map, else of the host, whose QEMU may know more; NULL: neither. */
static char *spelling(const struct fit_input *in, const char *name)
{
	const char *known = fit_cpu_map_model(in->cpus, name);

	if (known)
		return g_strdup(known);

	return xml_text(host_model(in, name));
}

static void report_unknown(const struct fit_input *in, const FitCpuWish *wish, const char *name,
			   FitReport *report)
{
	g_autofree char *all = fit_cpu_map_models(in->cpus);

	fit_report_add(report, VMM_ERROR_INCOMPATIBLE, "%s: libvirt knows no CPU model '%.100s'",
		       wish->from, name);
	fit_report_hint(report, "known are %s", all);
}

static void report_none(const FitCpuWish *wish, const char *why, FitReport *report)
{
	fit_report_add(report, VMM_ERROR_INCOMPATIBLE, "%s: no CPU model fits: %s", wish->from,
		       why);
	if (wish->has_list)
		fit_report_hint(report, "name more models, or require less");
	else if (g_str_equal(wish->from, "CPU_MODEL/MODEL"))
		fit_report_hint(report, "name several in CPU_MODEL/MODELS, or require less");
	else
		fit_report_hint(report, "require less: the site sets the model");
}

char *fit_cpu_choose(const struct fit_input *in, const FitCpuWish *wish, bool kvm, char **ret_why,
		     FitReport *report)
{
	GString *why = g_string_new(NULL);
	g_autofree char *found = NULL;
	bool unknown = false;

	for (guint i = 0; i < wish->models->len && !found; i++) {
		g_autofree char *model = spelling(in, wish->models->pdata[i]);
		g_autofree char *against = NULL;

		if (!model) {
			report_unknown(in, wish, wish->models->pdata[i], report);
			unknown = true;
			continue;
		}

		against = objection(in, wish, kvm, model);
		if (against)
			g_string_append_printf(why, "%s%s", why->len ? "; " : "", against);
		else
			found = g_steal_pointer(&model);
	}

	if (!found && !unknown)
		report_none(wish, why->str, report);
	*ret_why = g_string_free(why, FALSE);

	return g_steal_pointer(&found);
}
