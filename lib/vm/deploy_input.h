/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deploy_input.h - what deploy is given on its stdin: the XML of a domain, or a VM document of
 * which it makes that.
 *
 * Source: docs/facts/actions.md 1; docs/architecture.md, "A DEPLOY, from line to guest".
 */
#ifndef VM_DEPLOY_INPUT_H
#define VM_DEPLOY_INPUT_H

#include "action/action.h"
#include "template/vm.h"
#include "xml/xml.h"

struct deploy_input {
	GString *text;	/* verbatim, base64 decoded */
	xmlDoc *domain;
	TmplVm *vm;	/* of a VM document; else NULL */
};

/*
 * Reads stdin: the domain's XML, or with FROM_VM a VM document, with the defaults of file CONF
 * unless that is NULL. deploy_input_clear() it, also after a failure. VMM_ERROR_INPUT,
 * VMM_ERROR_CONFIG.
 */
bool deploy_input_read(const struct action_ctx *ctx, bool from_vm, const char *conf,
		       struct deploy_input *ret, GError **error);

void deploy_input_clear(struct deploy_input *input);

#endif
