/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/vm_table.h"

#include <string.h>

#include "monitor/vm_set.h"

struct vm {
	gint64 id;
	char uuid[37];
	const char *state;		/* NULL: not in the last list */
	gint64 missing_us;		/* since when; 0: it never was in a list */
	gint64 passing_us;		/* since when it is on its way to another state; or 0 */
	gint64 action_us;		/* when an action last worked on it */
	bool ended;			/* by itself */
	const char *reported;		/* NULL: nothing yet */
	char reported_uuid[37];
	const char *pending;		/* in a report that has not arrived yet; or NULL */
	bool in_list;
};

struct vm_table {
	struct vm_table_rules rules;
	GHashTable *vms;		/* struct vm by its id */
};

static const char off[] = "POWEROFF", unknown[] = "UNKNOWN";

VmTable *vm_table_new(const struct vm_table_rules *rules)
{
	VmTable *t = g_new0(VmTable, 1);

	t->rules = *rules;
	t->vms = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);

	return t;
}

void vm_table_free(VmTable *t)
{
	if (!t)
		return;

	g_hash_table_unref(t->vms);
	g_free(t);
}

static struct vm *vm_of(VmTable *t, gint64 id)
{
	struct vm *vm = g_hash_table_lookup(t->vms, &id);

	if (vm)
		return vm;

	vm = g_new0(struct vm, 1);
	vm->id = id;
	g_hash_table_insert(t->vms, &vm->id, vm);

	return vm;
}

static void see(const VmTable *t, struct vm *vm, const struct vm_table_seen *seen, gint64 now_us)
{
	bool is_known = vm->state && strcmp(vm->uuid, seen->uuid) == 0;
	bool may_stay = seen->passes && seen->stays;

	if (!is_known || !may_stay)
		vm->passing_us = 0;
	if (may_stay && !vm->passing_us)
		vm->passing_us = now_us;

	if (!seen->passes || !is_known)
		vm->state = seen->state;
	if (may_stay && now_us - vm->passing_us >= t->rules.passing_max_us)
		vm->state = seen->stays;
	g_strlcpy(vm->uuid, seen->uuid, sizeof(vm->uuid));
	vm->in_list = true;
	vm->ended = false;
}

void vm_table_list(VmTable *t, const struct vm_table_seen *seen, guint n, gint64 now_us)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, t->vms);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		((struct vm *)value)->in_list = false;

	for (guint i = 0; i < n; i++)
		see(t, vm_of(t, seen[i].id), &seen[i], now_us);

	g_hash_table_iter_init(&iter, t->vms);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct vm *vm = value;

		if (vm->in_list)
			continue;
		if (vm->state || !vm->missing_us)
			vm->missing_us = now_us;
		vm->state = NULL;
		if (!vm->reported && !vm->pending)	/* it came and went unseen */
			g_hash_table_iter_remove(&iter);
	}
}

static gint compare_ids(gconstpointer a, gconstpointer b)
{
	const struct vm *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

char *vm_table_on(const VmTable *t)
{
	g_autoptr(GList) vms = g_list_sort(g_hash_table_get_values(t->vms), compare_ids);
	GString *text = g_string_new(NULL);

	for (GList *l = vms; l; l = l->next) {
		const struct vm *vm = l->data;

		if (vm->reported && vm->reported != off)
			g_string_append_printf(text, "%" G_GINT64_FORMAT " %s\n", vm->id,
					       vm->uuid);
	}

	return g_string_free(text, FALSE);
}

void vm_table_remember(VmTable *t, gint64 id, const char *uuid)
{
	struct vm *vm = vm_of(t, id);

	g_strlcpy(vm->uuid, uuid, sizeof(vm->uuid));
	g_strlcpy(vm->reported_uuid, uuid, sizeof(vm->reported_uuid));
	vm->reported = unknown;
}

void vm_table_ended(VmTable *t, gint64 id)
{
	struct vm *vm = g_hash_table_lookup(t->vms, &id);

	if (vm)
		vm->ended = true;
}

/* What monitord is to know of VM, which no action works on. */
static const char *truth(const VmTable *t, const struct vm *vm, gint64 now_us)
{
	bool is_fresh = vm->action_us && now_us - vm->action_us < t->rules.grace_us;
	gint64 since_us = MAX(vm->missing_us, vm->action_us);

	if (vm->state)
		return vm->state;
	if (now_us - since_us >= t->rules.missing_us)
		return off;
	if (t->rules.at_once && vm->ended && !is_fresh)
		return off;

	return vm->reported;
}

static bool is_news(const struct vm *vm, const char *state)
{
	return g_strcmp0(vm->reported, state) != 0 || strcmp(vm->reported_uuid, vm->uuid) != 0;
}

/* UNKNOWN changes nothing in oned, but keeps the VM from being missed in a complete list. */
bool vm_table_report(VmTable *t, bool complete, gint64 now_us, vm_table_action *action,
		     void *data, Fields *out)
{
	g_autoptr(GList) vms = g_list_sort(g_hash_table_get_values(t->vms), compare_ids);
	bool held_back = false;

	if (complete)
		vm_set_add_sync(out);
	for (GList *l = vms; l; l = l->next) {
		struct vm *vm = l->data;
		gint64 action_us = action(vm->id, now_us, data);
		bool is_held = action_us == now_us;
		const char *state;

		vm->action_us = MAX(vm->action_us, action_us);
		state = is_held ? unknown : truth(t, vm, now_us);
		if (is_held && is_news(vm, vm->state))
			held_back = true;
		if (!complete && (is_held || !is_news(vm, state)))
			continue;
		vm_set_add_state(out, vm->id, vm->uuid, state);
		if (!is_held)
			vm->pending = state;
	}

	return held_back;
}

void vm_table_reported(VmTable *t, bool arrived)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, t->vms);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct vm *vm = value;

		if (vm->pending && arrived) {
			vm->reported = vm->pending;
			g_strlcpy(vm->reported_uuid, vm->uuid, sizeof(vm->reported_uuid));
		}

		vm->pending = NULL;
		if (vm->reported == off && !vm->state)
			g_hash_table_iter_remove(&iter);
	}
}
