/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields.h - figures by name, printed as a template of OpenNebula or as JSON.
 *
 * Source: docs/facts/monitoring.md 2.
 */
#ifndef MONITOR_FIELDS_H
#define MONITOR_FIELDS_H

#include <glib.h>
#include <stdbool.h>

/* How a field is written in a template; each is the original's. */
enum fields_form {
	FIELDS_PLAIN,		/* value */
	FIELDS_VERBATIM,	/* lines of a template, as they are */
	FIELDS_BARE,		/* NAME=value */
	FIELDS_QUOTED,		/* NAME="value" */
	FIELDS_VM,		/* NAME = [ A="v", B="w"] */
	FIELDS_STATE,		/* NAME = [ A="v", B="w",  C="x" ] */
	FIELDS_WILD,		/* NAME = [A="v", B="w"] */
	FIELDS_HOST,		/* NAME = [ A = "v", B = "w" ] */
	FIELDS_DATASTORE,	/* NAME = [ A = v, B = w ] */
	FIELDS_SIZE,		/* NAME = [ A=v, B=w] */
};

typedef struct fields Fields;

Fields *fields_new(void);
void fields_free(Fields *fields);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Fields, fields_free)

/* Adds NAME, a static text. Within a vector FORM is without effect: the vector has one. */
void fields_add(Fields *fields, const char *name, enum fields_form form, const char *format, ...)
	G_GNUC_PRINTF(4, 5);

/* Adds a vector, whose fields go into the result, which is borrowed. */
Fields *fields_add_vector(Fields *fields, const char *name, enum fields_form form);

/* Adds INNER, taken, as base64 of its template. */
void fields_add_packed(Fields *fields, const char *name, Fields *inner);

/* Moves all of FROM to the end of TO; FROM is empty then. */
void fields_move(Fields *to, Fields *from);

/* Adds TEXT in base64; JSON has it in plain. */
void fields_add_base64(Fields *fields, const char *name, const char *text);

/* The template, a line for each field. The caller frees. */
char *fields_template(const Fields *fields);

/* One JSON object on a line; fields of one name are a list. The caller frees. */
char *fields_json(const Fields *fields);

#endif
