/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - the document that oned sends with an action: VMM_DRIVER_ACTION_DATA. The dispatcher
 * reads it, and so do the programs on the host that have it on their stdin; there it may also be
 * the VM alone, when an administrator gives that.
 *
 * Source: docs/facts/protocol.md 4 and 5.2; actions.md 0.1.
 */
#ifndef TEMPLATE_REQUEST_H
#define TEMPLATE_REQUEST_H

#include <libxml/tree.h>

#include "base/error.h"

typedef struct tmpl_request {
	/* Of what oned sent; each is NULL when the element is missing or empty. */
	char *host, *migr_host, *deploy_id;
	char *local_file, *remote_file;		/* deployment files */
	char *tm_command;			/* lines of words */
	GBytes *document;			/* verbatim */
	xmlDoc *doc;				/* NULL until something of it is asked for */
	/* Set with DOC, which owns them; NULL when the element is missing. */
	const xmlNode *vm, *datastore;
} TmplRequest;

/*
 * What oned sent: DOCUMENT (a reference is kept). It is read until all the texts above are found,
 * and must end as it should. NULL with VMM_ERROR_INPUT.
 */
TmplRequest *tmpl_request_parse(GBytes *document, GError **error);

/*
 * Reads the rest, too: to be called before any of the functions below, which take what cannot be
 * read for empty. VMM_ERROR_INPUT: it is not well-formed.
 */
bool tmpl_request_complete(TmplRequest *request, GError **error);

/*
 * What a program was given as NAME ("stdin"): DOCUMENT (a reference is kept) may be a request, a VM
 * alone, or empty: then DOC stays NULL. NULL with VMM_ERROR_INPUT when it is no XML.
 */
TmplRequest *tmpl_request_of_input(GBytes *document, const char *name, GError **error);

/* The text of the child NAME of the root; NULL when it is missing or empty. The caller frees. */
char *tmpl_request_child(const TmplRequest *request, const char *name);

/* Whether all hosts see the VM's datastore: SHARED of its DATASTORE, or no datastore. */
bool tmpl_request_is_shared(const TmplRequest *request);

/* RET_VM and RET_DATASTORE in DOC, which may be a VM alone; NULL when the element is missing. */
void tmpl_request_parts(xmlDoc *doc, const xmlNode **ret_vm, const xmlNode **ret_datastore);

void tmpl_request_free(TmplRequest *request);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TmplRequest, tmpl_request_free)

/*
 * The text of HOST in DOCUMENT without looking at the rest, for the queue; NULL when there is none,
 * or xml_peek() refuses the document. The caller frees.
 */
char *tmpl_request_peek_host(GBytes *document);

/* The same of MIGR_HOST. */
char *tmpl_request_peek_target(GBytes *document);

/* Element NAME ("VM", "DATASTORE") as XML text; "" when it is not there. The caller frees. */
char *tmpl_request_element(TmplRequest *request, const char *name);

/*
 * The text of the first element that XPATH finds below the root; NULL when there is none or
 * it is empty. XPATH is one of ours, never a user's. The caller frees.
 */
char *tmpl_request_text(TmplRequest *request, const char *xpath);

/* Element VM with the child NAME=TEXT added, as XML text. The caller frees. */
char *tmpl_request_vm_with(TmplRequest *request, const char *name, const char *text);

/* What datastore drivers get: the request's DATASTORE and VM. The caller frees. */
char *tmpl_request_datastore_data(TmplRequest *request);

/* The distinct VN_MADs of the VM's NICs, aliases and PCI NICs; may be empty. g_strfreev(). */
char **tmpl_request_network_drivers(TmplRequest *request);

/* The part of the VM that network drivers are given, as XML text. The caller frees. */
char *tmpl_request_network_vm(TmplRequest *request);

#endif
