/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/watch_once.h"

#include "base/deadline.h"
#include "monitord/monitord_outlet.h"
#include "virt/timed_call.h"

enum { SAMPLE_US = 1000000, SEND_MS = 10000 };

struct making {
	WatchSets *sets;
	enum monitord_set_id id;
	char *uri;
	unsigned limit_ms;
	Fields *fields;
};

static void making_free(void *data)
{
	struct making *m = data;

	watch_sets_free(m->sets);
	fields_free(m->fields);
	g_free(m->uri);
	g_free(m);
}

/* A percentage needs two looks at the CPU's time. */
static bool has_percentage(enum monitord_set_id id)
{
	return id == SET_MONITOR_HOST || id == SET_MONITOR_VM;
}

static bool make(void *data, GError **error)
{
	struct making *m = data;
	g_autoptr(virConnect) conn = NULL;

	if (watch_sets_need_libvirt(m->id) && !(conn = virt_open(m->uri, m->limit_ms, error)))
		return false;
	if (conn && has_percentage(m->id) && !watch_sets_begin(m->sets, conn, error))
		return false;
	if (has_percentage(m->id))
		g_usleep(SAMPLE_US);
	m->fields = watch_sets_make(m->sets, m->id, conn, monitord_sets[m->id].period_s,
				    error);

	return m->fields != NULL;
}

Fields *watch_once(const struct watch_place *place, enum monitord_set_id id, unsigned limit_ms,
		   GError **error)
{
	struct making *m = g_new0(struct making, 1);
	Fields *fields;

	m->sets = watch_sets_new(place, NULL);
	m->id = id;
	m->uri = g_strdup(place->uri);
	m->limit_ms = limit_ms;
	if (virt_call(make, m, making_free, limit_ms, error) == VIRT_CALL_TIMED_OUT) {
		vmm_fail(error, VMM_ERROR_CONNECTION, "cannot make %s: no answer in %u s",
			 monitord_sets[id].path, limit_ms / 1000);
		vmm_error_set_hint(error, "libvirtd or a file system of this host hangs");
		return NULL;
	}

	fields = g_steal_pointer(&m->fields);
	making_free(m);

	return fields;
}

bool watch_send_once(const MonitordStart *start, enum monitord_set_id id, const Fields *fields,
		     GError **error)
{
	const struct monitord_head head = {
		.set = id, .ok = true, .host_id = start->host_id,
		.time_s = g_get_real_time() / G_USEC_PER_SEC,
	};
	g_autofree char *text = fields_template(fields);
	g_autoptr(MonitordOutlet) outlet = monitord_outlet_new(start, error);
	g_autoptr(GPtrArray) messages = NULL;

	if (!outlet)
		return false;
	messages = monitord_pack(&head, start->key, text, error);
	for (guint i = 0; messages && i < messages->len; i++)
		if (!monitord_send(outlet, messages->pdata[i], SEND_MS, error))
			return false;

	return messages != NULL;
}
