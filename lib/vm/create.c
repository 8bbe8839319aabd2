/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/create.h"

#include "base/deadline.h"
#include "vm/stranded.h"
#include "xml/xml.h"
#include "virt/domain_job.h"
#include "virt/virt_error.h"

enum { PAUSE_MS = 100, APPEAR_MS = 5000, BARRIER_MS = 60000 };

static bool same(const char *a, const char *b)
{
	return g_strcmp0(a, b) == 0;
}

static bool is_same_vm(const struct action_ctx *ctx, virDomain *dom, const xmlNode *domain)
{
	const xmlNode *vm = xml_child(xml_child(domain, "metadata"), "vm");
	g_autofree char *wanted = xml_child_text(vm, "system_datastore");
	g_autofree char *uuid = xml_child_text(domain, "uuid");
	g_autofree char *found = virt_vm_directory(dom, conf_kvmrc_string(ctx->rc,
									 "LIBVIRT_MD_URI"));
	char text[VIR_UUID_STRING_BUFLEN];

	if (virDomainGetUUIDString(dom, text) < 0)
		return false;
	if (!uuid && !wanted)
		return false;

	return (!uuid || !g_ascii_strcasecmp(uuid, text)) && same(wanted, found);
}

/* Until it runs, or is gone because its start failed. */
static bool wait_until_up(const struct action_ctx *ctx, virDomain *dom, bool *ret_up,
			  GError **error)
{
	struct virt_state state;

	for (;;) {
		if (!virt_state_read(dom, &state, error))
			return false;
		*ret_up = virt_state_is_up(&state);
		if (*ret_up)
			return true;
		if (state.gone)
			return true;
		if (action_left_ms(ctx, 2000) < 2000)
			break;
		g_usleep(PAUSE_MS * 1000);
	}

	vmm_fail(error, VMM_ERROR_TIMEOUT, "domain %s is still starting", virDomainGetName(dom));
	virt_hint_lost(dom, error);

	return false;
}

/*
 * A new daemon ends a domain whose start the old one had not completed; until it has looked at it,
 * that one may seem to be up. RET: its state then. False: not known.
 */
static bool wait_for_daemon(const struct action_ctx *ctx, virDomain *dom, struct virt_state *ret,
			    GError **error)
{
	int operation;

	return virt_domain_barrier(dom, action_left_ms(ctx, BARRIER_MS), &operation, error) &&
	       virt_state_read(dom, ret, error);
}

bool create_find(struct action_ctx *ctx, const xmlNode *domain, virDomain **ret_dom,
		 GError **error)
{
	g_autofree char *name = xml_child_text(domain, "name");
	g_autoptr(virDomain) dom = NULL;
	struct virt_state state;
	bool up;

	*ret_dom = NULL;
	if (!name)
		return vmm_fail(error, VMM_ERROR_INPUT, "the domain has no name");
	dom = virDomainLookupByName(ctx->conn, name);
	if (!dom && virt_last_is(VIR_ERR_NO_DOMAIN))
		return true;
	if (!dom)
		return virt_fail(error, "cannot look for domain %s", name);
	if (!virt_state_read(dom, &state, error))
		return false;
	if (state.gone)
		return true;	/* whether an inactive one is in the way is libvirt's to say */
	if (!is_same_vm(ctx, dom, domain)) {
		if (virt_state_read(dom, &state, NULL) && state.gone)
			return true;	/* it ended while it was looked at */
		vmm_fail(error, VMM_ERROR_EXISTS, "cannot create domain %s: another one of that "
			 "name is %s", name, virt_state_name(&state));
		vmm_error_set_hint(error, "compare its UUID and system_datastore; destroy it if "
				   "nobody needs it");
		return false;
	}

	if (!wait_until_up(ctx, dom, &up, error))
		return false;
	if (up && !wait_for_daemon(ctx, dom, &state, error))
		return false;
	if (!up || !virt_state_is_up(&state))
		return true;
	if (!ctx->dry_run && !stranded_check(ctx, dom, &state, NULL, error))
		return false;
	*ret_dom = g_steal_pointer(&dom);

	return true;
}

/*
 * Whether our daemon itself is dead, not just silent: then no call of ours is in progress any more.
 */
static bool daemon_died(const struct action_ctx *ctx)
{
	const char *authority = strstr(ctx->uri, "://");

	if (!authority)
		return false;
	if (authority[3] != '/')
		return false;
	if (memchr(ctx->uri, '+', (size_t)(authority - ctx->uri)))
		return false;

	return virt_last_is_end();
}

/* The connection was lost in the middle of it. */
static enum action_outcome ask_again(struct action_ctx *ctx, const xmlNode *domain, bool died,
				     virDomain **ret_dom, GError **error)
{
	gint64 until_us;

	if (!action_reconnect(ctx, error))
		return ACTION_UNKNOWN;
	until_us = deadline_in_ms(APPEAR_MS);
	do {
		if (!create_find(ctx, domain, ret_dom, error))
			return ACTION_UNKNOWN;
		if (*ret_dom)
			return ACTION_DONE;
	} while (!died && deadline_pause(until_us, PAUSE_MS));
	vmm_fail(error, VMM_ERROR_CONNECTION, "libvirt went away while the domain was being "
		 "created, and it is not there now");

	if (died)
		return ACTION_FAILED;

	return ACTION_UNKNOWN;
}

enum action_outcome create_domain(struct action_ctx *ctx, const xmlNode *domain, const char *xml,
				  virDomain **ret_dom, GError **error)
{
	g_autofree char *name = xml_child_text(domain, "name");
	g_autoptr(GError) cause = NULL;
	bool died;

	action_on_abort(ACTION_UNKNOWN, "creating domain %s", name);
	*ret_dom = virDomainCreateXML(ctx->conn, xml, 0);
	if (*ret_dom)
		return ACTION_DONE;
	virt_fail(&cause, "cannot create domain %s", name);
	died = daemon_died(ctx);
	if (virConnectIsAlive(ctx->conn) != 1)
		return ask_again(ctx, domain, died, ret_dom, error);
	/* Another client may have started the very same domain. */
	if (vmm_is(cause, VMM_ERROR_EXISTS) &&
	    create_find(ctx, domain, ret_dom, NULL) && *ret_dom)
		return ACTION_DONE;
	vmm_pass(error, &cause);

	return ACTION_FAILED;
}
