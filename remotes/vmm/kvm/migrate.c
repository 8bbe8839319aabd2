/* migrate - moves a running VM to another host, or its files to another datastore. */
#include "action/document.h"
#include "action/relocate.h"

enum { DAY_S = 86400 };

enum { DEPLOY_ID, DEST_HOST, SOURCE_HOST, VM_ID };

/* What the front-end's document says of it. */
struct request {
	Document *doc;
	bool shared;
	char *base;		/* directory of the datastore where it is; or NULL */
	char *target;		/* the VM's directory at the destination; or NULL */
};

static bool request_load(struct request *q, GError **error)
{
	g_autofree char *shared = NULL;

	q->doc = document_read(error);
	if (!q->doc)
		return false;
	shared = tmpl_xml_child_text(tmpl_xml_child(q->doc->datastore, "TEMPLATE"), "SHARED");
	q->shared = !q->doc->datastore || (shared && !g_ascii_strcasecmp(shared, "yes"));
	q->base = tmpl_xml_child_text(q->doc->datastore, "BASE_PATH");
	if (q->doc->doc)
		q->target = tmpl_xml_child_text(xmlDocGetRootElement(q->doc->doc),
						"DISK_TARGET_PATH");
	return true;
}

static void request_clear(struct request *q)
{
	g_clear_pointer(&q->doc, document_free);
	g_free(q->base);
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

static enum action_outcome to_host(struct relocation *r, const struct request *q, GError **error)
{
	const char *name = r->dom ? virDomainGetName(r->dom) : r->ctx->arg[DEPLOY_ID];

	if (!r->dom) {
		action_log("INFO", "domain %s is at %s already", name, r->dest_host);
		return ACTION_DONE;
	}
	if (!add_features(r, q, error))
		return ACTION_FAILED;
	if (r->ctx->dry_run) {
		action_print(r->ctx, "would migrate domain %s to %s\n", name, r->dest_uri);
		return ACTION_DONE;
	}
	return relocate_move(r, error);
}

static enum action_outcome run(struct action_ctx *ctx, GError **error)
{
	struct request q = { 0 };
	struct relocation r;
	enum action_outcome outcome = ACTION_FAILED;

	if (request_load(&q, error)) {
		outcome = relocate_look(&r, ctx, ctx->arg[DEST_HOST], error);
		if (outcome == ACTION_DONE)
			outcome = to_host(&r, &q, error);
		if (outcome == ACTION_DONE && r.dom && !ctx->dry_run)
			relocate_after(&r);
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
