/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/copy_to_host.h"

#include <unistd.h>

#include "action/other_host.h"
#include "vm/domain_paths.h"
#include "base/file.h"
#include "xml/xml.h"
#include "virt/virt_error.h"

enum { MIB = 1 << 20, POST_TRIES = 3 };

static const char env[] = "/usr/bin/env";

#define NOTE ".vmmexec-migrating"

static bool has_room(const struct copy_to_host *f, GError **error)
{
	const char *words[] = { "stat", "-f", "--format=%a %S", f->stored->to, NULL };
	g_autofree char *answer = other_host_ask(f->r->ctx, f->r->dest_host, env, words, error);
	guint64 wanted = storage_plan_bytes(f->stored), blocks, size;
	char *end;

	if (!answer)
		return false;
	blocks = g_ascii_strtoull(answer, &end, 10);
	size = g_ascii_strtoull(end, NULL, 10);
	if (size && wanted / size <= blocks)
		return true;

	return vmm_fail(error, VMM_ERROR_NO_SPACE, "cannot migrate to %s: the disks need %"
			G_GUINT64_FORMAT " MiB in %s, where %" G_GUINT64_FORMAT " MiB are free",
			f->r->dest_host, wanted / MIB + 1, f->stored->to, blocks * size / MIB);
}

static bool make_image(struct copy_to_host *f, const struct planned_disk *d, GError **error)
{
	g_auto(GStrv) words = storage_plan_create_argv(f->stored, d);

	return other_host_run(f->r->ctx, f->r->dest_host, env, (const char *const *)words, error);
}

/* Reserves the names of all images before anything is written. */
static bool take_names(struct copy_to_host *f, GError **error)
{
	for (guint i = 0; i < f->stored->disks->len; i++) {
		const struct planned_disk *d = f->stored->disks->pdata[i];
		bool copied = d->way == COPY_MIRROR || d->way == COPY_BEFORE_AND_AFTER;

		if (copied && !made_files_take(f->made, d->there, false, error))
			return false;
	}

	return true;
}

static bool copy_others(struct copy_to_host *f, GError **error)
{
	made_files_will_bring(f->made, f->stored);

	return storage_plan_copy(f->stored, f->r->ctx, f->r->dest_host, error);
}

/* Writes the paths into the XML when the directory there has another name. */
static bool rewrite_paths(struct copy_to_host *f, GError **error)
{
	g_autofree char *inside = g_build_filename(f->stored->to, "checkpoint", NULL);
	g_autoptr(xmlDoc) doc = NULL;
	g_autofree char *xml = NULL;

	if (g_str_equal(f->stored->from, f->stored->to))
		return true;

	doc = virt_xml_doc_of(f->r->dom, VIR_DOMAIN_XML_MIGRATABLE | VIR_DOMAIN_XML_SECURE, error);
	if (!doc)
		return false;
	domain_paths_rewrite(xmlDocGetRootElement(doc), inside, NULL);
	xml = xml_print(xmlDocGetRootElement(doc));
	migrate_options_add_text(f->r->how, VIR_MIGRATE_PARAM_DEST_XML, xml);

	return true;
}

/* It comes along with the small files. */
static bool write_note(struct copy_to_host *f, GError **error)
{
	g_autoptr(GString) text = g_string_new(f->resume ? "running" : "paused");
	g_autofree char *note = NULL;

	for (guint i = 0; i < f->stored->disks->len; i++) {
		const struct planned_disk *d = f->stored->disks->pdata[i];
		g_autofree char *plain = g_canonicalize_filename(d->path, "/");

		if (d->way != COPY_BEFORE_AND_AFTER)
			continue;
		g_string_append_printf(text, "\n%s", plain);
		g_ptr_array_add(f->copied_again, g_steal_pointer(&plain));
	}

	f->note = g_build_filename(f->stored->from, NOTE, NULL);
	g_ptr_array_insert(f->stored->others, 0, g_strdup(f->note));
	note = made_files_note(f->made, text->str);

	return file_write(f->note, note, strlen(note), 0600, error);
}

static bool prepare_copies(struct copy_to_host *f, GError **error)
{
	bool copies = false, shared;

	if (!made_files_directory(f->made, error))
		return false;
	if (!made_files_is_one(f->made, f->stored->from, &shared, error))
		return false;
	if (shared) {
		action_log("WARN", "%s is shared with %s although its datastore says that it is "
			   "not: nothing is copied", f->stored->to, f->r->dest_host);
		return true;
	}

	if (!has_room(f, error))
		return false;
	if (!take_names(f, error))
		return false;
	if (!write_note(f, error))
		return false;
	if (!copy_others(f, error))
		return false;
	for (guint i = 0; i < f->stored->disks->len; i++) {
		const struct planned_disk *d = f->stored->disks->pdata[i];

		if (d->way == COPY_MIRROR && !make_image(f, d, error))
			return false;
		if (d->way == COPY_MIRROR || d->way == COPY_EXTERNAL) {
			migrate_options_add_text(f->r->how, VIR_MIGRATE_PARAM_MIGRATE_DISKS,
						 d->target);
			copies = true;
		}
	}

	/* libvirt calls it unsafe, as it does not know that we copy the other files. */
	f->r->how->flags |= VIR_MIGRATE_UNSAFE | (copies ? VIR_MIGRATE_NON_SHARED_DISK : 0) |
			    (f->r->was_running ? VIR_MIGRATE_PAUSED : 0);

	return rewrite_paths(f, error);
}

bool copy_to_host_prepare(struct copy_to_host *f, struct migration *r, const char *from,
			  const char *to, GError **error)
{
	g_autoptr(xmlDoc) doc = virt_xml_doc(r->dom, error);

	*f = (struct copy_to_host){ .r = r };
	f->copied_again = g_ptr_array_new_with_free_func(g_free);
	f->resume = r->was_running;
	if (r->how->flags & VIR_MIGRATE_TUNNELLED)
		return vmm_fail(error, VMM_ERROR_CONFIG, "MIGRATE_OPTIONS: '--tunnelled' cannot "
				"copy disks that are not shared");
	f->stored =
		doc ? storage_plan_new(r->ctx, xmlDocGetRootElement(doc), from, to, error) : NULL;
	if (!f->stored)
		return false;
	f->to = g_strdup(f->stored->to);
	f->made = made_files_new(r->ctx, r->dest_host, f->to, NOTE);
	if (prepare_copies(f, error))
		return true;
	copy_to_host_undo(f);

	return false;
}

/* The guest is paused now, so its files here do not change. */
static bool copy_changed(struct copy_to_host *f, const char *from, GError **error)
{
	for (guint i = 0; i < f->copied_again->len; i++) {
		const char *path = f->copied_again->pdata[i];
		const char *paths[] = { path, NULL };
		g_autofree char *there = g_build_filename(f->to, path + strlen(from), NULL);
		g_autofree char *dir = g_path_get_dirname(there);
		const struct other_host_files files = { .paths = paths, .dir = dir,
							.in_place = true };

		for (int tries = 1;; tries++) {
			g_autoptr(GError) cause = NULL;

			if (other_host_copy(f->r->ctx, f->r->dest_host, &files, &cause))
				break;
			if (tries == POST_TRIES)
				return vmm_pass(error, &cause);
			action_log("WARN", "%s; trying again", cause->message);
		}
	}

	return true;
}

static bool finish(struct copy_to_host *f, const char *from, GError **error)
{
	virDomain *dom = f->r->sides.dest;
	const char *name = virDomainGetName(dom);

	/* The note is removed first: files that a running guest wrote are never overwritten. */
	if (!copy_changed(f, from, error) || !made_files_keep(f->made, error)) {
		g_prefix_error(error, "domain %s is at %s and paused, because not all of its "
			       "files could be copied: ", name, f->r->dest_host);
		vmm_error_set_hint(error, "migrate it again: that continues from here");
		return false;
	}

	if (f->resume && f->r->sides.dest_state.state == VIR_DOMAIN_PAUSED &&
	    virDomainResume(dom) < 0)
		return virt_fail(error, "domain %s is at %s and paused: cannot resume it",
				 virDomainGetName(dom), f->r->dest_host);

	return true;
}

bool copy_to_host_finish(struct copy_to_host *f, GError **error)
{
	bool ok = finish(f, f->stored->from, error);

	if (ok && f->note)
		made_files_leave(f->stored, NOTE);
	return ok;
}

/* Whether LINE of a note, which anybody may have written, is a file in DIRECTORY. */
static bool is_file_in(const char *line, const char *directory)
{
	g_autofree char *plain = g_canonicalize_filename(line, "/");

	if (!g_str_equal(plain, line))
		return false;
	if (!g_str_has_prefix(line, directory))
		return false;

	return line[strlen(directory)] == '/';
}

bool copy_to_host_repair(struct migration *r, const char *from, const char *to, GError **error)
{
	struct copy_to_host f = { .r = r, .to = g_canonicalize_filename(to, "/") };
	g_autofree char *plain = g_canonicalize_filename(from, "/");
	g_autoptr(GError) cause = NULL;
	g_auto(GStrv) lines = NULL;
	bool ok = true;

	f.made = made_files_new(r->ctx, r->dest_host, f.to, NOTE);
	if (made_files_read_note(f.made, &cause) && f.made->old)
		lines = g_strsplit(f.made->old, "\n", -1);
	f.copied_again = g_ptr_array_new_with_free_func(g_free);
	f.resume = lines && !g_strcmp0(lines[0], "running");
	for (guint i = 1; lines && lines[0] && lines[i]; i++)
		if (is_file_in(lines[i], plain))
			g_ptr_array_add(f.copied_again, g_strdup(lines[i]));
	if (cause) {
		vmm_pass(error, &cause);
		ok = false;
	} else if (lines && r->sides.dest_state.state == VIR_DOMAIN_PAUSED) {
		action_log("WARN", "finishing a migration that was interrupted");
		ok = finish(&f, plain, error);	/* the note here keeps naming what is left here */
	}

	copy_to_host_clear(&f);

	return ok;
}

/* Whether the other host, asked now, has nothing of the VM that could use its files there. */
static bool is_not_there(const struct copy_to_host *f, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(virDomain) dom = virt_domain(f->r->dest, f->r->uuid, NULL, &cause);

	if (vmm_is(cause, VMM_ERROR_NOT_FOUND))
		return true;
	if (dom)
		return vmm_fail(error, VMM_ERROR_EXISTS, "domain %s is there", f->r->uuid);

	return vmm_pass(error, &cause);
}

void copy_to_host_undo(struct copy_to_host *f)
{
	g_autoptr(GError) cause = NULL;

	if (!made_files_any(f->made))
		;
	else if (f->r->nowhere)
		action_log("WARN", "the VM ended: files copied to %s on %s stay there", f->to,
			   f->r->dest_host);
	else if (is_not_there(f, &cause))
		made_files_undo(f->made);
	else
		action_log("WARN", "files copied to %s on %s stay there: %s", f->to,
			   f->r->dest_host, cause->message);
	if (f->note)
		unlink(f->note);
}

void copy_to_host_clear(struct copy_to_host *f)
{
	g_clear_pointer(&f->stored, storage_plan_free);
	g_clear_pointer(&f->made, made_files_free);
	g_clear_pointer(&f->copied_again, g_ptr_array_unref);
	g_clear_pointer(&f->to, g_free);
	g_clear_pointer(&f->note, g_free);
}
