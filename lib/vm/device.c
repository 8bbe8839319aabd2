/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/device.h"

#include <sys/stat.h>

#include "base/text.h"
#include "action/reconcile.h"
#include "vm/build_domain.h"
#include "vm/disk_images.h"
#include "vm/stranded.h"
#include "virt/domain_job.h"
#include "virt/virt_error.h"

enum { ANSWER_MS = 60000, BARRIER_MS = 20000, DETACH_MS = 30000, RESERVE_MS = 2000 };

bool device_vm_refresh(DeviceVm *v, GError **error)
{
	xmlDoc *doc = virt_xml_doc(v->dom, error);

	if (!doc)
		return false;
	if (v->live)
		xmlFreeDoc(v->live);
	v->live = doc;

	return true;
}

static bool read_document(struct action_ctx *ctx, DeviceVm *v, int fallback, GError **error)
{
	const char *argument = fallback ? action_arg(ctx, fallback) : NULL;
	bool given = argument && *argument && !g_str_equal(argument, "-");

	v->document = request_input_read(error);
	if (v->document && !v->document->doc && given) {
		tmpl_request_free(v->document);
		v->document = request_input_of_operand(argument, error);
	}

	if (!v->document)
		return false;
	if (!request_input_check(v->document, error))
		return false;
	v->vm = tmpl_vm_of_document(v->document->doc, "stdin", error);

	return v->vm != NULL;
}

DeviceVm *device_vm_find(struct action_ctx *ctx, bool need, int fallback, GError **error)
{
	g_autoptr(DeviceVm) v = g_new0(DeviceVm, 1);

	if (need && !read_document(ctx, v, fallback, error))
		return NULL;
	v->dom = action_domain_alone(ctx, error);
	if (!v->dom)
		return NULL;
	if (!virt_state_read(v->dom, &v->state, error))
		return NULL;
	if (!virt_state_is_up(&v->state)) {
		vmm_fail(error, VMM_ERROR_REFUSED, "domain %s is not running",
			 virDomainGetName(v->dom));
		return NULL;
	}

	if (!stranded_is_vm(ctx, v->dom, &v->state, error))
		return NULL;

	return g_steal_pointer(&v);
}

DeviceVm *device_vm_new(struct action_ctx *ctx, bool need, int fallback, GError **error)
{
	g_autoptr(DeviceVm) v = device_vm_find(ctx, need, fallback, error);
	int operation;

	if (!v)
		return NULL;
	/*
	 * A call of a client that died may still be in progress: its device is not in the XML yet.
	 */
	if (!virt_domain_barrier(v->dom, action_left_ms(ctx, BARRIER_MS), &operation, error))
		return NULL;
	if (!device_vm_refresh(v, error))
		return NULL;

	return g_steal_pointer(&v);
}

void device_vm_free(DeviceVm *v)
{
	if (!v)
		return;
	if (v->dom)
		virDomainFree(v->dom);
	if (v->live)
		xmlFreeDoc(v->live);
	tmpl_vm_free(v->vm);
	tmpl_request_free(v->document);
	g_free(v);
}

struct domain_attach device_attach_of(const struct action_ctx *ctx, const DeviceVm *v,
				      const char *path)
{
	struct domain_attach attach = { .live = xmlDocGetRootElement(v->live), .path = path };

	attach.options.now = g_get_real_time() / G_USEC_PER_SEC;
	attach.options.policy = build_domain_policy(NULL);	/* a bad file allows nothing */
	virConnectGetLibVersion(ctx->conn, &attach.options.libvirt);

	return attach;
}

static bool equal(const char *a, const char *b)
{
	if (!a)
		return false;
	if (!b)
		return false;
	if (!*b)
		return false;

	return !g_ascii_strcasecmp(a, b);
}

static const struct {
	const char *attribute, *key;
} parts[] = {
	{ "domain", "DOMAIN" }, { "bus", "BUS" }, { "slot", "SLOT" }, { "function", "FUNCTION" },
};

static bool is_text(const char *text)
{
	return text && *text;
}

static bool has_address(const TmplAttr *pci)
{
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		const char *text = tmpl_attr_text(pci, parts[i].key);
		char *end;

		if (!is_text(text))
			return false;
		g_ascii_strtoull(text, &end, 16);
		if (*end)
			return false;
	}

	return true;
}

bool device_key_is_whole(const struct device_key *key)
{
	if (is_text(key->target) || is_text(key->mac))
		return true;
	if (!key->pci)
		return false;

	return has_address(key->pci) || is_text(tmpl_attr_text(key->pci, "UUID"));
}

/* An address by its four numbers: "0x0a" and "a" are one. */
static bool is_address(const xmlNode *device, const TmplAttr *pci)
{
	const xmlNode *source = xml_child(device, "source");

	if (!has_address(pci))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		g_autofree char *found = xml_child_attribute(source, "address", parts[i].attribute);
		const char *wanted = tmpl_attr_text(pci, parts[i].key);

		if (!found)
			return false;
		if (g_ascii_strtoull(found, NULL, 16) != g_ascii_strtoull(wanted, NULL, 16))
			return false;
	}

	return true;
}

static bool is_it(const xmlNode *n, const struct device_key *key)
{
	g_autofree char *target = xml_child_attribute(n, "target", "dev");
	g_autofree char *mac = xml_child_attribute(n, "mac", "address");
	g_autofree char *uuid = NULL;

	if (xmlStrEqual(n->name, BAD_CAST "disk") && equal(target, key->target))
		return true;
	if (xmlStrEqual(n->name, BAD_CAST "interface") && equal(mac, key->mac))
		return true;
	if (!key->pci || (!xmlStrEqual(n->name, BAD_CAST "hostdev") &&
			  !xmlStrEqual(n->name, BAD_CAST "interface")))
		return false;
	uuid = xml_child_attribute(xml_child(n, "source"), "address", "uuid");

	if (is_address(n, key->pci))
		return true;

	return equal(uuid, tmpl_attr_text(key->pci, "UUID"));
}

xmlNode *device_find(const DeviceVm *v, const struct device_key *key)
{
	xmlNode *devices = xml_child(xmlDocGetRootElement(v->live), "devices");

	for (xmlNode *n = devices ? devices->children : NULL; n; n = n->next)
		if (n->type == XML_ELEMENT_NODE && is_it(n, key))
			return n;
	return NULL;
}

/*
 * Reads the domain's XML after a call that failed. DONE: V has what is true now; FAILED: the domain
 * is gone; UNKNOWN: libvirt cannot be asked.
 */
static enum action_outcome reread_device(struct action_ctx *ctx, DeviceVm *v)
{
	g_autoptr(GError) cause = NULL;

	switch (reconcile_domain_idle(ctx, &v->dom, NULL)) {
	case RECONCILE_ALIVE:
	case RECONCILE_REOPENED:
		break;
	case RECONCILE_GONE:
		return ACTION_FAILED;
	case RECONCILE_UNKNOWN:
		return ACTION_UNKNOWN;
	}

	if (device_vm_refresh(v, &cause))
		return ACTION_DONE;
	if (vmm_is(cause, VMM_ERROR_NOT_FOUND))
		return ACTION_FAILED;

	return ACTION_UNKNOWN;
}

enum action_outcome device_attach(struct action_ctx *ctx, DeviceVm *v, const char *what,
				  const struct device_key *key, const char *xml, GError **error)
{
	g_autoptr(GError) cause = NULL;
	enum action_outcome outcome;
	enum virt_call_result r;

	action_on_abort(ACTION_UNKNOWN, "attaching %s to domain %s", what,
			virDomainGetName(v->dom));
	r = virt_device(v->dom, VIRT_DEVICE_ATTACH, xml, action_left_ms(ctx, ANSWER_MS), &cause);
	outcome = action_judge(ctx, r, g_steal_pointer(&cause), error,
			       "cannot attach %s to domain %s", what, virDomainGetName(v->dom));
	if (outcome == ACTION_DONE)
		return outcome;
	if (r == VIRT_CALL_TIMED_OUT)
		return outcome;

	outcome = reread_device(ctx, v);
	if (outcome != ACTION_DONE)
		return outcome;
	if (!device_find(v, key))
		return ACTION_FAILED;
	g_clear_error(error);

	return ACTION_DONE;
}

/* Changes the drive to XML; WHAT is changed. */
static enum action_outcome change_drive(struct action_ctx *ctx, DeviceVm *v, const char *what,
					const char *xml, GError **error)
{
	g_autoptr(GError) cause = NULL;
	enum virt_call_result r;

	action_on_abort(ACTION_UNKNOWN, "changing %s of domain %s", what, virDomainGetName(v->dom));
	do
		r = virt_device(v->dom, VIRT_DEVICE_MEDIUM, xml, action_left_ms(ctx, ANSWER_MS),
				&cause);
	while (action_call_repeat(ctx, &v->dom, r, &cause));
	return action_judge(ctx, r, g_steal_pointer(&cause), error, "cannot change %s of domain %s",
			    what, virDomainGetName(v->dom));
}

/* The drive with PATH in it, as XML. The caller frees. */
static char *drive_with(xmlNode *drive, const char *path)
{
	xmlNode *copy = xmlCopyNode(drive, 1), *source = xml_child(copy, "source");
	struct stat st;
	bool block = path && stat(path, &st) == 0 && S_ISBLK(st.st_mode);
	char *xml;

	if (source) {
		xmlUnlinkNode(source);
		xmlFreeNode(source);
	}

	if (path) {
		source = xmlNewChild(copy, NULL, BAD_CAST "source", NULL);
		xmlNewProp(source, BAD_CAST(block ? "dev" : "file"), BAD_CAST path);
		xmlSetProp(copy, BAD_CAST "type", BAD_CAST(block ? "block" : "file"));
	}

	xml = xml_print(copy);
	xmlFreeNode(copy);

	return xml;
}

bool device_medium_check(const struct action_ctx *ctx, const DeviceVm *v, const char *target,
			 const char *path, GError **error)
{
	const struct device_key key = { .target = target };
	xmlNode *drive = device_find(v, &key);
	g_autofree char *directory =
		virt_vm_directory(v->dom, conf_kvmrc_string(ctx->rc, "LIBVIRT_MD_URI"));
	g_autofree char *xml = drive ? drive_with(drive, path) : NULL;
	g_autoptr(xmlDoc) doc = xml ? xml_parse(xml, strlen(xml), "drive", error) : NULL;

	if (!xml_has(drive, "device", "cdrom"))
		return true;
	if (!doc)
		return false;

	return disk_image_check(ctx, xmlDocGetRootElement(doc), directory, error);
}

/* Only a CD-ROM has a medium to change; a disk would have to be detached. */
enum action_outcome device_medium(struct action_ctx *ctx, DeviceVm *v, const char *target,
				  const char *path, GError **error)
{
	const struct device_key key = { .target = target };
	xmlNode *drive = device_find(v, &key);
	g_autofree char *kind = xml_attribute(drive, "device");
	g_autofree char *what = g_strdup_printf("the medium in %s", target);
	g_autofree char *xml = drive ? drive_with(drive, path) : NULL;

	if (!drive || g_strcmp0(kind, "cdrom") != 0) {
		vmm_fail(error, drive ? VMM_ERROR_REFUSED : VMM_ERROR_NOT_FOUND,
			 "cannot change %s of domain %s: it has %s", what,
			 virDomainGetName(v->dom), drive ? "another kind of disk there" :
							   "no such drive");
		return ACTION_FAILED;
	}

	if (ctx->dry_run) {
		action_print(ctx, "would change %s of domain %s to:\n%s\n", what,
			     virDomainGetName(v->dom), xml);
		return ACTION_DONE;
	}

	return change_drive(ctx, v, what, xml, error);
}

static bool check_hears(DeviceVm *v, const char *what, GError **error)
{
	if (!virt_state_is_unresponsive(&v->state))
		return true;
	vmm_fail(error, VMM_ERROR_REFUSED, "cannot detach %s from domain %s: it is %s", what,
		 virDomainGetName(v->dom), virt_state_name(&v->state));
	vmm_error_set_hint(error, "a guest must run to release a device; resume it first");

	return false;
}

static bool check_named(const DeviceVm *v, const char *what, const struct device_key *key,
			GError **error)
{
	if (device_key_is_whole(key))
		return true;

	return vmm_fail(error, VMM_ERROR_INPUT, "cannot detach %s from domain %s: the request does "
			"not say which one: neither target, MAC nor a whole PCI address", what,
			virDomainGetName(v->dom));
}

enum action_outcome device_detach(struct action_ctx *ctx, DeviceVm *v, const char *what,
				  const struct device_key *key, GError **error)
{
	gint64 until_us = action_until_us(ctx, DETACH_MS, RESERVE_MS);
	const xmlNode *device = device_find(v, key);
	g_autofree char *alias = xml_child_attribute(device, "alias", "name");
	g_autoptr(GError) cause = NULL;
	enum action_outcome outcome;
	enum virt_call_result r;

	if (!check_named(v, what, key, error))
		return ACTION_FAILED;
	if (!device) {
		action_log("INFO", "domain %s has no %s already", virDomainGetName(v->dom), what);
		return ACTION_DONE;
	}

	if (ctx->dry_run) {
		action_print(ctx, "would detach %s from domain %s\n", what,
			     virDomainGetName(v->dom));
		return ACTION_DONE;
	}

	if (!check_hears(v, what, error))
		return ACTION_FAILED;
	action_on_abort(ACTION_UNKNOWN, "detaching %s from domain %s", what,
			virDomainGetName(v->dom));
	for (;;) {
		bool lost, pending;

		r = virt_detach(v->dom, text_or(alias, ""),
				(unsigned)conf_kvmrc_tries(ctx->rc), until_us,
				&pending, &cause);
		lost = r == VIRT_CALL_FAILED && virConnectIsAlive(ctx->conn) != 1;
		g_clear_error(error);
		outcome = action_judge(ctx, r, g_steal_pointer(&cause), error,
				       "cannot detach %s from domain %s", what,
				       virDomainGetName(v->dom));
		if (outcome == ACTION_DONE)
			return outcome;
		if (r == VIRT_CALL_TIMED_OUT)
			return outcome;

		outcome = reread_device(ctx, v);
		if (outcome != ACTION_DONE)
			return outcome;
		if (!device_find(v, key))
			break;
		if (pending)	/* QEMU removes it when the guest answers, at whatever time */
			return ACTION_UNKNOWN;
		if (!lost)	/* else it may be on its way: asked again, and waited for */
			return ACTION_FAILED;
	}

	g_clear_error(error);

	return ACTION_DONE;
}
