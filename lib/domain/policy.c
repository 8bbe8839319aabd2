#include "domain/families.h"

/* deployment.md 5.1 (E5 to E7, E9): what a VM's own template may ask of the host. */

static const struct domain_policy nothing = { .kernel_paths = "", .script_paths = "",
					      .host_paths = "", .schema = "" };

struct domain_policy domain_policy_of(const ConfCfg *cfg)
{
	return (struct domain_policy){
		.kernel_paths = conf_cfg_string(cfg, "domain.kernel_paths"),
		.script_paths = conf_cfg_string(cfg, "domain.script_paths"),
		.host_paths = conf_cfg_string(cfg, "domain.host_paths"),
		.qemu_commandline = conf_cfg_bool(cfg, "domain.qemu_commandline"),
		.seclabel = conf_cfg_bool(cfg, "domain.seclabel"),
		.host_devices = conf_cfg_bool(cfg, "domain.host_devices"),
		.schema = conf_cfg_string(cfg, "domain.schema"),
	};
}

const struct domain_policy *domain_policy(const DomainBuild *b)
{
	return b->options->policy ? b->options->policy : &nothing;
}

/* Whether PATH, without any "..", is DIRECTORY or below it. */
static bool is_below(const char *path, const char *directory)
{
	g_autofree char *clean = g_canonicalize_filename(directory, "/");
	size_t n = strlen(clean);

	if (!strcmp(clean, "/"))
		return true;
	return !strncmp(path, clean, n) && (!path[n] || path[n] == '/');
}

static bool is_in(const char *path, const char *list)
{
	g_auto(GStrv) directories = g_strsplit(list, ":", -1);

	for (char **d = directories; *d; d++)
		if (**d == '/' && is_below(path, *d))
			return true;
	return false;
}

static bool is_own(const DomainBuild *b, const char *path)
{
	return is_below(path, b->directory);
}

static bool is_of_datastore(const DomainBuild *b, const char *path)
{
	g_autofree char *store = g_path_get_dirname(b->directory);
	g_autofree char *stores = g_path_get_dirname(store);

	return *stores == '/' && strcmp(stores, "/") != 0 && is_below(path, stores);
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
			       is_of_datastore },
};

bool domain_may_use(DomainBuild *b, const TmplAttr *device, const char *what, const char *path,
		    enum domain_path use)
{
	const struct path_use *u = &uses[use];
	g_autofree char *clean = *path == '/' ? g_canonicalize_filename(path, "/") : NULL;
	const char *const *list = G_STRUCT_MEMBER_P(domain_policy(b), u->list);

	if (clean && ((u->is_free && u->is_free(b, clean)) || is_in(clean, *list)))
		return true;
	domain_problem(b, device, "%s = '%.200s': a path of the host that %s in vmm_exec.cfg does "
		       "not allow", what, path, u->key);
	return false;
}

void domain_not_allowed(DomainBuild *b, const char *what, const char *key)
{
	domain_problem(b, NULL, "%s gives the guest more of its host than %s in vmm_exec.cfg "
		       "allows", what, key);
}
