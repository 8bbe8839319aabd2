#include "wire/output.h"

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
	return *end == ' ' && (gint64)n == id ? end + 1 : text;
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

static void take_line(struct reason *r, const char *line, gint64 id, wire_log *log, void *data)
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
		text = skip_id(text, id);
	else
		append_line(r->plain, clean);
	if (log && *text)
		log(data, severity ? severity : 'I', text);
}

static guint count_lines(const char *text)
{
	guint n = 1;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* Line by line, without taking all apart first: a megabyte may be ninety thousand lines. */
char *wire_output_reason(const char *stderr_text, gint64 id, size_t max, wire_log *log, void *data)
{
	const char *end = stderr_text + strlen(stderr_text), *next;
	guint count = count_lines(stderr_text), i = 0;
	struct reason r = { .plain = g_string_new(NULL), .marked = g_string_new(NULL) };
	char *text;

	for (const char *at = stderr_text; at <= end; at = next + 1, i++) {
		bool quiet = count > MAX_LOG_LINES && i >= MAX_LOG_LINES / 2 &&
			     i < count - MAX_LOG_LINES / 2;
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		g_autofree char *line = g_strndup(at, (gsize)((nl ? nl : end) - at));

		next = nl ? nl : end;
		if (log && quiet && i == MAX_LOG_LINES / 2)
			log(data, 'W', "(lines left out)");
		take_line(&r, line, id, quiet ? NULL : log, data);
	}
	text = text_line(r.closed ? r.marked->str : r.plain->str, max);
	g_string_free(r.plain, TRUE);
	g_string_free(r.marked, TRUE);
	return text;
}
