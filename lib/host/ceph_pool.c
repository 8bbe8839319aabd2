/* SPDX-License-Identifier: Apache-2.0 */
#include "host/ceph_pool.h"

#include <sys/stat.h>
#include <unistd.h>

#include "action/process.h"
#include "base/file.h"
#include "base/text.h"
#include "conf/paths.h"
#include "conf/rc.h"

/* As the datastore's document says, else the site's ceph.conf, else FALLBACK. Caller frees. */
static char *setting(const TmplRequest *d, const ConfRc *rc, const char *name,
		     const char *fallback)
{
	char *own = xml_child_text(xml_child(d->datastore, "TEMPLATE"), name);
	const char *site = rc ? conf_rc_get(rc, name) : NULL;

	if (own)
		return own;

	return g_strdup(site ? site : fallback);
}

struct pool {
	char *user, *conf, *format, *image, *part;
	char *begun;		/* IMAGE, once a restore has begun to use it */
};

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if (!g_ascii_isalnum(*text) && !strchr("-_.", *text))
			return false;
	return true;
}

static bool pool_init(struct pool *p, const TmplRequest *d, const char *vm_id, GError **error)
{
	g_autofree char *path = conf_path_remotes("etc/datastore/ceph/ceph.conf");
	g_autoptr(ConfRc) rc = conf_rc_load(path, CONF_RC_OPTIONAL, NULL);
	g_autofree char *name = setting(d, rc, "POOL_NAME", "one");

	if (!vm_id || !*vm_id || strspn(vm_id, "0123456789") != strlen(vm_id))
		return vmm_fail(error, VMM_ERROR_USAGE, "'%s' is not the id of a VM",
				text_or(vm_id, ""));
	if (!is_plain(name))
		return vmm_fail(error, VMM_ERROR_INPUT,
				"POOL_NAME: '%s' is not the name of a pool", name);
	p->user = setting(d, rc, "CEPH_USER", NULL);
	p->conf = setting(d, rc, "CEPH_CONF", NULL);
	p->format = setting(d, rc, "RBD_FORMAT", "2");
	p->image = g_strdup_printf("%s/one-sys-%s-checkpoint", name, vm_id);
	p->part = g_strconcat(p->image, ".part", NULL);
	p->begun = g_strconcat(p->image, ".restoring", NULL);

	return true;
}

static void pool_clear(struct pool *p)
{
	g_free(p->user);
	g_free(p->conf);
	g_free(p->format);
	g_free(p->image);
	g_free(p->part);
	g_free(p->begun);
}

/* rbd [--id USER] [--conf FILE] WORDS… */
static bool run(const struct action_ctx *ctx, const struct pool *p, GError **error,
		const char *const *more)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	struct child_result result = { 0 };
	bool ok;

	if (p->user) {
		g_ptr_array_add(words, (char *)"--id");
		g_ptr_array_add(words, p->user);
	}

	if (p->conf) {
		g_ptr_array_add(words, (char *)"--conf");
		g_ptr_array_add(words, p->conf);
	}

	for (; *more; more++)
		g_ptr_array_add(words, (char *)*more);
	g_ptr_array_add(words, NULL);
	ok = process_run_long(ctx, "RBD", "rbd", (const char *const *)words->pdata, &result,
			      error) &&
	     child_result_check(&result, "rbd", error);
	child_result_clear(&result);

	return ok;
}

#define rbd(ctx, p, error, ...) run(ctx, p, error, (const char *const[]){ __VA_ARGS__, NULL })

static bool store(const struct action_ctx *ctx, const struct pool *p, const char *file,
		  GError **error)
{
	rbd(ctx, p, NULL, "rm", "--no-progress", p->part);	/* mostly not there */
	if (!rbd(ctx, p, error, "import", "--no-progress", "--image-format", p->format, file,
		 p->part)) {
		g_prefix_error(error, "cannot import checkpoint %s into %s: ", file, p->image);
		rbd(ctx, p, NULL, "rm", "--no-progress", p->part);
		return false;
	}

	rbd(ctx, p, NULL, "rm", "--no-progress", p->image);
	if (!rbd(ctx, p, error, "rename", p->part, p->image)) {
		g_prefix_error(error, "cannot name checkpoint %s: ", p->image);
		return false;
	}

	/*
	 * The VM was running when it was saved, so the older checkpoint was used or has become
	 * useless.
	 */
	rbd(ctx, p, NULL, "rm", "--no-progress", p->begun);
	if (unlink(file) < 0)
		action_log("WARN", "cannot remove the checkpoint %s", file);

	return true;
}

/* Whether the checkpoint is missing in the pool because a restore has begun to use it. */
static bool is_begun(const struct action_ctx *ctx, const struct pool *p)
{
	return rbd(ctx, p, NULL, "info", p->begun);
}

static bool fetch(const struct action_ctx *ctx, const struct pool *p, const char *file,
		  GError **error)
{
	g_autofree char *directory = g_path_get_dirname(file);
	g_autofree char *part = g_strconcat(file, ".fetched", NULL);
	mode_t old;
	bool ok;

	if (!file_make_directory(directory, error))
		return false;
	unlink(part);
	old = umask(077);	/* it is a guest's memory, and rbd makes the file */
	ok = rbd(ctx, p, error, "export", "--no-progress", p->image, part);
	umask(old);
	if (!ok) {
		g_prefix_error(error, "cannot export checkpoint %s: ", p->image);
		if (is_begun(ctx, p))
			vmm_error_set_hint(error, "a restore has begun to use it, and did not "
					   "end: if its guest certainly never ran, rbd rename %s "
					   "to %s; else start the VM from its disks", p->begun,
					   p->image);
		unlink(part);
		return false;
	}

	return file_rename(part, file, error);
}

enum action_outcome ceph_pool_move(struct action_ctx *ctx, enum ceph_way way, const char *vm_id,
				   const char *file, GError **error)
{
	g_autoptr(TmplRequest) d = request_input_read(error);
	struct pool p = { 0 };
	bool ok;

	if (!d)
		return ACTION_FAILED;
	if (ctx->dry_run) {
		action_print(ctx, way == CEPH_STORE ? "would move %s to the VM's pool\n" :
			     "would copy %s from the VM's pool\n", file);
		return ACTION_DONE;
	}

	if (way == CEPH_FETCH && access(file, F_OK) == 0)
		return ACTION_DONE;
	ok = pool_init(&p, d, vm_id, error) &&
	     (way == CEPH_STORE ? store(ctx, &p, file, error) : fetch(ctx, &p, file, error));
	pool_clear(&p);

	if (ok)
		return ACTION_DONE;

	return ACTION_FAILED;
}

/* Whether the VM's checkpoint is in a pool, then P; false with ERROR: not known. */
static bool has_pool(const TmplRequest *d, const char *vm_id, struct pool *p, GError **error)
{
	g_autofree char *kind = xml_child_text(d->datastore, "TM_MAD");

	if (g_strcmp0(kind, "ceph"))
		return false;

	return pool_init(p, d, vm_id, error);
}

bool ceph_pool_begin(const struct action_ctx *ctx, const TmplRequest *d, const char *vm_id,
		     GError **error)
{
	g_autoptr(GError) cause = NULL;
	struct pool p = { 0 };
	bool ok;

	if (has_pool(d, vm_id, &p, &cause))
		ok = rbd(ctx, &p, &cause, "rename", p.image, p.begun) || is_begun(ctx, &p);
	else
		ok = !cause;
	pool_clear(&p);
	if (ok)
		return true;
	g_propagate_prefixed_error(error, g_steal_pointer(&cause), "cannot use the checkpoint in "
				   "the VM's pool: ");

	return false;
}

void ceph_pool_back(const struct action_ctx *ctx, const TmplRequest *d, const char *vm_id)
{
	g_autoptr(GError) cause = NULL;
	struct pool p = { 0 };

	if (has_pool(d, vm_id, &p, &cause) &&
	    !rbd(ctx, &p, &cause, "rename", p.begun, p.image))
		action_log("WARN", "the checkpoint in the pool is now %s: %s", p.begun,
			   cause->message);
	pool_clear(&p);
}

void ceph_pool_forget(const struct action_ctx *ctx, const TmplRequest *d, const char *vm_id)
{
	g_autoptr(GError) cause = NULL;
	struct pool p = { 0 };

	if (has_pool(d, vm_id, &p, &cause))
		rbd(ctx, &p, &cause, "rm", "--no-progress", p.begun);
	if (cause)
		action_log("WARN", "a checkpoint stays in the pool: %s", cause->message);
	pool_clear(&p);
}
