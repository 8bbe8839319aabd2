/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/vcpus.h"

#include <json-c/json.h>

#include "base/deadline.h"
#include "xml/xml.h"
#include "virt/agent.h"
#include "virt/virt_resize.h"

enum { ANSWER_MS = 60000, UNPLUG_MS = 30000, PAUSE_MS = 500, AGENT_S = 5 };

/* The entries of the list "return" of ANSWER, with KEY true if one is given; 0: it is no answer. */
static unsigned count(const char *answer, const char *key)
{
	json_object *all = answer ? json_tokener_parse(answer) : NULL, *list = NULL, *value;
	unsigned n = 0;

	if (json_object_is_type(all, json_type_object) &&
	    json_object_object_get_ex(all, "return", &list) &&
	    json_object_is_type(list, json_type_array))
		for (size_t i = 0; i < json_object_array_length(list); i++) {
			json_object *entry = json_object_array_get_idx(list, i);

			n += json_object_is_type(entry, json_type_object) &&
			     (!key || (json_object_object_get_ex(entry, key, &value) &&
				       json_object_get_boolean(value)));
		}
	json_object_put(all);

	return n;
}

/* 0: not known. */
static unsigned in_qemu(virDomain *dom)
{
	g_autofree char *answer = virt_monitor(dom, "{\"execute\":\"query-cpus-fast\"}");

	return count(answer, NULL);
}

static unsigned in_guest(virDomain *dom)
{
	g_autofree char *answer = virt_agent(dom, "{\"execute\":\"guest-get-vcpus\"}", AGENT_S,
					     NULL);

	return count(answer, "online");
}

/* Whether a CPU of DOM can be unplugged while it runs. */
static bool can_shrink(const xmlNode *domain)
{
	const xmlNode *vcpus = xml_child(domain, "vcpus");

	for (const xmlNode *n = xml_child(vcpus, "vcpu"); n; n = xml_next(n))
		if (xml_has(n, "enabled", "yes") && xml_has(n, "hotpluggable", "yes"))
			return true;
	return false;
}

static bool refuse_count(virDomain *dom, unsigned counted, unsigned has, GError **error)
{
	vmm_fail(error, VMM_ERROR_REFUSED, "libvirt counts %u CPUs of domain %s, and its QEMU has "
		 "%u: libvirt missed the end of an unplug", counted, virDomainGetName(dom), has);
	vmm_error_set_hint(error, "restart libvirt's daemon on the host; guests keep running, "
			   "and it counts again");
	return false;
}

bool vcpus_agree(virDomain *dom, const xmlNode *live, GError **error)
{
	struct virt_sizes now;
	unsigned has;

	if (!can_shrink(live))
		return true;
	if (!virt_sizes_read(dom, &now, error))
		return false;
	has = in_qemu(dom);

	if (!has)
		return true;
	if (has == now.vcpus)
		return true;

	return refuse_count(dom, now.vcpus, has, error);
}

/* Whether DOM has N CPUs by now, by libvirt's count or QEMU's own. */
static bool has_now(virDomain *dom, guint64 n)
{
	struct virt_sizes now;

	if (virt_sizes_read(dom, &now, NULL) && now.vcpus == n)
		return true;
	if (in_qemu(dom) != n)
		return false;
	action_log("WARN", "domain %s has %u CPUs; libvirt counts more until its daemon is "
		   "restarted", virDomainGetName(dom), (unsigned)n);

	return true;
}

/* libvirt does not wait any longer; the guest may release the CPU later. */
static enum action_outcome wait_for_unplug(const struct action_ctx *ctx, virDomain *dom,
					   guint64 n, GError **error)
{
	gint64 until_us = action_until_us(ctx, UNPLUG_MS, (AGENT_S + 1) * 1000);
	g_autofree char *used = NULL;
	unsigned guest;

	while (!has_now(dom, n)) {
		if (deadline_pause(until_us, PAUSE_MS))
			continue;

		guest = in_guest(dom);
		if (guest)
			used = g_strdup_printf(", the guest uses %u", guest);
		else
			used = g_strdup("");
		vmm_fail(error, VMM_ERROR_GUEST, "domain %s was asked to go down to %"
			 G_GUINT64_FORMAT " CPUs and has not yet: QEMU has %u%s",
			 virDomainGetName(dom), n, in_qemu(dom), used);
		vmm_error_set_hint(error, "its guest may still give them back: ask again later");
		return ACTION_UNKNOWN;
	}

	return ACTION_DONE;
}

/* Whether nothing is to be asked of libvirt for N: RET says what is true. */
static bool is_decided(virDomain *dom, const struct virt_sizes *now, guint64 n,
		       enum action_outcome *ret, GError **error)
{
	unsigned has = now->vcpus_max > 1 ? in_qemu(dom) : 0;

	*ret = ACTION_FAILED;
	if (has && has != now->vcpus) {
		if (has == n && has_now(dom, n))
			*ret = ACTION_DONE;
		else
			*ret = ACTION_FAILED;
		if (*ret == ACTION_DONE)
			return true;

		return !refuse_count(dom, now->vcpus, has, error);
	}

	if (n == now->vcpus) {
		*ret = ACTION_DONE;
		return true;
	}

	if (n <= now->vcpus_max)
		return false;
	vmm_fail(error, VMM_ERROR_REFUSED, "cannot give domain %s %" G_GUINT64_FORMAT
		 " CPUs: it can have %u", virDomainGetName(dom), n, now->vcpus_max);
	vmm_error_set_hint(error, "the new VCPU_MAX takes effect at the next start");

	return true;
}

enum action_outcome vcpus_set(struct action_ctx *ctx, DeviceVm *v, guint64 n, GError **error)
{
	g_autoptr(GError) cause = NULL;
	struct virt_sizes now;
	enum action_outcome outcome;
	enum virt_call_result r;
	bool waited = false;

	if (!virt_sizes_read(v->dom, &now, error))
		return ACTION_FAILED;
	if (is_decided(v->dom, &now, n, &outcome, error))
		return outcome;
	action_on_abort(ACTION_UNKNOWN, "resizing domain %s", virDomainGetName(v->dom));
	do
		r = virt_set_vcpus(v->dom, (unsigned)n, action_left_ms(ctx, ANSWER_MS), &waited,
				   &cause);
	while (action_call_repeat(ctx, &v->dom, r, &cause));
	if (r == VIRT_CALL_FAILED && waited && n < now.vcpus)
		return wait_for_unplug(ctx, v->dom, n, error);

	return action_judge(ctx, r, g_steal_pointer(&cause), error, "cannot give domain %s %"
			    G_GUINT64_FORMAT " CPUs", virDomainGetName(v->dom), n);
}
