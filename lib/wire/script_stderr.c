/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/script_stderr.h"

#include "base/text.h"

static const struct {
	const char *prefix;
	char severity;
} severities[] = {
	{ "ERROR:", 'E' }, { "WARN:", 'W' }, { "INFO:", 'I' }, { "DEBUG:", 'D' },
};

enum { MAX_LOG_LINES = 200, MAX_LOG_LINE = 2000 };

static const char begin_marker[] = "ERROR MESSAGE --8<------";
static const char end_marker[] = "ERROR MESSAGE ------>8--";

struct reason {
	gint64 id;		/* of the VM */
	GString *plain;		/* unmarked lines */
	GString *marked;	/* lines between the markers */
	bool inside, closed;
};

static void append_line(GString *to, const char *line)
{
	if (to->len)
		g_string_append_c(to, ' ');
	g_string_append(to, line);
}

/* Skips the VM's own number at the start of TEXT: "ERROR: 12 no space" is for VM 12. */
static const char *skip_id(const char *text, gint64 id)
{
	char *end;
	guint64 n;

	if (!g_ascii_isdigit(*text))
		return text;

	n = g_ascii_strtoull(text, &end, 10);
	if (*end == ' ' && (gint64)n == id)
		return end + 1;

	return text;
}

static bool take_marker(struct reason *r, const char *line)
{
	if (g_str_equal(line, begin_marker) && !r->closed) {
		r->inside = true;
		return true;
	}

	if (g_str_equal(line, end_marker) && r->inside) {
		r->inside = false;
		r->closed = true;
		return true;
	}

	return false;
}

/* Returns the line's severity; *TEXT moves behind its prefix. 0: an unmarked line. */
static char severity_of(const char **text)
{
	for (size_t i = 0; i < G_N_ELEMENTS(severities); i++)
		if (g_str_has_prefix(*text, severities[i].prefix)) {
			*text += strlen(severities[i].prefix);
			*text += strspn(*text, " ");
			return severities[i].severity;
		}

	return 0;
}

static void take_line(struct reason *r, const char *line, script_stderr_log *log, void *data)
{
	g_autofree char *clean = text_line(line, MAX_LOG_LINE);
	const char *text = clean;
	char severity;

	if (!*clean || take_marker(r, clean))
		return;
	if (r->inside) {
		append_line(r->marked, clean);
		return;
	}

	severity = severity_of(&text);
	if (severity)
		text = skip_id(text, r->id);
	else
		append_line(r->plain, clean);
	if (log && *text)
		log(data, severity ? severity : 'I', text);
}

/* Takes at most MAX lines of those from AT to END; returns where the next one begins. */
static const char *take_lines(struct reason *r, const char *at, const char *end, guint max,
			      script_stderr_log *log, void *data)
{
	for (guint i = 0; i < max && at < end; i++) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		g_autofree char *line = g_strndup(at, (gsize)((nl ? nl : end) - at));

		take_line(r, line, log, data);
		if (nl)
			at = nl + 1;
		else
			at = end;
	}

	return at;
}

/* Behind the Nth newline from the start. */
static const char *skip_lines(const char *at, const char *end, guint n)
{
	while (n-- && at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));

		if (nl)
			at = nl + 1;
		else
			at = end;
	}

	return at;
}

/* Behind the Nth newline from the end. */
static const char *last_lines(const char *begin, const char *end, guint n)
{
	const char *at = end;

	for (const char *nl = at; n-- && nl; at = nl ? nl + 1 : begin)
		nl = memrchr(begin, '\n', (size_t)(nl - begin));

	return at;
}

/* The begin of the line of MARKER, or NULL. */
static const char *find_marker(const char *at, const char *end, const char *marker)
{
	const char *found = memmem(at, (size_t)(end - at), marker, strlen(marker));
	const char *nl = NULL;

	if (found)
		nl = memrchr(at, '\n', (size_t)(found - at));

	if (!found)
		return NULL;
	if (nl)
		return nl + 1;

	return at;
}

/* Of the lines that are not logged only a marked reason matters. */
static void take_middle(struct reason *r, const char *at, const char *end)
{
	if (!r->inside && !r->closed)
		at = find_marker(at, end, begin_marker);
	if (!at || r->closed)
		return;

	at = take_lines(r, at, end, MAX_LOG_LINES, NULL, NULL);
	if (r->inside)
		at = find_marker(at, end, end_marker);
	else
		at = NULL;
	if (at)
		take_lines(r, at, end, 1, NULL, NULL);
}

/* What is done for each line is bounded: a megabyte may be half a million lines. */
char *script_stderr_reason(const char *stderr_text, gint64 id, size_t max, script_stderr_log *log,
			   void *data)
{
	const char *end = stderr_text + strlen(stderr_text);
	const char *middle = skip_lines(stderr_text, end, MAX_LOG_LINES / 2);
	const char *tail = last_lines(stderr_text, end, MAX_LOG_LINES / 2);
	struct reason r = { .id = id, .plain = g_string_new(NULL), .marked = g_string_new(NULL) };
	char *text;

	take_lines(&r, stderr_text, middle, G_MAXUINT, log, data);
	if (tail > middle) {
		if (log)
			log(data, 'W', "(lines left out)");
		take_middle(&r, middle, tail);
	}

	take_lines(&r, MAX(middle, tail), end, G_MAXUINT, log, data);
	text = text_line(r.closed ? r.marked->str : r.plain->str, max);
	g_string_free(r.plain, TRUE);
	g_string_free(r.marked, TRUE);

	return text;
}
