/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known_names.h - what domains that are trusted name of their host, to hold an XML against that
 * others may have written. See domain/reach_places.h for places.
 */
#ifndef VM_KNOWN_NAMES_H
#define VM_KNOWN_NAMES_H

#include "domain/reach_places.h"

typedef struct known_names KnownNames;

KnownNames *known_names_new(void);
void known_names_free(KnownNames *k);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KnownNames, known_names_free)

/* Visits DOMAIN, whatever its element is called; metadata are not looked at. */
void known_names_walk(const xmlNode *domain, const struct reach_visitor *visitor, void *data);

/* All that DOMAIN names is known from now on. */
void known_names_add(KnownNames *k, const xmlNode *domain);

/* Whether VALUE is known at PLACE. */
bool known_names_has(const KnownNames *k, const char *place, const char *value);

/* Whether NODE with all below it is known at PLACE; indentation does not matter. */
bool known_names_has_node(const KnownNames *k, const char *place, const xmlNode *node);

/* "PLACE=VALUE", and NODE at PLACE as one text, for messages. The caller frees. */
char *known_names_value_text(const char *place, const char *value);
char *known_names_node_text(const char *place, const xmlNode *node);

#endif
