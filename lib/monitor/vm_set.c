/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/vm_set.h"

#include "monitor/wild.h"

static void add_identity(Fields *vm, gint64 id, const char *uuid)
{
	fields_add(vm, "ID", FIELDS_QUOTED, "%" G_GINT64_FORMAT, id);
	fields_add(vm, "DEPLOY_ID", FIELDS_QUOTED, "%s", uuid);
}

/* What is not known is left out: a 0 would make the next difference wrong. */
static Fields *usage_of(struct stats *s)
{
	Fields *f = fields_new();
	char cpu[G_ASCII_DTOSTR_BUF_SIZE];

	if (s->cpu_percent >= 0)
		fields_add(f, "CPU", FIELDS_QUOTED, "%s",
			   g_ascii_formatd(cpu, sizeof(cpu), "%.2f", s->cpu_percent));
	if (s->memory_kib)
		fields_add(f, "MEMORY", FIELDS_QUOTED, "%" G_GUINT64_FORMAT, s->memory_kib);
	for (int i = 0; i < VIRT_COUNTERS && stats_has_counters(s); i++)
		fields_add(f, stats_counter_name((enum virt_counter)i), FIELDS_QUOTED,
			   "%" G_GUINT64_FORMAT, s->counter[i]);
	guest_gpus_add(&s->gpus, f);
	if (s->guest)
		fields_move(f, s->guest);
	if (s->forecast)
		fields_move(f, s->forecast);
	if (s->fault)
		fields_add(f, "MONITOR_ERROR", FIELDS_QUOTED, "%s", s->fault);

	return f;
}

void vm_set_add_usage(Fields *out, const GPtrArray *list)
{
	for (guint i = 0; i < list->len; i++) {
		struct stats *s = list->pdata[i];
		Fields *vm = fields_add_vector(out, "VM", FIELDS_VM);

		add_identity(vm, wild_vm_id(s->name), s->uuid);
		fields_add_packed(vm, "MONITOR", usage_of(s));
	}
}

void vm_set_add_state(Fields *out, gint64 id, const char *uuid, const char *state)
{
	Fields *vm = fields_add_vector(out, "VM", FIELDS_STATE);

	add_identity(vm, id, uuid);
	fields_add(vm, "STATE", FIELDS_QUOTED, "%s", state);
}

void vm_set_add_sync(Fields *out)
{
	fields_add(out, "SYNC_STATE", FIELDS_BARE, "yes");
	fields_add(out, "MISSING_STATE", FIELDS_BARE, "POWEROFF");
}

void vm_set_add_wild(Fields *out, const GPtrArray *list)
{
	for (guint i = 0; i < list->len; i++) {
		const struct stats *s = list->pdata[i];
		g_autofree char *xml = NULL, *import = NULL;
		Fields *vm;

		if (wild_vm_id(s->name) >= 0)
			continue;
		xml = virt_xml(s->dom, NULL);
		if (xml)
			import = wild_template(xml, "DEPLOY_ID");
		if (!import)
			continue;

		vm = fields_add_vector(out, "VM", FIELDS_WILD);
		add_identity(vm, -1, s->uuid);
		fields_add(vm, "VM_NAME", FIELDS_QUOTED, "%s", s->name);
		fields_add_base64(vm, "IMPORT_TEMPLATE", import);
	}
}
