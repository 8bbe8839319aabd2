/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/move_datastore.h"

#include <unistd.h>

#include "migrate/made_files.h"
#include "action/other_host.h"
#include "action/progress.h"
#include "action/reconcile.h"
#include "migrate/storage_plan.h"
#include "action/process.h"
#include "base/file.h"
#include "xml/xml.h"
#include "virt/domain_job.h"
#include "virt/hotplug.h"
#include "virt/domain_xml.h"
#include "virt/virt_error.h"
#include "migrate/block_copy.h"
#include "vm/stranded.h"

enum { ANSWER_MS = 30000, PIVOTS = 3 };

struct moving {
	struct action_ctx *ctx;
	virDomain *dom;		/* replaced after a lost connection */
	xmlDoc *doc;		/* its live XML */
	StoragePlan *stored;
	GArray *mirrors;	/* of struct block_copy: disks that are copied */
	MadeFiles *made;
	GHashTable *ended;	/* paths of copies that were in progress and that we ended */
};

#define NOTE ".vmmexec-moving"

static struct block_copy *mirror(const struct moving *m, guint i)
{
	return &g_array_index(m->mirrors, struct block_copy, i);
}

/* Behind a barrier: a call whose answer was lost may switch a disk in a moment. */
static bool read_xml(struct moving *m, GError **error)
{
	xmlDoc *doc;
	int operation;

	if (!virt_domain_barrier(m->dom, action_left_ms(m->ctx, ANSWER_MS), &operation, error))
		return false;

	doc = virt_xml_doc(m->dom, error);
	if (!doc)
		return false;
	xmlFreeDoc(m->doc);
	m->doc = doc;

	return true;
}

/* The path of the disk TARGET, or of the copy that is made of it; NULL. The caller frees. */
static char *path_of(const struct moving *m, const char *target, bool of_copy)
{
	const xmlNode *disk = virt_disk(xmlDocGetRootElement(m->doc), target);

	return virt_disk_path(of_copy ? xml_child(disk, "mirror") : disk);
}

static bool is_used(const struct moving *m, const struct block_copy *copy)
{
	g_autofree char *path = path_of(m, copy->target, false);

	return !g_strcmp0(path, copy->path);
}

static bool plan(struct moving *m, const char *from, const char *to, GError **error)
{
	if (read_xml(m, error))
		m->stored = storage_plan_new(m->ctx, xmlDocGetRootElement(m->doc), from, to, error);
	m->mirrors = g_array_new(FALSE, TRUE, sizeof(struct block_copy));
	for (guint i = 0; m->stored && i < m->stored->disks->len; i++) {
		const struct planned_disk *d = m->stored->disks->pdata[i];
		struct block_copy copy = {
			.target = d->target, .path = d->there, .format = d->image.format,
			.is_block = d->is_block, .shallow = d->image.backing != NULL,
		};

		if (d->way == COPY_BEFORE_AND_AFTER) {
			vmm_fail(error, VMM_ERROR_REFUSED, "cannot move domain %s: disk %s holds "
				 "snapshots, which a copy of the running disk would lose",
				 virDomainGetName(m->dom), d->target);
			vmm_error_set_hint(error, "delete them, or move the VM powered off");
			return false;
		}

		if (d->way == COPY_MIRROR)
			g_array_append_val(m->mirrors, copy);
	}

	return m->stored != NULL;
}

static bool make_image(struct moving *m, const struct planned_disk *d, GError **error)
{
	g_auto(GStrv) words = storage_plan_create_argv(m->stored, d);
	struct child_result result = { 0 };
	bool ok = process_run(m->ctx, "QEMU_IMG", "qemu-img", (const char *const *)words + 1,
			      &result, error) &&
		  child_result_check(&result, "qemu-img", error);

	child_result_clear(&result);

	return ok;
}

/* Ends copies to our images, made by us or by an earlier run that was killed. Other jobs stay. */
static bool end_copies(struct moving *m, GError **error)
{
	for (guint i = 0; i < m->mirrors->len; i++) {
		g_autofree char *path = path_of(m, mirror(m, i)->target, true);

		if (g_strcmp0(path, mirror(m, i)->path) != 0)
			continue;
		if (!block_copy_abort(m->dom, mirror(m, i), error))
			return false;
		g_hash_table_add(m->ended, g_steal_pointer(&path));
	}

	return true;
}

/* The names of all images are ours before anything is written, and the note says so. */
static bool take_names(struct moving *m, GError **error)
{
	g_autofree char *note = NULL;

	for (guint i = 0; i < m->mirrors->len; i++) {
		const char *path = mirror(m, i)->path;

		if (!made_files_take(m->made, path, g_hash_table_contains(m->ended, path), error))
			return false;
	}

	note = made_files_note(m->made, "moving");
	if (!file_write(m->made->note, note, strlen(note), 0600, error))
		return false;
	made_files_will_bring(m->made, m->stored);

	return true;
}

static bool make_directory(struct moving *m, GError **error)
{
	bool one;

	if (!made_files_directory(m->made, error))
		return false;
	if (!made_files_is_one(m->made, m->stored->from, &one, error))
		return false;
	if (!one)
		return true;
	vmm_fail(error, VMM_ERROR_REFUSED, "cannot move domain %s: %s and %s are one directory",
		 virDomainGetName(m->dom), m->stored->from, m->stored->to);
	vmm_error_set_hint(error, "compare the two datastores' BASE_PATH and mounts");

	return false;
}

static char *nvram_of(const struct moving *m)
{
	xmlNode *os = xml_child(xmlDocGetRootElement(m->doc), "os");

	return xml_child_text(os, "nvram");
}

/*
 * QEMU keeps writing to the file that it has open, whatever becomes of that name: the new name
 * must be one of the same file. It is tried with a name of our own, before anything is copied.
 */
static bool link_nvram(struct moving *m, bool try, GError **error)
{
	g_autofree char *from = nvram_of(m),
			*to = from ? storage_plan_moved(m->stored, from) : NULL;
	g_autofree char *temp = to ? g_strconcat(to, ".vmmexec-new", NULL) : NULL;
	bool ok;

	if (!to)
		return true;
	if (g_str_equal(from, to))
		return true;
	if (access(from, F_OK) < 0)
		return true;
	unlink(temp);	/* of one that was killed */
	ok = link(from, temp) == 0 && (try || rename(temp, to) == 0);
	if (!ok)
		vmm_fail_errno(error, errno, "cannot move domain %s: its UEFI variables %s stay "
			       "open, and cannot have the name %s too", virDomainGetName(m->dom),
			       from, to);
	unlink(temp);
	if (!ok)
		vmm_error_set_hint(error, "move the VM powered off, or to a directory of the same "
				   "file system");

	return ok;
}

/*
 * Whether an earlier run completed phase 3. Then the VM's small files in the target directory
 * (snapshots, a TPM's state) may be newer than those in the old one, which nothing uses any more.
 */
static bool has_copied_files(const struct moving *m)
{
	const char *uri = conf_kvmrc_string(m->ctx->rc, "LIBVIRT_MD_URI");
	g_autofree char *directory = virt_vm_directory(m->dom, uri);
	g_autofree char *plain = directory ? g_canonicalize_filename(directory, "/") : NULL;

	return !g_strcmp0(plain, m->stored->to);
}

/* Phase 1. */
static bool prepare_target(struct moving *m, GError **error)
{
	if (!end_copies(m, error))
		return false;
	if (!make_directory(m, error))
		return false;
	if (!link_nvram(m, true, error))
		return false;
	if (!take_names(m, error))
		return false;
	if (!has_copied_files(m) && !storage_plan_copy(m->stored, m->ctx, NULL, error))
		return false;
	if (!link_nvram(m, false, error))
		return false;
	for (guint i = 0; i < m->stored->disks->len; i++) {
		const struct planned_disk *d = m->stored->disks->pdata[i];

		if (d->way == COPY_MIRROR && !make_image(m, d, error))
			return false;
	}

	return true;
}

/* Phase 2. */
static bool copy(struct moving *m, GError **error)
{
	struct virt_job hooks = progress_job(m->ctx, m->dom);
	bool aborted;

	for (guint i = 0; i < m->mirrors->len; i++)
		if (!block_copy_start(m->dom, mirror(m, i), error))
			return false;
	if (block_copy_wait(m->dom, (struct block_copy *)m->mirrors->data, m->mirrors->len, &hooks,
			    &aborted, error))
		return true;

	if (!aborted)
		return false;

	return progress_fail(error, "moving domain %s", virDomainGetName(m->dom));
}

/* Of the XML that was read last. */
static guint count_used(const struct moving *m)
{
	guint used = 0;

	for (guint i = 0; i < m->mirrors->len; i++)
		used += is_used(m, mirror(m, i));

	return used;
}

/*
 * Undoes phases 1 to 3. First of all the copies must no longer be written to; then it is asked once
 * more what the VM uses, as a copy that is gone by now may have become its disk.
 */
static void undo(struct moving *m)
{
	g_autoptr(GError) error = NULL;

	if (!made_files_any(m->made))
		return;
	reconcile_domain(m->ctx, &m->dom, &error);
	if (error || !read_xml(m, &error) || !end_copies(m, &error) || !read_xml(m, &error))
		action_log("WARN", "%s: nothing is removed", error->message);
	else if (count_used(m))
		action_log("WARN", "the VM uses images in %s: nothing is removed", m->stored->to);
	else
		made_files_undo(m->made);
}

/* Writes the VM's new directory into the metadata, so that no reader of these uses the old one. */
static bool write_metadata(struct moving *m, const char *directory, GError **error)
{
	const char *uri = conf_kvmrc_string(m->ctx->rc, "LIBVIRT_MD_URI");
	const char *key = conf_kvmrc_string(m->ctx->rc, "LIBVIRT_MD_KEY");
	char *text = virDomainGetMetadata(m->dom, VIR_DOMAIN_METADATA_ELEMENT, uri, 0);
	g_autoptr(xmlDoc) doc = NULL;
	g_autofree char *xml = NULL;
	xmlNode *node;

	if (!text)	/* not a domain of OpenNebula */
		return virt_last_is(VIR_ERR_NO_DOMAIN_METADATA) ||
		       virt_fail(error, "cannot read the metadata of domain %s",
				 virDomainGetName(m->dom));
	doc = xml_parse(text, strlen(text), "metadata", error);
	free(text);
	if (doc)
		node = xml_child(xmlDocGetRootElement(doc), "system_datastore");
	else
		node = NULL;
	if (!node)
		return doc != NULL;
	xmlNodeSetContent(node, NULL);
	xmlNodeAddContent(node, BAD_CAST directory);
	xml = xml_print(xmlDocGetRootElement(doc));
	if (virDomainSetMetadata(m->dom, VIR_DOMAIN_METADATA_ELEMENT, xml, key, uri,
				 VIR_DOMAIN_AFFECT_LIVE) == 0)
		return true;

	return virt_fail(error, "cannot write the metadata of domain %s", virDomainGetName(m->dom));
}

/* Phase 3, before the disks are switched: it can still be undone. */
static bool update_metadata(struct moving *m, const char *directory, GError **error)
{
	if (write_metadata(m, directory, error))
		return true;
	if (reconcile_domain(m->ctx, &m->dom, NULL) != RECONCILE_REOPENED)
		return false;
	g_clear_error(error);

	return write_metadata(m, directory, error);
}

static bool pivot_rest(struct moving *m, GError **error)
{
	for (guint i = 0; i < m->mirrors->len; i++)
		if (!is_used(m, mirror(m, i)) && !block_copy_pivot(m->dom, mirror(m, i), error))
			return false;
	return true;
}

/* Switching failed after MOVED disks had been switched. */
static enum action_outcome judge_pivot(struct moving *m, guint moved, GError **error)
{
	g_autoptr(GError) fault = NULL;

	if (moved == 0) {
		if (!update_metadata(m, m->stored->from, &fault))
			action_log("WARN", "%s", fault->message);
		g_clear_error(&fault);
		undo(m);
		moved = count_used(m);
		if (moved == 0)
			return ACTION_FAILED;
		if (!update_metadata(m, m->stored->to, &fault))
			action_log("WARN", "%s", fault->message);
		g_clear_error(&fault);
	}

	if (moved == m->mirrors->len) {
		g_clear_error(error);
		return ACTION_DONE;
	}

	if (!end_copies(m, &fault))
		action_log("WARN", "%s", fault->message);
	g_prefix_error(error, "%u of %u disks of domain %s are in %s, the others in %s: ", moved,
		       m->mirrors->len, virDomainGetName(m->dom), m->stored->to, m->stored->from);
	vmm_error_set_hint(error, "keep both directories and migrate it again");

	return ACTION_FAILED;
}

/* Phase 4. The domain's XML tells which disks have been switched. */
static enum action_outcome pivot(struct moving *m, GError **error)
{
	g_autoptr(GError) unsure = NULL;
	guint moved = 0;

	for (int tries = 1;; tries++) {
		enum reconcile found;

		g_clear_error(error);
		if (pivot_rest(m, error))
			return ACTION_DONE;
		found = reconcile_domain(m->ctx, &m->dom, &unsure);
		if (unsure || !read_xml(m, &unsure)) {
			g_prefix_error(error, "cannot tell where the disks are (%s): ",
				       unsure->message);
			return ACTION_UNKNOWN;
		}

		moved = count_used(m);
		if (found == RECONCILE_ALIVE)
			break;
		if (tries == PIVOTS)
			break;
	}

	return judge_pivot(m, moved, error);
}

/* Phase 5, of one CD-ROM or read-only disk. */
static void update_medium(struct moving *m, const struct planned_disk *d)
{
	xmlNode *disk = virt_disk(xmlDocGetRootElement(m->doc), d->target);
	xmlNode *source = xml_child(disk, "source");
	g_autoptr(GError) error = NULL;
	g_autofree char *xml = NULL;

	if (!source)
		return;
	xmlSetProp(source, BAD_CAST "file", BAD_CAST d->there);
	xml = xml_print(disk);
	if (virt_device(m->dom, VIRT_DEVICE_MEDIUM, xml, action_left_ms(m->ctx, ANSWER_MS),
			&error) != VIRT_CALL_OK)
		action_log("WARN", "disk %s of domain %s stays at %s%s%s", d->target,
			   virDomainGetName(m->dom), d->path, error ? ": " : "",
			   error ? error->message : "");
}

static enum action_outcome move_disks(struct moving *m, GError **error)
{
	g_autoptr(GError) fault = NULL;
	enum action_outcome outcome;

	m->ended = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	m->made = made_files_new(m->ctx, NULL, m->stored->to, NOTE);
	action_on_abort(ACTION_UNKNOWN, "moving domain %s to %s", virDomainGetName(m->dom),
			m->stored->to);
	if (!prepare_target(m, error) || !copy(m, error) ||
	    !update_metadata(m, m->stored->to, error)) {
		undo(m);
		return ACTION_FAILED;
	}

	outcome = pivot(m, error);
	if (outcome != ACTION_DONE)
		return outcome;
	for (guint i = 0; i < m->stored->disks->len; i++) {
		const struct planned_disk *d = m->stored->disks->pdata[i];

		if (d->way == COPY_BEFORE)
			update_medium(m, d);
	}

	if (!made_files_keep(m->made, &fault))
		action_log("WARN", "%s", fault->message);
	made_files_leave(m->stored, NOTE);

	return ACTION_DONE;
}

/* The disks of a copy that a migration left are those of the VM, which runs on another host. */
static bool check_is_vm(const struct action_ctx *ctx, virDomain *dom, GError **error)
{
	struct virt_state state;

	if (!virt_state_read(dom, &state, error))
		return false;
	if (ctx->dry_run)
		return stranded_is_vm(ctx, dom, &state, error);

	return stranded_check(ctx, dom, &state, NULL, error);
}

enum action_outcome move_datastore(struct action_ctx *ctx, virDomain *dom, const char *from,
				   const char *to, GError **error)
{
	struct moving m = { .ctx = ctx, .dom = virt_domain_ref(dom) };
	enum action_outcome outcome = ACTION_FAILED;

	if (check_is_vm(ctx, dom, error) && plan(&m, from, to, error)) {
		if (g_str_equal(m.stored->from, m.stored->to)) {
			vmm_fail(error, VMM_ERROR_REFUSED, "cannot move domain %s: it is on that "
				 "host and in %s", virDomainGetName(dom), to);
		} else if (ctx->dry_run) {
			action_print(ctx, "would move the files of domain %s to %s\n",
				     virDomainGetName(dom), m.stored->to);
			outcome = ACTION_DONE;
		} else {
			outcome = move_disks(&m, error);
		}
	}

	virDomainFree(m.dom);
	xmlFreeDoc(m.doc);
	g_clear_pointer(&m.stored, storage_plan_free);
	g_clear_pointer(&m.mirrors, g_array_unref);
	g_clear_pointer(&m.ended, g_hash_table_unref);
	g_clear_pointer(&m.made, made_files_free);

	return outcome;
}
