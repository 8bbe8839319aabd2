/* SPDX-License-Identifier: Apache-2.0 */
#include "check/check_rows.h"

/* Without acceleration they are no faults. */
static const char kvm_only[] =
	"cpu-virt kvm-module kvm-vendor kvm-boot kvm-device nested vhost-net";

static const struct check_table *const tables[] = { &check_kvm, &check_libvirt, &check_secure,
						    &check_system, &check_vm };

const char *check_verdict_label(enum check_verdict verdict)
{
	static const char *const labels[] = { "OK", "INFO", "WARN", "FAIL", "?" };

	return labels[verdict];
}

const char *check_verdict_word(enum check_verdict verdict)
{
	static const char *const words[] = { "ok", "info", "warn", "fail", "unknown" };

	return words[verdict];
}

/* A word that names no check is misspelled: an empty result would look like a fit host. */
static bool is_id(const char *id)
{
	for (size_t t = 0; t < G_N_ELEMENTS(tables); t++)
		for (size_t i = 0; i < tables[t]->n; i++)
			if (g_str_equal(tables[t]->rows[i].id, id))
				return true;

	return false;
}

char **check_ids(const char *list, GError **error)
{
	g_auto(GStrv) ids = g_strsplit(list, ",", -1);

	if (!*ids) {
		vmm_fail(error, VMM_ERROR_USAGE, "no check is named");
		return NULL;
	}

	for (char **id = ids; *id; id++)
		if (!is_id(g_strstrip(*id))) {
			vmm_fail(error, VMM_ERROR_USAGE, "there is no check '%s'", *id);
			return NULL;
		}

	return g_steal_pointer(&ids);
}

static void result_free(void *data)
{
	struct check_result *r = data;

	g_free(r->found);
	g_free(r->hint);
	g_strfreev(r->commands);
	g_free(r);
}

/* The id among CAUSES that has failed; NULL: none. */
static const char *failed_cause(const GPtrArray *results, const char *causes)
{
	for (guint i = 0; i < results->len; i++) {
		const struct check_result *r = results->pdata[i];

		if (r->verdict == CHECK_FAIL && facts_has(causes, r->id))
			return r->id;
	}

	return NULL;
}

/* --require makes a failure of what is else a hint; what is not known stays unknown. */
static enum check_verdict verdict_of(const struct check_row *row, const struct check_view *v)
{
	bool is_required = v->wish->require && g_strv_contains(v->wish->require, row->id);
	bool is_spared = g_str_equal(v->wish->type, "qemu") && facts_has(kvm_only, row->id);

	if (row->verdict == CHECK_OK)
		return CHECK_OK;
	if (is_required && row->verdict != CHECK_UNKNOWN)
		return CHECK_FAIL;
	if (is_spared && !is_required)
		return CHECK_INFO;

	return row->verdict;
}

static char **fill_commands(const struct check_row *row, const struct check_view *v)
{
	GPtrArray *commands = g_ptr_array_new();

	for (size_t i = 0; i < CHECK_COMMANDS && row->commands[i]; i++) {
		char *command = check_fill(row->commands[i], v);

		/* A word that this host has no text for leaves no command. */
		if (*command)
			g_ptr_array_add(commands, command);
		else
			g_free(command);
	}

	g_ptr_array_add(commands, NULL);

	return (char **)g_ptr_array_free(commands, FALSE);
}

static void add_result(GPtrArray *results, const struct check_row *row, const struct check_view *v)
{
	struct check_result *r = g_new0(struct check_result, 1);
	const char *cause = failed_cause(results, row->causes);

	r->id = row->id;
	r->verdict = verdict_of(row, v);
	r->found = check_fill(row->text, v);
	r->commands = fill_commands(row, v);
	if (row->hint)
		r->hint = check_fill(row->hint, v);

	/*
	 * One fault is one failure: what only follows from it is shown without commands of its own.
	 */
	if (cause && r->verdict == CHECK_FAIL) {
		r->verdict = CHECK_INFO;
		g_free(r->hint);
		r->hint = g_strdup_printf("because of %s", cause);
		g_strfreev(r->commands);
		r->commands = g_new0(char *, 1);
	}

	g_ptr_array_add(results, r);
}

static bool applies(const struct check_row *row, const struct check_view *v)
{
	if (v->wish->only && !g_strv_contains(v->wish->only, row->id))
		return false;

	return !row->when || row->when(v);
}

/* The rows of one check stand together: the first row that applies decides. */
static void check_table_rows(GPtrArray *results, const struct check_table *t,
			     const struct check_view *v)
{
	const char *decided = NULL;

	for (size_t i = 0; i < t->n; i++) {
		const struct check_row *row = &t->rows[i];

		if (!g_strcmp0(row->id, decided) || !applies(row, v))
			continue;

		decided = row->id;
		add_result(results, row, v);
	}
}

static bool has_result(const GPtrArray *results, const char *id)
{
	for (guint i = 0; i < results->len; i++)
		if (g_str_equal(((const struct check_result *)results->pdata[i])->id, id))
			return true;

	return false;
}

/* What one does to get a result of check ID. Static. */
static const char *way_to(const char *id)
{
	if (g_str_has_prefix(id, "vm-"))
		return "--vm names none";
	if (g_str_equal(id, "storage"))
		return "--storage names none";
	if (g_str_equal(id, "peer"))
		return "--peer names none";

	return "libvirt did not say";
}

/* A check that was asked for by name gets a result even if no row applies to it. */
static void add_missing(GPtrArray *results, const char *const *ids, const struct check_view *v)
{
	for (const char *const *id = ids; id && *id; id++) {
		struct check_result *r;

		if (has_result(results, *id))
			continue;

		r = g_new0(struct check_result, 1);
		r->id = g_intern_string(*id);
		if (v->f->vm && g_str_has_prefix(*id, "vm-")) {
			r->found = g_strdup("the VM asks for nothing of this");
		} else {
			r->verdict = CHECK_UNKNOWN;
			r->found = g_strdup_printf("could not tell: %s", way_to(*id));
		}
		r->commands = g_new0(char *, 1);
		g_ptr_array_add(results, r);
	}
}

GPtrArray *check_host(const HostFacts *f, const struct check_wish *wish)
{
	GPtrArray *results = g_ptr_array_new_with_free_func(result_free);
	const struct check_view v = { .f = f, .wish = wish };

	for (size_t t = 0; t < G_N_ELEMENTS(tables); t++)
		if (tables[t] != &check_vm || f->vm)
			check_table_rows(results, tables[t], &v);

	add_missing(results, wish->only, &v);
	add_missing(results, wish->require, &v);

	return results;
}

enum check_verdict check_worst(const GPtrArray *results)
{
	/* The worst last. */
	static const enum check_verdict order[] = { CHECK_WARN, CHECK_UNKNOWN, CHECK_FAIL };
	enum check_verdict worst = CHECK_OK;

	for (size_t o = 0; o < G_N_ELEMENTS(order); o++)
		for (guint i = 0; i < results->len; i++) {
			const struct check_result *r = results->pdata[i];

			if (r->verdict == order[o])
				worst = order[o];
		}

	return worst;
}

int check_exit_status(const GPtrArray *results)
{
	switch (check_worst(results)) {
	case CHECK_FAIL:
		return 1;
	case CHECK_UNKNOWN:
		return 3;
	default:
		return 0;
	}
}
