/* SPDX-License-Identifier: Apache-2.0 */
#include "disk_storage.h"

#include "base/number.h"
#include "base/text.h"
#include "image_setting.h"

struct storage {
	enum disk_place place;	/* of disks */
	const char *group;	/* of PLACE_DEVICE */
	bool overlays;		/* a clone is an overlay on a base that all clones share */
	bool force_raw;		/* no copy is anything but raw */
	bool raw_bases;		/* no base is */
	bool is_sparse;		/* SPARSE = yes is given */
	bool whole;		/* all space of a disk is taken when it is made */
};

/* RET stays as it is when the setting is not given. */
static bool read_switch(const struct image_job *job, const char *name, bool *ret,
			GError **error)
{
	const char *text = image_setting(job, name);

	if (!text || number_bool(text, ret, NULL))
		return true;

	return vmm_fail(error, VMM_ERROR_CONFIG, "%s = '%s': not yes or no", name, text);
}

/* What contradicts itself is an error at once, not a disk of some other kind. */
static bool read_group(const struct image_job *job, struct storage *ret, GError **error)
{
	const char *pool = image_setting(job, "THIN_POOL");

	ret->place = PLACE_DEVICE;
	ret->group = image_setting(job, "VOLUME_GROUP");
	if (!ret->group)
		return vmm_fail(error, VMM_ERROR_CONFIG, "STORAGE = lvm: VOLUME_GROUP is missing");
	if (!ret->raw_bases)
		return vmm_fail(error, VMM_ERROR_CONFIG, "STORAGE = lvm: a volume is raw; "
				"FORCE_RAW_IMAGES = no contradicts that");
	if (ret->whole && pool)
		return vmm_fail(error, VMM_ERROR_CONFIG, "THIN_POOL = '%s' contradicts "
				"PREALLOCATE = space and SPARSE = no", pool);
	if (!ret->is_sparse || pool)
		return true;

	return vmm_fail(error, VMM_ERROR_CONFIG, "STORAGE = lvm: SPARSE = yes needs THIN_POOL");
}

static bool read_pool(const struct image_job *job, struct storage *ret, GError **error)
{
	bool is_download = false;

	ret->place = PLACE_POOL;
	if (!read_switch(job, "RBD_DOWNLOAD", &is_download, error))
		return false;
	if (is_download)
		return vmm_fail(error, VMM_ERROR_CONFIG, "STORAGE = rbd: images stay in the pool; "
				"RBD_DOWNLOAD = yes contradicts that");
	if (!ret->raw_bases)
		return vmm_fail(error, VMM_ERROR_CONFIG, "STORAGE = rbd: what is in a pool is raw; "
				"FORCE_RAW_IMAGES = no contradicts that");
	if (!ret->whole)
		return true;

	return vmm_fail(error, VMM_ERROR_CONFIG, "STORAGE = rbd: an image takes no space when it "
			"is made; PREALLOCATE = space and SPARSE = no contradict that");
}

static bool read_kind(const struct image_job *job, struct storage *ret,
		      GError **error)
{
	const char *kind = text_or(image_setting(job, "STORAGE"), "default");

	if (g_str_equal(kind, "lvm"))
		return read_group(job, ret, error);
	if (g_str_equal(kind, "rbd"))
		return read_pool(job, ret, error);
	if (g_str_equal(kind, "raw"))
		fprintf(stderr, "kvm-image: warning: STORAGE = raw is the old name of flat\n");
	ret->overlays = g_str_equal(kind, "qcow2");
	if (ret->overlays || g_str_equal(kind, "raw"))
		return true;
	if (g_str_equal(kind, "default") || g_str_equal(kind, "flat"))
		return true;

	return vmm_fail(error, VMM_ERROR_CONFIG, "STORAGE = '%s': not flat, qcow2, lvm, rbd "
			"or default", kind);
}

/*
 * PREALLOCATE is Nova's name for it, SPARSE that of OpenNebula: both may be given, if they agree.
 */
static bool read_space(const struct image_job *job, struct storage *ret,
		       GError **error)
{
	const char *how = text_or(image_setting(job, "PREALLOCATE"), "none");
	bool wants_space = g_str_equal(how, "space"), is_sparse = !wants_space;

	if (!wants_space && !g_str_equal(how, "none"))
		return vmm_fail(error, VMM_ERROR_CONFIG, "PREALLOCATE = '%s': not none or space",
				how);
	if (!read_switch(job, "SPARSE", &is_sparse, error))
		return false;
	if (wants_space && is_sparse)
		return vmm_fail(error, VMM_ERROR_CONFIG, "PREALLOCATE = space contradicts SPARSE = "
				"yes");

	ret->whole = !is_sparse;
	ret->is_sparse = is_sparse && image_setting(job, "SPARSE");

	return true;
}

static bool read_storage(const struct image_job *job, struct storage *ret,
		       GError **error)
{
	*ret = (struct storage){ .raw_bases = true };
	if (!read_switch(job, "FORCE_RAW_IMAGES", &ret->force_raw, error))
		return false;
	if (!read_switch(job, "FORCE_RAW_IMAGES", &ret->raw_bases, error))
		return false;

	if (!read_space(job, ret, error))
		return false;
	if (!read_kind(job, ret, error))
		return false;
	if (!ret->whole || !ret->overlays)
		return true;

	return vmm_fail(error, VMM_ERROR_CONFIG, "STORAGE = qcow2: an overlay takes no space when "
			"it is made; PREALLOCATE = space and SPARSE = no contradict that");
}

/* DRIVER is what the domain will declare: it is never changed to what would fit. */
static bool fail_driver(const struct planned_disk *d, const char *what, GError **error)
{
	return vmm_fail(error, VMM_ERROR_CONFIG, "%s: DRIVER = '%s' contradicts %s", d->name,
			d->format, what);
}

/* An overlay is qcow2 and a volume raw: DRIVER must agree. */
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

static bool fail_place(const struct planned_disk *d, enum disk_place wanted, GError **error)
{
	static const char *const what[] = { "a file", "a block device", "an image in a Ceph pool" };
	static const char *const types[] = { "FILE", "BLOCK", "RBD" };

	vmm_fail(error, VMM_ERROR_CONFIG, "%s: by its TYPE or DISK_TYPE it is %s, but STORAGE "
		 "makes it %s", d->name, what[d->place], what[wanted]);
	vmm_error_set_hint(error, "TYPE = %s, of a volatile disk DISK_TYPE = %s; or let the "
			   "transfer driver of its datastore make it", types[wanted],
			   types[wanted]);

	return false;
}

/* As domains and OpenNebula's own drivers call them. */
static char *volume_name(const struct storage *s, const struct planned_disk *d, const char *vm)
{
	const char *id = d->name + strlen("disk.");
	bool is_named = d->way == DISK_CLONE && !strstr(d->source, "://");

	if (s->place == PLACE_DEVICE)
		return g_strdup_printf("lvm:%s/lv-one-%s-%s", s->group, vm, id);
	if (is_named)
		return g_strdup_printf("rbd:%s-%s-%s", d->source, vm, id);

	return g_strdup_printf("rbd:%s/one-sys-%s-%s", d->pool, vm, id);
}

/* A domain that takes a file for a device, or a device for a file, does not start. */
static bool fit_volume(const struct storage *s, struct planned_disk *d, const char *vm,
		       GError **error)
{
	bool is_raw = g_str_equal(d->format, "raw");

	if (d->place != s->place)
		return fail_place(d, s->place, error);
	if (s->place == PLACE_FILE)
		return true;
	if (!is_raw)
		return fail_driver(d, "STORAGE, which makes raw disks", error);
	if (d->way == DISK_CLONE && g_strcmp0(text_or(d->source_format, "raw"), "raw"))
		return vmm_fail(error, VMM_ERROR_CONFIG, "%s: %s is not raw: it cannot be cloned",
				d->name, d->source);

	d->volume = volume_name(s, d, vm);

	return true;
}

static bool fit_space(const struct storage *s, struct planned_disk *d, bool is_qcow2,
		      GError **error)
{
	if (s->whole && is_qcow2)
		return fail_driver(d, "PREALLOCATE = space, which is for raw disks", error);
	d->whole = s->whole && !d->volume;

	return true;
}

static bool fit(const struct storage *s, struct planned_disk *d, const char *vm, GError **error)
{
	bool is_qcow2 = g_str_equal(d->format, "qcow2");
	bool is_clone = d->way == DISK_COPY && !d->is_cdrom;
	bool is_made = is_clone || d->way == DISK_EMPTY;
	bool is_in_pool = d->way == DISK_CLONE || d->place == PLACE_POOL;

	if ((is_made || is_in_pool) && !fit_volume(s, d, vm, error))
		return false;
	if (is_clone && !fit_clone(s, d, is_qcow2, error))
		return false;

	return !is_made || fit_space(s, d, is_qcow2, error);
}

bool disk_storage_apply(const struct image_job *job, struct disk_plan *plan, GError **error)
{
	const char *vm = tmpl_vm_header(plan->vm, "ID");
	struct storage s;

	if (!read_storage(job, &s, error))
		return false;
	for (guint i = 0; i < plan->disks->len; i++) {
		if (!fit(&s, plan->disks->pdata[i], vm, error))
			return false;
		disk_plan_describe(plan->disks->pdata[i]);
	}

	return true;
}
