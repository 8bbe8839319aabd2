/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/stranded.h"

#include "action/other_host.h"
#include "xml/xml.h"
#include "virt/virt_error.h"
#include "virt/pause.h"
#include "wire/ssh.h"

enum { OPEN_MS = 30000 };

static const char note_uri[] = "urn:vmmexec:leaving";

bool stranded_note(virDomain *dom, const char *host, GError **error)
{
	xmlNode *node = xmlNewNode(NULL, BAD_CAST "leaving");
	g_autofree char *xml = NULL;
	int rc;

	xmlNewProp(node, BAD_CAST "to", BAD_CAST host);
	xml = xml_print(node);
	xmlFreeNode(node);
	rc = virDomainSetMetadata(dom, VIR_DOMAIN_METADATA_ELEMENT, host ? xml : NULL, "vmmexec",
				  note_uri, VIR_DOMAIN_AFFECT_LIVE);

	if (rc == 0)
		return true;

	return virt_fail(error, "cannot write the metadata of domain %s", virDomainGetName(dom));
}

/* What the note of DOM says; NULL: it has none, or ERROR is set. The caller frees. */
static char *read_note(virDomain *dom, GError **error)
{
	char *text = virDomainGetMetadata(dom, VIR_DOMAIN_METADATA_ELEMENT, note_uri, 0);
	g_autoptr(xmlDoc) doc = text ? xml_parse(text, strlen(text), "metadata", error) : NULL;

	if (!text && !virt_last_is(VIR_ERR_NO_DOMAIN_METADATA))
		virt_fail(error, "cannot read the metadata of domain %s", virDomainGetName(dom));
	free(text);

	if (doc)
		return xml_attribute(xmlDocGetRootElement(doc), "to");

	return NULL;
}

static bool refuse_stranded(virDomain *dom, const char *where, const char *hint, GError **error)
{
	vmm_fail(error, VMM_ERROR_REFUSED, "domain %s stands still since a migration that did not "
		 "end: %s", virDomainGetName(dom), where);
	vmm_error_set_hint(error, "%s", hint);
	return false;
}

/* The host of "PROTOCOL://HOST/system", as notes of older versions are; NULL: NOTE is none. */
static char *host_of(const struct action_ctx *ctx, const char *note)
{
	const char *protocol = conf_kvmrc_string(ctx->rc, "QEMU_PROTOCOL");
	size_t n = strlen(protocol);

	if (strncmp(note, protocol, n) != 0 || strncmp(note + n, "://", 3) != 0 ||
	    !g_str_has_suffix(note, "/system"))
		return NULL;
	note += n + 3;

	if (strlen(note) > strlen("/system"))
		return g_strndup(note, strlen(note) - strlen("/system"));

	return NULL;
}

/*
 * libvirt's URI of the host that NOTE names; NULL: it names none. A note is read as if a stranger
 * had written it: an URI may name a program, so it is ours, made of the name of a host.
 */
static char *uri_of(const struct action_ctx *ctx, const char *note)
{
	g_autofree char *older = host_of(ctx, note);
	const char *host = older ? older : note;

	if (wire_ssh_check_host(host, NULL))
		return other_host_libvirt_uri(ctx, host);

	return NULL;
}

/* The same of what DOM notes; NULL: no note, or ERROR is set. The caller frees. */
static char *noted(const struct action_ctx *ctx, virDomain *dom, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autofree char *note = read_note(dom, &cause);
	char *uri = note ? uri_of(ctx, note) : NULL;

	if (cause)
		vmm_pass(error, &cause);
	else if (note && !uri)
		refuse_stranded(dom, "the note of where it was moved to names no host",
		       "look for it on the other hosts; if it runs nowhere else, resume it (virsh "
		       "resume)", error);

	return uri;
}

/* Whether libvirt at URI, asked now, has nothing of DOM. */
static bool is_not_at(const struct action_ctx *ctx, virDomain *dom, const char *uri,
		      char **ret_there, GError **error)
{
	virConnect *there = virt_open(uri, action_left_ms(ctx, OPEN_MS), error);
	char uuid[VIR_UUID_STRING_BUFLEN] = "";
	g_autoptr(GError) cause = NULL;
	g_autoptr(virDomain) other = NULL;
	struct virt_state state = { .gone = true };
	bool ok = false;

	if (!there) {
		g_prefix_error(error, "whether domain %s lives at %s cannot be told: ",
			       virDomainGetName(dom), uri);
		return false;
	}

	if (virDomainGetUUIDString(dom, uuid) == 0)
		other = virt_domain(there, uuid, NULL, &cause);
	if (vmm_is(cause, VMM_ERROR_NOT_FOUND) ||
	    (other && virt_state_read(other, &state, &cause) && state.gone)) {
		ok = true;
	} else if (cause) {
		vmm_pass(error, &cause);
	} else {
		g_autofree char *where = g_strdup_printf("it is %s at %s", virt_state_name(&state),
							 uri);

		if (ret_there && virt_state_is_up(&state) && !virt_paused_for_job(&state))
			*ret_there = g_strdup(uri);
		refuse_stranded(dom, where,
				"migrate it there again, which ends what is left here; do not "
				"resume it", error);
	}

	g_clear_pointer(&other, virDomainFree);
	virConnectClose(there);

	return ok;
}

bool stranded_is_not_there(const struct action_ctx *ctx, virDomain *dom, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autofree char *to = noted(ctx, dom, &cause);

	if (cause)
		return vmm_pass(error, &cause);

	if (!to)
		return true;

	return is_not_at(ctx, dom, to, NULL, error);
}

bool stranded_check(const struct action_ctx *ctx, virDomain *dom, struct virt_state *state,
		    char **ret_there, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autofree char *to = NULL;

	if (ret_there)
		*ret_there = NULL;
	if (!virt_paused_for_job(state))
		return true;
	if (!virt_wait_idle(dom, false, state, error))
		return false;
	if (!virt_paused_for_job(state))
		return true;
	if (state->reason == VIR_DOMAIN_PAUSED_MIGRATION) {
		to = noted(ctx, dom, &cause);
		if (cause)
			return vmm_pass(error, &cause);
		if (!to)
			return refuse_stranded(dom, "it may live on another host",
					       "if it lives nowhere else, resume it (virsh resume)",
					       error);
		if (!is_not_at(ctx, dom, to, ret_there, error))
			return false;
	}

	action_log("WARN", "domain %s stands still for what nobody does any more: it is resumed",
		   virDomainGetName(dom));
	if (virDomainResume(dom) < 0)
		return virt_fail(error, "cannot resume domain %s", virDomainGetName(dom));

	return virt_state_read(dom, state, error);
}
