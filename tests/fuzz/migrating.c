/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrating - the note of a migration that did not end, in a directory that others may write to:
 * files of the VM's directory alone are copied again, and only an image that the note names is
 * replaced.
 */
#include "migrate/copy_to_host.c"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#define FROM "/var/lib/one/datastores/100/7"
#define TO "/var/lib/one/datastores/101/7"

const struct action action = { .name = "fuzz" };
static const char *note_text;

void action_log(const char *level G_GNUC_UNUSED, const char *format G_GNUC_UNUSED, ...)
{
}

const char *virDomainGetName(virDomain *dom G_GNUC_UNUSED)
{
	return "one-7";
}

int virDomainResume(virDomain *dom G_GNUC_UNUSED)
{
	return 0;
}

/* The other host: each file that is looked for exists, no name is free. */
bool other_host_run(const struct action_ctx *ctx G_GNUC_UNUSED, const char *host G_GNUC_UNUSED,
	      const char *program G_GNUC_UNUSED, const char *const *words G_GNUC_UNUSED,
	      GError **error G_GNUC_UNUSED)
{
	return true;
}

char *other_host_ask(const struct action_ctx *ctx G_GNUC_UNUSED, const char *host G_GNUC_UNUSED,
	       const char *program G_GNUC_UNUSED, const char *const *words,
	       GError **error G_GNUC_UNUSED)
{
	g_assert_cmpstr(words[0], ==, "cat");
	return g_strdup(note_text);
}

bool other_host_test(const struct action_ctx *ctx G_GNUC_UNUSED, const char *host G_GNUC_UNUSED,
	       const char *program G_GNUC_UNUSED, const char *const *words, bool *ret_yes,
	       GError **error G_GNUC_UNUSED)
{
	*ret_yes = g_str_equal(words[0], "test");
	return true;
}

bool other_host_make_file(const struct action_ctx *ctx G_GNUC_UNUSED,
			  const char *host G_GNUC_UNUSED, const char *path G_GNUC_UNUSED,
			  const char *text G_GNUC_UNUSED, bool *ret_made,
			  GError **error G_GNUC_UNUSED)
{
	*ret_made = false;
	return true;
}

bool other_host_has_file(const struct action_ctx *ctx G_GNUC_UNUSED,
			 const char *host G_GNUC_UNUSED, const char *path G_GNUC_UNUSED,
			 const char *text G_GNUC_UNUSED, bool *ret_has,
			 GError **error G_GNUC_UNUSED)
{
	*ret_has = false;
	return true;
}

bool other_host_copy(const struct action_ctx *ctx G_GNUC_UNUSED, const char *host G_GNUC_UNUSED,
		     const struct other_host_files *files, GError **error G_GNUC_UNUSED)
{
	g_autofree char *plain_dir = g_canonicalize_filename(files->dir, "/");
	const char *const *paths = files->paths;

	g_assert(paths[0] && !paths[1]);
	g_assert(g_str_has_prefix(paths[0], FROM "/"));
	g_assert(!strstr(paths[0], "/../") && !g_str_has_suffix(paths[0], "/.."));
	g_assert(g_str_has_prefix(plain_dir, TO) && strchr("/", plain_dir[strlen(TO)]));
	return true;
}

/* Whether TEXT has a line that says LINE. */
static bool has_line(const char *text, const char *line)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	return g_strv_contains((const char *const *)lines, line);
}

static void try_take(const struct action_ctx *ctx)
{
	g_autoptr(MadeFiles) made = made_files_new(ctx, "host-b", TO, NOTE);
	g_autoptr(GError) error = NULL;
	bool taken;

	g_assert(made_files_read_note(made, NULL));
	taken = made_files_take(made, TO "/disk.0", false, &error);
	g_assert(taken == !error);
	g_assert(taken == has_line(note_text, "made:" TO "/disk.0"));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	struct action_ctx ctx = { 0 };
	struct migration r = { .ctx = &ctx, .dest_host = "host-b" };
	g_autoptr(GError) error = NULL;

	note_text = text;
	r.sides.dest_state.state = VIR_DOMAIN_PAUSED;
	g_assert(copy_to_host_repair(&r, "/var/lib/one//datastores/100/7", TO, &error));
	try_take(&ctx);
	return 0;
}
