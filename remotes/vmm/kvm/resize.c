/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resize - changes how much memory and how many CPUs a running VM has.
 *
 * Memory before CPUs, and back again if the CPUs fail: the front-end knows one resize, done or not
 * done. The balloon, or whole modules with MEMORY_RESIZE_MODE = HOTPLUG.
 */
#include "host/root_helper.h"
#include "vm/memory.h"
#include "vm/vcpus.h"
#include "base/number.h"

enum { DEPLOY_ID, VM_ID };

struct wanted {
	guint64 mib, vcpus;	/* 0: as it is */
	bool by_modules;
};

static bool read_number(const xmlNode *template, const char *name, guint64 max, guint64 *ret,
			GError **error)
{
	g_autofree char *text = xml_child_text(template, name);

	*ret = 0;
	if (!text)
		return true;
	if (number_unsigned(text, 1, max, ret, error))
		return true;
	g_prefix_error(error, "stdin: %s: ", name);

	return false;
}

static bool read_wanted(const DeviceVm *v, struct wanted *w, GError **error)
{
	const xmlNode *template = xml_child(v->document->vm, "TEMPLATE");
	g_autofree char *mode = xml_child_text(template, "MEMORY_RESIZE_MODE");

	w->by_modules = mode && !g_ascii_strcasecmp(mode, "HOTPLUG");
	if (!read_number(template, "MEMORY", G_MAXINT64 >> 20, &w->mib, error))
		return false;

	return read_number(template, "VCPU", G_MAXINT16, &w->vcpus, error);
}

static enum action_outcome set_memory(struct action_ctx *ctx, DeviceVm *v, bool by_modules,
				      guint64 mib, guint64 *ret_before, GError **error)
{
	if (by_modules)
		return memory_modules(ctx, v, mib, ret_before, error);

	return memory_balloon(ctx, v, mib, ret_before, error);
}

/* The CPUs failed for ERROR: memory goes back to BEFORE, or ERROR says that it does not. */
static enum action_outcome set_memory_back(struct action_ctx *ctx, DeviceVm *v,
					   const struct wanted *w, guint64 before, GError **error)
{
	g_autoptr(GError) cause = NULL;
	guint64 ignored;

	if (device_vm_refresh(v, &cause) &&
	    set_memory(ctx, v, w->by_modules, before, &ignored, &cause) == ACTION_DONE) {
		vmm_error_set_hint(error, "its memory is what it was");
		return ACTION_FAILED;
	}

	vmm_error_set_hint(error, "its memory has changed from %" G_GUINT64_FORMAT " to %"
			   G_GUINT64_FORMAT " MiB, and may not go back: %s", before, w->mib,
			   cause->message);

	return ACTION_UNKNOWN;
}

/* Memory first; if the CPUs fail then, it is set back. */
static enum action_outcome resize(struct action_ctx *ctx, DeviceVm *v, const struct wanted *w,
				  GError **error)
{
	enum action_outcome outcome = ACTION_DONE;
	guint64 before = 0;

	if (w->mib) {
		root_helper_clean_memory(ctx, "CLEANUP_MEMORY_ON_START", true);
		outcome = set_memory(ctx, v, w->by_modules, w->mib, &before, error);
		root_helper_clean_memory(ctx, "CLEANUP_MEMORY_ON_STOP", false);
	}

	if (outcome != ACTION_DONE)
		return outcome;
	if (!w->vcpus)
		return outcome;
	outcome = vcpus_set(ctx, v, w->vcpus, error);
	if (outcome == ACTION_DONE || before == w->mib)
		return outcome;
	if (outcome == ACTION_FAILED)
		return set_memory_back(ctx, v, w, before, error);
	/* oned takes back what it noted of the memory. */
	g_prefix_error(error, "its memory is now %" G_GUINT64_FORMAT " MiB, not %" G_GUINT64_FORMAT
		       "; ", w->mib, before);

	return outcome;
}

static enum action_outcome run_resize(struct action_ctx *ctx, GError **error)
{
	g_autoptr(DeviceVm) v = device_vm_new(ctx, true, 0, error);
	struct wanted w;

	if (!v)
		return ACTION_FAILED;
	if (!read_wanted(v, &w, error))
		return ACTION_FAILED;
	if (ctx->dry_run) {
		action_print(ctx, "would give domain %s %" G_GUINT64_FORMAT " MiB and %"
			     G_GUINT64_FORMAT " CPUs\n", virDomainGetName(v->dom), w.mib, w.vcpus);
		return ACTION_DONE;
	}

	return resize(ctx, v, &w, error);
}

const struct action action = {
	.name = "resize", .usage = "DEPLOY_ID [VM_ID [HOST]]",
	.summary = "Sets MEMORY and VCPU of a running VM.",
	.input = "the request document, or the VM document alone",
	.example = "resize one-7 <request.xml",
	.min_args = 1, .vm_id = VM_ID, .deadline_s = 170, .run = run_resize,
};
