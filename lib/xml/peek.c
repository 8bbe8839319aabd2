/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/peek.h"

#include <libxml/parser.h>

#include "xml/xml.h"

/* Far below libxml2's own limits for a tree: 10,000,000 bytes in a text, 256 elements deep. */
enum { MAX_LEN = 1 << 20, MAX_DEPTH = 200 };

struct scan {
	const char *root;
	const char *const *names;
	GString **texts;	/* of the children found so far, by name */
	GString *text;		/* of the one that is being read, or NULL */
	size_t wanted;		/* names that have no text yet */
	unsigned depth;
	bool unfit, complete;
	xmlParserCtxtPtr ctxt;
};

/* Of children of one name the first is taken, as xml_child() takes it from a tree. */
static void begin_child(struct scan *s, const xmlChar *name)
{
	for (size_t i = 0; s->names[i]; i++) {
		if (s->texts[i])
			continue;
		if (!g_str_equal(name, s->names[i]))
			continue;

		s->text = s->texts[i] = g_string_new(NULL);
		s->wanted--;
	}
}

/* The type is libxml2's startElementNsSAX2Func. */
static void on_begin(void *data, const xmlChar *name, const xmlChar *prefix G_GNUC_UNUSED,
		     const xmlChar *uri G_GNUC_UNUSED, int namespaces G_GNUC_UNUSED,
		     const xmlChar **ns G_GNUC_UNUSED, int attributes G_GNUC_UNUSED,
		     int defaulted G_GNUC_UNUSED, const xmlChar **values G_GNUC_UNUSED)
{
	struct scan *s = data;

	if (s->depth == 0 && !g_str_equal(name, s->root))
		s->unfit = true;
	if (s->depth == 1)
		begin_child(s, name);
	if (++s->depth > MAX_DEPTH)
		s->unfit = true;
}

static void on_end(void *data, const xmlChar *name G_GNUC_UNUSED,
		   const xmlChar *prefix G_GNUC_UNUSED, const xmlChar *uri G_GNUC_UNUSED)
{
	struct scan *s = data;

	if (--s->depth != 1)
		return;

	s->text = NULL;
	s->complete = !s->wanted;
	if (s->complete)
		xmlStopParser(s->ctxt);
}

static void on_text(void *data, const xmlChar *text, int len)
{
	struct scan *s = data;

	if (s->text)
		g_string_append_len(s->text, (const char *)text, len);
}

static void on_doctype(void *data, const xmlChar *name G_GNUC_UNUSED,
		       const xmlChar *id G_GNUC_UNUSED, const xmlChar *system G_GNUC_UNUSED)
{
	((struct scan *)data)->unfit = true;
}

/* What is not read was not cut off either. */
static bool has_end(const struct scan *s, const char *text, size_t len)
{
	g_autofree char *end = g_strdup_printf("</%s>", s->root);
	size_t size = strlen(end);

	while (len && g_ascii_isspace(text[len - 1]))
		len--;

	return len >= size && memcmp(text + len - size, end, size) == 0;
}

static bool peek_parse(struct scan *s, const char *text, size_t len)
{
	xmlSAXHandler handler = {
		.initialized = XML_SAX2_MAGIC, .serror = xml_quiet,
		.internalSubset = on_doctype,
		.startElementNs = on_begin, .endElementNs = on_end,
		.characters = on_text, .ignorableWhitespace = on_text,
		.cdataBlock = on_text,
	};
	bool ok;

	s->ctxt = xmlCreatePushParserCtxt(&handler, s, NULL, 0, NULL);
	xmlCtxtUseOptions(s->ctxt, XML_PARSE_NONET);
	ok = xmlParseChunk(s->ctxt, text, (int)len, 1) == 0;
	xmlFreeParserCtxt(s->ctxt);

	if (s->unfit)
		return false;
	if (s->complete)
		return has_end(s, text, len);

	return ok;
}

/* As xml_child_text(): an empty text is none. */
static char *take_text(GString *text, bool ok)
{
	bool drop;

	if (!text)
		return NULL;

	drop = !ok || !text->len;

	return g_string_free(text, drop);
}

bool xml_peek(const char *text, size_t len, const char *root, const char *const names[],
	      char *ret[])
{
	guint n = g_strv_length((char **)names);
	g_autofree GString **texts = g_new0(GString *, n);
	struct scan s = { .root = root, .names = names, .texts = texts, .wanted = n };
	bool ok = false;

	if (len <= MAX_LEN)
		ok = peek_parse(&s, text, len);
	for (guint i = 0; i < n; i++)
		ret[i] = take_text(texts[i], ok);

	return ok;
}
