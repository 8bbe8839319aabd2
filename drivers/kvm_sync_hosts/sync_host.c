/* SPDX-License-Identifier: Apache-2.0 */
#include "sync_host.h"

#include "base/child.h"
#include "base/text.h"

enum { STATUS_BUSY = 75, STATUS_DAMAGED, STATUS_PERMISSION, STATUS_REFUSED, STATUS_SSH = 255 };
enum { MAX_OUTPUT = 16 << 20 };

/*
 * What runs on the host: $1 is the directory. The first says what is there. The second puts an
 * archive beside it, over hard links to what stays, makes sure of every file, and swaps the two
 * directories in one step. Killed at any moment, it leaves one whole set or the other.
 *
 * The directory is in a sticky one, where any user may make any name: what is beside it is made
 * with a random name, counts only when it is ours, and is locked only where nobody else can open
 * it. The lock is a directory that stays; who finds none makes one, and who finds several takes
 * all, in the same order, so that two who made one at the same time do not both go on.
 */
static const char look[] =
	"cat /etc/os-release 2>/dev/null; echo; echo \"MACHINE=$(uname -m)\"; echo MANIFEST; "
	/* Another user's set may say that it is ours. */
	"[ ! -O \"$1\" ] || [ -L \"$1\" ] || cat \"$1/" SET_MANIFEST "\" 2>/dev/null; exit 0";

static const char take[] =
	"set -eu; umask 022; export LC_ALL=C; d=$1 mode=$2 fd=3; mkdir -p \"${d%/*}/\"; "
	"ours() { [ -O \"$1\" ] && [ -d \"$1\" ] && [ ! -L \"$1\" ]; }; "
	"busy() { echo 'another sync is running' >&2; exit 75; }; "
	/* All that is in it goes: OpenNebula's scripts, or ours, have such a directory. */
	"if [ ! -d \"$d/vmm\" ] && [ \"$(ls -A \"$d\" 2>/dev/null)\" ]; then "
	"echo \"$d holds other files than a set of scripts (name another by --remote-dir "
	"or SCRIPTS_REMOTE_DIR)\" >&2; exit 78; fi; "
	/* Where others cannot make names, a file will do. */
	"if [ ! -k \"${d%/*}/\" ]; then exec 9>>\"$d.lock\"; flock -n 9 || busy; fi; "
	"l=; for f in \"$d\".lock.*; do ! ours \"$f\" || l=$f; done; "
	"[ \"$l\" ] || l=$(mktemp -d \"$d.lock.XXXXXX\"); "
	"for f in \"$d\".lock.*; do ours \"$f\" && [ $fd -lt 9 ] || continue; chmod 700 \"$f\"; "
	"eval \"exec $fd<\\\"\\$f\\\"\"; flock -n $fd || busy; fd=$((fd + 1)); done; "
	"for f in \"$d.staged\" \"$d\".staged.*; do ! ours \"$f\" || "
	"rm -rf --one-file-system \"$f\" || :; done; "
	"if [ -e \"$d\" ] && ! ours \"$d\"; then "
	"w='belongs to another user'; [ ! -L \"$d\" ] || w=\"is a link to $(readlink \"$d\")\"; "
	"[ \"$(id -u)\" -eq 0 ] || { echo \"$d $w\" >&2; exit 77; }; "
	"mode=whole; fi; "
	"s=$(mktemp -d \"$d.staged.XXXXXX\"); chmod 755 \"$s\"; "
	/* Also when it is full: guests need the room. After the exchange it is the old set. */
	"trap 'cd /; rm -rf --one-file-system \"$s\" || :' EXIT; "
	/* Linux gives us no link to a file of root's, as an administrator may have made there. */
	"if [ $mode = delta ]; then cp -al \"$d/.\" \"$s\" || exit 76; fi; "
	/* The last line of tar is not why. */
	"e=$(tar -x -p --unlink-first -f - -C \"$s\" 2>&1) || "
	"{ echo \"$e\" | grep -v '^tar: Exiting with failure' >&2 || :; exit 74; }; cd \"$s\"; "
	"sed -n 's/^[0-9a-f]*  //p' " SET_MANIFEST " | sort >\"$l/want\"; "
	"find . -type f ! -path ./" SET_MANIFEST " | sed 's|^\\./||' | sort | "
	"comm -23 - \"$l/want\" | tr '\\n' '\\0' | xargs -0 -r rm -f --; rm -f \"$l/want\"; "
	"find . -type l -delete; find . -mindepth 1 -type d -empty -delete; "
	"grep -v '^#' " SET_MANIFEST " | sha256sum --quiet --strict -c - >&2 || exit 76; sync; "
	"if [ -e \"$d\" ]; then \"$s/vmm/relay\" --exchange \"$s\" --with \"$d\"; "
	"else mv -T \"$s\" \"$d\"; fi";

struct host {
	struct sync *sync;
	const char *name;
	Child *child;		/* that takes the archive; or NULL */
	gint64 started_us;
	const Set *set;
	char *have;		/* its manifest, or "" */
	bool delta;
	GBytes *archive;
	struct host_result result;
	GError *error;
	host_done *done;
	void *data;
};

static void finish_host(struct host *h)
{
	g_hash_table_remove(h->sync->sending, h);
	h->result.host = h->name;
	h->result.wall_us = g_get_monotonic_time() - h->started_us;
	h->result.error = h->error;
	h->done(h->data, &h->result);
	g_clear_pointer(&h->archive, g_bytes_unref);
	g_clear_error(&h->error);
	g_free(h->have);
	g_free(h);
}

static void run_on_host(struct host *h, const char *script, const char *mode, GBytes *input,
			child_done *done)
{
	const char *const args[] = { h->sync->remote_dir, mode, NULL };
	g_auto(GStrv) argv = wire_ssh_shell(&h->sync->ssh, h->name, script, args);
	struct child_spec spec = {
		.argv = (const char *const *)argv, .input = input,
		.timeout_ms = h->sync->timeout_ms, .max_output = MAX_OUTPUT,
	};

	h->child = child_start(&spec, done, h, &h->error);
	if (!h->child)
		finish_host(h);
	else if (input)
		g_hash_table_add(h->sync->sending, h);
}

guint64 sync_host_unsent(const struct sync *sync)
{
	GHashTableIter iter;
	guint64 bytes = 0;
	void *key;

	g_hash_table_iter_init(&iter, sync->sending);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		bytes += child_unwritten(((const struct host *)key)->child);

	return bytes;
}

/* What the host said, for those who read the class. */
static void set_class(GError *error, const struct child_result *r)
{
	static const struct {
		int status;
		enum vmm_error code;
	} known[] = {
		{ STATUS_BUSY, VMM_ERROR_BUSY }, { STATUS_PERMISSION, VMM_ERROR_PERMISSION },
		{ STATUS_REFUSED, VMM_ERROR_REFUSED },
	};

	if (error->code != VMM_ERROR_INTERNAL)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (known[i].status == r->exit_status)
			error->code = (int)known[i].code;
	if (strstr(r->err->str, "No space left on device") || strstr(r->err->str, "Wrote only"))
		error->code = VMM_ERROR_NO_SPACE;
}

static void send_set(struct host *h);

static void on_taken(void *data, const struct child_result *r)
{
	struct host *h = data;

	g_hash_table_remove(h->sync->sending, h);
	/* What it had was not what its manifest said, or cannot be built upon. */
	if (r->exit_status == STATUS_DAMAGED && h->delta) {
		h->delta = false;
		g_free(h->have);
		h->have = g_strdup("");
		send_set(h);
		return;
	}

	h->result.changed = child_result_check(r, "installing files", &h->error);
	if (h->error)
		set_class(h->error, r);
	finish_host(h);
}

static void send_set(struct host *h)
{
	g_clear_pointer(&h->archive, g_bytes_unref);
	h->archive = file_set_archive(h->set, h->have, &h->result.files, &h->error);

	if (!h->archive) {
		finish_host(h);
		return;
	}

	h->result.bytes += g_bytes_get_size(h->archive);
	if (h->sync->check) {
		h->result.changed = true;
		finish_host(h);
		return;
	}

	h->sync->announced_bytes += g_bytes_get_size(h->archive);
	run_on_host(h, take, h->delta ? "delta" : "whole", h->archive, on_taken);
}

static const Set *set_of(const struct sync *s, const char *platform, GError **error)
{
	g_autofree char *over = g_build_filename(s->builds, platform, NULL);
	bool is_own = g_str_equal(platform, s->platform);
	Set *set = g_hash_table_lookup(s->sets, platform);

	if (set)
		return set;
	if (!is_own && !g_file_test(over, G_FILE_TEST_IS_DIR)) {
		vmm_fail(error, VMM_ERROR_NOT_FOUND, "it is %s, and there is no build for that in "
			 "%s (here is one for %s)", platform, s->builds, s->platform);
		return NULL;
	}

	set = file_set_read(s->dir, is_own ? NULL : over, error);
	if (set)
		g_hash_table_insert(s->sets, g_strdup(platform), set);

	return set;
}

static char *machine_of(const char *text)
{
	const char *at = strstr(text, "\nMACHINE=");

	if (at)
		return g_strndup(at + 9, strcspn(at + 9, "\n"));

	return g_strdup("unknown");
}

/* Whether the host was asked at all: ssh has a status of its own when it was not. */
static bool check_reached(struct host *h, const struct child_result *r)
{
	g_autoptr(GError) cause = NULL;

	if (child_result_check(r, "querying the host", &cause))
		return true;

	if (r->exit_status == STATUS_SSH)
		return vmm_fail(&h->error, VMM_ERROR_CONNECTION, "cannot reach it: %s",
				text_or(g_strstrip(r->err->str), "ssh ended"));

	g_propagate_error(&h->error, g_steal_pointer(&cause));

	return false;
}

static void on_looked(void *data, const struct child_result *r)
{
	struct host *h = data;
	g_autofree char *machine = machine_of(r->out->str);
	g_autofree char *platform = file_set_platform(r->out->str, machine);
	const char *at = strstr(r->out->str, "\nMANIFEST\n");

	if (!check_reached(h, r)) {
		finish_host(h);
		return;
	}

	h->set = set_of(h->sync, platform, &h->error);
	if (!h->set) {
		finish_host(h);
		return;
	}

	h->have = g_strdup(at ? at + strlen("\nMANIFEST\n") : "");
	if (h->sync->force)
		*h->have = '\0';
	if (g_str_equal(h->have, file_set_manifest(h->set))) {
		finish_host(h);
		return;
	}

	h->delta = *h->have != '\0';
	send_set(h);
}

void sync_host(struct sync *sync, const char *name, host_done *done, void *data)
{
	struct host *h = g_new0(struct host, 1);

	h->sync = sync;
	h->name = name;
	h->started_us = g_get_monotonic_time();
	h->done = done;
	h->data = data;
	run_on_host(h, look, "", NULL, on_looked);
}
