/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain_note.h - keeps one word in the metadata of a running domain, for the next action to read:
 * <ELEMENT ATTRIBUTE="word"/> under a URI of its own.
 *
 * It ends with the domain. Every client that may define domains can write it: check the word.
 */
#ifndef VIRT_DOMAIN_NOTE_H
#define VIRT_DOMAIN_NOTE_H

#include "virt/virt_domain.h"

/* Which note; all of it is static. */
struct domain_note {
	const char *uri, *element, *attribute;
};

/* Writes WORD, or removes the note (NULL). */
bool domain_note_write(virDomain *dom, const struct domain_note *note, const char *word,
		       GError **error);

/* The word, in RET (the caller frees; NULL: DOM has no such note). False: it cannot be read. */
bool domain_note_read(virDomain *dom, const struct domain_note *note, char **ret, GError **error);

#endif
