/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/outcome_query.h"

#include <unistd.h>

#include "vm/checkpoint.h"
#include "vm/cpu_proof.h"
#include "vm/deployment.h"
#include "vm/stranded.h"
#include "vm/vtpm.h"
#include "action/other_host.h"
#include "base/number.h"
#include "virt/qemu_process.h"
#include "virt/virt_error.h"
#include "virt/pause.h"
#include "wire/ssh.h"

enum { CATCH_UP_MS = 60000, OPEN_MS = 30000, AGE_SLACK_S = 1 };

/* What was found of the VM here. */
struct found {
	virDomain *dom;		/* by its UUID, or by its name when that is all we have; or NULL */
	struct virt_state state;
	char uuid[VIR_UUID_STRING_BUFLEN];
};

typedef enum outcome_verdict judge_func(struct action_ctx *ctx, const struct outcome_case *c,
					const struct found *f, char **ret_info, GError **error);

const char *outcome_query_word(enum outcome_verdict verdict)
{
	static const char *const words[] = {
		[OUTCOME_DONE] = "done", [OUTCOME_NOT_DONE] = "not-done",
		[OUTCOME_REFUSED] = "refused", [OUTCOME_FINISH] = "finish",
		[OUTCOME_REPEAT] = "repeat",
		[OUTCOME_UNKNOWN] = "unknown", [OUTCOME_LATER] = "later",
	};

	return words[verdict];
}

static bool is_up(const struct found *f)
{
	if (!f->dom)
		return false;
	if (f->state.gone)
		return false;

	return virt_state_is_up(&f->state);
}

static bool is_gone(const struct found *f)
{
	if (!f->dom)
		return true;

	return f->state.gone;
}

static char *one_name(const struct outcome_case *c)
{
	return g_strdup_printf("one-%s", c->vm_id);
}

/* NULL with ERROR unset: it is not there. */
static virDomain *look_up(virConnect *conn, const char *id, GError **error)
{
	virDomain *dom = g_uuid_string_is_valid(id) ? virDomainLookupByUUIDString(conn, id) :
						      virDomainLookupByName(conn, id);

	if (!dom && !virt_last_is(VIR_ERR_NO_DOMAIN))
		virt_fail(error, "cannot look for domain %s", id);
	return dom;
}

/* The domain that a DEPLOY made: by its mark, whatever UUID the template gave it. */
static virDomain *look_up_marked(virConnect *conn, const struct outcome_case *c, GError **error)
{
	g_autofree char *name = one_name(c), *mark = NULL;
	g_autoptr(virDomain) dom = look_up(conn, name, error);

	if (!dom)
		return NULL;
	if (!deployment_read(dom, &mark, error))
		return NULL;
	if (g_strcmp0(mark, c->mark))
		return NULL;

	return g_steal_pointer(&dom);
}

static enum outcome_verdict judge_deploy(struct action_ctx *ctx, const struct outcome_case *c,
					 const struct found *f, char **ret_info, GError **error)
{
	if (is_gone(f))
		return OUTCOME_NOT_DONE;
	if (!is_up(f))
		return OUTCOME_LATER;
	/* deploy may have died before it looked at the guest's CPU: run again, it ends the VM. */
	if (!cpu_proof_lacks(ctx, f->dom, c->mark, ret_info, error))
		return OUTCOME_LATER;
	if (*ret_info)
		return OUTCOME_FINISH;
	*ret_info = g_strdup(f->uuid);

	return OUTCOME_DONE;
}

/* Whether the domain was started after the request was made: then it is not about this one. */
static bool is_younger(const struct outcome_case *c, const struct found *f)
{
	gint64 age_s = qemu_process_age_s(f->uuid);

	if (c->age_s < 0)
		return false;
	if (age_s < 0)
		return false;

	return age_s + AGE_SLACK_S < c->age_s;
}

static enum outcome_verdict judge_stop(struct action_ctx *ctx G_GNUC_UNUSED,
				       const struct outcome_case *c, const struct found *f,
				       char **ret_info, GError **error G_GNUC_UNUSED)
{
	if (is_gone(f))
		return OUTCOME_DONE;
	if (!is_younger(c, f))
		return OUTCOME_NOT_DONE;
	*ret_info = g_strdup_printf("domain %s was started after the request was made: it is left "
				    "alone", virDomainGetName(f->dom));

	return OUTCOME_REFUSED;
}

static enum outcome_verdict judge_save(struct action_ctx *ctx, const struct outcome_case *c,
				       const struct found *f, char **ret_info, GError **error)
{
	struct virt_state state = f->state;

	if (!is_gone(f) && !virt_wait_idle(f->dom, true, &state, error))
		return OUTCOME_LATER;
	if (f->dom && !state.gone)
		return OUTCOME_NOT_DONE;
	if (checkpoint_is_recent(ctx, c->checkpoint, c->deploy_id, c->vm_id))
		return OUTCOME_DONE;
	*ret_info = g_strdup_printf("the VM is gone, and %s is no checkpoint of it", c->checkpoint);
	return OUTCOME_NOT_DONE;
}

static enum outcome_verdict judge_restore(struct action_ctx *ctx G_GNUC_UNUSED,
					  const struct outcome_case *c G_GNUC_UNUSED,
					  const struct found *f, char **ret_info,
					  GError **error G_GNUC_UNUSED)
{
	if (is_gone(f))
		return OUTCOME_NOT_DONE;
	if (is_up(f) && !virt_paused_for_job(&f->state))
		return OUTCOME_DONE;
	*ret_info = g_strdup("its restore was cut short: the next one ends what is left of it");
	return OUTCOME_NOT_DONE;
}

/*
 * Whether migrate has something left to do for DOM, which is at its destination: the last bytes of
 * its files, before which it stays paused, and the note where its TPM's state is.
 */
static bool is_to_finish(const struct outcome_case *c, virDomain *dom,
			 const struct virt_state *state, bool *ret, GError **error)
{
	g_autoptr(xmlDoc) doc = NULL;

	*ret = state->state == VIR_DOMAIN_PAUSED && !tmpl_request_is_shared(c->request);
	if (*ret)
		return true;

	doc = virt_xml_doc(dom, error);
	if (!doc)
		return false;
	*ret = vtpm_needed(xmlDocGetRootElement(doc));

	return true;
}

static enum outcome_verdict judge_at_destination(struct action_ctx *ctx, const char *host,
						 const struct outcome_case *c, char **ret_info,
						 GError **error)
{
	g_autofree char *uri = other_host_libvirt_uri(ctx, host);
	g_autoptr(virConnect) there = virt_open(uri, action_left_ms(ctx, OPEN_MS), error);
	g_autoptr(virDomain) dom = there ? look_up(there, c->deploy_id, error) : NULL;
	struct virt_state state = { .gone = true };
	bool unfinished;

	if (*error)
		return OUTCOME_LATER;
	if (dom && !virt_state_read(dom, &state, error))
		return OUTCOME_LATER;
	if (!virt_state_is_up(&state) || virt_paused_for_job(&state)) {
		*ret_info = g_strdup_printf("the VM is neither here nor running on %s", host);
		return OUTCOME_UNKNOWN;
	}

	if (!is_to_finish(c, dom, &state, &unfinished, error))
		return OUTCOME_LATER;
	if (!unfinished)
		return OUTCOME_DONE;
	*ret_info = g_strdup_printf("the VM is on %s, and its files or its TPM's note are not "
				    "complete there", host);

	return OUTCOME_FINISH;
}

static enum outcome_verdict judge_migrate(struct action_ctx *ctx, const struct outcome_case *c,
					  const struct found *f, char **ret_info, GError **error)
{
	g_autofree char *to = tmpl_request_child(c->request, "MIGR_HOST");
	g_autofree char *from = tmpl_request_child(c->request, "HOST");
	g_autofree char *there = NULL;
	struct virt_state state = f->state;

	if (!wire_ssh_check_host(to, error))
		return OUTCOME_UNKNOWN;
	if (!g_strcmp0(to, from))
		return OUTCOME_UNKNOWN;
	if (is_gone(f))
		return judge_at_destination(ctx, to, c, ret_info, error);
	if (stranded_check(ctx, f->dom, &state, &there, error))
		return OUTCOME_NOT_DONE;
	if (!there)
		return OUTCOME_LATER;
	g_clear_error(error);
	*ret_info = g_strdup_printf("the VM runs on %s, and a paused copy is left here (hint: "
				    "migrate it there again, which ends the copy)", to);

	return OUTCOME_FINISH;
}

/* The first text among XPATH's elements "VM/TEMPLATE/X[ATTACH='YES']/NAME". */
static char *text_of_attached(const struct outcome_case *c, const char *element, const char *name)
{
	const xmlNode *template = xml_child(c->request->vm, "TEMPLATE");

	for (xmlNode *n = template ? template->children : NULL; n; n = n->next) {
		g_autofree char *attach = NULL;

		if (n->type != XML_ELEMENT_NODE)
			continue;
		if (!xmlStrEqual(n->name, BAD_CAST element))
			continue;
		attach = xml_child_text(n, "ATTACH");
		if (attach && !g_ascii_strcasecmp(attach, "yes"))
			return xml_child_text(n, name);
	}

	return NULL;
}

/* Whether NODE is an element KIND whose child PART has ATTRIBUTE with that VALUE, in any case. */
static bool is_device(const xmlNode *node, const char *kind, const char *part,
		      const char *attribute, const char *value)
{
	g_autofree char *has = NULL;

	if (!xmlStrEqual(node->name, BAD_CAST kind))
		return false;

	has = xml_child_attribute(node, part, attribute);
	if (!has)
		return false;

	return g_ascii_strcasecmp(has, value) == 0;
}

/* Whether the domain has a disk at TARGET or an interface with MAC; one of them is NULL. */
static bool has_device(const struct found *f, const char *target, const char *mac, bool *ret,
		       GError **error)
{
	g_autoptr(xmlDoc) doc = virt_xml_doc(f->dom, error);
	xmlNode *devices = xml_child(xmlDocGetRootElement(doc), "devices");

	*ret = false;
	for (xmlNode *n = devices ? devices->children : NULL; n; n = n->next) {
		if (target)
			*ret |= is_device(n, "disk", "target", "dev", target);
		else
			*ret |= is_device(n, "interface", "mac", "address", mac);
	}

	return doc != NULL;
}

static enum outcome_verdict judge_device(const struct outcome_case *c, const struct found *f,
					 bool attached, char **ret_info, GError **error)
{
	g_autofree char *target = text_of_attached(c, "DISK", "TARGET");
	g_autofree char *mac = target ? NULL : text_of_attached(c, "NIC", "MAC");
	bool there;

	if (is_gone(f))
		return attached ? OUTCOME_NOT_DONE : OUTCOME_DONE;
	if (!target && !mac)
		return attached ? OUTCOME_UNKNOWN : OUTCOME_REPEAT;
	if (!has_device(f, target, mac, &there, error))
		return OUTCOME_LATER;
	if (!there && attached)
		*ret_info = g_strdup("the VM does not have the device");
	if (there == attached)
		return OUTCOME_DONE;

	return OUTCOME_NOT_DONE;
}

static enum outcome_verdict judge_attach(struct action_ctx *ctx G_GNUC_UNUSED,
					 const struct outcome_case *c, const struct found *f,
					 char **ret_info, GError **error)
{
	return judge_device(c, f, true, ret_info, error);
}

static enum outcome_verdict judge_detach(struct action_ctx *ctx G_GNUC_UNUSED,
					 const struct outcome_case *c, const struct found *f,
					 char **ret_info, GError **error)
{
	return judge_device(c, f, false, ret_info, error);
}

static char *text_of_snapshot(const struct outcome_case *c, const char *name)
{
	const xmlNode *template = xml_child(c->request->vm, "TEMPLATE");

	for (xmlNode *n = template ? template->children : NULL; n; n = n->next) {
		g_autofree char *active = NULL;

		if (n->type != XML_ELEMENT_NODE || !xmlStrEqual(n->name, BAD_CAST "SNAPSHOT"))
			continue;
		active = xml_child_text(n, "ACTIVE");
		if (active && !g_ascii_strcasecmp(active, "yes"))
			return xml_child_text(n, name);
	}

	return NULL;
}

static bool has_snapshot(const struct found *f, const char *name, bool *ret, GError **error)
{
	g_autoptr(virDomainSnapshot) s = virDomainSnapshotLookupByName(f->dom, name, 0);

	*ret = s != NULL;
	if (s)
		return true;
	if (virt_last_is(VIR_ERR_NO_DOMAIN_SNAPSHOT))
		return true;

	return virt_fail(error, "cannot look for snapshot %s", name);
}

static enum outcome_verdict judge_snapshot_create(struct action_ctx *ctx G_GNUC_UNUSED,
						  const struct outcome_case *c,
						  const struct found *f, char **ret_info,
						  GError **error)
{
	g_autofree char *id = text_of_snapshot(c, "SNAPSHOT_ID");
	g_autofree char *name = id ? g_strconcat("snap-", id, NULL) : NULL;
	struct virt_state state;
	bool there;

	if (!name)
		return OUTCOME_UNKNOWN;
	if (is_gone(f))
		return OUTCOME_NOT_DONE;
	if (!virt_wait_idle(f->dom, true, &state, error))
		return OUTCOME_LATER;
	if (!has_snapshot(f, name, &there, error))
		return OUTCOME_LATER;
	if (there)
		*ret_info = g_strdup(name);
	else
		*ret_info = NULL;
	if (there)
		return OUTCOME_DONE;

	return OUTCOME_NOT_DONE;
}

static enum outcome_verdict judge_snapshot_delete(struct action_ctx *ctx G_GNUC_UNUSED,
						  const struct outcome_case *c,
						  const struct found *f,
						  char **ret_info G_GNUC_UNUSED, GError **error)
{
	g_autofree char *name = text_of_snapshot(c, "HYPERVISOR_ID");
	bool there;

	if (!name)
		return OUTCOME_REPEAT;
	if (is_gone(f))
		return OUTCOME_REPEAT;
	if (!has_snapshot(f, name, &there, error))
		return OUTCOME_LATER;

	if (there)
		return OUTCOME_NOT_DONE;

	return OUTCOME_DONE;
}

static enum outcome_verdict judge_absent(struct action_ctx *ctx G_GNUC_UNUSED,
					 const struct outcome_case *c, const struct found *f,
					 char **ret_info, GError **error)
{
	g_autofree char *name = one_name(c);
	g_autoptr(virDomain) dom = look_up(ctx->conn, name, error);
	struct virt_state state = { .gone = true };

	if (*error)
		return OUTCOME_LATER;
	if (dom && !virt_state_read(dom, &state, error))
		return OUTCOME_LATER;
	if (is_gone(f) && state.gone)
		return OUTCOME_DONE;
	*ret_info = g_strdup("the VM runs here");
	return OUTCOME_NOT_DONE;
}

static enum outcome_verdict judge_repeat(struct action_ctx *ctx G_GNUC_UNUSED,
					 const struct outcome_case *c G_GNUC_UNUSED,
					 const struct found *f G_GNUC_UNUSED,
					 char **ret_info G_GNUC_UNUSED,
					 GError **error G_GNUC_UNUSED)
{
	return OUTCOME_REPEAT;
}

static enum outcome_verdict judge_untraced(struct action_ctx *ctx G_GNUC_UNUSED,
					 const struct outcome_case *c,
					 const struct found *f G_GNUC_UNUSED, char **ret_info,
					 GError **error G_GNUC_UNUSED)
{
	*ret_info = g_strdup_printf("%s leaves nothing that tells whether it was done", c->action);
	return OUTCOME_UNKNOWN;
}

/* In these states a call of a client that has died may still be waiting in libvirt. */
static const struct {
	const char *action;
	judge_func *judge;
	bool catch_up;
} judges[] = {
	{ "absent", judge_absent, true },
	{ "deploy", judge_deploy, true },
	{ "restore", judge_restore, true },
	{ "shutdown", judge_stop, false },
	{ "cancel", judge_stop, true },
	{ "save", judge_save, false },
	{ "migrate", judge_migrate, false },
	{ "attach_disk", judge_attach, false },
	{ "attach_nic", judge_attach, false },
	{ "detach_disk", judge_detach, false },
	{ "detach_nic", judge_detach, false },
	{ "snapshot_create", judge_snapshot_create, false },
	{ "snapshot_delete", judge_snapshot_delete, false },
	{ "snapshot_revert", judge_repeat, false },
	{ "prereconfigure", judge_repeat, false },
	{ "reconfigure", judge_repeat, false },
	{ "resize", judge_repeat, false },
	{ "resize_disk", judge_repeat, false },
	{ "exec_cancel", judge_repeat, false },
	{ "poll", judge_repeat, false },
	{ "reboot", judge_untraced, false },
	{ "reset", judge_untraced, false },
	{ "exec", judge_untraced, false },
};

static bool find(struct action_ctx *ctx, const struct outcome_case *c, bool catch_up,
		 struct found *f, GError **error)
{
	if (catch_up && !virt_barrier(ctx->conn, action_left_ms(ctx, CATCH_UP_MS), error))
		return false;
	if (*c->deploy_id)
		f->dom = look_up(ctx->conn, c->deploy_id, error);
	if (!f->dom && !*error && c->mark)
		f->dom = look_up_marked(ctx->conn, c, error);
	if (f->dom && virDomainGetUUIDString(f->dom, f->uuid) < 0)
		virt_fail(error, "cannot read the UUID of domain %s", virDomainGetName(f->dom));

	if (*error)
		return false;

	return !f->dom || virt_state_read(f->dom, &f->state, error);
}

bool outcome_query(struct action_ctx *ctx, const struct outcome_case *c, enum outcome_verdict *ret,
		   char **ret_info, GError **error)
{
	struct found f = { .state.gone = true };
	g_autoptr(GError) cause = NULL;

	*ret_info = NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(judges); i++) {
		if (!g_str_equal(judges[i].action, c->action))
			continue;
		*ret = OUTCOME_LATER;
		if (find(ctx, c, judges[i].catch_up, &f, &cause))
			*ret = judges[i].judge(ctx, c, &f, ret_info, &cause);
		if (cause && !*ret_info)
			*ret_info = vmm_error_line(cause);
		if (f.dom)
			virDomainFree(f.dom);
		return true;
	}

	return vmm_fail(error, VMM_ERROR_USAGE, "there is no action '%s'", c->action);
}
