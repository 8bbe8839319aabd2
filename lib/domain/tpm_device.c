/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

#include "xml/xml.h"

/* docs/facts/deployment.md 2.24 */

#define LIBVIRT_EXTERNAL DOMAIN_LIBVIRT(9, 0, 0)

static const char *const models[] = { "tpm-tis", "tpm-crb", "tpm-spapr", NULL };
static const char *const versions[] = { "1.2", "2.0", NULL };
static const char *const types[] = { "emulator", "passthrough", "external", NULL };
static const char *const secret_modes[] = { "none", "host", "user", NULL };
static const struct domain_pattern_rule secret = { "-", 36, "a UUID", domain_is_uuid };

/* libvirt removes the TPM's state along with a transient domain unless it is persistent. */
static const struct domain_rule emulator_rules[] = {
	/* attribute     levels path                         convert         argument   absent */
	{ NULL,          0,     "backend@type",              NULL,           NULL, "emulator" },
	{ "TPM/VERSION", 0,     "backend@version",           domain_one_of,  versions,  "2.0" },
	{ NULL,          0,     "backend@persistent_state",  NULL,           NULL,      "yes" },
	{ "TPM/SECRET",  0,     "backend/encryption@secret", domain_pattern, &secret,   NULL },
};

static const struct domain_rule passthrough_rules[] = {
	{ NULL,          0, "backend@type",        NULL, NULL, "passthrough" },
	{ "TPM/DEVICE",  0, "backend/device@path", NULL, NULL, "/dev/tpm0" },
};

static const struct domain_rule external_rules[] = {
	{ NULL,          0, "backend@type",        NULL, NULL, "external" },
	{ NULL,          0, "backend/source@type", NULL, NULL, "unix" },
	{ NULL,          0, "backend/source@mode", NULL, NULL, "connect" },
	{ "TPM/DEVICE",  0, "backend/source@path", NULL, NULL, NULL },
};

static bool has(DomainBuild *b, const char *path)
{
	return domain_text(b, NULL, path, TMPL_IN_ALL) != NULL;
}

static bool is_uefi(DomainBuild *b)
{
	const char *firmware = domain_text(b, NULL, "OS/FIRMWARE", TMPL_IN_ALL);

	if (!firmware || !*firmware)
		return false;

	return g_ascii_strcasecmp(firmware, "BIOS") != 0;
}

/* A TPM 1.2, and a chip of unknown version, have no command response buffer. */
static bool has_crb(DomainBuild *b, const char *type)
{
	const char *version = domain_text(b, NULL, "TPM/VERSION", TMPL_IN_ALL);

	if (!g_str_equal(type, "emulator"))
		return false;
	if (!g_strcmp0(version, "1.2"))
		return false;
	if (b->machine != DOMAIN_MACHINE_Q35)
		return false;

	return is_uefi(b);
}

static bool is_power(const DomainBuild *b)
{
	return g_str_has_prefix(b->arch, "ppc64");
}

static const char *model_of(DomainBuild *b, const char *type)
{
	const char *model = domain_word(b, NULL, "TPM/MODEL", TMPL_IN_ALL, models);

	if (model)
		return model;
	if (is_power(b))
		return "tpm-spapr";
	if (has_crb(b, type))
		return "tpm-crb";

	return "tpm-tis";
}

/* Each model belongs to one kind of machine. */
static void check_model(DomainBuild *b, const char *model)
{
	const char *version = domain_text(b, NULL, "TPM/VERSION", TMPL_IN_ALL);
	bool spapr = g_str_equal(model, "tpm-spapr");

	if (g_str_has_prefix(b->arch, "s390"))
		domain_problem(b, NULL, "TPM: OS/ARCH = '%s' has no TPM", b->arch);
	else if (*b->arch && spapr != is_power(b))
		domain_problem(b, NULL, "TPM/MODEL = '%s' does not exist on OS/ARCH = '%s'", model,
			       b->arch);
	if (g_str_equal(model, "tpm-crb") && !g_strcmp0(version, "1.2"))
		domain_problem(b, NULL, "TPM/MODEL = '%s' needs VERSION 2.0", model);
}

/* What the chip or the other program decides. */
static void check_foreign(DomainBuild *b, const char *type)
{
	static const char *const own[] = { "TPM/VERSION", "TPM/SECRET", "TPM/SECRET_MODE" };

	for (size_t i = 0; i < G_N_ELEMENTS(own); i++)
		if (has(b, own[i]))
			domain_problem(b, NULL, "%s is for TPM/TYPE = emulator, not %s", own[i],
				       type);
}

/* Whether the VM's own template asks for PATH. */
static bool is_of_vm(DomainBuild *b, const char *path)
{
	struct tmpl_hit hit;

	if (!tmpl_vm_find(b->vm, NULL, path, TMPL_IN_ALL, &hit))
		return false;

	return hit.level == TMPL_VM;
}

/* A site's own template may name whatever its hosts have. */
static void check_passthrough(DomainBuild *b)
{
	bool of_vm = is_of_vm(b, "TPM/TYPE") || is_of_vm(b, "TPM/DEVICE");

	if (of_vm && !domain_builder_policy(b)->host_devices)
		domain_not_allowed(b, "TPM/TYPE = passthrough", "domain.host_devices");
}

static void check_external(DomainBuild *b)
{
	const char *path = domain_text(b, NULL, "TPM/DEVICE", TMPL_IN_ALL);

	domain_needs(b, NULL, "TPM/TYPE = external", GATE(LIBVIRT_EXTERNAL, NULL));
	if (!path)
		domain_problem(b, NULL, "TPM/TYPE = external needs TPM/DEVICE, the socket of the "
			       "TPM's program");
	else if (is_of_vm(b, "TPM/DEVICE"))
		domain_may_use(b, NULL, "TPM/DEVICE", path, DOMAIN_PATH_DATA);
}

/* deploy makes the passphrase, as only it knows the domain's UUID and directory. */
static void check_secret(DomainBuild *b)
{
	const char *mode = domain_word(b, NULL, "TPM/SECRET_MODE", TMPL_IN_ALL, secret_modes);

	if (!mode || g_str_equal(mode, "none"))
		return;
	if (has(b, "TPM/SECRET"))
		domain_problem(b, NULL, "TPM/SECRET and SECRET_MODE = %s exclude each other", mode);
	if (!b->options->fits)
		domain_warn(b, "TPM/SECRET_MODE is left to the host");
}

static void backend(DomainBuild *b, xmlNode *tpm, const char *type)
{
	if (g_str_equal(type, "emulator")) {
		if (has(b, "TPM/DEVICE"))
			domain_problem(b, NULL, "TPM/DEVICE is for TPM/TYPE = passthrough or "
				       "external");
		check_secret(b);
		DOMAIN_EMIT(b, tpm, emulator_rules, NULL);
		return;
	}

	check_foreign(b, type);
	if (g_str_equal(type, "passthrough")) {
		check_passthrough(b);
		DOMAIN_EMIT(b, tpm, passthrough_rules, NULL);
	} else {
		check_external(b);
		DOMAIN_EMIT(b, tpm, external_rules, NULL);
	}
}

void domain_tpm(DomainBuild *b, xmlNode *devices)
{
	bool asked = has(b, "TPM/MODEL") || has(b, "TPM/TYPE") || has(b, "TPM/VERSION");
	const char *type, *model;
	xmlNode *tpm;

	if (!asked)
		return;

	type = domain_or(domain_word(b, NULL, "TPM/TYPE", TMPL_IN_ALL, types), "emulator");
	model = model_of(b, type);
	check_model(b, model);
	tpm = domain_element(devices, "tpm");
	domain_set(b, tpm, "model", model);
	backend(b, tpm, type);
}
