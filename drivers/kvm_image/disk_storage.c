/* SPDX-License-Identifier: Apache-2.0 */
#include "disk_storage.h"

#include "base/number.h"
#include "base/text.h"

struct storage {
	bool overlays;		/* a clone is an overlay on a base that all clones share */
	bool force_raw;		/* no copy is anything but raw */
	bool raw_bases;		/* no base is */
	bool whole;		/* all space of a disk is taken when it is made */
};

static const char *setting(const struct image_job *job, const TmplVm *vm, const char *name)
{
	const TmplAttr *attr = tmpl_set_single(vm->datastore, name);

	if (attr && *attr->value)
		return attr->value;

	return conf_kvmrc_string(job->rc, name);
}

/* RET stays as it is when the setting is not given. */
static bool read_switch(const struct image_job *job, const TmplVm *vm, const char *name, bool *ret,
			GError **error)
{
	const char *text = setting(job, vm, name);

	if (!text || number_bool(text, ret, NULL))
		return true;

	return vmm_fail(error, VMM_ERROR_CONFIG, "%s = '%s': not yes or no", name, text);
}

static bool read_kind(const struct image_job *job, const TmplVm *vm, struct storage *ret,
		      GError **error)
{
	const char *kind = text_or(setting(job, vm, "STORAGE"), "default");

	if (g_str_equal(kind, "raw"))
		fprintf(stderr, "kvm-image: warning: STORAGE = raw is the old name of flat\n");
	ret->overlays = g_str_equal(kind, "qcow2");
	if (ret->overlays || g_str_equal(kind, "raw"))
		return true;
	if (g_str_equal(kind, "default") || g_str_equal(kind, "flat"))
		return true;

	return vmm_fail(error, VMM_ERROR_CONFIG, "STORAGE = '%s': not flat, qcow2 or default",
			kind);
}

static bool read_space(const struct image_job *job, const TmplVm *vm, struct storage *ret,
		       GError **error)
{
	const char *how = text_or(setting(job, vm, "PREALLOCATE"), "none");
	bool wants_space = g_str_equal(how, "space"), is_sparse = !wants_space;

	if (!wants_space && !g_str_equal(how, "none"))
		return vmm_fail(error, VMM_ERROR_CONFIG, "PREALLOCATE = '%s': not none or space",
				how);
	if (!read_switch(job, vm, "SPARSE", &is_sparse, error))
		return false;
	if (wants_space && is_sparse)
		return vmm_fail(error, VMM_ERROR_CONFIG, "PREALLOCATE = space contradicts SPARSE = "
				"yes");

	ret->whole = !is_sparse;
	if (!ret->whole || !ret->overlays)
		return true;

	return vmm_fail(error, VMM_ERROR_CONFIG, "STORAGE = qcow2: an overlay takes no space when "
			"it is made; PREALLOCATE = space and SPARSE = no contradict that");
}

static bool read_storage(const struct image_job *job, const TmplVm *vm, struct storage *ret,
		       GError **error)
{
	*ret = (struct storage){ .raw_bases = true };
	if (!read_kind(job, vm, ret, error))
		return false;
	if (!read_switch(job, vm, "FORCE_RAW_IMAGES", &ret->force_raw, error))
		return false;
	if (!read_switch(job, vm, "FORCE_RAW_IMAGES", &ret->raw_bases, error))
		return false;

	return read_space(job, vm, ret, error);
}

static bool fail_driver(const struct planned_disk *d, const char *what, GError **error)
{
	return vmm_fail(error, VMM_ERROR_CONFIG, "%s: DRIVER = '%s' contradicts %s", d->name,
			d->format, what);
}

static bool fit_clone(const struct storage *s, struct planned_disk *d, bool is_qcow2,
		      GError **error)
{
	if (s->overlays && !is_qcow2)
		return fail_driver(d, "STORAGE = qcow2", error);
	if (s->force_raw && is_qcow2 && !s->overlays)
		return fail_driver(d, "FORCE_RAW_IMAGES = yes", error);
	if (!s->overlays)
		return true;

	d->way = DISK_OVERLAY;
	d->base_format = s->raw_bases ? "raw" : NULL;

	return true;
}

static bool fit(const struct storage *s, struct planned_disk *d, GError **error)
{
	bool is_qcow2 = g_str_equal(d->format, "qcow2");
	bool is_clone = d->way == DISK_COPY && !d->is_cdrom;

	if (is_clone && !fit_clone(s, d, is_qcow2, error))
		return false;
	if (s->whole && is_qcow2)
		return fail_driver(d, "PREALLOCATE = space, which is for raw disks", error);
	d->whole = s->whole && (is_clone || d->way == DISK_EMPTY);

	return true;
}

bool disk_storage_apply(const struct image_job *job, struct disk_plan *plan, GError **error)
{
	struct storage s;

	if (!read_storage(job, plan->vm, &s, error))
		return false;
	for (guint i = 0; i < plan->disks->len; i++) {
		if (!fit(&s, plan->disks->pdata[i], error))
			return false;
		disk_plan_describe(plan->disks->pdata[i]);
	}

	return true;
}
