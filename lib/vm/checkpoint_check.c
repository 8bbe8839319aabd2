/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/checkpoint_check.h"

#include <sys/stat.h>

#include "base/run_directory.h"
#include "base/text.h"
#include "conf/paths.h"
#include "domain/domain.h"
#include "vm/build_domain.h"
#include "vm/checkpoint.h"
#include "vm/domain_paths.h"
#include "vm/known_names.h"

/* What a walk of the checkpoint's domain needs. */
struct check {
	const KnownNames *known;
	const struct domain_policy *policy;
	const char *directory;		/* of the VM */
	char *bad;			/* the first that is not allowed; NULL: none so far */
	const char *key;		/* of vmm_exec.cfg, that would allow it */
};

static bool is_off(const struct action_ctx *ctx)
{
	const char *mode = conf_kvmrc_string(ctx->rc, "CHECKPOINT_CHECK");

	return !conf_kvmrc_bool(ctx->rc, "CHECKPOINT_CHECK") && g_ascii_strcasecmp(mode, "warn");
}

/* With CHECKPOINT_CHECK = warn what is wrong is no error. CAUSE is taken. */
static bool weigh(const struct action_ctx *ctx, GError *cause, GError **error)
{
	g_autoptr(GError) why = cause;

	if (g_ascii_strcasecmp(conf_kvmrc_string(ctx->rc, "CHECKPOINT_CHECK"), "warn"))
		return vmm_pass(error, &why);
	action_log("WARN", "%s", why->message);

	return true;
}

static bool check_one(const struct action_ctx *ctx, const char *path, GError **error)
{
	GError *cause = NULL;
	struct stat st;

	if (lstat(path, &st) < 0)
		return true;
	if (run_directory_is_trusted(&st))
		return true;
	vmm_fail(&cause, VMM_ERROR_REFUSED, "cannot use checkpoint %s: others than root and the "
		 "user who runs the actions could have written it (owner %u, mode %03o)", path,
		 (unsigned)st.st_uid, (unsigned)st.st_mode & 0777);
	vmm_error_set_hint(&cause, "it says which programs libvirt runs: if it certainly is the "
				   "VM's own, chown and chmod it");

	return weigh(ctx, cause, error);
}

bool checkpoint_check_owner(const struct action_ctx *ctx, const char *file, GError **error)
{
	static const char *const ends[] = { "", ".part", ".restoring" };

	if (is_off(ctx))
		return true;

	for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
		g_autofree char *path = g_strconcat(file, ends[i], NULL);

		if (!check_one(ctx, path, error))
			return false;
	}

	return true;
}

static bool is_below(const char *path, const char *directory)
{
	g_autofree char *plain = g_canonicalize_filename(path, "/");

	return text_is_below(plain, directory);
}

/* Whether PATH is in a datastore: where OpenNebula has them, or the VM's, "DATASTORES/ID/VM". */
static bool is_in_datastore(const struct check *c, const char *path)
{
	g_autofree char *stores = conf_path_var("datastores");
	g_autofree char *own = g_path_get_dirname(c->directory);
	g_autofree char *around = g_path_get_dirname(own);
	g_autofree char *id = g_path_get_basename(own);

	if (is_below(path, stores) || is_below(path, own))
		return true;

	return text_is_digits(id) && is_below(path, around);
}

/* A file of the host itself, not of a datastore, that only root can write and all may read. */
static bool is_hosts_own(const struct check *c, const char *path)
{
	g_autofree char *real = realpath(path, NULL);
	struct stat st;

	if (*path != '/' || !real || stat(real, &st) < 0)
		return false;
	if (is_in_datastore(c, path) || is_in_datastore(c, real))
		return false;

	return S_ISREG(st.st_mode) && st.st_uid == 0 && (st.st_mode & 0026) == 0004;
}

static bool may_run(const struct check *c, const char *place, const char *path)
{
	g_autofree char *name = g_path_get_basename(path);

	if (domain_policy_lists(c->policy->script_paths, path))
		return true;
	if (!g_str_equal(place, "domain/devices/emulator"))
		return false;

	return g_str_has_prefix(name, "qemu") && is_hosts_own(c, path);
}

static bool may_boot(const struct check *c, const char *path)
{
	if (*path == '/' && is_below(path, c->directory))
		return true;
	if (domain_policy_lists(c->policy->kernel_paths, path))
		return true;

	return is_hosts_own(c, path);
}

static void refuse(struct check *c, char *what, const char *key)
{
	c->bad = what;
	c->key = key;
}

static void refuse_value(const char *place, const char *value, void *data)
{
	struct check *c = data;
	const char *key = NULL;

	if (c->bad || reach_kind_of(place) != REACH_OPEN)
		return;
	if (known_names_has(c->known, place, value))
		return;

	switch (reach_use_of(place)) {
	case REACH_SCRIPT:
		key = may_run(c, place, value) ? NULL : "domain.script_paths";
		break;
	case REACH_KERNEL:
		key = may_boot(c, value) ? NULL : "domain.kernel_paths";
		break;
	case REACH_COMMAND:
		key = c->policy->qemu_commandline ? NULL : "domain.qemu_commandline";
		break;
	default:	/* images, names, or a gate stops them */
		break;
	}

	if (key)
		refuse(c, known_names_value_text(place, value), key);
}

/* libvirt makes such a label anew for each guest. */
static bool is_made_label(const xmlNode *node)
{
	return xml_has(node, "type", "dynamic") && !xml_child(node, "baselabel") &&
	       !xml_has(node, "relabel", "no");
}

static void remove_child(xmlNode *node, const char *name)
{
	xmlNode *child = xml_child(node, name);

	if (!child)
		return;
	xmlUnlinkNode(child);
	xmlFreeNode(child);
}

/* NODE without what libvirt adds: its name and address in the guest. The caller frees. */
static xmlNode *without_additions(const xmlNode *node)
{
	xmlNode *copy = xmlCopyNode((xmlNode *)node, 1);

	remove_child(copy, "alias");
	remove_child(copy, "address");

	return copy;
}

/* Of a USB device that is named by its vendor, libvirt adds where on the bus it found it. */
static xmlNode *without_bus_address(const xmlNode *source)
{
	xmlNode *copy = xmlCopyNode((xmlNode *)source, 1);

	if (xml_child(copy, "vendor"))
		remove_child(copy, "address");

	return copy;
}

/* The host's part of a device is in its SOURCE, if it has one. */
static bool is_known_device(const struct check *c, const char *place, const xmlNode *node)
{
	g_autofree char *at = g_strconcat(place, "/source", NULL);
	const xmlNode *source = xml_child(node, "source");
	xmlNode *bare = without_additions(node);
	bool known = known_names_has_node(c->known, place, bare);

	xmlFreeNode(bare);
	if (known || !source)
		return known;
	bare = without_bus_address(source);
	known = known_names_has_node(c->known, at, bare);
	xmlFreeNode(bare);
	if (known)
		return true;

	return known_names_has_node(c->known, at, source);
}

static void refuse_gate(const char *place, const xmlNode *node, enum reach_use use, void *data)
{
	struct check *c = data;
	const char *key = NULL;

	if (c->bad)
		return;
	if (use == REACH_DEVICE && !c->policy->host_devices && !is_known_device(c, place, node))
		key = "domain.host_devices";
	if (use == REACH_SECLABEL && !c->policy->seclabel && !is_made_label(node) &&
	    !known_names_has_node(c->known, place, node))
		key = "domain.seclabel";
	if (key)
		refuse(c, known_names_node_text(place, node), key);
}

static void refuse_foreign(const xmlNode *node, bool command, void *data)
{
	struct check *c = data;
	bool known = known_names_has_node(c->known, "", node);

	if (!c->bad && command && !c->policy->qemu_commandline && !known)
		refuse(c, known_names_node_text("", node), "domain.qemu_commandline");
}

static void skip_node(const char *place G_GNUC_UNUSED, const xmlNode *node G_GNUC_UNUSED,
		       void *data G_GNUC_UNUSED)
{
}

/* Adds what the deployment FILE of domain NAME says, if nobody else could have written it. */
static void add_deployment(KnownNames *known, const char *file, const char *name)
{
	g_autofree char *text = NULL, *of = NULL;
	g_autoptr(xmlDoc) doc = NULL;
	struct stat st;
	gsize len;

	if (lstat(file, &st) < 0 || !S_ISREG(st.st_mode) || !run_directory_is_trusted(&st))
		return;
	if (!g_file_get_contents(file, &text, &len, NULL))
		return;
	doc = xml_parse(text, len, file, NULL);
	of = doc ? xml_child_text(xmlDocGetRootElement(doc), "name") : NULL;
	if (!g_strcmp0(of, name))
		known_names_add(known, xmlDocGetRootElement(doc));
}

/* What the deployment files beside a checkpoint name. The caller frees. */
static KnownNames *known_of(const char *directory, const xmlNode *domain)
{
	g_autofree char *name = xml_child_text(domain, "name");
	g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
	KnownNames *known = known_names_new();
	const char *entry;

	while (dir && (entry = g_dir_read_name(dir))) {
		g_autofree char *file = g_build_filename(directory, entry, NULL);

		if (g_str_has_prefix(entry, "deployment."))
			add_deployment(known, file, name);
	}

	return known;
}

static bool check_domain(const struct action_ctx *ctx, const char *file, const xmlNode *domain,
			 GError **error)
{
	static const struct reach_visitor checker = {
		.node = skip_node, .value = refuse_value, .gate = refuse_gate,
		.foreign = refuse_foreign,
	};
	g_autofree char *above = g_path_get_dirname(file), *bad = NULL;
	g_autofree char *directory = g_canonicalize_filename(above, "/");
	g_autoptr(KnownNames) known = known_of(directory, domain);
	struct check c = { .known = known, .directory = directory };
	GError *cause = NULL;

	if (is_off(ctx))
		return true;
	c.policy = build_domain_policy(error);
	if (!c.policy)
		return false;
	known_names_walk(domain, &checker, &c);
	bad = c.bad;
	if (!bad)
		return true;
	vmm_fail(&cause, VMM_ERROR_REFUSED, "cannot use checkpoint %s: its domain has '%.200s', "
		 "which neither the VM's deployment file has nor %s in vmm_exec.cfg allows", file,
		 bad, c.key);
	vmm_error_set_hint(&cause, "the file may be forged; if it is not, allow that, or set "
				   "CHECKPOINT_CHECK=warn in kvmrc for this restore");

	return weigh(ctx, cause, error);
}

xmlDoc *checkpoint_check_load(const struct action_ctx *ctx, const char *file,
			      const char *deploy_id, const char *vm_id, bool *ret_changed,
			      GError **error)
{
	g_autoptr(xmlDoc) doc = NULL;

	if (!checkpoint_check_owner(ctx, file, error))
		return NULL;
	doc = checkpoint_domain_of(ctx, file, deploy_id, vm_id, error);
	if (!doc)
		return NULL;
	*ret_changed = domain_paths_rewrite(xmlDocGetRootElement(doc), file, vm_id);
	if (!check_domain(ctx, file, xmlDocGetRootElement(doc), error))
		return NULL;

	return g_steal_pointer(&doc);
}
