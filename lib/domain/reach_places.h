/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach_places.h - what libvirt's schema allows at each place of a domain's XML, and what a value
 * there does on the host. A place is "domain/os/loader" or "domain/os/loader@type".
 *
 * Source: libvirt's schema (places.def, made by scripts/schema-places).
 */
#ifndef DOMAIN_REACH_PLACES_H
#define DOMAIN_REACH_PLACES_H

#include <stdbool.h>

#include <libxml/tree.h>

/* What the schema allows at a place. */
enum reach_kind {
	REACH_NONE,	/* no text, or it has no such place */
	REACH_CLOSED,	/* one of some words, a number, a UUID: nothing of the host fits in */
	REACH_OPEN	/* any text; a file, device or address */
};

/* What a value at an open place does, and so what allows it. */
enum reach_use {
	REACH_FORBIDDEN,	/* not reviewed yet */
	REACH_TEXT,		/* read by the guest, or compared */
	REACH_WORD,		/* a name within the domain: harmless unless it is a path */
	REACH_KERNEL,		/* a file that the guest boots */
	REACH_SCRIPT,		/* a program that runs on the host */
	REACH_DATA,		/* a file, directory, socket or device file */
	REACH_BRIDGE,		/* of the host */
	REACH_NETWORK,	/* of libvirt */
	REACH_POOL,		/* of libvirt */
	REACH_TAP,		/* the name of the host's end of a NIC */
	REACH_DEVICE,		/* of the host */
	REACH_SECLABEL,
	REACH_COMMAND,	/* as strong as an argument for QEMU */
	REACH_SOURCE		/* a part of an address: remote() looks at the whole */
};

enum reach_kind reach_kind_of(const char *place);

/* REACH_FORBIDDEN: no row names it. Libvirt's schema grows: a new place may reach the host. */
enum reach_use reach_use_of(const char *place);

/* Whether TEXT is no path. QEMU and libvirt take one with '/' or ".." for it in many places. */
bool reach_is_plain(const char *text);

/* A number or a switch names nothing of the host, whatever libvirt makes of it later. */
bool reach_is_switch(const char *text);

/* What NODE, at PLACE, connects to: "tcp/HOST:PORT", "rbd/POOL/IMAGE", "user/:". NULL: nothing. */
char *reach_remote(const xmlNode *node, const char *place);

/* What reach_walk() calls. */
struct reach_visitor {
	/* NODE is at PLACE; called before its values, and after its gates. */
	void (*node)(const char *place, const xmlNode *node, void *data);
	/* VALUE, without blanks at its ends, is the text or attribute PLACE. */
	void (*value)(const char *place, const char *value, void *data);
	/* NODE as a whole is used as USE, although the schema closes its values. */
	void (*gate)(const char *place, const xmlNode *node, enum reach_use use, void *data);
	/* NODE has a namespace; COMMAND: libvirt passes it to QEMU. It is not looked into. */
	void (*foreign)(const xmlNode *node, bool command, void *data);
	/* NODE is the domain's metadata, which are not looked into. */
	void (*metadata)(const xmlNode *node, void *data);
};

/* Visits NODE and all below it; NODE is a child of the element at PARENT ("domain", or ""). */
void reach_walk(const char *parent, const xmlNode *node, const struct reach_visitor *visitor,
		void *data);

#endif
