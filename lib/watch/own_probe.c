/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/own_probe.h"

#include <string.h>

#include "base/child.h"
#include "base/text.h"

enum { MAX_OUTPUT = 8 << 20, MAX_REASON = 1000, GRACE_MS = 500 };

/* Where OpenNebula's client runs; NULL: it is not there, so probes run where we are. */
static char *home_of(const struct watch_place *place)
{
	g_autofree char *name = g_strconcat(place->argv[0], ".d", NULL);
	char *home = g_build_filename(place->set, "im", name, NULL);

	if (g_file_test(home, G_FILE_TEST_IS_DIR))
		return home;

	g_free(home);

	return NULL;
}

static char **words_of_probe(const struct probe *probe, const struct watch_place *place)
{
	GPtrArray *words = g_ptr_array_new();

	g_ptr_array_add(words, probe->path);
	for (const char *const *a = place->argv; *a; a++)
		g_ptr_array_add(words, (char *)*a);
	g_ptr_array_add(words, NULL);

	return (char **)g_ptr_array_free(words, FALSE);
}

static void say_why(const struct probe *probe, const struct child_result *r, unsigned limit_ms,
		    GError **error)
{
	g_autofree char *text = text_line(r->err->str, MAX_REASON);

	if (r->timed_out)
		vmm_fail(error, VMM_ERROR_CONFIG, "Error executing %s: no end after %u s",
			 probe->name, limit_ms / 1000);
	else if (r->signal)
		vmm_fail(error, VMM_ERROR_CONFIG, "Error executing %s: signal %d: %s", probe->name,
			 r->signal, text);
	else
		vmm_fail(error, VMM_ERROR_CONFIG, "Error executing %s: %s", probe->name, text);
}

char *own_probe_run(const struct probe *probe, const struct watch_place *place,
		    unsigned limit_ms, GError **error)
{
	g_auto(GStrv) env = g_environ_setenv(g_get_environ(), "LANG", "C", TRUE);
	g_autofree char **argv = words_of_probe(probe, place);
	g_autofree char *home = home_of(place);
	g_autoptr(GBytes) input = g_bytes_new(place->start, strlen(place->start));
	const struct child_spec spec = {
		.argv = (const char *const *)argv, .cwd = home, .input = input,
		.env = (const char *const *)env, .timeout_ms = limit_ms, .grace_ms = GRACE_MS,
		.max_output = MAX_OUTPUT,
	};
	struct child_result result = { 0 };
	char *text = NULL;

	if (!child_run(&spec, &result, error)) {
		g_prefix_error(error, "Error executing %s: ", probe->name);
		return NULL;
	}

	/* Of a list of VMs the rest would count as gone. */
	if (result.out_dropped)
		vmm_fail(error, VMM_ERROR_CONFIG, "Error executing %s: it printed more than "
			 "%d MiB", probe->name, MAX_OUTPUT >> 20);
	else if (result.exit_status == 0)
		text = g_strdup(result.out->str);
	else
		say_why(probe, &result, limit_ms, error);
	child_result_clear(&result);

	return text;
}
