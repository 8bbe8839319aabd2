/* SPDX-License-Identifier: Apache-2.0 */
#include "base/number.h"

#include <string.h>

bool number_unsigned(const char *text, guint64 min, guint64 max, guint64 *ret, GError **error)
{
	if (g_ascii_isdigit(*text) &&
	    g_ascii_string_to_unsigned(text, 10, min, max, ret, NULL))
		return true;

	return vmm_fail(error, VMM_ERROR_INPUT, "'%s' is not a number from %" G_GUINT64_FORMAT
			" to %" G_GUINT64_FORMAT, text, min, max);
}

bool number_signed(const char *text, gint64 min, gint64 max, gint64 *ret, GError **error)
{
	if ((g_ascii_isdigit(*text) || (*text == '-' && g_ascii_isdigit(text[1]))) &&
	    g_ascii_string_to_signed(text, 10, min, max, ret, NULL))
		return true;

	return vmm_fail(error, VMM_ERROR_INPUT, "'%s' is not a number from %" G_GINT64_FORMAT
			" to %" G_GINT64_FORMAT, text, min, max);
}

bool number_bool(const char *text, bool *ret, GError **error)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{ "yes", true }, { "no", false }, { "true", true }, { "false", false },
		{ "on", true }, { "off", false }, { "1", true }, { "0", false },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (!g_ascii_strcasecmp(text, words[i].word)) {
			*ret = words[i].value;
			return true;
		}

	return vmm_fail(error, VMM_ERROR_INPUT, "'%s' is not yes or no", text);
}

static guint shift_of(char unit)
{
	const char *const units = "KMGT";
	const char *at = strchr(units, g_ascii_toupper(unit));

	return 10 * (guint)(at - units + 1);
}

bool number_size(const char *text, guint64 *ret, GError **error)
{
	g_autofree char *digits = g_strdup(text);
	size_t len = strlen(text);
	guint64 value;
	guint shift = 0;

	if (len && strchr("KMGTkmgt", text[len - 1])) {
		shift = shift_of(text[len - 1]);
		digits[len - 1] = '\0';
	}

	if (!number_unsigned(digits, 1, G_MAXINT64 >> shift, &value, NULL))
		return vmm_fail(error, VMM_ERROR_USAGE, "'%s' is not a size such as 512M or 20G",
				text);
	*ret = value << shift;

	return true;
}
