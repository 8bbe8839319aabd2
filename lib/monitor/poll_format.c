/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/poll_format.h"

#include <zlib.h>

#include "base/text.h"
#include "monitor/wild.h"

/* Calls PUT with each item of S: "CPU", "1.5". */
static void each_item(const struct stats *s, GString *out,
		      void (*put)(GString *out, const char *name, const char *value))
{
	char text[32], letter[2] = "";
	bool moves;

	letter[0] = stats_letter(&s->state, &moves);
	put(out, "STATE", letter);
	if (s->cpu_percent >= 0)
		put(out, "CPU", g_ascii_formatd(text, sizeof(text), "%.1f", s->cpu_percent));
	if (s->memory_kib) {
		g_snprintf(text, sizeof(text), "%" G_GUINT64_FORMAT, s->memory_kib);
		put(out, "MEMORY", text);
	}

	for (size_t i = 0; i < VIRT_COUNTERS && stats_has_counters(s); i++) {
		g_snprintf(text, sizeof(text), "%" G_GUINT64_FORMAT, s->counter[i]);
		put(out, stats_counter_name(i), text);
	}
}

static void put_word(GString *out, const char *name, const char *value)
{
	bool first = !out->len || strchr("\"\n", out->str[out->len - 1]);

	g_string_append_printf(out, "%s%s=%s", first ? "" : " ", name, value);
}

void poll_format_line(const struct stats *stats, GString *out)
{
	each_item(stats, out, put_word);
	g_string_append_c(out, '\n');
}

static void put_yaml(GString *out, const char *name, const char *value)
{
	g_autofree char *key = g_ascii_strdown(name, -1);
	bool bare = g_ascii_isalnum(*value);	/* a lone "-" would begin a list */

	g_string_append_printf(out, "  :%s: %s%s%s\n", key, bare ? "" : "\"", value,
			       bare ? "" : "\"");
}

static void print_template(const struct stats *s, GString *out)
{
	gint64 id = wild_vm_id(s->name);
	g_autofree char *name = wild_quote(s->name);
	g_autofree char *xml = id < 0 ? virt_xml(s->dom, NULL) : NULL;
	g_autofree char *import = xml ? wild_template(xml, "IMPORT_VM_ID") : NULL;
	g_autofree char *b64 = import ? g_base64_encode((const guchar *)import, strlen(import)) :
					NULL;

	if (id < 0 && !b64)
		return;		/* it is gone by now */
	g_string_append_printf(out, "VM=[\n  ID=%" G_GINT64_FORMAT ",\n  DEPLOY_ID=%s,\n", id,
			       id < 0 ? s->uuid : s->name);
	if (b64)
		g_string_append_printf(out, "  VM_NAME=%s,\n  IMPORT_TEMPLATE=\"%s\",\n", name,
				       b64);
	g_string_append(out, "  POLL=\"");
	each_item(s, out, put_word);
	g_string_append(out, "\" ]\n");
}

void poll_format_template(const GPtrArray *list, GString *out)
{
	g_string_append(out, "VM_POLL=YES\n");
	for (guint i = 0; i < list->len; i++)
		print_template(list->pdata[i], out);
}

void poll_format_packed(const GPtrArray *list, GString *out)
{
	g_autoptr(GString) yaml = g_string_new("---\n");
	g_autofree guchar *packed = NULL;
	g_autofree char *b64 = NULL;
	uLongf len;
	int rc;

	for (guint i = 0; i < list->len; i++) {
		const struct stats *s = list->pdata[i];
		g_autofree char *name = wild_quote(s->name);

		g_string_append_printf(yaml, "%s:\n", name);
		each_item(s, yaml, put_yaml);
	}

	len = compressBound(yaml->len);
	packed = g_malloc(len);
	rc = compress2(packed, &len, (const guchar *)yaml->str, yaml->len, Z_BEST_COMPRESSION);
	if (rc == Z_OK)
		b64 = g_base64_encode(packed, len);
	g_string_append_printf(out, "%s\n", text_or(b64, ""));
}
