/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/vtpm_secret.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/file.h"
#include "virt/virt_error.h"

/* Of the passphrase, and of the file with it. */
enum { RANDOM_BYTES = 32, FILE_MAX = 4096 };

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virSecret, virSecretFree)

static const char *const modes[] = { "host", "user" };

static void wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	g_free(text);
}

/* One of modes[]; NULL: none of them. */
static const char *mode_called(const char *text)
{
	for (size_t i = 0; text && i < G_N_ELEMENTS(modes); i++)
		if (!g_ascii_strcasecmp(text, modes[i]))
			return modes[i];

	return NULL;
}

/* The <backend> of the domain's emulated TPM; NULL: it has none. */
static xmlNode *emulator(const xmlNode *domain)
{
	xmlNode *tpm = xml_child(xml_child(domain, "devices"), "tpm");

	for (; tpm; tpm = xml_next(tpm)) {
		xmlNode *backend = xml_child(tpm, "backend");

		if (xml_has(backend, "type", "emulator"))
			return backend;
	}

	return NULL;
}

/* What VM says, unless it is "none". Borrowed. */
static const char *asked_for(const TmplVm *vm)
{
	struct tmpl_hit hit;

	if (!vm || !tmpl_vm_find(vm, NULL, "TPM/SECRET_MODE", TMPL_IN_ALL, &hit))
		return NULL;
	if (!*hit.text || !g_ascii_strcasecmp(hit.text, "none"))
		return NULL;

	return hit.text;
}

static bool check(const xmlNode *domain, const char *mode, const xmlNode *backend, GError **error)
{
	if (!mode_called(mode))
		return vmm_fail(error, VMM_ERROR_INPUT, "TPM/SECRET_MODE = '%.100s': not one of "
				"none, host, user", mode);
	if (!backend)
		return vmm_fail(error, VMM_ERROR_INPUT, "TPM/SECRET_MODE = %s: the domain has no "
				"emulated TPM", mode);
	if (xml_child(backend, "encryption"))
		return vmm_fail(error, VMM_ERROR_INPUT, "TPM/SECRET_MODE = %s: the TPM has a "
				"secret of its own already", mode);
	if (!xml_child(domain, "uuid")) {
		vmm_fail(error, VMM_ERROR_INPUT, "TPM/SECRET_MODE = %s: the domain has no UUID, "
			 "by which its secret would be found again", mode);
		vmm_error_set_hint(error, "say it by OS/UUID");
		return false;
	}

	return true;
}

bool vtpm_secret_ask(xmlNode *domain, const TmplVm *vm, HostFit *fit, GError **error)
{
	const char *mode = asked_for(vm);
	xmlNode *backend = emulator(domain);
	g_autofree char *uuid = NULL;
	xmlNode *encryption;

	if (!mode)
		return true;
	if (!check(domain, mode, backend, error))
		return false;
	uuid = xml_child_text(domain, "uuid");
	encryption = xmlNewChild(backend, NULL, BAD_CAST "encryption", NULL);
	xmlNewProp(encryption, BAD_CAST "secret", BAD_CAST uuid);
	g_ptr_array_add(fit->result.changes,
			g_strdup_printf("devices/tpm/backend/encryption/@secret = %s: "
					"TPM/SECRET_MODE", uuid));
	fit->secret_mode = mode_called(mode);

	return true;
}

bool vtpm_secret_needed(const xmlNode *domain)
{
	g_autofree char *uuid = xml_child_text(domain, "uuid");
	g_autofree char *secret = xml_child_attribute(emulator(domain), "encryption", "secret");

	if (!uuid || !secret)
		return false;

	return !g_ascii_strcasecmp(uuid, secret);
}

/* A passphrase, and how it is kept. */
struct secret {
	const char *mode;
	char *text;
};

static bool save(const char *path, const struct secret *s, GError **error)
{
	g_autofree char *directory = g_path_get_dirname(path);
	char *line = g_strdup_printf("%s %s\n", s->mode, s->text);
	bool ok = file_make_directory(directory, error) &&
		  file_write(path, line, strlen(line), 0600, error);

	wipe(line);

	return ok;
}

static bool make(const char *path, struct secret *s, GError **error)
{
	unsigned char bytes[RANDOM_BYTES];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return vmm_fail_errno(error, errno, "cannot make a passphrase");
	s->text = g_base64_encode(bytes, sizeof(bytes));
	explicit_bzero(bytes, sizeof(bytes));

	return save(path, s, error);
}

/* LINE: "host PASSPHRASE\n". */
static bool parse_secret(const char *path, const char *line, struct secret *s, GError **error)
{
	const char *blank = strchr(line, ' ');
	g_autofree char *mode = blank ? g_strndup(line, (gsize)(blank - line)) : NULL;

	s->mode = mode_called(mode);
	if (!s->mode || blank[1] == '\n' || !strchr(blank, '\n'))
		return vmm_fail(error, VMM_ERROR_INPUT, "%s is not a TPM's passphrase", path);
	s->text = g_strndup(blank + 1, strcspn(blank + 1, "\n"));

	return true;
}

/* The passphrase in PATH, made if MODE says how it is to be kept. */
static bool obtain(const char *path, const char *mode, struct secret *s, GError **error)
{
	g_autoptr(GError) cause = NULL;
	GString *text = file_read(path, FILE_MAX, &cause);
	bool ok;

	if (!text && mode && vmm_is(cause, VMM_ERROR_NOT_FOUND)) {
		s->mode = mode;
		return make(path, s, error);
	}

	if (!text) {
		g_prefix_error(&cause, "the TPM's passphrase: ");
		return vmm_pass(error, &cause);
	}

	ok = parse_secret(path, text->str, s, error);
	explicit_bzero(text->str, text->len);
	g_string_free(text, TRUE);
	if (!ok || !mode || g_str_equal(mode, s->mode))
		return ok;
	s->mode = mode;

	return save(path, s, error);
}

static char *usage_of(const char *uuid)
{
	return g_strconcat("vmmexec-tpm-", uuid, NULL);
}

static char *xml_of(const char *uuid, const char *mode)
{
	const char *user = g_str_equal(mode, "user") ? "yes" : "no";
	g_autofree char *usage = usage_of(uuid);

	return g_strdup_printf("<secret ephemeral='%s' private='%s'><uuid>%s</uuid>"
			       "<usage type='vtpm'><name>%s</name></usage></secret>", user, user,
			       uuid, usage);
}

/* The secret of UUID at CONN, in RET; NULL: there is none. Another one of that UUID is an error. */
static bool find_secret(virConnect *conn, const char *uuid, virSecret **ret, GError **error)
{
	g_autofree char *usage = usage_of(uuid);
	g_autoptr(virSecret) secret = virSecretLookupByUUIDString(conn, uuid);

	*ret = NULL;
	if (!secret && virt_last_is(VIR_ERR_NO_SECRET))
		return true;
	if (!secret)
		return virt_fail(error, "cannot look for secret %s", uuid);
	if (virSecretGetUsageType(secret) != VIR_SECRET_USAGE_TYPE_VTPM ||
	    g_strcmp0(virSecretGetUsageID(secret), usage))
		return vmm_fail(error, VMM_ERROR_EXISTS, "secret %s of libvirt is not of a TPM of "
				"ours", uuid);
	*ret = g_steal_pointer(&secret);

	return true;
}

/* An older one may be of another mode, which libvirt does not change. */
static bool undefine(virConnect *conn, const char *uuid, GError **error)
{
	g_autoptr(virSecret) secret = NULL;

	if (!find_secret(conn, uuid, &secret, error))
		return false;
	if (!secret)
		return true;
	if (virSecretUndefine(secret) == 0)
		return true;

	return virt_fail(error, "cannot remove secret %s", uuid);
}

static bool define(virConnect *conn, const char *uuid, const struct secret *s, GError **error)
{
	g_autofree char *xml = xml_of(uuid, s->mode);
	g_autoptr(virSecret) secret = NULL;

	if (!undefine(conn, uuid, error))
		return false;
	secret = virSecretDefineXML(conn, xml, 0);
	if (!secret)
		return virt_fail(error, "cannot define the secret of the TPM of domain %s", uuid);
	if (virSecretSetValue(secret, (const unsigned char *)s->text, strlen(s->text), 0) == 0)
		return true;

	virt_fail(error, "cannot set the secret of the TPM of domain %s", uuid);
	virSecretUndefine(secret);

	return false;
}

bool vtpm_secret_provide(virConnect *conn, const xmlNode *domain, const char *directory,
			 const char *mode, GError **error)
{
	g_autofree char *uuid = xml_child_text(domain, "uuid"), *path = NULL;
	struct secret s = { 0 };
	bool ok;

	if (!vtpm_secret_needed(domain))
		return true;
	if (!directory)
		return vmm_fail(error, VMM_ERROR_NOT_FOUND, "domain %s does not say where its "
				"TPM's passphrase is", uuid);
	path = g_build_filename(directory, "tpm", "secret", NULL);
	ok = obtain(path, mode, &s, error) && define(conn, uuid, &s, error);
	wipe(s.text);

	return ok;
}

void vtpm_secret_remove(virConnect *conn, const char *uuid)
{
	g_autoptr(GError) error = NULL;

	if (!undefine(conn, uuid, &error))
		action_log("WARN", "%s", error->message);
}
