/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/vtpm_secret.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "action/lock.h"
#include "base/file.h"
#include "base/text.h"
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

/* What its description begins with; behind it is the domain's name. */
static const char starting[] = "starting ", started[] = "started ";

static char *xml_of(const char *uuid, const char *mode, const char *description)
{
	const char *user = g_str_equal(mode, "user") ? "yes" : "no";
	g_autofree char *usage = usage_of(uuid);
	g_autofree char *text = g_markup_escape_text(description, -1);

	return g_strdup_printf("<secret ephemeral='%s' private='%s'><description>%s</description>"
			       "<uuid>%s</uuid><usage type='vtpm'><name>%s</name></usage></secret>",
			       user, user, text, uuid, usage);
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

static bool define(virConnect *conn, const xmlNode *domain, const struct secret *s, GError **error)
{
	g_autofree char *uuid = xml_child_text(domain, "uuid"), *name = NULL, *xml = NULL;
	g_autofree char *description = NULL;
	g_autoptr(virSecret) secret = NULL;

	name = xml_child_text(domain, "name");
	description = g_strconcat(starting, text_or(name, uuid), NULL);
	xml = xml_of(uuid, s->mode, description);
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
	ok = obtain(path, mode, &s, error) && define(conn, domain, &s, error);
	wipe(s.text);

	return ok;
}

void vtpm_secret_remove(virConnect *conn, const char *uuid)
{
	g_autoptr(GError) error = NULL;

	if (!undefine(conn, uuid, &error))
		action_log("WARN", "%s", error->message);
}

/* A secret of libvirt, as it says it. */
struct found {
	char uuid[VIR_UUID_STRING_BUFLEN];
	xmlDoc *doc;
	char *description;	/* or NULL */
};

static void found_clear(struct found *f)
{
	g_clear_pointer(&f->doc, xmlFreeDoc);
	g_clear_pointer(&f->description, g_free);
}

/* False: SECRET is none of ours, or gone. */
static bool secret_read(virSecret *secret, struct found *ret)
{
	g_autofree char *usage = NULL;
	char *text;

	*ret = (struct found){ 0 };
	if (virSecretGetUUIDString(secret, ret->uuid) < 0)
		return false;
	usage = usage_of(ret->uuid);
	if (virSecretGetUsageType(secret) != VIR_SECRET_USAGE_TYPE_VTPM ||
	    g_strcmp0(virSecretGetUsageID(secret), usage) != 0)
		return false;

	text = virSecretGetXMLDesc(secret, 0);
	if (text)
		ret->doc = xml_parse(text, strlen(text), "secret", NULL);
	free(text);
	if (ret->doc)
		ret->description = xml_child_text(xmlDocGetRootElement(ret->doc), "description");

	return ret->doc != NULL;
}

/* The name behind PREFIX in F's description; NULL: it begins with another, or there is none. */
static const char *name_behind(const struct found *f, const char *prefix)
{
	if (!f->description || !g_str_has_prefix(f->description, prefix))
		return NULL;

	return f->description + strlen(prefix);
}

/* Defined again, a secret keeps its value. */
static bool note_started(virConnect *conn, const struct found *f, const char *name,
			 GError **error)
{
	g_autofree char *description = g_strconcat(started, name, NULL), *xml = NULL;
	bool is_private = xml_has(xmlDocGetRootElement(f->doc), "private", "yes");
	g_autoptr(virSecret) secret = NULL;

	xml = xml_of(f->uuid, is_private ? "user" : "host", description);
	secret = virSecretDefineXML(conn, xml, 0);
	if (secret)
		return true;

	return virt_fail(error, "cannot note that the TPM of domain %s has started", f->uuid);
}

void vtpm_secret_started(virConnect *conn, const xmlNode *domain)
{
	g_autofree char *uuid = xml_child_text(domain, "uuid");
	g_autoptr(virSecret) secret = NULL;
	g_autoptr(GError) error = NULL;
	const char *name = NULL;
	struct found f = { 0 };

	if (!vtpm_secret_needed(domain))
		return;

	secret = virSecretLookupByUUIDString(conn, uuid);
	if (secret && secret_read(secret, &f))
		name = name_behind(&f, starting);
	if (name && !note_started(conn, &f, name, &error))
		action_log("WARN", "%s", error->message);
	found_clear(&f);
}

static bool has_no_domain(virConnect *conn, const char *uuid)
{
	g_autoptr(virDomain) dom = virDomainLookupByUUIDString(conn, uuid);

	return !dom && virt_last_is(VIR_ERR_NO_DOMAIN);
}

/* The name of the domain that started with SECRET and is gone; NULL: it may be needed. g_free(). */
static char *left_by(virConnect *conn, virSecret *secret)
{
	const char *name = NULL;
	char *left = NULL;
	struct found f;

	if (secret_read(secret, &f))
		name = name_behind(&f, started);
	if (name && has_no_domain(conn, f.uuid))
		left = g_strdup(name);
	found_clear(&f);

	return left;
}

/* Under the VM's lock no action of this host gives or takes it: so it is looked at again. */
static void drop_left(virConnect *conn, virSecret *secret)
{
	g_autofree char *name = left_by(conn, secret), *still = NULL;
	LockHold *lock = name ? lock_try(name) : NULL;

	if (!lock)
		return;

	still = left_by(conn, secret);
	if (g_strcmp0(still, name) == 0)
		virSecretUndefine(secret);
	lock_let_go(lock);
}

void vtpm_secret_drop_left(virConnect *conn)
{
	virSecret **list = NULL;
	int n = virConnectListAllSecrets(conn, &list, 0);

	for (int i = 0; i < n; i++) {
		drop_left(conn, list[i]);
		virSecretFree(list[i]);
	}

	free(list);
	virResetLastError();
}
