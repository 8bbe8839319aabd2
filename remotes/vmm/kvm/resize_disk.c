/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resize_disk - makes a disk of a running VM larger, never smaller.
 *
 * Never smaller: libvirt would cut the image, and with it what the guest has beyond. A disk that
 * is as large as wanted is done already, so the request can be repeated.
 */
#include "vm/device.h"
#include "base/number.h"
#include "base/text.h"
#include "action/busy.h"
#include "virt/virt_resize.h"

enum { DEPLOY_ID, DISK_ID, SIZE, REQUEST, VM_ID = 5 };
enum { ANSWER_MS = 40000, MOST_TIMES = 512 };

static gboolean is_bounded;

static const GOptionEntry options[] = {
	{ "bounded", 0, 0, G_OPTION_ARG_NONE, &is_bounded,
	  "Refuse more than 512 times the size that the disk has", NULL },
	{ 0 }
};

/* What libvirt calls the disk; NULL when the request has none with that id. */
static const char *target_of(const TmplVm *vm, const char *id)
{
	const TmplAttr *disk = NULL;

	while ((disk = tmpl_set_next(vm->level[TMPL_VM], "DISK", disk)))
		if (!g_strcmp0(tmpl_attr_text(disk, "DISK_ID"), id))
			return tmpl_attr_text(disk, "TARGET");
	return NULL;
}

/* Libvirt would cut the image, and what is beyond would be lost; growth cannot be taken back. */
static bool check_size(const virDomain *dom, const char *target, guint64 size, guint64 wanted,
		       GError **error)
{
	const char *name = virDomainGetName((virDomain *)dom);
	g_autofree char *has = text_size(size), *wants = text_size(wanted);
	bool is_near = (wanted - 1) / MOST_TIMES < size;

	if (size > wanted)
		return vmm_fail(error, VMM_ERROR_REFUSED, "cannot make disk %s of domain %s "
				"smaller: it has %" G_GUINT64_FORMAT " bytes", target, name, size);
	if (is_near || !is_bounded)
		return true;

	vmm_fail(error, VMM_ERROR_REFUSED, "cannot make disk %s of domain %s so large: %s is more "
		 "than %d times its %s", target, name, wants, MOST_TIMES, has);
	vmm_error_set_hint(error, "it cannot be made smaller again: say --large if that is meant");

	return false;
}

static enum action_outcome grow(struct action_ctx *ctx, DeviceVm *v, const char *target,
				guint64 bytes, GError **error)
{
	enum virt_call_result r;
	g_autoptr(GError) cause = NULL;

	action_on_abort(ACTION_UNKNOWN, "resizing disk %s of domain %s", target,
			virDomainGetName(v->dom));
	for (int try = 1;; try++) {
		g_clear_error(&cause);
		r = virt_set_disk(v->dom, target, bytes, action_left_ms(ctx, ANSWER_MS), &cause);
		if (action_call_repeat(ctx, &v->dom, r, &cause))
			continue;
		if (!action_busy_passed(ctx, v->dom, try, cause))
			break;
	}

	return action_judge(ctx, r, g_steal_pointer(&cause), error,
			    "cannot resize disk %s of domain %s", target,
			    virDomainGetName(v->dom));
}

static enum action_outcome run_resize_disk(struct action_ctx *ctx, GError **error)
{
	bool by_id = strspn(ctx->arg[DISK_ID], "0123456789") == strlen(ctx->arg[DISK_ID]);
	g_autoptr(DeviceVm) v = NULL;
	const char *target = ctx->arg[DISK_ID];
	guint64 mib, wanted, size;

	if (!number_unsigned(ctx->arg[SIZE], 1, G_MAXINT64 >> 20, &mib, error)) {
		vmm_error_set_hint(error, "MIB, the third operand, is the disk's new size");
		return ACTION_FAILED;
	}

	wanted = mib << 20;
	v = device_vm_find(ctx, by_id, REQUEST, error);
	if (!v)
		return ACTION_FAILED;
	if (by_id)
		target = target_of(v->vm, ctx->arg[DISK_ID]);
	if (!target) {
		vmm_fail(error, VMM_ERROR_INPUT, "stdin: no DISK %s with a TARGET",
			 ctx->arg[DISK_ID]);
		return ACTION_FAILED;
	}

	if (!virt_disk_size(v->dom, target, &size, error))
		return ACTION_FAILED;
	if (!check_size(v->dom, target, size, wanted, error))
		return ACTION_FAILED;
	if (size == wanted) {
		action_log("INFO", "disk %s of domain %s is that large already", target,
			   virDomainGetName(v->dom));
		return ACTION_DONE;
	}

	if (ctx->dry_run) {
		action_print(ctx, "would resize disk %s of domain %s from %" G_GUINT64_FORMAT
			     " to %" G_GUINT64_FORMAT " bytes\n", target,
			     virDomainGetName(v->dom), size, wanted);
		return ACTION_DONE;
	}

	return grow(ctx, v, target, wanted, error);
}

const struct action action = {
	.name = "resize_disk", .usage = "DEPLOY_ID DISK_ID|TARGET MIB [REQUEST [HOST [VM_ID]]]",
	.summary = "Grows a disk of a running VM to MIB mebibytes; never shrinks it.",
	.example = "resize_disk one-7 vda 20480",
	.min_args = 3, .vm_id = VM_ID, .deadline_s = 100, .options = options,
	.run = run_resize_disk,
};
