/* migrate - moves a running VM to another host, or its files to another datastore. */
#include "action/request_document.h"
#include "host/root_helper.h"
#include "migrate/move_datastore.h"
#include "migrate/copy_to_host.h"
#include "vm/vtpm.h"

enum { DAY_S = 86400 };

enum { DEPLOY_ID, DEST_HOST, SOURCE_HOST, VM_ID };

/* What the front-end's document says of it. */
struct request {
	Document *doc;
	bool shared;
	char *from, *target;	/* the VM's directory now and then; or NULL */
};

static bool request_load(struct request *q, GError **error)
{
	g_autofree char *shared = NULL, *base = NULL, *id = NULL;

	q->doc = document_read(error);
	if (!q->doc)
		return false;
	shared = tmpl_xml_child_text(tmpl_xml_child(q->doc->datastore, "TEMPLATE"), "SHARED");
	q->shared = !q->doc->datastore || (shared && !g_ascii_strcasecmp(shared, "yes"));
	base = tmpl_xml_child_text(q->doc->datastore, "BASE_PATH");
	id = tmpl_xml_child_text(q->doc->vm, "ID");
	if (base && id)
		q->from = g_build_filename(base, id, NULL);
	if (q->doc->doc)
		q->target = tmpl_xml_child_text(xmlDocGetRootElement(q->doc->doc),
						"DISK_TARGET_PATH");
	return true;
}

static void request_clear(struct request *q)
{
	g_clear_pointer(&q->doc, document_free);
	g_free(q->from);
	g_free(q->target);
}

/* FEATURES of the VM: "MIGRATE_AUTO_CONVERGE" = "20,10", "MIGRATE_COMPRESSED" = "YES". */
static bool add_features(struct relocation *r, const struct request *q, GError **error)
{
	xmlNode *features = tmpl_xml_child(tmpl_xml_child(q->doc->vm, "TEMPLATE"), "FEATURES");
	g_autofree char *converge = tmpl_xml_child_text(features, "MIGRATE_AUTO_CONVERGE");
	g_autofree char *compressed = tmpl_xml_child_text(features, "MIGRATE_COMPRESSED");

	if (compressed && !g_ascii_strcasecmp(compressed, "yes"))
		r->how->flags |= VIR_MIGRATE_COMPRESSED;
	return !converge || virt_migration_converge(r->how, converge, error);
}

/* With storage of its own each: the files go first, and the last of them after it. */
static enum action_outcome with_files(struct relocation *r, const char *from, const char *to,
				      GError **error)
{
	struct relocate_files f;
	enum action_outcome outcome = ACTION_FAILED;

	if (relocate_files_prepare(&f, r, from, to, error)) {
		outcome = relocate_move(r, error);
		if (outcome == ACTION_DONE && !relocate_files_finish(&f, error))
			outcome = ACTION_UNKNOWN;
		else if (outcome == ACTION_FAILED)
			relocate_files_undo(&f);
	}
	relocate_files_clear(&f);
	return outcome;
}

static enum action_outcome to_host(struct relocation *r, const struct request *q, GError **error)
{
	const char *name = r->dom ? virDomainGetName(r->dom) : r->ctx->arg[DEPLOY_ID];

	if (!r->dom) {
		action_log("INFO", "domain %s is at %s already", name, r->dest_host);
		return q->shared || r->ctx->dry_run || !q->from || !q->target ||
		       relocate_files_repair(r, q->from, q->target, error) ? ACTION_DONE :
									     ACTION_UNKNOWN;
	}
	if (!add_features(r, q, error))
		return ACTION_FAILED;
	if (r->ctx->dry_run) {
		action_print(r->ctx, "would migrate domain %s to %s\n", name, r->dest_uri);
		return ACTION_DONE;
	}
	return q->shared ? relocate_move(r, error) : with_files(r, q->from, q->target, error);
}

/* To another datastore of the same host. */
static enum action_outcome stay(struct action_ctx *ctx, const struct request *q, GError **error)
{
	g_autoptr(virDomain) dom = action_domain_alone(ctx, error);

	if (!dom)
		return ACTION_FAILED;
	return relocate_datastore(ctx, dom, q->from, q->target, error);
}

static void after(struct relocation *r)
{
	relocate_after(r);
	host_clean_memory(r->ctx, "CLEANUP_MEMORY_ON_STOP", false);
}

static enum action_outcome run(struct action_ctx *ctx, GError **error)
{
	struct request q = { 0 };
	struct relocation r;
	enum action_outcome outcome;

	if (!request_load(&q, error)) {
		outcome = ACTION_FAILED;
	} else if (!g_strcmp0(ctx->arg[DEST_HOST], ctx->arg[SOURCE_HOST]) && q.from && q.target) {
		outcome = stay(ctx, &q, error);
	} else {
		outcome = relocate_look(&r, ctx, ctx->arg[DEST_HOST], error);
		if (outcome == ACTION_DONE)
			outcome = to_host(&r, &q, error);
		if (outcome == ACTION_DONE && r.sides.dest && !ctx->dry_run)
			vtpm_moved(ctx, r.sides.dest, r.dest_host);
		if (outcome == ACTION_DONE && r.dom && !ctx->dry_run)
			after(&r);
		relocate_clear(&r);
	}
	request_clear(&q);
	return outcome;
}

const struct action action = {
	.name = "migrate", .usage = "DEPLOY_ID DESTINATION [HOST [VM_ID]]",
	.summary = "Moves a running VM to another host; one that is there already is done.",
	.min_args = 2, .vm_id = VM_ID, .deadline_s = DAY_S, .run = run,
};
