/* SPDX-License-Identifier: Apache-2.0 */
#include "step_args.h"

#include "or_else.h"

/* Linux takes no longer word (MAX_ARG_STRLEN), and for ssh all words of a command are one. */
enum { MAX_WORD = 131072, OTHER_WORDS = 16384 };

static const struct {
	const char *name, *xpath;
} texts[] = {
	{ "source", "HOST" },
	{ "target", "MIGR_HOST" },
	{ "checkpoint", "CHECKPOINT_FILE" },
	{ "disk_path", "DISK_TARGET_PATH" },
	{ "disk_target", "VM/TEMPLATE/DISK[ATTACH='YES']/TARGET" },
	{ "context_target", "VM/TEMPLATE/CONTEXT/TARGET" },
	{ "resized_disk", "VM/TEMPLATE/DISK[RESIZE='YES']/DISK_ID" },
	{ "size", "VM/TEMPLATE/DISK[RESIZE='YES']/SIZE" },
	{ "snapshot_id", "VM/TEMPLATE/SNAPSHOT[ACTIVE='YES']/SNAPSHOT_ID" },
	{ "hypervisor_id", "VM/TEMPLATE/SNAPSHOT[ACTIVE='YES']/HYPERVISOR_ID" },
	{ "network_id", "VIRTUAL_NETWORK_ID" },
	{ "command", "VM/TEMPLATE/QEMU_GA_EXEC/COMMAND" },
	{ "input", "VM/TEMPLATE/QEMU_GA_EXEC/STDIN" },
};

/* Below the interface that is attached or detached. */
static const struct {
	const char *name, *element, *absent;
} nic_texts[] = {
	{ "mac",            "MAC", NULL },
	{ "bridge",         "BRIDGE", NULL },
	{ "model",          "MODEL", "-" },
	{ "vn_mad",         "VN_MAD", NULL },
	{ "nic_target",     "TARGET", NULL },
};

static const char *const nics[] = {
	"VM/TEMPLATE/NIC[ATTACH='YES']",
	"VM/TEMPLATE/PCI[ATTACH='YES']",
	"VM/TEMPLATE/NIC_ALIAS[ATTACH='YES']",
};

const char *step_args_nic(TmplRequest *r)
{
	for (size_t i = 0; i < G_N_ELEMENTS(nics); i++) {
		g_autofree char *text = tmpl_request_text(r, nics[i]);

		if (text)
			return nics[i];
	}

	return NULL;
}

bool step_args_nic_is_alias(TmplRequest *r)
{
	return step_args_nic(r) == nics[G_N_ELEMENTS(nics) - 1];
}

/* A VM deployed by us is called one-ID until oned knows another name. */
static char *deploy_id(const struct step_context *c)
{
	if (c->request->deploy_id)
		return g_strdup(c->request->deploy_id);

	return g_strdup_printf("one-%" G_GINT64_FORMAT, c->id);
}

/*
 * The id that the deploy of this DEPLOY printed, else the UUID that deploy was given: never a name.
 */
static char *deployed_id(const struct step_context *c)
{
	if (c->deploy_info)
		return g_strdup(c->deploy_info);

	if (c->deployment_id)
		return g_strdup(c->deployment_id);

	return deploy_id(c);
}

/* 2 for vdc: oned's count of a disk, by its target's last letter. */
static char *disk_index(const struct step_context *c)
{
	g_autofree char *target = tmpl_request_text(c->request,
						    "VM/TEMPLATE/DISK[ATTACH='YES']/TARGET");
	size_t len = target ? strlen(target) : 0;

	return g_strdup_printf("%d", len ? g_ascii_tolower(target[len - 1]) - 'a' : 0);
}

static bool is_long(const struct step_context *c)
{
	return g_bytes_get_size(c->request->document) / 3 * 4 + OTHER_WORDS > MAX_WORD;
}

/*
 * The whole request: scripts of others read it from this argument, our programs from their input.
 */
static char *document(const struct step_context *c)
{
	gsize size;
	const guchar *text = g_bytes_get_data(c->request->document, &size);

	if (is_long(c))
		return g_strdup("");

	return g_base64_encode(text, size);
}

bool step_args_are_secret(const char *name)
{
	static const char *const secret[] = { "document", "command", "input", NULL };

	return g_strv_contains(secret, name);
}

bool step_args_omit_document(const struct step_context *c, const struct step *step)
{
	g_auto(GStrv) words = g_strsplit(or_else(step->args, ""), " ", -1);

	if (!g_strv_contains((const char *const *)words, "document"))
		return false;

	return is_long(c);
}

static char *nic_text(const struct step_context *c, const char *name)
{
	const char *nic = step_args_nic(c->request);

	for (size_t i = 0; i < G_N_ELEMENTS(nic_texts); i++) {
		g_autofree char *xpath = NULL;
		char *text;

		if (!g_str_equal(nic_texts[i].name, name))
			continue;

		xpath = g_strdup_printf("%s/%s", or_else(nic, nics[0]), nic_texts[i].element);
		text = tmpl_request_text(c->request, xpath);
		if (text)
			return g_strstrip(text);

		return g_strdup(nic_texts[i].absent);
	}

	return NULL;
}

static char *text_of(const struct step_context *c, const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		if (g_str_equal(texts[i].name, name))
			return tmpl_request_text(c->request, texts[i].xpath);
	return nic_text(c, name);
}

static const struct {
	const char *name;
	char *(*make)(const struct step_context *c);
} made[] = {
	{ "deploy_id",   deploy_id },
	{ "deployed_id", deployed_id },
	{ "disk_index",  disk_index },
	{ "document",    document },
	{ "file",        step_deployment_file },
};

char *step_arg_optional(const struct step_context *c, const char *name)
{
	return text_of(c, name);
}

char *step_arg(const struct step_context *c, const struct step *step, const char *name)
{
	char *text;

	if (g_str_equal(name, "host"))
		return g_strdup(step_host(c, step));

	for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
		if (g_str_equal(made[i].name, name))
			return made[i].make(c);
	text = text_of(c, name);

	if (text)
		return text;

	return g_strdup("");
}
