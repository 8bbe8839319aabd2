/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/made_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "action/other_host.h"
#include "base/file.h"

static const char env[] = "/usr/bin/env";

/* A line of the note that names an image. */
#define IMAGE_LINE "made:"

static bool do_there(const MadeFiles *m, const char *const *words, GError **error)
{
	return other_host_run(m->ctx, m->host, env, words, error);
}

static bool ask_there(const MadeFiles *m, const char *const *words, bool *ret_yes, GError **error)
{
	return other_host_test(m->ctx, m->host, env, words, ret_yes, error);
}

/* "PATH on HOST", or PATH. The caller frees. */
static char *place_of(const MadeFiles *m, const char *path)
{
	if (m->host)
		return g_strdup_printf("%s on %s", path, m->host);

	return g_strdup(path);
}

MadeFiles *made_files_new(const struct action_ctx *ctx, const char *host, const char *dir,
			  const char *name)
{
	MadeFiles *m = g_new0(MadeFiles, 1);

	m->ctx = ctx;
	m->host = host;
	m->dir = g_strdup(dir);
	m->note = g_build_filename(dir, name, NULL);
	m->images = g_ptr_array_new_with_free_func(g_free);
	m->files = g_ptr_array_new_with_free_func(g_free);
	m->dirs = g_ptr_array_new_with_free_func(g_free);

	return m;
}

bool made_files_read_note(MadeFiles *m, GError **error)
{
	const char *const test[] = { "test", "-f", m->note, NULL };
	const char *const words[] = { "cat", "--", m->note, NULL };
	bool there;

	if (!ask_there(m, test, &there, error))
		return false;
	if (there)
		m->old = other_host_ask(m->ctx, m->host, env, words, error);

	if (!there)
		return true;

	return m->old;
}

bool made_files_directory(MadeFiles *m, GError **error)
{
	g_autofree char *above = g_path_get_dirname(m->dir);
	const char *const parents[] = { "mkdir", "-p", "--", above, NULL };
	const char *const make[] = { "mkdir", "--", m->dir, NULL };
	const char *const test[] = { "test", "-d", m->dir, NULL };
	bool there;

	if (!do_there(m, parents, error))
		return false;
	if (!ask_there(m, make, &m->is_new, error))
		return false;
	if (m->is_new)
		return true;
	if (!ask_there(m, test, &there, error))
		return false;
	if (!there)	/* then why it cannot be made is what counts */
		return do_there(m, make, error);

	return made_files_read_note(m, error);
}

static char *random_name(void)
{
	g_autofree char *uuid = g_uuid_string_random();

	return g_strconcat(".vmmexec-", uuid, NULL);
}

/* A file made here, looked for there. */
static bool is_seen_there(const MadeFiles *m, const char *from, bool *ret_seen, GError **error)
{
	g_autofree char *name = random_name();
	g_autofree char *here = g_build_filename(from, name, NULL);
	g_autofree char *there = g_build_filename(m->dir, name, NULL);
	const char *const test[] = { "test", "-e", there, NULL };
	int fd = open(here, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool ok;

	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot make %s", here);
	close(fd);
	ok = ask_there(m, test, ret_seen, error);
	unlink(here);

	return ok;
}

/* A file made there, looked for here. */
static bool is_seen_here(MadeFiles *m, const char *from, bool *ret_seen, GError **error)
{
	g_autofree char *name = random_name();
	g_autofree char *here = g_build_filename(from, name, NULL);
	g_autofree char *there = g_build_filename(m->dir, name, NULL);
	g_autofree char *of = g_strconcat("of=", there, NULL);
	const char *const make[] = { "dd", "if=/dev/null", of, "conv=excl", "status=none",
				     NULL };
	const char *const forget[] = { "rm", "-f", "--", there, NULL };
	bool ok = do_there(m, make, error);
	struct stat st;

	if (ok) {
		*ret_seen = lstat(here, &st) == 0;
		ok = *ret_seen || errno == ENOENT ||
		     vmm_fail_errno(error, errno, "cannot look for %s", here);
	}

	/* The file is removed also if the answer of dd was lost: nobody else uses this name. */
	unlink(here);
	if (!do_there(m, forget, NULL))
		g_ptr_array_add(m->files, g_steal_pointer(&there));

	return ok;
}

bool made_files_is_one(MadeFiles *m, const char *from, bool *ret_one, GError **error)
{
	bool there, here;

	if (!is_seen_there(m, from, &there, error) || !is_seen_here(m, from, &here, error)) {
		g_prefix_error(error, "cannot tell whether %s is shared: ", m->dir);
		return false;
	}

	*ret_one = there || here;
	if (*ret_one)
		m->is_new = false;

	return true;
}

static bool is_noted(const MadeFiles *m, const char *path)
{
	g_autofree char *line = g_strconcat(IMAGE_LINE, path, NULL);
	g_auto(GStrv) lines = m->old ? g_strsplit(m->old, "\n", -1) : NULL;

	if (!lines)
		return false;

	return g_strv_contains((const char *const *)lines, line);
}

/* What a name that we took has in it until its image is written. The caller frees. */
static char *mark_of(const MadeFiles *m)
{
	return g_strdup_printf("vmmexec: taken by a move of the VM to %s\n", m->dir);
}

/* PATH, which has no image of ours yet, has our mark. False also when that is not known. */
static bool is_marked(const MadeFiles *m, const char *path)
{
	g_autofree char *mark = mark_of(m);
	bool has;

	return other_host_has_file(m->ctx, m->host, path, mark, &has, NULL) && has;
}

/* PATH is there, and not known for ours. */
static bool judge_found(MadeFiles *m, const char *path, GError **error)
{
	g_autofree char *place = place_of(m, path);
	g_autofree char *of = g_strconcat("of=", path, NULL);
	const char *const make[] = { "dd", "if=/dev/null", of, "conv=excl", "status=none",
				     NULL };
	const char *const exists[] = { "test", "-e", path, "-o", "-L", path, NULL };
	bool there;

	if (!ask_there(m, exists, &there, error))
		return false;
	if (!there)	/* then why it cannot be made is what counts */
		return do_there(m, make, error);
	vmm_fail(error, VMM_ERROR_EXISTS, "%s is there already, and nothing says that a move of "
		 "this VM left it", place);
	vmm_error_set_hint(error, "check whose it is; remove it if it is not needed");

	return false;
}

/* Makes PATH, unless it is there. RET_MADE: also if the answer was lost and asking again tells. */
static bool make_marked(const MadeFiles *m, const char *path, bool *ret_made, GError **error)
{
	g_autofree char *mark = mark_of(m);
	g_autoptr(GError) cause = NULL;

	if (other_host_make_file(m->ctx, m->host, path, mark, ret_made, &cause))
		return true;

	*ret_made = is_marked(m, path);
	if (*ret_made)
		return true;

	return vmm_pass(error, &cause);
}

bool made_files_take(MadeFiles *m, const char *path, bool ours, GError **error)
{
	g_autofree char *above = g_path_get_dirname(path);
	const char *const parents[] = { "mkdir", "-p", "--", above, NULL };
	bool made, is_left_over;

	if (!g_str_equal(above, m->dir) && !do_there(m, parents, error))
		return false;
	if (!make_marked(m, path, &made, error))
		return false;
	is_left_over = !made && (ours || is_noted(m, path) || is_marked(m, path));
	if (is_left_over)
		action_log("WARN", "%s was left by a move that did not end: it is replaced", path);
	else if (!made && !judge_found(m, path, error))
		return false;
	g_ptr_array_add(m->images, g_strdup(path));

	return true;
}

char *made_files_note(const MadeFiles *m, const char *text)
{
	GString *note = g_string_new(text);

	for (guint i = 0; i < m->images->len; i++)
		g_string_append_printf(note, "\n" IMAGE_LINE "%s", (char *)m->images->pdata[i]);
	return g_string_free(note, FALSE);
}

static void walk(MadeFiles *m, const StoragePlan *s, const char *path)
{
	g_autofree char *moved = storage_plan_moved(s, path);
	g_autoptr(GDir) dir = NULL;
	struct stat st;
	const char *name;

	if (lstat(path, &st) < 0)
		return;
	if (!S_ISDIR(st.st_mode)) {
		g_ptr_array_add(m->files, g_steal_pointer(&moved));
		return;
	}

	g_ptr_array_add(m->dirs, g_steal_pointer(&moved));
	dir = g_dir_open(path, 0, NULL);
	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *below = g_build_filename(path, name, NULL);
		const char *rest = below + strlen(s->from) + 1;

		if (!g_strv_contains((const char *const *)s->left_out->pdata, rest))
			walk(m, s, below);
	}
}

void made_files_will_bring(MadeFiles *m, const StoragePlan *s)
{
	m->noted = true;
	if (!m->is_new)
		return;
	for (guint i = 0; i + 1 < s->others->len; i++)
		walk(m, s, s->others->pdata[i]);
}

/* False: some may still be there. */
static bool remove_all(MadeFiles *m, const char *const *command, const GPtrArray *paths)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	g_autofree char *place = place_of(m, m->dir);
	g_autoptr(GError) error = NULL;

	if (!paths->len)
		return true;
	for (; *command; command++)
		g_ptr_array_add(words, (char *)*command);
	for (guint i = paths->len; i-- > 0;)	/* what is below another directory first */
		g_ptr_array_add(words, paths->pdata[i]);
	g_ptr_array_add(words, NULL);
	if (do_there(m, (const char *const *)words->pdata, &error))
		return true;
	action_log("WARN", "not all that was made in %s could be removed: %s", place,
		   error->message);

	return false;
}

bool made_files_any(const MadeFiles *m)
{
	if (m->is_new)
		return true;
	if (m->noted)
		return true;

	return m->images->len;
}

static void remove_rest(MadeFiles *m)
{
	const char *const remove[] = { "rm", "-f", "--", NULL };
	const char *const empty[] = { "rmdir", "--", NULL };
	g_autoptr(GPtrArray) own = g_ptr_array_new();

	remove_all(m, remove, m->files);
	/* In a directory that existed, the copied small files stay: they may have been there. */
	if (m->noted && !m->old)
		g_ptr_array_add(own, m->note);
	remove_all(m, remove, own);
	g_ptr_array_insert(m->dirs, 0, g_strdup(m->dir));
	if (m->is_new)
		remove_all(m, empty, m->dirs);
}

void made_files_undo(MadeFiles *m)
{
	const char *const remove[] = { "rm", "-f", "--", NULL };

	/* The note stays with images that could not be removed: it says whose they are. */
	if (remove_all(m, remove, m->images))
		remove_rest(m);
	g_ptr_array_set_size(m->images, 0);
	g_ptr_array_set_size(m->files, 0);
	g_ptr_array_set_size(m->dirs, 0);
	m->is_new = m->noted = false;
}

bool made_files_keep(MadeFiles *m, GError **error)
{
	const char *const forget[] = { "rm", "-f", "--", m->note, NULL };

	return do_there(m, forget, error);
}

void made_files_leave(const StoragePlan *s, const char *name)
{
	g_autoptr(GString) text = g_string_new("moved");
	g_autofree char *path = g_build_filename(s->from, name, NULL);
	g_autoptr(GError) error = NULL;

	for (guint i = 0; i < s->disks->len; i++) {
		const struct planned_disk *d = s->disks->pdata[i];
		g_autofree char *plain = g_canonicalize_filename(d->path, "/");

		if (d->way == COPY_MIRROR || d->way == COPY_BEFORE_AND_AFTER)
			g_string_append_printf(text, "\n" IMAGE_LINE "%s", plain);
	}

	if (!file_write(path, text->str, text->len, 0600, &error))
		action_log("WARN", "%s", error->message);
}

void made_files_free(MadeFiles *m)
{
	if (!m)
		return;
	g_free(m->dir);
	g_free(m->note);
	g_free(m->old);
	g_ptr_array_unref(m->images);
	g_ptr_array_unref(m->files);
	g_ptr_array_unref(m->dirs);
	g_free(m);
}
