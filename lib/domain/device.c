#include "domain/families.h"

/* deployment.md 2.24 (TPM), 2.28 (guest agent), 2.15 (virtiofs), 2.29 (memory encryption) */

#define DEFAULT_TUNE_OFFSET_MIB 256
#define VIRTIOFSD "/var/tmp/one/vmm/kvm/virtiofsd.sh"
#define LIBVIRT_IDMAP DOMAIN_LIBVIRT(10, 0, 0)

static const char *const tpm_models[] = { "tpm-tis", "tpm-crb", "tpm-spapr", NULL };

static const struct domain_rule tpm_rules[] = {
	/* attribute   levels path               convert        argument    absent */
	{ "TPM/MODEL", 0,     "@model",          domain_one_of, tpm_models, NULL },
	{ NULL,        0,     "backend@type",    NULL,          NULL,       "emulator" },
	{ NULL,        0,     "backend@version", NULL,          NULL,       "2.0" },
};

void domain_tpm(DomainBuild *b, xmlNode *devices)
{
	if (domain_text(b, NULL, "TPM/MODEL", TMPL_IN_ALL))
		DOMAIN_EMIT(b, domain_element(devices, "tpm"), tpm_rules, NULL);
}

static const struct domain_rule agent_rules[] = {
	{ NULL, 0, "@type",       NULL, NULL, "unix" },
	{ NULL, 0, "source@mode", NULL, NULL, "bind" },
	{ NULL, 0, "target@type", NULL, NULL, "virtio" },
	{ NULL, 0, "target@name", NULL, NULL, "org.qemu.guest_agent.0" },
};

void domain_channels(DomainBuild *b, xmlNode *devices)
{
	if (domain_bool(b, NULL, "FEATURES/GUEST_AGENT", TMPL_IN_ALL))
		DOMAIN_EMIT(b, domain_element(devices, "channel"), agent_rules, NULL);
}

static bool is_absolute(const char *path)
{
	return *path == '/' && !strstr(path, "/../") && !g_str_has_suffix(path, "/..");
}

static const struct domain_rule filesystem_rules[] = {
	/* attribute        levels      path                   convert arg absent */
	{ NULL,             0,          "@type",               NULL, NULL, "mount" },
	{ NULL,             0,          "@accessmode",         NULL, NULL, "passthrough" },
	{ NULL,             0,          "driver@type",         NULL, NULL, "virtiofs" },
	{ NULL,             0,          "driver@queue",        NULL, NULL, "1024" },
	{ NULL,             0,          "binary@path",         NULL, NULL, VIRTIOFSD },
	{ NULL,             0,          "binary@xattr",        NULL, NULL, "on" },
	{ NULL,             0,          "binary/cache@mode",   NULL, NULL, "always" },
	{ NULL,             0,          "binary/sandbox@mode", NULL, NULL, "namespace" },
	{ "DISK/SOURCE",    TMPL_IN_VM, "source@dir",          NULL, NULL, NULL },
	{ "DISK/MOUNT_TAG", TMPL_IN_VM, "target@dir",          NULL, NULL, NULL },
};

static const struct domain_rule idmap_rules[] = {
	/* attribute     levels        path                convert         arg   absent */
	{ NULL,          0,            "idmap/uid@start",  NULL,           NULL, "0" },
	{ "DISK/UID_MAP", TMPL_IN_SITE, "idmap/uid@target", domain_decimal, NULL, "100000" },
	{ NULL,          0,            "idmap/uid@count",  NULL,           NULL, "65536" },
	{ NULL,          0,            "idmap/gid@start",  NULL,           NULL, "0" },
	{ "DISK/GID_MAP", TMPL_IN_SITE, "idmap/gid@target", domain_decimal, NULL, "100000" },
	{ NULL,          0,            "idmap/gid@count",  NULL,           NULL, "65536" },
};

/* Without the map the guest's root would be the host's. */
void domain_filesystem(DomainBuild *b, xmlNode *devices, const TmplAttr *disk)
{
	const char *source = tmpl_attr_text(disk, "SOURCE");
	const char *tag = tmpl_attr_text(disk, "MOUNT_TAG");
	xmlNode *node = domain_element(devices, "filesystem");

	if (b->options->libvirt < LIBVIRT_IDMAP)
		domain_problem(b, disk,
			       "TYPE = 'FILESYSTEM' needs a host with libvirt 10.0.0 or later");
	if (!source || !is_absolute(source))
		domain_problem(b, disk, "SOURCE = '%s': not an absolute path",
			       source ? source : "");
	if (!tag || strlen(tag) > 36)
		domain_problem(b, disk, "MOUNT_TAG = '%s': not 1 to 36 bytes", tag ? tag : "");
	DOMAIN_EMIT(b, node, filesystem_rules, disk);
	DOMAIN_EMIT(b, node, idmap_rules, disk);
	if (domain_bool(b, disk, "DISK/READONLY", TMPL_IN_VM))
		domain_element(node, "readonly");
}

static const struct {
	const char *type, *policy;
} encryptions[] = {
	{ "SEV",    "0x00000003" },	/* no debugging, no key sharing */
	{ "SEV-ES", "0x00000007" },	/* and encrypted state */
};

static void launch_security(DomainBuild *b, xmlNode *domain, const char *policy)
{
	guint64 offset = DEFAULT_TUNE_OFFSET_MIB;
	g_autofree char *limit = NULL;

	domain_number(b, NULL, "MEMORY_TUNE_OFFSET", TMPL_IN_VM | TMPL_IN_CONF, 0, G_MAXUINT32,
		      &offset);
	limit = g_strdup_printf("%" G_GUINT64_FORMAT, b->memory_mib + offset);
	domain_put(b, domain, "launchSecurity@type", "sev");
	domain_put(b, domain, "launchSecurity/policy", policy);
	domain_put(b, domain, "memtune/hard_limit", limit);
	domain_put(b, domain, "memtune/hard_limit@unit", "MiB");
}

void domain_encryption(DomainBuild *b, xmlNode *domain)
{
	const TmplSet *vm = b->vm->level[TMPL_VM];
	const TmplAttr *vector = tmpl_set_vector(vm, "MEMORY_ENCRYPTION");
	const char *type = tmpl_attr_text(vector, "TYPE");

	if (!vector)
		return;
	if (tmpl_set_next(vm, "MEMORY_ENCRYPTION", vector))
		domain_problem(b, NULL, "MEMORY_ENCRYPTION stands there twice");
	for (size_t i = 0; type && i < G_N_ELEMENTS(encryptions); i++)
		if (!g_ascii_strcasecmp(type, encryptions[i].type)) {
			launch_security(b, domain, encryptions[i].policy);
			return;
		}
	domain_problem(b, vector, "TYPE = '%s' is not supported yet, only SEV and SEV-ES",
		       type ? type : "");
}
