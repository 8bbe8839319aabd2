/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

#include "base/text.h"

/*
 * docs/facts/deployment.md 5.1 (E5 to E7, E9): what a VM's own template may ask of the host.
 *
 * libvirtd is root, and opens for the guest whatever the document names. OpenNebula
 * lets users write much of that document, so each path and name is checked here
 * against what the administrator lists in vmm_exec.cfg. Host, cluster and defaults
 * are the administrator's own words and are not checked.
 */

/* A caller that has no vmm_exec.cfg allows nothing. */
static const struct domain_policy nothing = { .kernel_paths = "", .script_paths = "",
					      .host_paths = "", .schema = "" };

struct domain_policy domain_policy_of(const ConfCfg *cfg)
{
	return (struct domain_policy){
		.kernel_paths = conf_cfg_string(cfg, "domain.kernel_paths"),
		.script_paths = conf_cfg_string(cfg, "domain.script_paths"),
		.host_paths = conf_cfg_string(cfg, "domain.host_paths"),
		.bridges = conf_cfg_string(cfg, "domain.bridges"),
		.networks = conf_cfg_string(cfg, "domain.networks"),
		.pools = conf_cfg_string(cfg, "domain.pools"),
		.network_sources = conf_cfg_string(cfg, "domain.network_sources"),
		.qemu_commandline = conf_cfg_bool(cfg, "domain.qemu_commandline"),
		.seclabel = conf_cfg_bool(cfg, "domain.seclabel"),
		.host_devices = conf_cfg_bool(cfg, "domain.host_devices"),
		.schema = conf_cfg_string(cfg, "domain.schema"),
	};
}

const struct domain_policy *domain_builder_policy(const DomainBuild *b)
{
	if (b->options->policy)
		return b->options->policy;
	return &nothing;
}

/* Whether PATH, without any "..", is DIRECTORY or below it. */
static bool is_below(const char *path, const char *directory)
{
	g_autofree char *clean = g_canonicalize_filename(directory, "/");

	if (g_str_equal(clean, "/") || g_str_equal(path, clean))
		return true;

	return text_is_below(path, clean);
}

/* A relative directory in the list would be below wherever the driver was started. */
static bool is_in(const char *path, const char *list)
{
	g_auto(GStrv) directories = g_strsplit(list, ":", -1);

	for (char **d = directories; *d; d++)
		if (**d == '/' && is_below(path, *d))
			return true;

	return false;
}

bool domain_policy_lists(const char *list, const char *path)
{
	g_autofree char *clean = NULL;

	if (*path != '/')
		return false;
	clean = g_canonicalize_filename(path, "/");

	return is_in(clean, list);
}

/* What we, deploy and OpenNebula keep in a VM's directory and read again: no guest's to write. */
static bool is_kept(const char *name)
{
	static const char *const kept[] = { ".*", "deployment.*", "vm.xml", "ds.xml", "checkpoint*",
					    "snap-*", "tpm*", "*_VARS.fd*", "*nvram*", "vgpu*" };

	for (size_t i = 0; i < G_N_ELEMENTS(kept); i++)
		if (g_pattern_match_simple(kept[i], name))
			return true;

	return false;
}

/* A file in the VM's directory, not the directory itself. */
static bool is_own(const DomainBuild *b, const char *path)
{
	g_autofree char *clean = g_canonicalize_filename(b->directory, "/");
	size_t n = strlen(clean);

	if (!is_below(path, clean))
		return false;
	if (path[n] != '/')
		return false;

	return !is_kept(path + n + 1);
}

/*
 * An image: DATASTORES/ID/NAME. Below the VM's own datastore, and below a number
 * in any other, are the directories of VMs.
 */
static bool is_image(const DomainBuild *b, const char *path)
{
	g_autofree char *directory = g_canonicalize_filename(b->directory, "/");
	g_autofree char *store = g_path_get_dirname(directory);
	g_autofree char *stores = g_path_get_dirname(store);
	g_auto(GStrv) part = NULL;

	if (!strcmp(stores, "/"))
		return false;
	if (!is_below(path, stores))
		return false;
	if (is_below(path, store))
		return false;

	part = g_strsplit(path + strlen(stores), "/", 4);
	if (g_strv_length(part) < 3)
		return false;
	if (!*part[2])
		return false;

	return !text_is_digits(part[2]);
}

/* OpenNebula has given the VM both: its own files, and images that its owner may use. */
static bool is_own_or_image(const DomainBuild *b, const char *path)
{
	if (is_own(b, path))
		return true;
	return is_image(b, path);
}

static const struct path_use {
	const char *key;
	size_t list;		/* offset in struct domain_policy */
	bool (*is_free)(const DomainBuild *b, const char *path);	/* NULL: none is */
} uses[] = {
	[DOMAIN_PATH_KERNEL] = { "domain.kernel_paths",
				 offsetof(struct domain_policy, kernel_paths), is_own },
	[DOMAIN_PATH_SCRIPT] = { "domain.script_paths",
				 offsetof(struct domain_policy, script_paths), NULL },
	[DOMAIN_PATH_DATA] = { "domain.host_paths", offsetof(struct domain_policy, host_paths),
			       is_own_or_image },
};

bool domain_may_use(DomainBuild *b, const TmplAttr *device, const char *what, const char *path,
		    enum domain_path use)
{
	const struct path_use *u = &uses[use];
	g_autofree char *clean = NULL;
	const char *const *list = G_STRUCT_MEMBER_P(domain_builder_policy(b), u->list);

	/* Without "..", or a path below an allowed directory could leave it again. */
	if (*path == '/')
		clean = g_canonicalize_filename(path, "/");

	if (!clean) {
		domain_problem(b, device, "%s = '%.200s': a path must begin with '/'", what, path);
		return false;
	}

	if (u->is_free && u->is_free(b, clean))
		return true;
	if (is_in(clean, *list))
		return true;

	domain_problem(b, device, "%s = '%.200s': a path of the host that %s in vmm_exec.cfg does "
		       "not allow", what, path, u->key);

	return false;
}

static const struct {
	const char *key;
	size_t list;		/* offset in struct domain_policy */
} names[] = {
	[DOMAIN_NAME_BRIDGE] = { "domain.bridges", offsetof(struct domain_policy, bridges) },
	[DOMAIN_NAME_NETWORK] = { "domain.networks", offsetof(struct domain_policy, networks) },
	[DOMAIN_NAME_POOL] = { "domain.pools", offsetof(struct domain_policy, pools) },
	[DOMAIN_NAME_SOURCE] = { "domain.network_sources",
				 offsetof(struct domain_policy, network_sources) },
};

/* Blanks separate patterns: a bridge, network or pool has none in its name. */
static bool matches(const char *name, const char *list)
{
	g_auto(GStrv) patterns = g_strsplit_set(domain_or(list, ""), " \t\n", -1);

	for (char **p = patterns; *p; p++)
		if (**p && g_pattern_match_simple(*p, name))
			return true;

	return false;
}

/*
 * Whether a NIC of the VM is at that bridge: then OpenNebula has let the VM into that
 * network, and RAW only says more about the same NIC.
 */
static bool has_bridge(const DomainBuild *b, const char *bridge)
{
	const TmplAttr *nic = NULL;

	while ((nic = tmpl_set_next(b->vm->level[TMPL_VM], "NIC", nic)))
		if (!g_strcmp0(tmpl_attr_text(nic, "BRIDGE"), bridge))
			return true;

	return false;
}

/*
 * OpenNebula calls them one-VM-NIC; libvirt lets a VM have one that is there. Of a NIC that is
 * attached oned has made the name.
 */
static bool is_free_tap(const DomainBuild *b, const char *name)
{
	g_autofree char *own = g_strdup_printf("one-%s-", b->id);

	if (strchr(name, '/') || b->attach)
		return !strchr(name, '/');
	if (!g_str_has_prefix(name, "one-"))
		return true;

	return g_str_has_prefix(name, own);
}

bool domain_may_name(DomainBuild *b, const char *what, const char *name, enum domain_name use)
{
	if (use == DOMAIN_NAME_TAP) {
		if (is_free_tap(b, name))
			return true;

		domain_problem(b, NULL, "%s = '%.200s': not a name for a NIC of this VM", what,
			       name);
		return false;
	}

	/* Devices of the host were the key of pools before there was one. */
	if (use == DOMAIN_NAME_BRIDGE && has_bridge(b, name))
		return true;
	if (use == DOMAIN_NAME_POOL && domain_builder_policy(b)->host_devices)
		return true;
	if (matches(name, *(const char *const *)G_STRUCT_MEMBER_P(domain_builder_policy(b),
								  names[use].list)))
		return true;

	domain_problem(b, NULL, "%s = '%.200s': a name of the host that %s in vmm_exec.cfg does "
		       "not allow", what, name, names[use].key);

	return false;
}

void domain_not_allowed(DomainBuild *b, const char *what, const char *key)
{
	domain_problem(b, NULL, "%s gives the guest more of its host than %s in vmm_exec.cfg "
		       "allows", what, key);
}
