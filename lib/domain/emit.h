/* SPDX-License-Identifier: Apache-2.0 */
/*
 * emit.h - the table engine: one row writes one attribute of the template to one place of the
 * XML. Only what needs a structure of its own is written by code instead.
 *
 * Source: docs/facts/deployment.md 2.
 */
#ifndef DOMAIN_EMIT_H
#define DOMAIN_EMIT_H

#include "domain/builder.h"

/*
 * Makes the XML's value from TEXT. NULL without REASON: the row puts nothing;
 * NULL with REASON (freed by the caller): TEXT is bad. ARG is the row's.
 */
typedef char *domain_convert(DomainBuild *b, const char *text, const void *arg, char **reason);

struct domain_rule {
	const char *attr;	/* "VECTOR/KEY" or "SINGLE"; NULL: ABSENT always */
	unsigned levels;	/* TMPL_IN_…; 0 with attr: all */
	const char *path;	/* "driver@cache", "serial", "@type": below the parent */
	domain_convert *convert;	/* NULL: copy */
	const void *arg;	/* for convert */
	const char *absent;	/* the XML's value when it is unset; NULL: none */
};

/* Applies N RULES in order below PARENT; DEVICE as for tmpl_vm_find(). Bad values are noted. */
void domain_emit(DomainBuild *b, xmlNode *parent, const struct domain_rule *rules, size_t n,
		 const TmplAttr *device);

#define DOMAIN_EMIT(b, parent, rules, device) \
	domain_emit(b, parent, rules, G_N_ELEMENTS(rules), device)

/* Puts VALUE at PATH below NODE; elements of the path are made when missing. */
void domain_put(DomainBuild *b, xmlNode *node, const char *path, const char *value);

/* Converters; the comment after each one says what ARG is. */
domain_convert domain_one_of;		/* const char *const *: the words, lower case */
domain_convert domain_decimal;		/* struct domain_range *; NULL: any */
domain_convert domain_if_yes;		/* const char *: the value for yes; no: nothing */
domain_convert domain_pattern;		/* struct domain_pattern_rule * */

struct domain_range {
	guint64 min, max;
};

struct domain_pattern_rule {
	const char *allowed;	/* further characters beside letters and digits */
	size_t max;		/* bytes */
	const char *what;	/* "a MAC address": for the message */
	bool (*check)(const char *text);	/* NULL: the characters are enough */
};

/* "0-3,^2,8", as libvirt takes it. */
bool domain_is_cpuset(const char *text);
bool domain_is_uuid(const char *text);

#endif
