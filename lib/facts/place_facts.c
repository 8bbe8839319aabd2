/* SPDX-License-Identifier: Apache-2.0 */
/* Where guests' disks are: file systems, volume groups, pools of Ceph. */
#include "facts/facts_parts.h"

#include <sys/statvfs.h>

#include "base/child.h"
#include "base/text.h"
#include "facts/probe.h"

enum { ROOM_LIMIT_MS = 5000, FULL_MIB = 100 };

static const char datastores[] = "/var/lib/one/datastores";

/* Answers "MIB PERCENT READ-ONLY NO-INODES", or nothing: it is not there. */
static void look_at_room(const void *data, GString *out)
{
	struct statvfs st;

	if (statvfs(data, &st) < 0 || st.f_blocks == 0)
		return;

	g_string_printf(out, "%" G_GUINT64_FORMAT " %u %d %d",
			(guint64)st.f_bavail * st.f_frsize >> 20,
			(unsigned)(st.f_bavail * 100 / st.f_blocks), (st.f_flag & ST_RDONLY) != 0,
			st.f_files > 0 && st.f_favail == 0);
}

/* One line for each link among the datastores: where it leads to. */
static void look_at_links(const void *data, GString *out)
{
	g_auto(GStrv) names = facts_names(NULL, data, "");

	for (char **n = names; *n; n++) {
		g_autofree char *path = g_build_filename(data, *n, NULL);
		g_autofree char *target = g_file_read_link(path, NULL);

		if (target && g_path_is_absolute(target))
			g_string_append_printf(out, "%s\n", target);
	}
}

/* A place may be a mount and the target of a link at once. */
static bool is_listed(const HostFacts *f, const char *path)
{
	for (unsigned i = 0; i < f->rooms; i++)
		if (g_str_equal(f->room[i].path, path))
			return true;

	return false;
}

/* A file system whose server is gone blocks the process that asks, so a child process asks. */
static void add_room(HostFacts *f, const char *path, unsigned limit_ms)
{
	struct room_fact r = { .path = facts_keep(f, path) };
	int read_only = 0, no_inodes = 0;
	GString *answer;

	if (f->rooms == FACTS_ROOM || is_listed(f, path))
		return;

	answer = probe_run(look_at_room, path, MIN(limit_ms, (unsigned)ROOM_LIMIT_MS));
	if (!answer)
		r.is_mute = true;
	else if (sscanf(answer->str, "%" G_GUINT64_FORMAT " %u %d %d", &r.free_mib,
			&r.free_percent, &read_only, &no_inodes) == 4) {
		r.is_read_only = read_only;
		r.has_no_inodes = no_inodes;
	} else {
		r.path = NULL;
	}

	if (r.path)
		f->room[f->rooms++] = r;
	if (answer)
		g_string_free(answer, TRUE);
}

/* Names in /proc/self/mounts have blanks and the like in octal. */
static void add_mounts(HostFacts *f, unsigned limit_ms)
{
	g_autofree char *text = facts_text(NULL, "/proc/self/mounts");
	g_auto(GStrv) lines = g_strsplit(text_or(text, ""), "\n", -1);

	for (char **l = lines; *l; l++) {
		g_auto(GStrv) fields = g_strsplit(*l, " ", 3);
		g_autofree char *path = g_strv_length(fields) == 3 ? g_strcompress(fields[1])
								   : g_strdup("");

		if (g_str_has_prefix(path, datastores))
			add_room(f, path, limit_ms);
	}
}

/* Disks are where datastores are mounted, or where links among them lead to. */
void facts_read_room(HostFacts *f, const struct facts_source *s)
{
	static const char *const places[] = { "/var/lib/one", "/var/lib/libvirt", "/var/tmp" };
	g_auto(GStrv) targets = NULL;
	GString *links;

	if (s->root)
		return;

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
		add_room(f, places[i], s->limit_ms);
	add_mounts(f, s->limit_ms);

	links = probe_run(look_at_links, datastores, MIN(s->limit_ms, (unsigned)ROOM_LIMIT_MS));
	if (!links)
		return;

	targets = g_strsplit(links->str, "\n", -1);
	for (char **t = targets; *t; t++)
		if (**t)
			add_room(f, *t, s->limit_ms);
	g_string_free(links, TRUE);
}

char *facts_run(const char *const *argv, unsigned limit_ms, char **ret_output)
{
	struct child_spec spec = { .argv = argv, .timeout_ms = limit_ms, .grace_ms = 200 };
	struct child_result result = { 0 };
	g_autoptr(GError) error = NULL;

	if (child_run(&spec, &result, &error)) {
		child_result_check(&result, argv[0], &error);
		if (!error && ret_output)
			*ret_output = g_strndup(result.out->str, result.out->len);
		child_result_clear(&result);
	}

	if (error)
		return g_strdup(error->message);

	return NULL;
}

/* The next fact to be filled; the last one is used again when there are too many. */
static struct storage_fact *storage_new(HostFacts *f, const char *what)
{
	struct storage_fact *s = &f->storage[MIN(f->storages, FACTS_STORAGE - 1)];

	f->storages = MIN(f->storages + 1, FACTS_STORAGE);
	*s = (struct storage_fact){ .what = facts_keep(f, what), .works = FACT_NO };

	return s;
}

/* "NAME:…:SIZE OF EXTENT IN KIB:EXTENTS:USED:FREE:UUID" of vgdisplay -c. */
static void read_free_extents(HostFacts *f, struct storage_fact *s, const char *line)
{
	enum { EXTENT_KIB = 12, FREE = 15, FIELDS = 17 };
	g_auto(GStrv) fields = g_strsplit(line, ":", -1);
	g_autofree char *text = NULL;
	guint64 mib;

	s->works = FACT_YES;
	s->text = "is there";
	if (g_strv_length(fields) < FIELDS)
		return;

	mib = g_ascii_strtoull(fields[EXTENT_KIB], NULL, 10) *
	      g_ascii_strtoull(fields[FREE], NULL, 10) / 1024;
	text = g_strdup_printf("has %.1f GiB free", (double)mib / 1024);
	s->text = facts_keep(f, text);
	s->is_full = mib < FULL_MIB;
}

/*
 * Root alone may ask LVM; OpenNebula's sudoers give oneadmin vgdisplay. No lock file is made, and
 * no cache.
 */
static void read_group(HostFacts *f, struct storage_fact *s, const char *group, unsigned limit_ms)
{
	const char *const argv[] = { "sudo", "-n", "vgdisplay", "--readonly", "--nohints", "-c",
				     group, NULL };
	const char *const *words = f->is_root ? argv + 2 : argv;
	g_autofree char *reason = NULL;
	g_autofree char *output = NULL;

	if (!facts_has(f->programs, "vgdisplay")) {
		s->text = "vgdisplay is not installed";
		s->package = "lvm2";
		return;
	}

	reason = facts_run(words, limit_ms, &output);
	s->text = facts_keep(f, reason);
	if (!reason)
		read_free_extents(f, s, g_strstrip(output));
	else if (!f->is_root && strstr(reason, "sudo"))
		s->works = FACT_UNKNOWN;
}

/* Where rbd looks for the key of client.USER; it says only that it could not connect. */
static bool has_keyring(const char *user)
{
	g_autofree char *own = g_strdup_printf("/etc/ceph/ceph.client.%s.keyring", user);
	const char *const paths[] = { own, "/etc/ceph/ceph.keyring", "/etc/ceph/keyring",
				      "/etc/ceph/keyring.bin" };

	for (size_t i = 0; i < G_N_ELEMENTS(paths); i++)
		if (facts_there(NULL, paths[i]))
			return true;

	return false;
}

/* Why rbd failed with REASON. The caller frees. */
static char *pool_reason(const char *reason, const char *user)
{
	if (!facts_there(NULL, "/etc/ceph/ceph.conf"))
		return g_strdup_printf("%s (there is no /etc/ceph/ceph.conf)", reason);
	if (!has_keyring(user))
		return g_strdup_printf("%s (there is no keyring of client.%s in /etc/ceph)",
				       reason, user);

	return g_strdup(reason);
}

/* Asks the monitors and the pool, whatever it holds. */
static void read_pool(HostFacts *f, struct storage_fact *s, const char *pool, unsigned limit_ms)
{
	g_auto(GStrv) words = g_strsplit(pool, ":", 2);
	const char *const argv[] = { "rbd", "namespace", "ls", "--pool", words[0],
				     words[1] ? "--id" : NULL, words[1], NULL };
	g_autofree char *reason = NULL;
	g_autofree char *told = NULL;

	if (!facts_has(f->programs, "rbd")) {
		s->text = "rbd is not installed";
		s->package = "ceph-common";
		return;
	}

	reason = facts_run(argv, limit_ms, NULL);
	if (!reason) {
		s->works = FACT_YES;
		s->text = "answers";
		return;
	}

	told = pool_reason(reason, text_or(words[1], "admin"));
	s->text = facts_keep(f, told);
}

bool facts_check_storage(const char *const *words, GError **error)
{
	for (const char *const *w = words; w && *w; w++) {
		bool is_known = g_str_has_prefix(*w, "lvm:") || g_str_has_prefix(*w, "rbd:");

		/* A dash would be an option of the program that is asked. */
		if (!is_known || (*w)[4] == '\0' || (*w)[4] == '-')
			return vmm_fail(error, VMM_ERROR_USAGE, "'%s' is not lvm:GROUP or "
					"rbd:POOL[:USER]", *w);
	}

	return true;
}

void facts_read_storage(HostFacts *f, const struct facts_source *s)
{
	for (const char *const *w = s->storage; w && *w; w++) {
		const char *name = strchr(*w, ':') + 1;
		struct storage_fact *fact = storage_new(f, *w);

		if (s->root) {
			fact->works = FACT_UNKNOWN;
			fact->text = "is asked for on the host itself only";
		} else if (g_str_has_prefix(*w, "lvm:")) {
			read_group(f, fact, name, s->limit_ms);
		} else {
			read_pool(f, fact, name, s->limit_ms);
		}
	}
}
