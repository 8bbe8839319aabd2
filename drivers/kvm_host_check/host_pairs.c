/* SPDX-License-Identifier: Apache-2.0 */
#include "host_pairs.h"

#include "base/text.h"

enum { MANY = 8 };

static void pair_free(void *data)
{
	struct host_pair *p = data;

	g_free(p->found);
	g_free(p->hint);
	g_free(p);
}

/* NULL: the host did not answer, or its libvirt did not. */
static json_object *cpu_of(const struct host_answer *a)
{
	json_object *cpu = NULL;

	if (a->answer)
		json_object_object_get_ex(a->answer, "cpu", &cpu);

	return cpu;
}

/* Words of HAVE that LACK has not: the first few, and how many more. NULL: none. Caller frees. */
static char *missing_words(const char *have, const char *lack)
{
	g_auto(GStrv) words = g_strsplit(have, " ", -1);
	g_auto(GStrv) others = g_strsplit(lack, " ", -1);
	g_autoptr(GString) text = g_string_new(NULL);
	guint n = 0;

	for (char **w = words; *w; w++) {
		if (!**w || g_strv_contains((const char *const *)others, *w))
			continue;
		if (n++ >= MANY)
			continue;

		text_separate(text, " ");
		g_string_append(text, *w);
	}

	if (n > MANY)
		g_string_append_printf(text, " and %u more", n - MANY);
	if (n)
		return g_string_free(g_steal_pointer(&text), FALSE);

	return NULL;
}

static void add_pair(GPtrArray *pairs, const struct host_answer *from, const struct host_answer *to,
		     const struct host_pair *what)
{
	struct host_pair *p = g_new0(struct host_pair, 1);

	*p = *what;
	p->from = from->host;
	p->to = to->host;
	g_ptr_array_add(pairs, p);
}

static bool differs(json_object *a, json_object *b, const char *name)
{
	return !g_str_equal(host_answer_text(a, name), host_answer_text(b, name));
}

/* In one direction: a guest may move to a newer processor and not back. */
static void compare_cpus(GPtrArray *pairs, const struct host_answer *from,
			 const struct host_answer *to)
{
	json_object *a = cpu_of(from), *b = cpu_of(to);
	char *missing = missing_words(host_answer_text(a, "features"),
				      host_answer_text(b, "features"));
	struct host_pair p = { .verdict = HOST_WARN };

	if (differs(a, b, "arch") || differs(a, b, "vendor")) {
		p.verdict = HOST_FAIL;
		p.found = g_strdup_printf("the processors are of %s and %s, for %s and %s",
					  host_answer_text(a, "vendor"),
					  host_answer_text(b, "vendor"),
					  host_answer_text(a, "arch"), host_answer_text(b, "arch"));
		p.hint = g_strdup("running guests cannot move; those that are off can");
	} else if (missing || differs(a, b, "model")) {
		p.found = g_strdup_printf("the processors are %s and %s, the second lacks %s",
					  host_answer_text(a, "model"),
					  host_answer_text(b, "model"),
					  text_or(missing, "nothing"));
		p.hint = g_strdup("guests with host-model or host-passthrough cannot move; give "
				  "them the older model by CPU_MODEL, or the cluster an EVC_MODE");
	}

	if (p.found)
		add_pair(pairs, from, to, &p);
	g_free(missing);
}

/* Distributions add machine types of their own, which others do not have. */
static void compare_machines(GPtrArray *pairs, const struct host_answer *from,
			     const struct host_answer *to)
{
	char *missing = missing_words(host_answer_text(cpu_of(from), "machines"),
				      host_answer_text(cpu_of(to), "machines"));
	struct host_pair p = { .verdict = HOST_WARN };

	if (!missing)
		return;

	p.found = g_strdup_printf("the second has no machine types %s", missing);
	p.hint = g_strdup("guests of these types cannot move: give them a type that all hosts "
			  "have by OS/MACHINE");
	add_pair(pairs, from, to, &p);
	g_free(missing);
}

/* Hosts whose libvirt said nothing are not compared. */
static bool has_machines(const struct host_answer *a)
{
	return *host_answer_text(cpu_of(a), "machines") != '\0';
}

/* The two hosts whose clocks differ most: each clock may still be near the front-end's. */
static void add_clocks(GPtrArray *pairs, const GPtrArray *answers)
{
	const struct host_answer *first = NULL, *last = NULL;
	struct host_pair p = { .verdict = HOST_WARN };
	gint64 apart_ms;

	for (guint i = 0; i < answers->len; i++) {
		const struct host_answer *a = answers->pdata[i];

		if (!a->has_clock || ABS(a->skew_ms) > HOST_SKEW_MS)
			continue;
		if (!first || a->least_ms > first->least_ms)
			first = a;
		if (!last || a->most_ms < last->most_ms)
			last = a;
	}

	if (!first || first == last)
		return;

	apart_ms = first->least_ms - last->most_ms;
	if (apart_ms <= HOST_SKEW_MS)
		return;

	p.found = g_strdup_printf("its clock is at least %.1f s ahead", (double)apart_ms / 1000);
	p.hint = g_strdup("use NTP on both: timedatectl set-ntp true");
	add_pair(pairs, first, last, &p);
}

GPtrArray *host_pairs_new(const GPtrArray *answers, bool compare)
{
	GPtrArray *pairs = g_ptr_array_new_with_free_func(pair_free);

	add_clocks(pairs, answers);
	if (!compare)
		return pairs;

	for (guint i = 0; i < answers->len; i++)
		for (guint j = 0; j < answers->len; j++) {
			const struct host_answer *from = answers->pdata[i];
			const struct host_answer *to = answers->pdata[j];

			if (i == j || !has_machines(from) || !has_machines(to))
				continue;

			compare_cpus(pairs, from, to);
			compare_machines(pairs, from, to);
		}

	return pairs;
}
