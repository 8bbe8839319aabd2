#include "action/vtpm.h"

#include <sys/stat.h>
#include <unistd.h>

#include "action/host.h"
#include "action/tool.h"
#include "tmpl/xml.h"

enum { LIMIT_MS = 60000 };

/* The next <backend> of a TPM that libvirt emulates, from <tpm> TPM on, which may be NULL. */
static xmlNode *emulator(xmlNode *tpm)
{
	for (; tpm; tpm = tmpl_xml_next(tpm)) {
		xmlNode *backend = tmpl_xml_child(tpm, "backend");

		if (tmpl_xml_has(backend, "type", "emulator"))
			return backend;
	}
	return NULL;
}

static xmlNode *first_tpm(const xmlNode *domain)
{
	return tmpl_xml_child(tmpl_xml_child(domain, "devices"), "tpm");
}

bool vtpm_needed(const xmlNode *domain)
{
	return emulator(first_tpm(domain)) != NULL;
}

void vtpm_persist(xmlNode *domain)
{
	xmlNode *backend = emulator(first_tpm(domain));

	for (; backend; backend = emulator(tmpl_xml_next(backend->parent)))
		if (!xmlHasProp(backend, BAD_CAST "persistent_state"))
			xmlSetProp(backend, BAD_CAST "persistent_state", BAD_CAST "yes");
}

static bool run(const struct action_ctx *ctx, const char *verb, const char *uuid,
		const char *directory, GError **error)
{
	g_autofree char *tool = host_root_tool("vtpm_setup");
	const char *words[] = { "-n", tool, verb, uuid, directory, NULL };
	struct child_result result = { 0 };
	struct child_spec spec = { .argv = words + 1, .timeout_ms = action_left_ms(ctx, LIMIT_MS) };
	bool ok = geteuid() == 0 ? child_run(&spec, &result, error) :
				   tool_run(ctx, "SUDO", "sudo", words, &result, error);

	ok = ok && child_result_check(&result, "vtpm_setup", error);
	child_result_clear(&result);
	if (!ok)
		g_prefix_error(error, "cannot %s the TPM's state of domain %s: ", verb, uuid);
	return ok;
}

/* As run(), which must be done if kvmrc says so. */
static bool must_run(const struct action_ctx *ctx, const char *verb, const char *uuid,
		     const char *directory, GError **error)
{
	g_autoptr(GError) cause = NULL;

	if (run(ctx, verb, uuid, directory, &cause))
		return true;
	if (!conf_kvmrc_bool(ctx->rc, "REQUIRE_TPM_STATE")) {
		action_log("WARN", "%s", cause->message);
		return true;
	}
	vmm_error_set_hint(&cause, "let sudo run vtpm_setup, see sudoers.example; or set "
			   "REQUIRE_TPM_STATE=no in kvmrc and lose that state");
	g_propagate_error(error, g_steal_pointer(&cause));
	return false;
}

bool vtpm_bring(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
		GError **error)
{
	g_autofree char *uuid = tmpl_xml_child_text(domain, "uuid");
	g_autofree char *copy = g_build_filename(directory, "tpm", NULL);

	return !uuid || !vtpm_needed(domain) || !g_file_test(copy, G_FILE_TEST_IS_DIR) ||
	       must_run(ctx, "recover", uuid, directory, error);
}

bool vtpm_copy(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
	       GError **error)
{
	g_autofree char *uuid = tmpl_xml_child_text(domain, "uuid");

	return !uuid || !directory || !vtpm_needed(domain) ||
	       must_run(ctx, "backup", uuid, directory, error);
}

static char *place_of(const char *uuid)
{
	return g_build_filename(VTPM_PLACE, uuid, NULL);
}

bool vtpm_is_left(const char *uuid)
{
	g_autofree char *place = place_of(uuid);
	struct stat st;

	return g_uuid_string_is_valid(uuid) && lstat(place, &st) == 0;
}

void vtpm_collect(const struct action_ctx *ctx, const char *uuid, const char *directory, bool ran)
{
	g_autofree char *place = uuid ? place_of(uuid) : NULL;
	g_autoptr(GError) error = NULL;

	if (!uuid || !directory || !vtpm_is_left(uuid))
		return;
	if (!run(ctx, ran ? "backup" : "keep", uuid, directory, &error) ||
	    !run(ctx, "forget", uuid, directory, &error))
		action_log("WARN", "%s; it is still in %s on this host", error->message, place);
}
