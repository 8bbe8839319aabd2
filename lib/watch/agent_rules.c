/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/agent_rules.h"

#include "base/number.h"
#include "conf/yaml_pairs.h"

enum { TIMES_MISSING = 5, MAX_TIMES = 10000 };

static bool read_bool(GHashTable *pairs, const char *name, bool *ret, GError **error)
{
	const char *text = g_hash_table_lookup(pairs, name);

	if (!text || number_bool(text, ret, error))
		return true;

	g_prefix_error(error, ":%s: ", name);

	return false;
}

/* Static: a process reads its settings once. */
static bool read_metrics(const char *text, const char **ret, GError **error)
{
	if (text && *text && !g_path_is_absolute(text))
		return vmm_fail(error, VMM_ERROR_CONFIG, ":metrics: '%s' is not an absolute path",
				text);
	if (text && *text)
		*ret = g_intern_string(text);

	return true;
}

static bool read_values(struct agent_rules *ret, GHashTable *pairs, GError **error)
{
	const char *times = g_hash_table_lookup(pairs, "times_missing");
	guint64 number;

	if (times) {
		if (!number_unsigned(times, 1, MAX_TIMES, &number, error)) {
			g_prefix_error(error, ":times_missing: ");
			return false;
		}

		ret->times_missing = (unsigned)number;
	}

	if (!read_metrics(g_hash_table_lookup(pairs, "metrics"), &ret->metrics, error))
		return false;
	if (!read_bool(pairs, "poweroff_at_once", &ret->off_at_once, error))
		return false;

	return read_bool(pairs, "strict", &ret->strict, error);
}

bool agent_rules_read(struct agent_rules *ret, const char *path, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(GHashTable) pairs = yaml_pairs_read(path, &cause);

	ret->times_missing = TIMES_MISSING;
	ret->off_at_once = ret->strict = false;
	ret->metrics = NULL;
	if (!pairs && vmm_is(cause, VMM_ERROR_NOT_FOUND))
		return true;
	if (!pairs)
		return vmm_pass(error, &cause);
	if (read_values(ret, pairs, error))
		return true;

	g_prefix_error(error, "%s: ", path);
	if (error && *error)
		(*error)->code = VMM_ERROR_CONFIG;

	return false;
}
