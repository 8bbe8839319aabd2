/* SPDX-License-Identifier: Apache-2.0 */
/* Actions on a running VM that leave something in it: its devices and its snapshots. */
#include "vm/outcome_judge.h"

#include "base/text.h"
#include "virt/qemu_process.h"
#include "virt/virt_error.h"
#include "vm/snapshot.h"
#include "vm/stranded.h"
#include "vm/wanted_disk.h"

/* Text NAME of the VM's snapshot that the request is about. */
static char *text_of_snapshot(const struct outcome_case *c, const char *name)
{
	const xmlNode *template = xml_child(c->request->vm, "TEMPLATE");

	for (xmlNode *n = xml_child(template, "SNAPSHOT"); n; n = xml_next(n)) {
		g_autofree char *active = xml_child_text(n, "ACTIVE");

		if (active && !g_ascii_strcasecmp(active, "yes"))
			return xml_child_text(n, name);
	}

	return NULL;
}

/* The device that a request attaches or detaches. */
struct asked_device {
	const TmplAttr *disk;	/* or NULL */
	struct device_key key;
};

/* False: VM (or NULL), which is borrowed, names none. */
static bool asked_device_read(const TmplVm *vm, struct asked_device *ret)
{
	const TmplAttr *nic;

	*ret = (struct asked_device){ 0 };
	if (!vm)
		return false;

	ret->disk = tmpl_vm_attached(vm, "DISK");
	nic = tmpl_vm_attached(vm, "NIC");
	if (ret->disk)
		ret->key.target = tmpl_attr_text(ret->disk, "TARGET");
	else if (nic)
		ret->key.mac = tmpl_attr_text(nic, "MAC");
	else
		ret->key.pci = tmpl_vm_attached(vm, "PCI");

	return device_key_is_whole(&ret->key);
}

/* Whether DEVICE of V certainly is another disk than the one that the request attaches. */
static bool is_other_disk(const struct action_ctx *ctx, const struct outcome_case *c,
			  const DeviceVm *v, const struct asked_device *asked,
			  const xmlNode *device)
{
	g_autofree char *path = tmpl_request_child(c->request, "DISK_TARGET_PATH");
	g_autoptr(xmlDoc) wanted = NULL;

	if (!asked->disk)
		return false;

	domain_attach_defaults(v->vm, ctx->rc);
	wanted = wanted_disk_new(ctx, v, asked->disk, path, NULL);
	if (!wanted)
		return false;

	return wanted_disk_compare(device, xmlDocGetRootElement(wanted)) == WANTED_DISK_OTHER;
}

enum outcome_verdict outcome_guest_attach(struct action_ctx *ctx, const struct outcome_case *c,
					 const struct outcome_found *f,
					 char **ret_info, GError **error)
{
	g_autoptr(TmplVm) vm = tmpl_vm_of_document(c->request->doc, "the request", NULL);
	g_autoptr(xmlDoc) live = NULL;
	struct asked_device asked;
	const xmlNode *device;
	DeviceVm v;

	if (outcome_judge_is_gone(f))
		return OUTCOME_NOT_DONE;
	if (!asked_device_read(vm, &asked))
		return OUTCOME_UNKNOWN;
	if (!stranded_look(ctx, f->dom, &f->state, NULL, error))
		return OUTCOME_LATER;

	live = virt_xml_doc(f->dom, error);
	if (!live)
		return OUTCOME_LATER;

	v = (DeviceVm){ .live = live, .vm = vm };
	device = device_find(&v, &asked.key);
	if (!device) {
		*ret_info = g_strdup("the VM does not have the device");
		return OUTCOME_NOT_DONE;
	}

	if (!is_other_disk(ctx, c, &v, &asked, device))
		return OUTCOME_DONE;

	*ret_info = g_strdup_printf("the VM has another disk %s", asked.key.target);

	return OUTCOME_NOT_DONE;
}

/* Neither libvirt nor QEMU says whether the guest was asked, and has not answered yet. */
enum outcome_verdict outcome_guest_detach(struct action_ctx *ctx,
					 const struct outcome_case *c,
					 const struct outcome_found *f, char **ret_info,
					 GError **error)
{
	g_autoptr(TmplVm) vm = tmpl_vm_of_document(c->request->doc, "the request", NULL);
	g_autoptr(xmlDoc) live = NULL;
	struct asked_device asked;
	DeviceVm v;

	if (outcome_judge_is_gone(f))
		return OUTCOME_DONE;
	if (!asked_device_read(vm, &asked))
		return OUTCOME_REPEAT;
	if (!stranded_look(ctx, f->dom, &f->state, NULL, error))
		return OUTCOME_LATER;

	live = virt_xml_doc(f->dom, error);
	if (!live)
		return OUTCOME_LATER;

	v = (DeviceVm){ .live = live };
	if (!device_find(&v, &asked.key))
		return OUTCOME_DONE;
	*ret_info = g_strdup("the VM still has the device, which its guest may release later");

	return OUTCOME_REPEAT;
}

static bool has_snapshot(const struct outcome_found *f, const char *name, bool *ret, GError **error)
{
	g_autoptr(virDomainSnapshot) s = virDomainSnapshotLookupByName(f->dom, name, 0);

	*ret = s != NULL;
	if (s)
		return true;
	if (virt_last_is(VIR_ERR_NO_DOMAIN_SNAPSHOT))
		return true;

	return virt_fail(error, "cannot look for snapshot %s", name);
}

/* The VM's directory, to be freed; NULL: its metadata name none. False with ERROR set. */
static bool read_directory(const struct action_ctx *ctx, const struct outcome_found *f,
			   char **ret, GError **error)
{
	const char *uri = conf_kvmrc_string(ctx->rc, "LIBVIRT_MD_URI");

	return virt_vm_directory_read(f->dom, uri, ret, error);
}

enum outcome_verdict outcome_guest_snapshot_create(struct action_ctx *ctx,
						  const struct outcome_case *c,
						  const struct outcome_found *f, char **ret_info,
						  GError **error)
{
	g_autofree char *id = text_of_snapshot(c, "SNAPSHOT_ID");
	g_autofree char *name = id ? g_strconcat("snap-", id, NULL) : NULL;
	g_autofree char *directory = NULL, *file = NULL;
	struct virt_state state;
	bool there;

	if (!name)
		return OUTCOME_UNKNOWN;
	if (outcome_judge_is_gone(f))
		return OUTCOME_NOT_DONE;
	if (!stranded_wait_idle(ctx, f->dom, &state, error))
		return OUTCOME_LATER;
	if (!has_snapshot(f, name, &there, error))
		return OUTCOME_LATER;
	if (!read_directory(ctx, f, &directory, error))
		return OUTCOME_LATER;
	if (!there)
		return OUTCOME_NOT_DONE;

	/* The action died before it wrote the file: the VM's next start would lose the snapshot. */
	if (directory && !snapshot_is_kept(directory, name, &file)) {
		*ret_info = g_strdup_printf("%s is not written yet", text_or(file, name));
		return OUTCOME_FINISH;
	}

	*ret_info = g_strdup(name);

	return OUTCOME_DONE;
}

enum outcome_verdict outcome_guest_snapshot_delete(struct action_ctx *ctx,
						  const struct outcome_case *c,
						  const struct outcome_found *f,
						  char **ret_info G_GNUC_UNUSED, GError **error)
{
	g_autofree char *name = text_of_snapshot(c, "HYPERVISOR_ID"), *directory = NULL;
	bool there;

	if (!name)
		return OUTCOME_REPEAT;
	if (outcome_judge_is_gone(f))
		return OUTCOME_REPEAT;
	if (!stranded_look(ctx, f->dom, &f->state, NULL, error))
		return OUTCOME_LATER;
	if (!has_snapshot(f, name, &there, error))
		return OUTCOME_LATER;
	if (!read_directory(ctx, f, &directory, error))
		return OUTCOME_LATER;

	if (there)
		return OUTCOME_NOT_DONE;
	/* libvirt may only have forgotten it: the images have what a file tells of. */
	if (directory && snapshot_is_kept(directory, name, NULL))
		return OUTCOME_REPEAT;

	return OUTCOME_DONE;
}

/* The snapshot that DOM was brought back to last, or the last that it made; NULL: none. */
static char *current_snapshot(virDomain *dom)
{
	g_autoptr(virDomainSnapshot) s = virDomainSnapshotCurrent(dom, 0);

	return s ? g_strdup(virDomainSnapshotGetName(s)) : NULL;
}

/*
 * A revert starts a new QEMU. Reverting once more would take from the guest what it has written
 * since.
 */
enum outcome_verdict outcome_guest_snapshot_revert(struct action_ctx *ctx,
						  const struct outcome_case *c,
						  const struct outcome_found *f, char **ret_info,
						  GError **error)
{
	g_autofree char *name = text_of_snapshot(c, "HYPERVISOR_ID");
	g_autofree char *current = NULL;
	gint64 age_s = qemu_process_age_s(f->uuid);
	struct virt_state state;

	if (outcome_judge_is_gone(f))
		return OUTCOME_NOT_DONE;
	if (!stranded_wait_idle(ctx, f->dom, &state, error))
		return OUTCOME_LATER;
	current = current_snapshot(f->dom);
	if (age_s > c->age_s + OUTCOME_AGE_SLACK_S && c->age_s >= 0)
		return OUTCOME_NOT_DONE;
	if (age_s >= 0 && c->age_s >= 0 && name && !g_strcmp0(name, current))
		return OUTCOME_DONE;
	*ret_info = g_strdup("it is unknown whether the VM was reverted to the snapshot (hint: "
			     "look at the guest; a second revert loses what it wrote since)");

	return OUTCOME_UNKNOWN;
}
