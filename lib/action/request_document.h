/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_document.h - the request that comes on an action's stdin: VMM_DRIVER_ACTION_DATA,
 * or the VM alone when an administrator gives that.
 *
 * Source: docs/facts/protocol.md 4; actions.md 0.1.
 */
#ifndef ACTION_REQUEST_DOCUMENT_H
#define ACTION_REQUEST_DOCUMENT_H

#include "action/action.h"
#include "xml/xml.h"

typedef struct request_document {
	GString *text;			/* verbatim */
	xmlDoc *doc;			/* NULL: there was none */
	const xmlNode *vm, *datastore;	/* or NULL; owned by DOC */
} RequestDocument;

/* Reads stdin; an empty one is no error. The caller frees. VMM_ERROR_INPUT: it is no XML. */
RequestDocument *request_document_read(GError **error);

/* Makes TEXT, XML or base64 of it, what D holds; D was empty. */
bool request_document_parse(RequestDocument *d, const char *text, GError **error);

/* VMM_ERROR_INPUT when it is empty, or has no VM. */
bool request_document_check(const RequestDocument *d, GError **error);

void request_document_free(RequestDocument *d);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RequestDocument, request_document_free)

/*
 * The program that belongs to the datastore's kind beside this action ("save.ceph"); NULL
 * when there is none. The caller frees.
 */
char *request_document_hook(const RequestDocument *d);

/* Runs HOOK with our operands and the same stdin; its log lines become ours. */
bool request_document_run_hook(const struct action_ctx *ctx, const RequestDocument *d,
			       const char *hook, GError **error);

#endif
