/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/virt_domain.h"

#include "base/deadline.h"
#include "base/text.h"
#include "xml/xml.h"
#include "virt/connect.h"
#include "virt/virt_error.h"
#include "virt/timed_call.h"

/* PARSE_US: from there until a call has its domain in the list. */
enum { ASK_MS = 1000, EVENT_MS = 300, PARSE_US = 100000 };

static bool fail_lookup(const char *name, GError **error)
{
	return virt_fail(error, "cannot find domain %s", name);
}

/* As libvirt reads one: dashes are of no matter. */
static bool is_uuid(const char *id)
{
	unsigned digits = 0;

	for (; *id; id++) {
		if (g_ascii_isxdigit(*id))
			digits++;
		else if (*id != '-')
			return false;
	}

	return digits == 32;
}

static virDomain *lookup(virConnect *conn, const char *id)
{
	if (is_uuid(id))
		return virDomainLookupByUUIDString(conn, id);

	return virDomainLookupByName(conn, id);
}

/* OTHER has the VM's name but another UUID: it must not be used as the VM. */
static bool refuse_namesake(virDomain *other, const char *uuid, GError **error)
{
	char found[VIR_UUID_STRING_BUFLEN] = "";
	struct virt_state state;

	if (!virt_state_read(other, &state, error))
		return false;
	if (state.gone)
		return vmm_fail(error, VMM_ERROR_NOT_FOUND, "cannot find domain %s: it is gone",
				uuid);
	virDomainGetUUIDString(other, found);
	vmm_fail(error, VMM_ERROR_EXISTS, "domain %s is gone, but another one of its name, %s "
		 "with UUID %s, is %s", uuid, virDomainGetName(other), found,
		 virt_state_name(&state));
	vmm_error_set_hint(error, "compare the two UUIDs with the VM's DEPLOY_ID; end the other "
			   "one by its own UUID if nobody needs it");

	return false;
}

virDomain *virt_domain_ref(virDomain *dom)
{
	virDomainRef(dom);
	return dom;
}

virDomain *virt_domain(virConnect *conn, const char *deploy_id, const char *vm_id, GError **error)
{
	virDomain *dom = lookup(conn, deploy_id);
	g_autoptr(GError) cause = NULL;
	g_autofree char *name = NULL;

	if (dom)
		return dom;
	fail_lookup(deploy_id, &cause);
	if (virt_last_is(VIR_ERR_NO_DOMAIN) && text_is_digits(vm_id)) {
		name = g_strdup_printf("one-%s", vm_id);
		dom = virDomainLookupByName(conn, name);
		if (dom && is_uuid(deploy_id)) {
			refuse_namesake(dom, deploy_id, error);
			virDomainFree(dom);
			return NULL;
		}

		if (dom)
			return dom;
		if (!virt_last_is(VIR_ERR_NO_DOMAIN)) {
			fail_lookup(name, error);
			return NULL;
		}
	}

	vmm_pass(error, &cause);

	return NULL;
}

/* Neither the answer nor a failure matters: only that libvirtd has answered. */
static bool ask_what_qemu_can(void *conn, GError **error)
{
	(void)error;
	free(virConnectGetDomainCapabilities(conn, NULL, NULL, NULL, NULL, 0));
	return true;
}

static void unref(void *conn)
{
	virConnectClose(conn);
}

bool virt_barrier(virConnect *conn, unsigned limit_ms, GError **error)
{
	enum virt_call_result r;

	virConnectRef(conn);
	r = virt_call(ask_what_qemu_can, conn, unref, limit_ms, error);
	if (r == VIRT_CALL_TIMED_OUT)
		return vmm_fail(error, VMM_ERROR_TIMEOUT, "libvirtd does not respond");
	virConnectClose(conn);
	g_usleep(PARSE_US);

	return r == VIRT_CALL_OK;
}

static bool may_be_off(int state)
{
	if (state == VIR_DOMAIN_SHUTOFF)
		return true;
	if (state == VIR_DOMAIN_CRASHED)
		return true;

	return state == VIR_DOMAIN_NOSTATE;
}

bool virt_state_read(virDomain *dom, struct virt_state *ret, GError **error)
{
	struct virt_state s = { VIR_DOMAIN_SHUTOFF, 0, false };
	int active = 1;

	/* A domain that runs, is paused or is being stopped has a QEMU: saves one call. */
	if (virDomainGetState(dom, &s.state, &s.reason, 0) < 0 ||
	    (may_be_off(s.state) && (active = virDomainIsActive(dom)) < 0)) {
		if (!virt_last_is(VIR_ERR_NO_DOMAIN) ||
		    virConnectIsAlive(virDomainGetConnect(dom)) != 1)
			return virt_fail(error, "cannot read the state of domain %s",
					 virDomainGetName(dom));
		s.gone = true;
	} else {
		s.gone = !active;
	}

	*ret = s;
	return true;
}

static bool is_starting(const struct virt_state *s)
{
	if (s->state != VIR_DOMAIN_PAUSED)
		return false;

	return s->reason == VIR_DOMAIN_PAUSED_STARTING_UP;
}

const char *virt_state_name(const struct virt_state *state)
{
	static const char *const names[] = {
		[VIR_DOMAIN_NOSTATE]     = "in no state",
		[VIR_DOMAIN_RUNNING]     = "running",
		[VIR_DOMAIN_BLOCKED]     = "blocked",
		[VIR_DOMAIN_PAUSED]      = "paused",
		[VIR_DOMAIN_SHUTDOWN]    = "shutting down",
		[VIR_DOMAIN_SHUTOFF]     = "shut off",
		[VIR_DOMAIN_CRASHED]     = "crashed",
		[VIR_DOMAIN_PMSUSPENDED] = "suspended by its guest",
	};

	if (is_starting(state))
		return "starting";
	if (state->state < 0 || state->state >= (int)G_N_ELEMENTS(names))
		return "in an unknown state";

	return names[state->state];
}

bool virt_state_is_up(const struct virt_state *s)
{
	if (s->gone)
		return false;

	return !is_starting(s);
}

void virt_hint_lost(virDomain *dom, GError **error)
{
	struct virt_state state;

	if (virt_state_read(dom, &state, NULL) && !state.gone && is_starting(&state))
		vmm_error_set_hint(error, "if it has no QEMU, libvirt's daemon has lost it: stop "
				   "the daemon, remove /run/libvirt/qemu/%s.xml, start it",
				   virDomainGetName(dom));
}

bool virt_state_is_unresponsive(const struct virt_state *s)
{
	if (s->state == VIR_DOMAIN_PAUSED)
		return true;
	if (s->state == VIR_DOMAIN_PMSUSPENDED)
		return true;

	return s->state == VIR_DOMAIN_CRASHED;
}

/*
 * Whether PATH, which metadata names, can be the directory of DOM: RAW of a VM that oned made
 * the domain of may have said it. That of one-7 is called 7.
 */
static bool is_directory_of(virDomain *dom, const char *path)
{
	const char *name = virDomainGetName(dom);
	g_autofree char *plain = g_canonicalize_filename(path, "/");
	g_autofree char *last = g_path_get_basename(plain);
	g_auto(GStrv) part = g_strsplit(path, "/", -1);

	if (*path != '/' || g_strv_contains((const char *const *)part, ".."))
		return false;

	if (!g_str_has_prefix(name, "one-"))
		return true;

	return g_str_equal(last, name + strlen("one-"));
}

/* RET: the text of element NAME in the metadata, or NULL. False: they cannot be read. */
static bool read_metadata(virDomain *dom, const char *uri, const char *name, char **ret,
			  GError **error)
{
	char *text = virDomainGetMetadata(dom, VIR_DOMAIN_METADATA_ELEMENT, uri, 0);
	g_autoptr(xmlDoc) doc = text ? xml_parse(text, strlen(text), "metadata", NULL) : NULL;

	if (doc)
		*ret = xml_child_text(xmlDocGetRootElement(doc), name);
	else
		*ret = NULL;
	if (!text && !virt_last_is(VIR_ERR_NO_DOMAIN_METADATA))
		return virt_fail(error, "cannot read the metadata of domain %s",
				 virDomainGetName(dom));
	free(text);

	return true;
}

bool virt_vm_directory_read(virDomain *dom, const char *uri, char **ret, GError **error)
{
	if (!read_metadata(dom, uri, "system_datastore", ret, error))
		return false;
	if (*ret && !is_directory_of(dom, *ret)) {
		vmm_fail(error, VMM_ERROR_REFUSED, "the metadata of domain %s names a directory "
			 "that is not its own: '%.200s'", virDomainGetName(dom), *ret);
		g_clear_pointer(ret, g_free);
		return false;
	}

	return true;
}

char *virt_vm_directory(virDomain *dom, const char *uri)
{
	char *directory;

	if (virt_vm_directory_read(dom, uri, &directory, NULL))
		return directory;

	return NULL;
}

char *virt_vm_devices(virDomain *dom, const char *uri)
{
	char *devices;

	if (read_metadata(dom, uri, "pci_devices", &devices, NULL))
		return devices;

	return NULL;
}

char *virt_xml(virDomain *dom, GError **error)
{
	char *text = virDomainGetXMLDesc(dom, 0), *copy;

	if (!text) {
		virt_fail(error, "cannot read the XML of domain %s", virDomainGetName(dom));
		return NULL;
	}

	copy = g_strdup(text);
	free(text);

	return copy;
}

struct virt_watch {
	GMutex mutex;
	GCond cond;
	bool stopped;		/* an event said so; the state is read nevertheless */
	bool seen;		/* such an event has come, and DETAIL is its */
	int detail;
	virDomain *dom;
	int id;			/* of the callback, or -1 */
};

static void on_event(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom G_GNUC_UNUSED, int event,
		     int detail, void *data)
{
	struct virt_watch *w = data;

	if (event != VIR_DOMAIN_EVENT_STOPPED)
		return;
	g_mutex_lock(&w->mutex);
	w->stopped = w->seen = true;
	w->detail = detail;
	g_cond_signal(&w->cond);
	g_mutex_unlock(&w->mutex);
}

static void watch_clear(void *data)
{
	struct virt_watch *w = data;

	g_mutex_clear(&w->mutex);
	g_cond_clear(&w->cond);
}

/* libvirt holds a reference of its own: a callback may still run while we release ours. */
static void on_released(void *data)
{
	g_atomic_rc_box_release_full(data, watch_clear);
}

VirtWatch *virt_watch_new(virDomain *dom, GError **error)
{
	struct virt_watch *w = g_atomic_rc_box_new0(struct virt_watch);

	g_mutex_init(&w->mutex);
	g_cond_init(&w->cond);
	w->dom = dom;
	virt_await_events();
	w->id = virConnectDomainEventRegisterAny(virDomainGetConnect(dom), dom,
						 VIR_DOMAIN_EVENT_ID_LIFECYCLE,
						 VIR_DOMAIN_EVENT_CALLBACK(on_event),
						 g_atomic_rc_box_acquire(w), on_released);
	if (w->id >= 0) {
		virDomainRef(dom);
		return w;
	}

	virt_fail(error, "cannot watch domain %s", virDomainGetName(dom));
	on_released(w);
	on_released(w);

	return NULL;
}

void virt_watch_free(VirtWatch *w)
{
	if (!w)
		return;
	virt_stop_listening(virDomainGetConnect(w->dom), w->id);
	virDomainFree(w->dom);
	on_released(w);
}

static void wait_for_event(struct virt_watch *w, gint64 until_us)
{
	g_mutex_lock(&w->mutex);
	while (!w->stopped && g_cond_wait_until(&w->cond, &w->mutex, until_us))
		;
	w->stopped = false;
	g_mutex_unlock(&w->mutex);
}

/* The detail of the event that said it stopped; -1: none has come yet. */
static int detail_of_stop(struct virt_watch *w)
{
	int detail = -1;

	g_mutex_lock(&w->mutex);
	if (w->seen)
		detail = w->detail;
	g_mutex_unlock(&w->mutex);

	return detail;
}

/*
 * A domain that is gone from here need not have stopped: it may run elsewhere, or be saved in a
 * file.
 */
static bool check_left(struct virt_watch *w, GError **error)
{
	int detail = detail_of_stop(w);

	if (detail < 0) {	/* the state may be ahead of the event */
		wait_for_event(w, deadline_in_ms(EVENT_MS));
		detail = detail_of_stop(w);
	}

	if (detail != VIR_DOMAIN_EVENT_STOPPED_MIGRATED && detail != VIR_DOMAIN_EVENT_STOPPED_SAVED)
		return true;
	vmm_fail(error, VMM_ERROR_REFUSED, "domain %s was %s meanwhile: it was not stopped",
		 virDomainGetName(w->dom),
		 detail == VIR_DOMAIN_EVENT_STOPPED_SAVED ? "saved" : "migrated to another host");
	vmm_error_set_hint(error, "check where it is now");

	return false;
}

bool virt_watch_gone(VirtWatch *w, gint64 until_us, bool *ret_gone, GError **error)
{
	struct virt_state state;

	for (;;) {
		if (!virt_state_read(w->dom, &state, error))
			return false;
		*ret_gone = state.gone;
		if (state.gone)
			return check_left(w, error);
		if (deadline_passed(until_us))
			return true;
		wait_for_event(w, MIN(until_us, deadline_in_ms(ASK_MS)));
	}
}

xmlDoc *virt_xml_doc_of(virDomain *dom, unsigned flags, GError **error)
{
	char *text = virDomainGetXMLDesc(dom, flags);
	xmlDoc *doc;

	if (!text) {
		virt_fail(error, "cannot read the XML of domain %s", virDomainGetName(dom));
		return NULL;
	}

	doc = xml_parse(text, strlen(text), "domain", error);
	free(text);

	return doc;
}

xmlDoc *virt_xml_doc(virDomain *dom, GError **error)
{
	return virt_xml_doc_of(dom, 0, error);
}
