/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

/* Cut where no character is split. */
static void leave_out_middle(GString *s, size_t max)
{
	static const char gap[] = " ... ";
	size_t from = (max - MIN(max, sizeof(gap))) / 2, to = s->len - from;

	while (from && (s->str[from] & 0xc0) == 0x80)
		from--;
	while (to < s->len && (s->str[to] & 0xc0) == 0x80)
		to++;
	g_string_erase(s, (gssize)from, (gssize)(to - from));
	g_string_insert(s, (gssize)from, gap);
}

bool text_is_digits(const char *text)
{
	if (!text || !*text)
		return false;

	return strspn(text, "0123456789") == strlen(text);
}

/* How many bytes at P are a blank or a control character: those from U+0080 on have two. */
static size_t blank_length(const char *p)
{
	guchar first = (guchar)p[0], second;

	if (first <= ' ' || first == 0x7f)
		return 1;

	second = (guchar)p[1];
	if (first == 0xc2 && second >= 0x80 && second < 0xa0)
		return 2;

	return 0;
}

char *text_line(const char *text, size_t max)
{
	GString *s = g_string_new(NULL);
	size_t blank;

	for (const char *p = text; *p; p += MAX(blank, 1)) {
		blank = blank_length(p);
		if (!blank)
			g_string_append_c(s, *p);
		else if (s->len && s->str[s->len - 1] != ' ')
			g_string_append_c(s, ' ');
	}

	if (s->len && s->str[s->len - 1] == ' ')
		g_string_truncate(s, s->len - 1);
	if (s->len > max)
		leave_out_middle(s, max);

	return g_string_free(s, FALSE);
}

guint text_distance(const char *a, const char *b, guint limit)
{
	size_t n = strlen(a), m = strlen(b);
	g_autofree guint *row = NULL;

	if (n > m + limit || m > n + limit)
		return limit + 1;

	row = g_new(guint, m + 1);
	for (size_t j = 0; j <= m; j++)
		row[j] = (guint)j;
	for (size_t i = 1; i <= n; i++) {
		guint corner = row[0];

		row[0] = (guint)i;
		for (size_t j = 1; j <= m; j++) {
			guint change = corner + (a[i - 1] != b[j - 1]);

			corner = row[j];
			row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
		}
	}

	return row[m];
}

void text_separate(GString *text, const char *separator)
{
	if (text->len)
		g_string_append(text, separator);
}

const char *text_or(const char *text, const char *instead)
{
	if (text)
		return text;

	return instead;
}

char *text_size(guint64 bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < G_N_ELEMENTS(units)) {
		value /= 1024;
		unit++;
	}

	if (!unit)
		return g_strdup_printf("%" G_GUINT64_FORMAT " bytes", bytes);

	return g_strdup_printf("%.1f %s", value, units[unit]);
}

bool text_is_below(const char *path, const char *directory)
{
	if (!g_str_has_prefix(path, directory))
		return false;

	return path[strlen(directory)] == '/';
}
