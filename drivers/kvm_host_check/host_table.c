/* SPDX-License-Identifier: Apache-2.0 */
#include "host_table.h"

#include "base/text.h"
#include "host_pairs.h"

enum { MAX_LINE = 1000 };

/* A result that this version does not know is shown as unknown. */
static const char *label(const char *result)
{
	static const struct {
		const char *word, *label;
	} labels[] = { { "ok", "OK" }, { "info", "INFO" }, { "warn", "WARN" }, { "fail", "FAIL" } };

	for (size_t i = 0; i < G_N_ELEMENTS(labels); i++)
		if (g_str_equal(labels[i].word, result))
			return labels[i].label;

	return "?";
}

/* "RESULT HOST ID found (hint: …)" */
static void add_line(GString *out, int width, const char *const words[3], const char *found,
		     const char *hint)
{
	g_autofree char *line = text_line(found, MAX_LINE);
	g_autofree char *hint_line = text_line(hint, MAX_LINE);
	g_autofree char *id = text_line(words[2], MAX_LINE);

	g_string_append_printf(out, "%-5s %-*s  %-13s %s", label(words[0]), width, words[1], id,
			       line);
	if (*hint_line)
		g_string_append_printf(out, " (hint: %s)", hint_line);
	g_string_append_c(out, '\n');
}

/* Indented below its line, to be copied whole. */
static void add_command(GString *out, const char *command)
{
	g_autofree char *line = text_line(command, MAX_LINE);

	g_string_append_printf(out, "%8s%s\n", "", line);
}

/* Of a fit host one line is enough; -v shows what was looked at. */
static bool is_shown(const char *result, bool verbose)
{
	if (verbose)
		return true;

	return !g_str_equal(result, "ok") && !g_str_equal(result, "info");
}

static guint add_check_lines(GString *out, int width, const struct host_answer *a,
			     json_object *check, bool verbose)
{
	const char *result = host_answer_text(check, "result");
	const char *const words[] = { result, a->host, host_answer_text(check, "id") };
	json_object *commands = NULL;

	if (!is_shown(result, verbose))
		return 0;

	add_line(out, width, words, host_answer_text(check, "found"),
		 host_answer_text(check, "hint"));
	json_object_object_get_ex(check, "commands", &commands);
	if (!json_object_is_type(commands, json_type_array))
		return 1;

	for (size_t i = 0; i < json_object_array_length(commands); i++) {
		json_object *command = json_object_array_get_idx(commands, i);

		add_command(out, text_or(json_object_get_string(command), ""));
	}

	return 1;
}

static void add_host(GString *out, int width, const struct host_answer *a, bool verbose)
{
	const char *const silent[] = { "unknown", a->host, "ssh" };
	json_object *checks = NULL;
	guint lines = 0;

	if (!a->answer) {
		add_line(out, width, silent, a->error, "");
		if (a->command)
			add_command(out, a->command);
		return;
	}

	json_object_object_get_ex(a->answer, "checks", &checks);
	for (size_t i = 0; i < json_object_array_length(checks); i++)
		lines += add_check_lines(out, width, a, json_object_array_get_idx(checks, i),
					 verbose);

	if (!lines)
		g_string_append_printf(out, "%-5s %-*s  fit\n", label("ok"), width, a->host);
}

static void add_pair_line(GString *out, int width, const struct host_pair *p)
{
	const char *const words[] = { host_verdict_word(p->verdict), p->from, "pair" };
	g_autofree char *found = g_strdup_printf("to %s: %s", p->to, p->found);

	add_line(out, width, words, found, p->hint);
}

char *host_table_host(const struct host_answer *a, int width, bool verbose)
{
	GString *out = g_string_new(NULL);

	add_host(out, width, a, verbose);

	return g_string_free(out, FALSE);
}

char *host_table_end(const GPtrArray *answers, const GPtrArray *pairs, int width)
{
	GString *out = g_string_new(NULL);
	guint counts[] = { 0, 0, 0, 0 };

	for (guint i = 0; i < answers->len; i++)
		counts[((const struct host_answer *)answers->pdata[i])->verdict]++;

	for (guint i = 0; pairs && i < pairs->len; i++)
		add_pair_line(out, width, pairs->pdata[i]);

	if (answers->len > 1)
		g_string_append_printf(out, "%u hosts: %u fit, %u not fit, %u unknown\n",
				       answers->len, counts[HOST_OK] + counts[HOST_WARN],
				       counts[HOST_FAIL], counts[HOST_UNKNOWN]);

	return g_string_free(out, FALSE);
}

/* An unknown result is worse than a warning and better than a failure. */
static enum host_verdict worse(enum host_verdict a, enum host_verdict b)
{
	static const int rank[] = { [HOST_OK] = 0, [HOST_WARN] = 1, [HOST_UNKNOWN] = 2,
				    [HOST_FAIL] = 3 };

	if (rank[b] > rank[a])
		return b;

	return a;
}

enum host_verdict host_table_worst(const GPtrArray *answers, const GPtrArray *pairs)
{
	enum host_verdict worst = HOST_OK;

	for (guint i = 0; i < answers->len; i++)
		worst = worse(worst, ((const struct host_answer *)answers->pdata[i])->verdict);
	for (guint i = 0; pairs && i < pairs->len; i++)
		worst = worse(worst, ((const struct host_pair *)pairs->pdata[i])->verdict);

	return worst;
}

static json_object *host_json(const struct host_answer *a)
{
	json_object *o = json_object_new_object();
	json_object *checks = NULL;

	json_object_object_add(o, "host", json_object_new_string(a->host));
	json_object_object_add(o, "result", json_object_new_string(host_verdict_word(a->verdict)));
	if (!a->answer) {
		g_autofree char *error = g_utf8_make_valid(a->error, -1);

		json_object_object_add(o, "error", json_object_new_string(error));
		return o;
	}

	json_object_object_get_ex(a->answer, "checks", &checks);
	json_object_object_add(o, "skew_ms", json_object_new_int64(a->skew_ms));
	json_object_object_add(o, "checks", json_object_get(checks));

	return o;
}

static json_object *pair_json(const struct host_pair *p)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "from", json_object_new_string(p->from));
	json_object_object_add(o, "to", json_object_new_string(p->to));
	json_object_object_add(o, "result", json_object_new_string(host_verdict_word(p->verdict)));
	json_object_object_add(o, "found", json_object_new_string(p->found));
	json_object_object_add(o, "hint", json_object_new_string(p->hint));

	return o;
}

char *host_table_json(const GPtrArray *answers, const GPtrArray *pairs)
{
	json_object *o = json_object_new_object();
	json_object *hosts = json_object_new_array();
	json_object *list = json_object_new_array();
	const char *worst = host_verdict_word(host_table_worst(answers, pairs));
	char *text;

	for (guint i = 0; i < answers->len; i++)
		json_object_array_add(hosts, host_json(answers->pdata[i]));
	for (guint i = 0; pairs && i < pairs->len; i++)
		json_object_array_add(list, pair_json(pairs->pdata[i]));

	json_object_object_add(o, "result", json_object_new_string(worst));
	json_object_object_add(o, "hosts", hosts);
	json_object_object_add(o, "pairs", list);
	text = g_strconcat(json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE), "\n",
			   NULL);
	json_object_put(o);

	return text;
}
