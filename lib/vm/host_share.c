/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/host_share.h"

#include <stdlib.h>

#include "base/text.h"
#include "action/lock.h"
#include "fit/encryption_fit.h"
#include "fit/encryption_rules.h"
#include "vm/pinned_memory.h"
#include "virt/virt_error.h"

enum { LOCK_MS = 240000, BARRIER_MS = 60000 };

/* What a domain needs, and what is found out about the others. */
struct need {
	char *chip;	/* the host's TPM; NULL: it needs none */
	char *owner;	/* of that: a domain's name; NULL: nobody's */
	const char *encryption;	/* fit_encryption_type(); NULL: none */
	gint64 alike, encrypted;	/* running guests that take of the same keys, and all */
};

static void need_clear(struct need *need)
{
	g_free(need->chip);
	g_free(need->owner);
}

/* A chip has two devices, tpm0 and tpmrm0, which the kernel shares out to programs. */
static char *chip_of_device(const char *path)
{
	char *resolved = realpath(path, NULL);
	g_autofree char *name = g_path_get_basename(resolved ? resolved : path);

	free(resolved);
	if (g_str_has_prefix(name, "tpmrm"))
		return g_strconcat("tpm", name + strlen("tpmrm"), NULL);

	return g_steal_pointer(&name);
}

/* The chip that DOMAIN has; NULL: none. The caller frees. */
static char *chip_of(const xmlNode *domain)
{
	const xmlNode *tpm = xml_child(xml_child(domain, "devices"), "tpm");

	for (; tpm; tpm = xml_next(tpm)) {
		const xmlNode *backend = xml_child(tpm, "backend");
		g_autofree char *path = NULL;

		if (!xml_has(backend, "type", "passthrough"))
			continue;
		path = xml_child_attribute(backend, "device", "path");
		return chip_of_device(text_or(path, "/dev/tpm0"));
	}

	return NULL;
}

/* DOMAIN runs. */
static void look_at(const xmlNode *domain, struct need *need)
{
	g_autofree char *chip = need->chip ? chip_of(domain) : NULL;
	const char *encryption = fit_encryption_type(domain);

	if (encryption)
		need->encrypted++;
	if (fit_encryption_shares(encryption, need->encryption))
		need->alike++;

	if (chip && !need->owner && g_str_equal(chip, need->chip))
		need->owner = xml_child_text(domain, "name");
}

/* One that has ended meanwhile needs nothing any more. */
static bool look_at_domain(virDomain *dom, struct need *need, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(xmlDoc) doc = virt_xml_doc(dom, &cause);
	struct virt_state state;

	if (doc) {
		look_at(xmlDocGetRootElement(doc), need);
		return true;
	}

	if (!virt_state_read(dom, &state, error))
		return false;

	return state.gone || vmm_pass(error, &cause);
}

/* What a program that has died asked libvirt for is seen, too. */
static bool look_around(const struct action_ctx *ctx, struct need *need, GError **error)
{
	virDomain **list = NULL;
	bool ok = true;
	int n;

	if (!virt_barrier(ctx->conn, action_left_ms(ctx, BARRIER_MS), error))
		return false;
	n = virConnectListAllDomains(ctx->conn, &list, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
	if (n < 0)
		return virt_fail(error, "cannot list the domains of this host");
	for (int i = 0; i < n; i++) {
		ok = ok && look_at_domain(list[i], need, error);
		virDomainFree(list[i]);
	}

	free(list);

	return ok;
}

static bool check_chip(const struct need *need, GError **error)
{
	if (!need->owner)
		return true;
	vmm_fail(error, VMM_ERROR_BUSY, "the TPM of this host (%s) belongs to domain %s",
		 need->chip, need->owner);
	vmm_error_set_hint(error, "one VM at a time can have it: stop that one, or use another "
			   "host or TPM/TYPE = emulator");

	return false;
}

static bool fail_full(gint64 used, gint64 limit, const char *whose, GError **error)
{
	vmm_fail(error, VMM_ERROR_NO_RESOURCE, "no free slot for encrypted memory: %d of %d in use",
		 (int)used, (int)limit);
	vmm_error_set_hint(error, "use another host, or end one of the VMs; the limit is %s; "
			   "host_check --only sev,sev-es,sev-snp,tdx counts", whose);

	return false;
}

/* libvirt's limit is for guests that take of the same keys, the site's for all. */
static bool check_slots(const struct action_ctx *ctx, const struct need *need, gint64 slots,
			GError **error)
{
	bool limited = conf_kvmrc_string(ctx->rc, "NUM_MEMORY_ENCRYPTED_GUESTS") != NULL;
	gint64 limit = conf_kvmrc_int(ctx->rc, "NUM_MEMORY_ENCRYPTED_GUESTS");

	if (!need->encryption)
		return true;
	if (limited && need->encrypted >= limit)
		return fail_full(need->encrypted, limit, "NUM_MEMORY_ENCRYPTED_GUESTS of kvmrc",
				 error);
	if (slots >= 0 && need->alike >= slots)
		return fail_full(need->alike, slots, "the host's, for this TYPE", error);
	if (!limited && slots < 0)
		action_log("WARN", "how many guests with %s this host can run is not known: set "
			   "NUM_MEMORY_ENCRYPTED_GUESTS in kvmrc", need->encryption);

	return true;
}

bool host_share_take(const struct action_ctx *ctx, const xmlNode *domain, const HostFit *fit,
		     GError **error)
{
	struct need need = { .chip = chip_of(domain),
			     .encryption = fit_encryption_type(domain) };
	bool ok = true;

	if (need.chip || need.encryption)
		ok = lock_take_host(action_left_ms(ctx, LOCK_MS), error) &&
		     look_around(ctx, &need, error) && check_chip(&need, error) &&
		     check_slots(ctx, &need, fit->result.slots, error);
	if (ok && need.encryption)
		ok = pinned_memory_check(ctx, domain, error);
	need_clear(&need);

	return ok;
}

void host_share_end(void)
{
	lock_release_host();
}
