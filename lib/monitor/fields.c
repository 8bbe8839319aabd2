/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/fields.h"

#include <json-c/json.h>
#include <string.h>

#include "monitor/wild.h"

struct field {
	const char *name;
	enum fields_form form;
	bool base64;
	char *text;		/* NULL: it has INNER */
	Fields *inner;
};

struct fields {
	GPtrArray *list;
};

static const struct form {
	const char *open, *equals, *separator, *last_separator, *close;
	bool bare;
} forms[] = {
	[FIELDS_PLAIN]     = { "",       "",    "",   "",    "\n",   true  },
	[FIELDS_VERBATIM]  = { "",       "",    "",   "",    "",     true  },
	[FIELDS_BARE]      = { "=",      "=",   "",   "",    "\n",   true  },
	[FIELDS_QUOTED]    = { "=",      "=",   "",   "",    "\n",   false },
	[FIELDS_VM]        = { " = [ ",  "=",   ", ", ", ",  "]\n",  false },
	[FIELDS_STATE]     = { " = [ ",  "=",   ", ", ",  ", " ]\n", false },
	[FIELDS_WILD]      = { " = [",   "=",   ", ", ", ",  "]\n",  false },
	[FIELDS_HOST]      = { " = [ ",  " = ", ", ", ", ",  " ]\n", false },
	[FIELDS_DATASTORE] = { " = [ ",  " = ", ", ", ", ",  " ]\n", true  },
	[FIELDS_SIZE]      = { " = [ ",  "=",   ", ", ", ",  "]\n",  true  },
};

static void field_free(void *data)
{
	struct field *f = data;

	g_free(f->text);
	fields_free(f->inner);
	g_free(f);
}

Fields *fields_new(void)
{
	Fields *fields = g_new(Fields, 1);

	fields->list = g_ptr_array_new_with_free_func(field_free);

	return fields;
}

void fields_free(Fields *fields)
{
	if (!fields)
		return;

	g_ptr_array_unref(fields->list);
	g_free(fields);
}

static struct field *append_field(Fields *fields, const char *name, enum fields_form form)
{
	struct field *f = g_new0(struct field, 1);

	f->name = name;
	f->form = form;
	g_ptr_array_add(fields->list, f);

	return f;
}

void fields_add(Fields *fields, const char *name, enum fields_form form, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	append_field(fields, name, form)->text = g_strdup_vprintf(format, ap);
	va_end(ap);
}

Fields *fields_add_vector(Fields *fields, const char *name, enum fields_form form)
{
	return append_field(fields, name, form)->inner = fields_new();
}

void fields_add_packed(Fields *fields, const char *name, Fields *inner)
{
	struct field *f = append_field(fields, name, FIELDS_QUOTED);

	f->base64 = true;
	f->inner = inner;
}

void fields_add_base64(Fields *fields, const char *name, const char *text)
{
	struct field *f = append_field(fields, name, FIELDS_QUOTED);

	f->base64 = true;
	f->text = g_strdup(text);
}

void fields_move(Fields *to, Fields *from)
{
	for (guint i = 0; i < from->list->len; i++)
		g_ptr_array_add(to->list, from->list->pdata[i]);
	g_ptr_array_set_free_func(from->list, NULL);
	g_ptr_array_set_size(from->list, 0);
	g_ptr_array_set_free_func(from->list, field_free);
}

/* A value without quotes ends where the line ends. */
static char *bare(const char *text)
{
	char *line = g_strdup(text);

	for (char *c = line; *c; c++)
		if (g_ascii_iscntrl(*c))
			*c = ' ';

	return line;
}

/* The value of a field that is no vector, as the template has it. */
static char *value_of(const struct field *f, bool is_bare)
{
	g_autofree char *plain = f->inner ? fields_template(f->inner) : g_strdup(f->text);
	g_autofree char *base64 = NULL;
	const char *value = plain;

	if (f->base64)
		value = base64 = g_base64_encode((const guchar *)plain, strlen(plain));
	if (is_bare)
		return bare(value);

	return wild_quote(value);
}

static void print_vector(const Fields *fields, const struct form *form, GString *out)
{
	for (guint i = 0; i < fields->list->len; i++) {
		const struct field *f = fields->list->pdata[i];
		g_autofree char *value = value_of(f, form->bare);

		if (i > 0 && i == fields->list->len - 1)
			g_string_append(out, form->last_separator);
		else if (i > 0)
			g_string_append(out, form->separator);
		g_string_append_printf(out, "%s%s%s", f->name, form->equals, value);
	}
}

static void append_lines(GString *out, const char *text)
{
	g_string_append(out, text);
	if (*text && !g_str_has_suffix(text, "\n"))
		g_string_append_c(out, '\n');
}

char *fields_template(const Fields *fields)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < fields->list->len; i++) {
		const struct field *f = fields->list->pdata[i];
		const struct form *form = &forms[f->form];

		if (f->form == FIELDS_VERBATIM) {
			append_lines(out, f->text);
			continue;
		}

		if (f->form != FIELDS_PLAIN)
			g_string_append(out, f->name);
		g_string_append(out, form->open);
		if (f->inner && !f->base64) {
			print_vector(f->inner, form, out);
		} else {
			g_autofree char *value = value_of(f, form->bare);

			g_string_append(out, value);
		}

		g_string_append(out, form->close);
	}

	return g_string_free(out, FALSE);
}

static json_object *object_of(const Fields *fields);

static json_object *json_of(const struct field *f)
{
	g_autofree char *text = NULL;

	if (f->inner)
		return object_of(f->inner);
	text = g_utf8_make_valid(f->text, -1);

	return json_object_new_string(text);
}

/* All fields called NAME, of which the first is at index FIRST. */
static json_object *list_of(const Fields *fields, guint first)
{
	const struct field *named = fields->list->pdata[first];
	json_object *list = json_object_new_array();

	for (guint i = first; i < fields->list->len; i++) {
		const struct field *f = fields->list->pdata[i];

		if (g_str_equal(f->name, named->name))
			json_object_array_add(list, json_of(f));
	}

	return list;
}

/* A vector may come once today and twice tomorrow: it is a list always. */
static json_object *object_of(const Fields *fields)
{
	json_object *object = json_object_new_object();

	for (guint i = 0; i < fields->list->len; i++) {
		const struct field *f = fields->list->pdata[i];

		if ((f->inner && !f->base64) || f->form == FIELDS_VERBATIM) {
			if (!json_object_object_get_ex(object, f->name, NULL))
				json_object_object_add(object, f->name, list_of(fields, i));
		} else {
			json_object_object_add(object, f->name, json_of(f));
		}
	}

	return object;
}

char *fields_json(const Fields *fields)
{
	json_object *object = object_of(fields);
	char *text = g_strconcat(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
								JSON_C_TO_STRING_NOSLASHESCAPE),
				 "\n", NULL);

	json_object_put(object);

	return text;
}
