/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/cfg_source.h"

#include "base/file.h"
#include "conf/cfg_number.h"
#include "conf/cfg_position.h"

enum { MAX_FILE = 1 << 20, MAX_INCLUDES = 10 };

GString *cfg_source_read(const char *path, GError **error)
{
	return file_read(path, MAX_FILE, error);
}

static bool fail_syntax(const config_t *c, const char *text, const char *path, GError **error)
{
	int column;
	g_autofree char *token = cfg_position_fault(text, config_error_line(c), &column);
	g_autofree char *at = NULL;

	if (*token)
		at = g_strdup_printf("'%s'", token);
	else
		at = g_strdup("the end of the line");

	return vmm_fail(error, VMM_ERROR_CONFIG, "%s:%d:%d: %s at %s", path,
			config_error_line(c), column, config_error_text(c), at);
}

static bool check_includes(const char *text, const char *path, int depth, GError **error);

static bool check_included(const char *path, int depth, GError **error)
{
	GString *text = cfg_source_read(path, error);
	bool ok;

	if (!text)
		return false;

	ok = check_includes(text->str, path, depth, error);
	g_string_free(text, TRUE);

	return ok;
}

/*
 * libconfig's reader ends the process when what a file includes is a directory. TEXT is that of
 * PATH; what it includes is looked at as well, as deep as libconfig goes. So are all numbers.
 */
static bool check_includes(const char *text, const char *path, int depth, GError **error)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	if (!cfg_number_check(text, path, error))
		return false;

	for (int i = 0; lines[i]; i++) {
		g_auto(GStrv) part = g_strsplit(g_strchug(lines[i]), "\"", 3);
		const char *fault = NULL;

		/* Of an empty line g_strsplit() makes no part at all. */
		if (!part[0])
			continue;
		if (!g_str_has_prefix(part[0], "@include") || !part[1])
			continue;

		if (depth == MAX_INCLUDES)
			fault = "too deep";
		else if (!g_file_test(part[1], G_FILE_TEST_IS_REGULAR))
			fault = "no such file";
		if (fault)
			return vmm_fail(error, VMM_ERROR_CONFIG, "%s:%d: @include '%.200s': %s",
					path, i + 1, part[1], fault);
		if (!check_included(part[1], depth + 1, error))
			return false;
	}

	return true;
}

bool cfg_source_parse(const char *text, const char *path, config_t *ret, GError **error)
{
	bool ok;

	if (!check_includes(text, path, 0, error))
		return false;

	config_init(ret);
	ok = config_read_string(ret, text) || fail_syntax(ret, text, path, error);
	if (!ok)
		config_destroy(ret);

	return ok;
}
