/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/hotplug.h"

#include "base/deadline.h"
#include "xml/xml.h"
#include "virt/connect.h"
#include "virt/domain_call.h"
#include "virt/virt_error.h"

enum { ASK_MS = 1000, ANSWER_MS = 40000 };

static bool change_device(DomainCall *c, GError **error)
{
	unsigned flags = VIR_DOMAIN_AFFECT_LIVE;
	int rc;

	if (c->number == VIRT_DEVICE_ATTACH)
		rc = virDomainAttachDeviceFlags(c->dom, c->text, flags);
	else
		rc = virDomainUpdateDeviceFlags(c->dom, c->text,
						flags | VIR_DOMAIN_DEVICE_MODIFY_FORCE);

	if (rc == 0)
		return true;

	return virt_fail(error, "%s", "");
}

enum virt_call_result virt_device(virDomain *dom, enum virt_device_verb verb, const char *xml,
				  unsigned limit_ms, GError **error)
{
	g_autoptr(DomainCall) c = domain_call_new(dom, xml);

	c->number = verb;
	return domain_call_run(c, change_device, limit_ms, error);
}

/* Receives the events DEVICE_REMOVED and DEVICE_REMOVAL_FAILED of one device. */
struct removal_watch {
	GMutex mutex;
	GCond cond;
	char *alias;
	bool removed, refused;
};

static void removal_watch_clear(void *data)
{
	struct removal_watch *e = data;

	g_mutex_clear(&e->mutex);
	g_cond_clear(&e->cond);
	g_free(e->alias);
}

static void removal_watch_release(void *data)
{
	g_atomic_rc_box_release_full(data, removal_watch_clear);
}

static void note_event(struct removal_watch *e, const char *alias, bool *what)
{
	g_mutex_lock(&e->mutex);
	if (!g_strcmp0(alias, e->alias)) {
		*what = true;
		g_cond_signal(&e->cond);
	}

	g_mutex_unlock(&e->mutex);
}

static void on_removed(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom G_GNUC_UNUSED,
		       const char *alias, void *data)
{
	note_event(data, alias, &((struct removal_watch *)data)->removed);
}

static void on_refused(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom G_GNUC_UNUSED,
		       const char *alias, void *data)
{
	note_event(data, alias, &((struct removal_watch *)data)->refused);
}

static int listen_to(virDomain *dom, int event, virConnectDomainEventGenericCallback callback,
		     struct removal_watch *e)
{
	int id;

	virt_await_events();
	id = virConnectDomainEventRegisterAny(virDomainGetConnect(dom), dom, event, callback,
					      g_atomic_rc_box_acquire(e), removal_watch_release);
	if (id < 0)
		removal_watch_release(e);

	return id;
}

static void stop_listening(virDomain *dom, int id)
{
	if (id >= 0)
		virt_stop_listening(virDomainGetConnect(dom), id);
}

/* RET: whether DOM still has that device. False: not known. */
static bool has(virDomain *dom, const char *alias, bool *ret, GError **error)
{
	g_autoptr(xmlDoc) doc = virt_xml_doc(dom, error);
	xmlNode *devices = xml_child(xmlDocGetRootElement(doc), "devices");

	*ret = false;
	for (xmlNode *n = devices ? devices->children : NULL; n; n = n->next)
		*ret = *ret || xml_has(xml_child(n, "alias"), "name", alias);
	return doc != NULL;
}

static bool detach_alias(DomainCall *c, GError **error)
{
	if (virDomainDetachDeviceAlias(c->dom, c->text, VIR_DOMAIN_AFFECT_LIVE) == 0)
		return true;

	return virt_fail(error, "%s", "");
}

/* Until an event comes, at most a second. */
static void wait_for_event(struct removal_watch *e, gint64 until_us)
{
	gint64 end = MIN(until_us, deadline_in_ms(ASK_MS));

	g_mutex_lock(&e->mutex);
	while (!e->removed && !e->refused && g_cond_wait_until(&e->cond, &e->mutex, end))
		;
	g_mutex_unlock(&e->mutex);
}

/* What is known of the device that the guest was asked to release. */
struct detach {
	bool known;	/* libvirt has said whether DOM has it */
	bool there;
};

/*
 * Waits until the device is gone, the guest refuses, or UNTIL_US. ASKED: the guest was asked to
 * release it; if not, one look at DOM's devices is enough. False: not known, the connection is
 * lost.
 */
static bool watch_release(virDomain *dom, struct removal_watch *e, bool asked, gint64 until_us,
			  struct detach *d, GError **error)
{
	for (;;) {
		bool decided;

		/* The guest may still release it although one look failed. */
		g_clear_error(error);
		d->known = has(dom, e->alias, &d->there, error);
		if (!d->known && virConnectIsAlive(virDomainGetConnect(dom)) != 1)
			return false;

		decided = d->known && !(d->there && asked);
		if (decided || e->refused || deadline_passed(until_us))
			return d->known;
		wait_for_event(e, until_us);
	}
}

/* Whether libvirt says that the guest refused: it may do so before its event arrives. */
static bool is_refusal(const GError *cause)
{
	return cause && strstr(cause->message, "rejected by the guest");
}

/*
 * Asks once; until UNTIL_US. RET_ASKED becomes true when the guest was asked: QEMU may then refuse
 * to ask it again. RET_GONE: whether it is gone.
 */
static enum virt_call_result detach_once(virDomain *dom, struct removal_watch *e, gint64 until_us,
					 bool *ret_asked, bool *ret_gone, GError **error)
{
	g_autoptr(DomainCall) c = domain_call_new(dom, e->alias);
	g_autoptr(GError) cause = NULL;
	enum virt_call_result r = domain_call_run(c, detach_alias, ANSWER_MS, &cause);
	struct detach d = { .there = true };

	if (r == VIRT_CALL_TIMED_OUT)
		return r;

	*ret_asked = *ret_asked || r == VIRT_CALL_OK;
	if (is_refusal(cause))
		note_event(e, e->alias, &e->refused);
	if (r == VIRT_CALL_OK)
		wait_for_event(e, until_us);
	if (!watch_release(dom, e, *ret_asked, until_us, &d, error))
		return VIRT_CALL_FAILED;

	*ret_gone = !d.there;
	if (r == VIRT_CALL_FAILED && d.there && !*ret_asked) {
		vmm_pass(error, &cause);
		return r;
	}

	return VIRT_CALL_OK;
}

static enum virt_call_result detach(virDomain *dom, struct removal_watch *e, unsigned tries,
				    gint64 until_us, bool *ret_pending, GError **error)
{
	gint64 now = g_get_monotonic_time(), step_us = MAX(until_us - now, 0) / tries;
	bool asked = false, gone = false;

	for (unsigned i = 1; i <= tries && !gone && !e->refused; i++) {
		enum virt_call_result r = detach_once(dom, e, now + step_us * i, &asked, &gone,
						      error);

		if (r != VIRT_CALL_OK)
			return r;
	}

	if (gone)
		return VIRT_CALL_OK;

	*ret_pending = !e->refused;
	if (e->refused) {
		vmm_fail(error, VMM_ERROR_REFUSED, "the guest refused to release the device");
		vmm_error_set_hint(error, "check whether the guest uses it");
	} else {
		vmm_fail(error, VMM_ERROR_GUEST, "the guest did not release the device in time");
		vmm_error_set_hint(error, "it may still be released later: check whether the guest "
				   "uses it, and ask again");
	}

	return VIRT_CALL_FAILED;
}

enum virt_call_result virt_detach(virDomain *dom, const char *alias, unsigned tries,
				  gint64 until_us, bool *ret_pending, GError **error)
{
	struct removal_watch *e = g_atomic_rc_box_new0(struct removal_watch);
	enum virt_call_result r;
	int removed, refused;

	g_mutex_init(&e->mutex);
	g_cond_init(&e->cond);
	e->alias = g_strdup(alias);
	removed = listen_to(dom, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
			    VIR_DOMAIN_EVENT_CALLBACK(on_removed), e);
	refused = listen_to(dom, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED,
			    VIR_DOMAIN_EVENT_CALLBACK(on_refused), e);
	*ret_pending = false;
	r = detach(dom, e, MAX(tries, 1), until_us, ret_pending, error);
	stop_listening(dom, removed);
	stop_listening(dom, refused);
	removal_watch_release(e);

	return r;
}
