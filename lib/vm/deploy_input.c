/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/deploy_input.h"

#include "vm/build_domain.h"

enum { STDIN_MS = 30000 };

bool deploy_input_read(const struct action_ctx *ctx, bool from_vm, const char *conf,
		       struct deploy_input *ret, GError **error)
{
	*ret = (struct deploy_input){ .text = action_stdin(STDIN_MS, error) };
	if (!ret->text)
		return false;
	if (!ret->text->len) {
		vmm_fail(error, VMM_ERROR_INPUT, "stdin: no %s", from_vm ? "VM" : "domain XML");
		vmm_error_set_hint(error, "give the domain's XML, or with --vm a VM document");
		return false;
	}

	if (from_vm)
		ret->domain = build_domain_xml(ctx, ret->text, conf, &ret->vm, error);
	else
		ret->domain = xml_parse(ret->text->str, ret->text->len, "stdin", error);
	if (!ret->domain)
		return false;
	if (xmlStrEqual(xmlDocGetRootElement(ret->domain)->name, BAD_CAST "domain"))
		return true;

	return vmm_fail(error, VMM_ERROR_INPUT, "stdin: not the XML of a domain but <%s>",
			(const char *)xmlDocGetRootElement(ret->domain)->name);
}

void deploy_input_clear(struct deploy_input *input)
{
	if (input->text)
		g_string_free(input->text, TRUE);
	xmlFreeDoc(input->domain);
	tmpl_vm_free(input->vm);
}
