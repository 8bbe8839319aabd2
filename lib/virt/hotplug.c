#include "virt/hotplug.h"

#include "xml/xml.h"
#include "virt/connect.h"
#include "virt/virt_error.h"

enum { ASK_US = 1000000, ANSWER_MS = 40000 };

struct call {
	virDomain *dom;
	enum virt_device_verb verb;
	char *text;		/* XML, or an alias */
};

static struct call *call_new(virDomain *dom, const char *text)
{
	struct call *c = g_new0(struct call, 1);

	virDomainRef(dom);
	c->dom = dom;
	c->text = g_strdup(text);
	return c;
}

static void call_free(void *data)
{
	struct call *c = data;

	virDomainFree(c->dom);
	g_free(c->text);
	g_free(c);
}

static bool change(void *data, GError **error)
{
	struct call *c = data;
	unsigned flags = VIR_DOMAIN_AFFECT_LIVE;
	int rc;

	if (c->verb == VIRT_DEVICE_MEDIUM)
		flags |= VIR_DOMAIN_DEVICE_MODIFY_FORCE;
	if (c->verb == VIRT_DEVICE_ATTACH)
		rc = virDomainAttachDeviceFlags(c->dom, c->text, flags);
	else
		rc = virDomainUpdateDeviceFlags(c->dom, c->text, flags);
	return rc == 0 || virt_fail(error, "%s", "");
}

enum virt_call_result virt_device(virDomain *dom, enum virt_device_verb verb, const char *xml,
				  unsigned limit_ms, GError **error)
{
	struct call *c = call_new(dom, xml);
	enum virt_call_result r;

	c->verb = verb;
	r = virt_call(change, c, call_free, limit_ms, error);
	if (r != VIRT_CALL_TIMED_OUT)
		call_free(c);
	return r;
}

/* Hears what becomes of a request to let go. */
struct ears {
	GMutex mutex;
	GCond cond;
	char *alias;
	bool removed, refused;
};

static void ears_clear(void *data)
{
	struct ears *e = data;

	g_mutex_clear(&e->mutex);
	g_cond_clear(&e->cond);
	g_free(e->alias);
}

static void ears_release(void *data)
{
	g_atomic_rc_box_release_full(data, ears_clear);
}

static void hear(struct ears *e, const char *alias, bool *what)
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
	hear(data, alias, &((struct ears *)data)->removed);
}

static void on_refused(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom G_GNUC_UNUSED,
		       const char *alias, void *data)
{
	hear(data, alias, &((struct ears *)data)->refused);
}

static int listen_to(virDomain *dom, int event, virConnectDomainEventGenericCallback callback,
		     struct ears *e)
{
	int id;

	virt_await_events();
	id = virConnectDomainEventRegisterAny(virDomainGetConnect(dom), dom, event, callback,
					      g_atomic_rc_box_acquire(e), ears_release);
	if (id < 0)
		ears_release(e);
	return id;
}

static void stop_listening(virDomain *dom, int id)
{
	if (id >= 0 && virConnectDomainEventDeregisterAny(virDomainGetConnect(dom), id) < 0)
		virResetLastError();
}

/* Whether DOM still has that device. False with ERROR: nobody knows. */
static bool has(virDomain *dom, const char *alias, bool *ret, GError **error)
{
	g_autofree char *text = virt_xml(dom, error);
	g_autoptr(xmlDoc) doc = text ? xml_parse(text, strlen(text), "domain", error) : NULL;
	xmlNode *devices = doc ? xml_child(xmlDocGetRootElement(doc), "devices") : NULL;

	*ret = false;
	for (xmlNode *n = devices ? devices->children : NULL; n; n = n->next)
		*ret = *ret || xml_has(xml_child(n, "alias"), "name", alias);
	return doc != NULL;
}

static bool ask(void *data, GError **error)
{
	struct call *c = data;

	return virDomainDetachDeviceAlias(c->dom, c->text, VIR_DOMAIN_AFFECT_LIVE) == 0 ||
	       virt_fail(error, "%s", "");
}

/* Until an event comes, at most a second. */
static void wait_for_event(struct ears *e, gint64 until_us)
{
	gint64 end = MIN(until_us, g_get_monotonic_time() + ASK_US);

	g_mutex_lock(&e->mutex);
	while (!e->removed && !e->refused && g_cond_wait_until(&e->cond, &e->mutex, end))
		;
	g_mutex_unlock(&e->mutex);
}

/* Asks once; until UNTIL_US. RET_GONE: whether it is gone. */
static enum virt_call_result detach_once(virDomain *dom, struct ears *e, gint64 until_us,
					 bool *ret_gone, GError **error)
{
	struct call *c = call_new(dom, e->alias);
	g_autoptr(GError) cause = NULL;
	enum virt_call_result r = virt_call(ask, c, call_free, ANSWER_MS, &cause);
	bool there = true, known;

	if (r == VIRT_CALL_TIMED_OUT)
		return r;
	call_free(c);
	if (r == VIRT_CALL_OK)
		wait_for_event(e, until_us);
	for (;;) {
		/* What was asked for goes on, also when one look at it failed. */
		g_clear_error(error);
		known = has(dom, e->alias, &there, error);
		if (!known && virConnectIsAlive(virDomainGetConnect(dom)) != 1)
			return VIRT_CALL_FAILED;
		if ((known && (!there || r == VIRT_CALL_FAILED)) || e->refused ||
		    g_get_monotonic_time() >= until_us)
			break;
		wait_for_event(e, until_us);
	}
	if (!known)
		return VIRT_CALL_FAILED;
	*ret_gone = !there;
	if (r == VIRT_CALL_FAILED && there) {
		vmm_pass(error, &cause);
		return r;
	}
	return VIRT_CALL_OK;
}

static enum virt_call_result detach(virDomain *dom, struct ears *e, unsigned tries, gint64 until_us,
				    GError **error)
{
	gint64 now = g_get_monotonic_time(), step_us = MAX(until_us - now, 0) / tries;
	bool gone = false;

	for (unsigned i = 1; i <= tries && !gone && !e->refused; i++) {
		enum virt_call_result r = detach_once(dom, e, now + step_us * i, &gone, error);

		if (r != VIRT_CALL_OK)
			return r;
	}
	if (gone)
		return VIRT_CALL_OK;
	if (e->refused)
		vmm_fail(error, VMM_ERROR_REFUSED, "the guest refused to let go of it");
	else
		vmm_fail(error, VMM_ERROR_GUEST, "the guest did not let go of it in time");
	vmm_error_set_hint(error, "look whether the guest uses it; it may let go of it later");
	return VIRT_CALL_FAILED;
}

enum virt_call_result virt_detach(virDomain *dom, const char *alias, unsigned tries,
				  gint64 until_us, GError **error)
{
	struct ears *e = g_atomic_rc_box_new0(struct ears);
	enum virt_call_result r;
	int removed, refused;

	g_mutex_init(&e->mutex);
	g_cond_init(&e->cond);
	e->alias = g_strdup(alias);
	removed = listen_to(dom, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
			    VIR_DOMAIN_EVENT_CALLBACK(on_removed), e);
	refused = listen_to(dom, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED,
			    VIR_DOMAIN_EVENT_CALLBACK(on_refused), e);
	r = detach(dom, e, MAX(tries, 1), until_us, error);
	stop_listening(dom, removed);
	stop_listening(dom, refused);
	ears_release(e);
	return r;
}
