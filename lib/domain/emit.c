/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/emit.h"

#include "base/number.h"

/*
 * Elements on the way are made only when they are missing: rules of several families write
 * to one <driver>.
 */
void domain_put(DomainBuild *b, xmlNode *node, const char *path, const char *value)
{
	const char *attr = strchr(path, '@');
	g_autofree char *elements = NULL;

	if (attr)
		elements = g_strndup(path, (gsize)(attr - path));
	else
		elements = g_strdup(path);

	for (char *part = elements, *slash; *part; part = slash ? slash + 1 : strchr(part, '\0')) {
		slash = strchr(part, '/');
		if (slash)
			*slash = '\0';
		node = domain_child(node, part);
	}

	if (attr)
		domain_set(b, node, attr + 1, value);
	else
		domain_set_text(b, node, value);
}

/* A bad value is noted and nothing is written: a user gets all faults with one attempt. */
static void emit(DomainBuild *b, xmlNode *parent, const struct domain_rule *r,
		 const TmplAttr *device)
{
	g_autofree char *made = NULL, *reason = NULL;
	struct tmpl_hit hit = { 0 };
	unsigned levels = r->levels;

	if (!levels)
		levels = TMPL_IN_ALL;
	if (r->attr)
		tmpl_vm_find(b->vm, device, r->attr, levels, &hit);
	if (!hit.text) {
		if (r->absent)
			domain_put(b, parent, r->path, r->absent);
		return;
	}

	if (r->convert)
		made = r->convert(b, hit.text, r->arg, &reason);
	else
		made = g_strdup(hit.text);
	if (made)
		domain_put(b, parent, r->path, made);
	else if (reason)
		domain_bad_value(b, device, r->attr, &hit, "%s", reason);
}

void domain_emit(DomainBuild *b, xmlNode *parent, const struct domain_rule *rules, size_t n,
		 const TmplAttr *device)
{
	for (size_t i = 0; i < n; i++)
		emit(b, parent, &rules[i], device);
}

char *domain_one_of(DomainBuild *b G_GNUC_UNUSED, const char *text, const void *arg, char **reason)
{
	return g_strdup(domain_pick(arg, text, reason));
}

char *domain_decimal(DomainBuild *b G_GNUC_UNUSED, const char *text, const void *arg, char **reason)
{
	static const struct domain_range any = { 0, G_MAXUINT64 };
	const struct domain_range *range;
	guint64 n;

	if (arg)
		range = arg;
	else
		range = &any;

	if (number_unsigned(text, range->min, range->max, &n, NULL))
		return g_strdup_printf("%" G_GUINT64_FORMAT, n);

	*reason = g_strdup_printf("not a whole number from %" G_GUINT64_FORMAT
				  " to %" G_GUINT64_FORMAT,
				  range->min, range->max);

	return NULL;
}

char *domain_if_yes(DomainBuild *b G_GNUC_UNUSED, const char *text, const void *arg, char **reason)
{
	bool yes = false;

	if (!number_bool(text, &yes, NULL))
		*reason = g_strdup("not yes or no");
	if (yes)
		return g_strdup(arg);

	return NULL;
}

/*
 * A list of allowed bytes: what QEMU or libvirt splits at, such as ',' or '/', is in none
 * of the lists, so that a value cannot become two options (E3).
 */
static bool fits_pattern(const struct domain_pattern_rule *p, const char *text)
{
	size_t n = 0;

	for (; text[n]; n++)
		if (!g_ascii_isalnum(text[n]) && !strchr(p->allowed, text[n]))
			return false;
	if (n > p->max)
		return false;
	if (!p->check)
		return true;

	return p->check(text);
}

char *domain_pattern(DomainBuild *b G_GNUC_UNUSED, const char *text, const void *arg, char **reason)
{
	const struct domain_pattern_rule *p = arg;

	if (fits_pattern(p, text))
		return g_strdup(text);

	*reason = g_strdup_printf("not %s", p->what);
	return NULL;
}

/* One item of a CPU set: N, ^N or N-M; returns what follows, or NULL. */
static const char *cpuset_item(const char *p)
{
	char *end;
	guint64 from, to;

	if (*p == '^')
		p++;
	if (!g_ascii_isdigit(*p))
		return NULL;

	from = g_ascii_strtoull(p, &end, 10);
	if (*end != '-') {
		if (from > G_MAXUINT16)
			return NULL;
		return end;
	}

	p = end + 1;
	if (!g_ascii_isdigit(*p))
		return NULL;

	to = g_ascii_strtoull(p, &end, 10);
	if (from <= to && to <= G_MAXUINT16)
		return end;

	return NULL;
}

/* libvirt's syntax. It reports a bad set without saying where in the document that is. */
bool domain_is_cpuset(const char *text)
{
	const char *p = cpuset_item(text);

	while (p && *p == ',')
		p = cpuset_item(p + 1);

	return p && !*p;
}

bool domain_is_uuid(const char *text)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (strlen(text) != sizeof shape - 1)
		return false;

	for (size_t i = 0; shape[i]; i++)
		if (shape[i] == 'x' ? !g_ascii_isxdigit(text[i]) : text[i] != '-')
			return false;

	return true;
}
