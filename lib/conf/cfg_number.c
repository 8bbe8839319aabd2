/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/cfg_number.h"

#include <errno.h>

#include "base/error.h"

#define NAME G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_*"
#define FLOAT G_CSET_DIGITS ".eE+-"

enum { DECIMAL = 10, HEXADECIMAL = 16 };

/* The end of what begins at TEXT and ends with END. */
static const char *behind(const char *text, const char *end)
{
	const char *at = strstr(text, end);

	return at ? at + strlen(end) : text + strlen(text);
}

static const char *skip_string(const char *text)
{
	for (text++; *text && *text != '"'; text++)
		if (*text == '\\' && text[1])
			text++;

	return *text ? text + 1 : text;
}

/* The end of a name, a string or a comment; TEXT: none begins there. */
static const char *skip_token(const char *text)
{
	if (*text == '"')
		return skip_string(text);
	if (*text == '#' || g_str_has_prefix(text, "//"))
		return behind(text, "\n");
	if (g_str_has_prefix(text, "/*"))
		return behind(text + strlen("/*"), "*/");
	if (g_ascii_isalpha(*text) || *text == '*')
		return text + strspn(text, NAME);

	return text;
}

static bool begins_number(const char *text)
{
	if (*text == '-' || *text == '+')
		text++;

	return g_ascii_isdigit(*text);
}

static bool is_float(char next)
{
	return next == '.' || g_ascii_tolower(next) == 'e';
}

static bool check_number(const char *text, const char **ret_end, const char **ret_fault)
{
	bool is_hex = text[0] == '0' && g_ascii_tolower(text[1]) == 'x';
	char *end;
	gint64 n;

	errno = 0;
	n = g_ascii_strtoll(text, &end, is_hex ? HEXADECIMAL : DECIMAL);
	if (!is_hex && is_float(*end)) {
		*ret_end = end + strspn(end, FLOAT);
		return true;
	}

	*ret_end = end + strspn(end, "L");
	if (errno == ERANGE)
		*ret_fault = "does not fit into 64 bits";
	else if (*end != 'L' && n != (gint32)n)
		*ret_fault = "does not fit into 32 bits: a larger number has an L behind it";

	return !*ret_fault;
}

static int line_of(const char *text, const char *at)
{
	int line = 1;

	for (; text < at; text++)
		line += *text == '\n';

	return line;
}

static bool fail_number(const char *text, const char *at, const char *fault, const char *path,
			GError **error)
{
	size_t len = strspn(at, NAME "+");

	return vmm_fail(error, VMM_ERROR_CONFIG, "%s:%d: %.*s %s", path, line_of(text, at),
			(int)MIN(len, 40), at, fault);
}

bool cfg_number_check(const char *text, const char *path, GError **error)
{
	const char *fault = NULL;

	for (const char *p = text; *p;) {
		const char *end = skip_token(p);

		if (end == p && begins_number(p) && !check_number(p, &end, &fault))
			return fail_number(text, p, fault, path, error);
		p = end == p ? p + 1 : end;
	}

	return true;
}
