/* SPDX-License-Identifier: Apache-2.0 */
#include "request_check.h"

#include "base/file.h"
#include "wire/ssh.h"
#include "step_args.h"
#include "or_else.h"

enum { MAX_DEPLOYMENT = 64 << 20 };

static bool read_deployment(struct step_context *c, GError **error)
{
	const char *path = or_else(c->request->local_file, "");
	g_autoptr(GError) cause = NULL;
	GString *text = file_read(path, MAX_DEPLOYMENT, &cause);

	if (text && text->len) {
		c->deployment = g_string_free_to_bytes(text);
		return true;
	}

	if (text)
		g_string_free(text, TRUE);

	return vmm_fail(error, VMM_ERROR_INPUT, "Cannot open deployment file %s: %s", path,
			cause ? cause->message : "it is empty");
}

static bool check_needs(const struct step_context *c, GError **error)
{
	const struct plan *p = c->plan;
	g_auto(GStrv) needs = g_strsplit(or_else(p->needs, ""), " ", -1);

	for (char **n = needs; *n; n++) {
		g_autofree char *text = **n ? tmpl_request_text(c->request, *n) : NULL;

		if (**n && !text)
			return vmm_fail(error, VMM_ERROR_INPUT, "Cannot perform %s, expecting %s",
					p->action, *n);
	}

	return true;
}

/* A live snapshot of a disk is for those pairs of drivers that LIVE_DISK_SNAPSHOTS names. */
static bool check_live_snapshot(const struct step_context *c, GError **error)
{
	g_autofree char *tm = tmpl_request_text(c->request, "VM/TEMPLATE/DISK"
						"[DISK_SNAPSHOT_ACTIVE='YES']/TM_MAD");
	g_autofree char *thin = tmpl_request_text(c->request, "VM/TEMPLATE/DISK"
						  "[DISK_SNAPSHOT_ACTIVE='YES']/LVM_THIN_ENABLE");
	g_autofree char *vmm = tmpl_request_text(c->request, "VM/HISTORY_RECORDS/HISTORY/VM_MAD");
	bool is_thin = g_str_equal(tm, "fs_lvm_ssh") && thin && !g_ascii_strcasecmp(thin, "yes");
	const char *driver = is_thin ? "lvm_thin" : tm;
	g_autofree char *pair = g_strdup_printf("%s-%s", or_else(vmm, ""), driver);

	if (g_strv_contains((const char *const *)c->settings->live_snapshots, pair))
		return true;

	return vmm_fail(error, VMM_ERROR_INCOMPATIBLE,
			"Cannot perform a live DISKSNAPSHOTCREATE operation");
}

static bool check_nic(const struct step_context *c, GError **error)
{
	const char *nic = step_args_nic(c->request);
	g_autofree char *xpath = g_strconcat(or_else(nic, ""), "/MAC", NULL);
	g_autofree char *mac = nic ? tmpl_request_text(c->request, xpath) : NULL;

	if (mac)
		return true;
	if (g_str_equal(c->plan->action, "DETACHNIC"))
		return vmm_fail(error, VMM_ERROR_INPUT, "Error in DETACHNIC, MAC needed in NIC");

	return vmm_fail(error, VMM_ERROR_INPUT, "Missing VN_MAD, BRIDGE, TARGET or MAC in VM NIC");
}

bool request_check(struct step_context *c, GError **error)
{
	const char *target = c->request->migr_host;
	unsigned checks = c->plan->checks;

	if (!wire_ssh_check_host(c->request->host, error))
		return false;
	if (!check_needs(c, error))
		return false;
	if (target && !wire_ssh_check_host(target, error))
		return false;
	if (checks & CHECK_NIC && !check_nic(c, error))
		return false;
	if (checks & CHECK_LIVE_SNAPSHOT && !check_live_snapshot(c, error))
		return false;

	return !(checks & CHECK_DEPLOYMENT) || read_deployment(c, error);
}
