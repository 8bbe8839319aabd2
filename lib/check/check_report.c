/* SPDX-License-Identifier: Apache-2.0 */
#include "check/check_report.h"

#include <json-c/json.h>

#include "base/text.h"

enum { MAX_LINE = 2000 };

/* One line for a result, whatever a host's files put into its texts, then its commands. */
static void report_as_text(const GPtrArray *results, GString *out)
{
	for (guint i = 0; i < results->len; i++) {
		const struct check_result *r = results->pdata[i];
		g_autofree char *found = text_line(r->found, MAX_LINE);
		g_autofree char *hint = text_line(text_or(r->hint, ""), MAX_LINE);

		g_string_append_printf(out, "%-5s %-13s %s", check_verdict_label(r->verdict), r->id,
				       found);
		if (*hint)
			g_string_append_printf(out, " (hint: %s)", hint);
		g_string_append_c(out, '\n');
		for (char **c = r->commands; *c; c++)
			g_string_append_printf(out, "%20s%s\n", "", *c);
	}
}

/* Files of the host are shown as they are, but JSON is UTF-8. */
static json_object *valid_text(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text_or(text, ""), -1);

	return json_object_new_string(valid);
}

static json_object *result_json(const struct check_result *r)
{
	json_object *o = json_object_new_object();
	json_object *commands = json_object_new_array();

	for (char **c = r->commands; *c; c++)
		json_object_array_add(commands, valid_text(*c));

	json_object_object_add(o, "id", valid_text(r->id));
	json_object_object_add(o, "result", valid_text(check_verdict_word(r->verdict)));
	json_object_object_add(o, "found", valid_text(r->found));
	if (r->hint)
		json_object_object_add(o, "hint", valid_text(r->hint));
	json_object_object_add(o, "commands", commands);

	return o;
}

/* What decides whether a guest can move to another host. */
static json_object *cpu_json(const HostFacts *f)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "arch", valid_text(f->arch));
	json_object_object_add(o, "vendor", valid_text(f->libvirt.cpu_vendor));
	json_object_object_add(o, "model", valid_text(f->libvirt.cpu_model));
	json_object_object_add(o, "features", valid_text(f->libvirt.cpu_features));
	json_object_object_add(o, "machines", valid_text(f->libvirt.machines));

	return o;
}

static void report_as_json(const GPtrArray *results, const HostFacts *f, GString *out)
{
	json_object *o = json_object_new_object();
	json_object *checks = json_object_new_array();

	for (guint i = 0; i < results->len; i++)
		json_object_array_add(checks, result_json(results->pdata[i]));

	json_object_object_add(o, "host", valid_text(g_get_host_name()));
	json_object_object_add(o, "result", valid_text(check_verdict_word(check_worst(results))));
	json_object_object_add(o, "version", valid_text(VMM_VERSION));
	json_object_object_add(o, "set_version", valid_text(f->set_version));
	json_object_object_add(o, "time_ms", json_object_new_int64(g_get_real_time() / 1000));
	json_object_object_add(o, "cpu", cpu_json(f));
	json_object_object_add(o, "checks", checks);
	g_string_append(out, json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
	g_string_append_c(out, '\n');
	json_object_put(o);
}

/* The template's grammar: a quote or a backslash in a text is escaped, a text is one line. */
static void add_attribute(GString *out, const char *name, const char *value)
{
	g_string_append_printf(out, "%s=\"", name);

	for (const char *p = value; *p; p++) {
		if (*p == '"' || *p == '\\')
			g_string_append_c(out, '\\');
		if ((guchar)*p < ' ')
			g_string_append_c(out, ' ');
		else
			g_string_append_c(out, *p);
	}

	g_string_append(out, "\"\n");
}

static void add_known(GString *out, const char *name, const char *value)
{
	if (value && *value)
		add_attribute(out, name, value);
}

/* A check may have several rows, but one result. */
static bool is_ok(const GPtrArray *results, const char *id)
{
	for (guint i = 0; i < results->len; i++) {
		const struct check_result *r = results->pdata[i];

		if (g_str_equal(r->id, id))
			return r->verdict == CHECK_OK;
	}

	return false;
}

static const char *yes_or_no(bool yes)
{
	if (yes)
		return "yes";

	return "no";
}

static void add_encryption(const HostFacts *f, GString *out)
{
	guint64 slots = 0;
	g_autofree char *slots_text = NULL;
	g_autofree char *used = NULL;

	add_attribute(out, "MEMORY_ENCRYPTION", facts_encryption(&f->libvirt));
	if (f->libvirt.sev_guests)
		slots += g_ascii_strtoull(f->libvirt.sev_guests, NULL, 10);
	if (f->libvirt.sev_es_guests)
		slots += g_ascii_strtoull(f->libvirt.sev_es_guests, NULL, 10);
	/* What the operator allows counts if it is less than what the processor could do. */
	if (f->encrypted_limit >= 0)
		slots = MIN(slots, (guint64)f->encrypted_limit);
	slots_text = g_strdup_printf("%" G_GUINT64_FORMAT, slots);
	used = g_strdup_printf("%u", f->libvirt.sev_used + f->libvirt.sev_es_used);
	add_attribute(out, "MEMORY_ENCRYPTION_SLOTS", slots_text);
	add_attribute(out, "MEMORY_ENCRYPTION_USED", used);
}

/* The names are attributes of a host in OpenNebula: scheduling rules go by them. */
static void report_as_facts(const GPtrArray *results, const HostFacts *f, GString *out)
{
	g_autofree char *features = g_strdup(text_or(f->libvirt.cpu_features, ""));

	g_strdelimit(features, " ", ',');
	add_attribute(out, "KVM_CHECK", check_verdict_word(check_worst(results)));
	add_attribute(out, "KVM_NESTED", yes_or_no(is_ok(results, "nested")));
	add_attribute(out, "VHOST_NET", yes_or_no(is_ok(results, "vhost-net")));
	add_attribute(out, "TPM", text_or(f->tpm_version, "none"));
	add_encryption(f, out);
	add_known(out, "KVM_CPU_MODEL", f->libvirt.cpu_model);
	add_known(out, "KVM_CPU_MODELS", f->libvirt.models);
	add_known(out, "KVM_CPU_FEATURES", features);
	add_known(out, "KVM_MACHINES", f->libvirt.machines);
}

char *check_report(const GPtrArray *results, const HostFacts *f, enum check_format format)
{
	GString *out = g_string_new(NULL);

	switch (format) {
	case CHECK_JSON:
		report_as_json(results, f, out);
		break;
	case CHECK_FACTS:
		report_as_facts(results, f, out);
		break;
	default:
		report_as_text(results, out);
	}

	return g_string_free(out, FALSE);
}
