/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/memory.h"

#include "action/reconcile.h"
#include "base/deadline.h"
#include "virt/virt_error.h"
#include "virt/virt_resize.h"

enum {
	LEAST_MIB = 32,		/* with less a Linux guest runs out of memory */
	ANSWER_MS = 40000, FOLLOW_MS = 3000, PAUSE_MS = 100,
	DETACH_MS = 30000, RESERVE_MS = 1000, MAX_MODULES = 16
};

/* The guest may release memory late or never: waits a moment, and warns. */
static void watch_balloon(virDomain *dom, guint64 kib)
{
	gint64 until_us = deadline_in_ms(FOLLOW_MS);
	struct virt_sizes now = { .memory_kib = kib };
	bool known;

	for (;;) {
		known = virt_sizes_read(dom, &now, NULL);
		if (known && now.memory_kib == kib)
			break;
		if (!known && virConnectIsAlive(virDomainGetConnect(dom)) != 1)
			break;
		if (!deadline_pause(until_us, PAUSE_MS))
			break;
	}

	if (known && now.memory_kib != kib)
		action_log("WARN", "domain %s: its guest has %" G_GUINT64_FORMAT " MiB so far",
			   virDomainGetName(dom), now.memory_kib >> 10);
}

enum action_outcome memory_balloon(struct action_ctx *ctx, DeviceVm *v, guint64 mib,
				   guint64 *ret_before, GError **error)
{
	g_autoptr(GError) cause = NULL;
	struct virt_sizes now;
	enum virt_call_result r;

	if (!virt_sizes_read(v->dom, &now, error))
		return ACTION_FAILED;
	*ret_before = now.memory_kib >> 10;
	if (now.memory_kib == mib << 10)
		return ACTION_DONE;
	if (mib < LEAST_MIB || mib << 10 > now.memory_max_kib) {
		vmm_fail(error, mib < LEAST_MIB ? VMM_ERROR_INPUT : VMM_ERROR_REFUSED,
			 "cannot give domain %s %" G_GUINT64_FORMAT " MiB: it can have %d to %"
			 G_GUINT64_FORMAT, virDomainGetName(v->dom), mib, LEAST_MIB,
			 now.memory_max_kib >> 10);
		return ACTION_FAILED;
	}

	action_on_abort(ACTION_UNKNOWN, "resizing the memory of domain %s",
			virDomainGetName(v->dom));
	do
		r = virt_set_memory(v->dom, mib << 10, action_left_ms(ctx, ANSWER_MS), &cause);
	while (action_call_repeat(ctx, &v->dom, r, &cause));
	if (r == VIRT_CALL_OK)
		watch_balloon(v->dom, mib << 10);

	return action_judge(ctx, r, g_steal_pointer(&cause), error,
			    "cannot resize the memory of domain %s", virDomainGetName(v->dom));
}

struct module {
	char *alias;
	guint64 mib;
};

static guint modules_of(const DeviceVm *v, struct module *ret)
{
	const xmlNode *devices = xml_child(xmlDocGetRootElement(v->live), "devices");
	guint n = 0;

	for (xmlNode *d = xml_child(devices, "memory"); d && n < MAX_MODULES; d = xml_next(d)) {
		g_autofree char *size = xml_child_text(xml_child(d, "target"), "size");

		if (!size || !xml_has(d, "model", "dimm"))
			continue;
		ret[n].alias = xml_child_attribute(d, "alias", "name");
		ret[n++].mib = g_ascii_strtoull(size, NULL, 10) >> 10;
	}

	return n;
}

/* Some of N modules that have MIB together, as bits; 0: there are none. */
static guint choose(const struct module *modules, guint n, guint64 mib)
{
	for (guint bits = 1; bits < 1U << n; bits++) {
		guint64 sum = 0;

		for (guint i = 0; i < n; i++)
			sum += bits & 1U << i ? modules[i].mib : 0;
		if (sum == mib)
			return bits;
	}

	return 0;
}

/* Unplugs modules of MIB together, one after the other; RET_PENDING as virt_detach(). */
static enum action_outcome unplug(struct action_ctx *ctx, DeviceVm *v, guint64 mib,
				  bool *ret_pending, GError **error)
{
	struct module modules[MAX_MODULES];
	guint n = modules_of(v, modules), bits = choose(modules, n, mib);
	gint64 until_us = action_until_us(ctx, DETACH_MS, RESERVE_MS);
	enum virt_call_result r = VIRT_CALL_OK;
	g_autoptr(GError) cause = NULL;

	for (guint i = 0; i < n; i++) {
		if (r == VIRT_CALL_OK && bits & 1U << i)
			r = virt_detach(v->dom, modules[i].alias,
					(unsigned)conf_kvmrc_tries(ctx->rc),
					until_us, ret_pending, &cause);
		g_free(modules[i].alias);
	}

	if (bits)
		return action_judge(ctx, r, g_steal_pointer(&cause), error, "a memory module");
	vmm_fail(error, VMM_ERROR_REFUSED, "no modules of it have %" G_GUINT64_FORMAT
		 " MiB together", mib);

	return ACTION_FAILED;
}

static enum action_outcome plug(struct action_ctx *ctx, DeviceVm *v, guint64 mib, GError **error)
{
	g_autofree char *xml = domain_dimm_xml(xmlDocGetRootElement(v->live), mib, error);
	static const struct device_key none;

	if (xml)
		return device_attach(ctx, v, "a memory module", &none, xml, error);

	return ACTION_FAILED;
}

static guint64 mib_of(const DeviceVm *v)
{
	g_autofree char *text = xml_child_text(xmlDocGetRootElement(v->live), "memory");

	if (text)
		return g_ascii_strtoull(text, NULL, 10) >> 10;

	return 0;
}

/* Reads V's XML again, on a new connection if need be. False: what is true is not known. */
static bool reread(struct action_ctx *ctx, DeviceVm *v)
{
	switch (reconcile_domain_idle(ctx, &v->dom, NULL)) {
	case RECONCILE_ALIVE:
	case RECONCILE_REOPENED:
		return device_vm_refresh(v, NULL);
	case RECONCILE_GONE:
	case RECONCILE_UNKNOWN:
		break;
	}

	return false;
}

/* ERROR stopped an unplug half way, and nothing more is pending: plugs in again what is missing. */
static enum action_outcome plug_back(struct action_ctx *ctx, DeviceVm *v, guint64 before,
				     GError **error)
{
	g_autoptr(GError) cause = NULL;

	if (plug(ctx, v, before - mib_of(v), &cause) == ACTION_DONE) {
		vmm_error_set_hint(error, "its memory is %" G_GUINT64_FORMAT " MiB, as before",
				   before);
		return ACTION_FAILED;
	}

	vmm_error_set_hint(error, "its memory is %" G_GUINT64_FORMAT " MiB now, and cannot go back "
			   "to %" G_GUINT64_FORMAT ": %s", mib_of(v), before, cause->message);

	return ACTION_UNKNOWN;
}

/*
 * From BEFORE down to MIB. A guest may keep one of several modules: libvirt knows how many it has
 * released.
 */
static enum action_outcome shrink(struct action_ctx *ctx, DeviceVm *v, guint64 before, guint64 mib,
				  GError **error)
{
	bool pending = false;
	enum action_outcome outcome = unplug(ctx, v, before - mib, &pending, error);

	if (outcome == ACTION_DONE || vmm_is(*error, VMM_ERROR_TIMEOUT))
		return outcome;
	if (!reread(ctx, v))
		return ACTION_UNKNOWN;
	if (mib_of(v) == mib) {		/* the answer was lost only */
		g_clear_error(error);
		return ACTION_DONE;
	}

	if (pending) {
		vmm_error_set_hint(error, "its memory is %" G_GUINT64_FORMAT " MiB now; its guest "
				   "may still release the rest: ask again later", mib_of(v));
		return ACTION_UNKNOWN;
	}

	if (mib_of(v) < before)
		return plug_back(ctx, v, before, error);

	return ACTION_FAILED;
}

enum action_outcome memory_modules(struct action_ctx *ctx, DeviceVm *v, guint64 mib,
				   guint64 *ret_before, GError **error)
{
	enum action_outcome outcome;
	guint64 now = mib_of(v);

	*ret_before = now;
	if (mib == now)
		return ACTION_DONE;
	action_on_abort(ACTION_UNKNOWN, "resizing the memory of domain %s",
			virDomainGetName(v->dom));
	if (mib > now)
		outcome = plug(ctx, v, mib - now, error);
	else
		outcome = shrink(ctx, v, now, mib, error);
	if (outcome == ACTION_FAILED && mib_of(v) == mib) {	/* its answer was lost only */
		g_clear_error(error);
		return ACTION_DONE;
	}

	if (outcome != ACTION_DONE)
		g_prefix_error(error, "cannot give domain %s %" G_GUINT64_FORMAT " MiB: ",
			       virDomainGetName(v->dom), mib);

	return outcome;
}
