/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/host_fitness.h"

#include <string.h>

#include "base/child.h"
#include "base/text.h"

/* Of each question that host_check asks, and of all of them. */
#define QUESTION_S "1"
enum { LIMIT_MS = 4000, GRACE_MS = 200 };

/* The rest of --facts is in SYSTEM_HOST anyway. */
static const char *const names[] = { "KVM_CHECK", "KVM_NESTED", "VHOST_NET", "TPM",
				     "MEMORY_ENCRYPTION_SLOTS", "MEMORY_ENCRYPTION_USED" };

/* LINE is NAME="VALUE"; these values have nothing that is escaped. */
static void add_line(Fields *out, const char *line)
{
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		size_t len = strlen(names[i]);
		g_autofree char *value = NULL;

		if (!g_str_has_prefix(line, names[i]) || !g_str_has_prefix(line + len, "=\""))
			continue;

		value = g_strdup(line + len + 2);
		value[strcspn(value, "\"")] = '\0';
		fields_add(out, names[i], FIELDS_QUOTED, "%s", value);
	}
}

char *host_fitness_ask(const char *set, const char *type)
{
	g_autofree char *program = g_build_filename(set, "vmm", "kvm", "host_check", NULL);
	const char *const argv[] = { program, "--facts", "--timeout", QUESTION_S, "--type", type,
				     NULL };
	const struct child_spec spec = { .argv = argv, .timeout_ms = LIMIT_MS,
					 .grace_ms = GRACE_MS };
	struct child_result result = { 0 };
	char *text = NULL;

	if (!g_file_test(program, G_FILE_TEST_IS_EXECUTABLE))
		return NULL;
	if (!child_run(&spec, &result, NULL))
		return NULL;

	if (result.out->len && !result.timed_out)
		text = g_strdup(result.out->str);
	child_result_clear(&result);

	return text;
}

void host_fitness_add(Fields *out, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text_or(text, ""), "\n", -1);

	for (char **l = lines; *l; l++)
		add_line(out, *l);
}

bool host_fitness_varies(const char *text)
{
	return text && !strstr(text, "MEMORY_ENCRYPTION_SLOTS=\"0\"");
}
