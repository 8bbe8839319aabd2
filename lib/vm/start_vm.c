/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/start_vm.h"

#include "action/lock.h"
#include "base/file.h"
#include "host/nvram.h"
#include "host/root_helper.h"
#include "host/tpm_archive.h"
#include "vm/cpu_proof.h"
#include "vm/create.h"
#include "vm/deployment.h"
#include "vm/host_share.h"
#include "vm/vtpm.h"
#include "vm/vtpm_secret.h"

enum { LOCK_MS = 60000 };

/*
 * Otherwise the host's agent could take the new passphrase for one that the VM's last guest left
 * (vtpm_secret_drop_left()).
 */
static bool lock_secret(const struct action_ctx *ctx, const xmlNode *domain, GError **error)
{
	g_autofree char *name = xml_child_text(domain, "name");

	if (!name || !vtpm_secret_needed(domain))
		return true;

	return lock_take(name, action_left_ms(ctx, LOCK_MS), error);
}

/*
 * Takes its part of what guests share, and makes what else it needs. RET_VGPU: whether one was
 * made, to be undone.
 */
static bool prepare_start(struct action_ctx *ctx, const struct start_order *vm, const char *xml,
			  bool *ret_vgpu, GError **error)
{
	if (!lock_secret(ctx, vm->domain, error))
		return false;
	if (!host_share_take(ctx, vm->domain, vm->fit, error))
		return false;
	if (!file_make_directory(vm->directory, error))
		return false;
	if (!file_write(vm->file, xml, strlen(xml), 0600, error))
		return false;
	root_helper_clean_memory(ctx, "CLEANUP_MEMORY_ON_START", true);
	if (!nvram_prepare(ctx, vm->domain, vm->directory, error))
		return false;
	if (!tpm_archive_prepare(vm->document, vm->directory, error))
		return false;
	if (!vtpm_bring(ctx, vm->domain, vm->directory, vm->host, error))
		return false;
	if (!vtpm_secret_provide(ctx->conn, vm->domain, vm->directory, vm->fit->secret_mode,
				 error))
		return false;
	if (!root_helper_needs_vgpu(vm->document))
		return true;
	*ret_vgpu = true;	/* of several, some may be there when it fails */
	return root_helper_vgpu(ctx, "create", vm->directory, error);
}

static void take_secret_back(const struct action_ctx *ctx, const xmlNode *domain)
{
	g_autofree char *uuid = xml_child_text(domain, "uuid");

	if (vtpm_secret_needed(domain))
		vtpm_secret_remove(ctx->conn, uuid);
}

enum action_outcome start_vm(struct action_ctx *ctx, const struct start_order *vm,
			     virDomain **ret_dom, GError **error)
{
	g_autofree char *xml = xml_print(vm->domain);
	enum action_outcome outcome = ACTION_FAILED;
	g_autoptr(GError) cause = NULL;
	bool vgpu = false;

	if (prepare_start(ctx, vm, xml, &vgpu, error))
		outcome = create_domain(ctx, vm->domain, xml, ret_dom, error);
	host_share_end();
	if (outcome == ACTION_DONE)
		outcome = cpu_proof(ctx, vm->fit, ret_dom, vm->mark, error);
	if (outcome == ACTION_DONE)
		vtpm_secret_started(ctx->conn, vm->domain);
	if (outcome != ACTION_FAILED)
		return outcome;
	take_secret_back(ctx, vm->domain);
	if (vgpu && !root_helper_vgpu(ctx, "delete", vm->directory, &cause))
		action_log("WARN", "%s", cause->message);

	return outcome;
}

enum action_outcome start_vm_adopt(struct action_ctx *ctx, const struct start_order *vm,
				   virDomain **dom, GError **error)
{
	if (vm->mark && !deployment_adopt(*dom, vm->mark, error))
		return ACTION_UNKNOWN;
	action_log("INFO", "domain %s runs already", virDomainGetName(*dom));
	vtpm_secret_started(ctx->conn, vm->domain);

	return cpu_proof_again(ctx, vm->fit, dom, vm->mark, error);
}
