/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libvirt is loaded when it is asked, in a process of its own: a host that has none yet can be
 * checked, and one whose daemon hangs delays nothing.
 */
#include "facts/facts_parts.h"

#include <dlfcn.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "base/file.h"
#include "base/text.h"
#include "facts/probe.h"
#include "xml/xml.h"

enum { MAX_DOCUMENT = 8 << 20 };

/* What the child answers: texts that end with NUL each, in this order. */
enum answer {
	STATE, REASON, VERSIONS, CAPABILITIES, DOMAIN, DOMAIN_REASON, FEATURES, USED, ANSWERS
};

struct question {
	const char *uri, *type, *arch;
	bool connect_only;
};

struct api {
	typeof(virConnectOpenAuth) *open;
	typeof(virConnectClose) *close;
	typeof(virConnectGetLibVersion) *lib_version;
	typeof(virConnectGetVersion) *version;
	typeof(virConnectGetCapabilities) *capabilities;
	typeof(virConnectGetDomainCapabilities) *domain_capabilities;
	typeof(virConnectBaselineCPU) *baseline;
	typeof(virConnectListAllDomains) *domains;
	typeof(virDomainGetXMLDesc) *xml;
	typeof(virGetLastErrorMessage) *message;
	typeof(virSetErrorFunc) *set_error;
};

static bool load(struct api *a)
{
	void *lib = dlopen("libvirt.so.0", RTLD_NOW | RTLD_LOCAL);
	const struct {
		const char *name;
		void *place;
	} symbols[] = {
		{ "virConnectOpenAuth", &a->open },
		{ "virConnectClose", &a->close },
		{ "virConnectGetLibVersion", &a->lib_version },
		{ "virConnectGetVersion", &a->version },
		{ "virConnectGetCapabilities", &a->capabilities },
		{ "virConnectGetDomainCapabilities", &a->domain_capabilities },
		{ "virConnectBaselineCPU", &a->baseline },
		{ "virConnectListAllDomains", &a->domains },
		{ "virDomainGetXMLDesc", &a->xml },
		{ "virGetLastErrorMessage", &a->message },
		{ "virSetErrorFunc", &a->set_error },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(symbols); i++) {
		void *symbol = lib ? dlsym(lib, symbols[i].name) : NULL;

		if (!symbol)
			return false;

		memcpy(symbols[i].place, &symbol, sizeof(symbol));
	}

	return true;
}

static void libvirt_quiet(void *data G_GNUC_UNUSED, virErrorPtr error G_GNUC_UNUSED)
{
}

static enum libvirt_state state_of(const char *message)
{
	if (strstr(message, "Permission denied") || strstr(message, "authentication"))
		return LIBVIRT_DENIED;

	return LIBVIRT_NOT_RUNNING;
}

/* "SEV SEV-ES": how many running guests have encrypted memory. Bit 2 of a policy means ES. */
static void count_encrypted(const struct api *a, virConnect *conn, unsigned used[2])
{
	virDomainPtr *list = NULL;
	int n = a->domains(conn, &list, VIR_CONNECT_LIST_DOMAINS_ACTIVE);

	for (int i = 0; i < n; i++) {
		char *text = a->xml(list[i], 0);
		g_autoptr(xmlDoc) doc = text ? xml_parse(text, strlen(text), "domain", NULL) : NULL;
		xmlNode *security = doc ? xml_child(xmlDocGetRootElement(doc), "launchSecurity")
					: NULL;
		g_autofree char *type = xml_attribute(security, "type");
		g_autofree char *policy = xml_child_text(security, "policy");
		bool is_es = g_strcmp0(type, "sev-snp") == 0;

		if (policy && g_ascii_strtoull(policy, NULL, 0) & 4)
			is_es = true;
		if (type && g_str_has_prefix(type, "sev"))
			used[is_es]++;
	}
}

static void put(GString *out, const char *text)
{
	g_string_append(out, text_or(text, ""));
	g_string_append_c(out, '\0');
}

/* The host's own processor with all its features, as XML, or NULL. The caller frees. */
static char *expand_cpu(const struct api *a, virConnect *conn, const char *capabilities)
{
	g_autoptr(xmlDoc) doc = capabilities ? xml_parse(capabilities, strlen(capabilities),
							 "capabilities", NULL) : NULL;
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	xmlNode *cpu = xml_child(xml_child(root, "host"), "cpu");
	g_autofree char *text = cpu ? xml_print(cpu) : NULL;
	const char *cpus[] = { text };

	if (!text)
		return NULL;

	return a->baseline(conn, cpus, 1, VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES);
}

static void ask_all(const struct api *a, virConnect *conn, const struct question *q, GString *out)
{
	unsigned long version = 0, qemu = 0;
	unsigned used[2] = { 0, 0 };
	g_autofree char *versions = NULL, *counts = NULL;
	char *text, *capabilities;

	a->lib_version(conn, &version);
	a->version(conn, &qemu);
	versions = g_strdup_printf("%lu %lu", version, qemu);
	put(out, versions);
	capabilities = a->capabilities(conn);
	put(out, capabilities);
	text = a->domain_capabilities(conn, NULL, q->arch, NULL, q->type, 0);
	put(out, text);
	if (text)
		put(out, "");
	else
		put(out, a->message());
	put(out, expand_cpu(a, conn, capabilities));
	count_encrypted(a, conn, used);
	counts = g_strdup_printf("%u %u", used[0], used[1]);
	put(out, counts);
}

static void ask(const void *data, GString *out)
{
	const struct question *q = data;
	g_autofree char *state = NULL;
	struct api a;
	virConnect *conn;

	if (!load(&a)) {
		g_string_append_printf(out, "%d", LIBVIRT_NOT_INSTALLED);
		g_string_append_c(out, '\0');
		return;
	}

	a.set_error(NULL, libvirt_quiet);
	conn = a.open(q->uri, NULL, 0);
	if (!conn) {
		state = g_strdup_printf("%d", state_of(a.message()));
		put(out, state);
		put(out, a.message());
		return;
	}

	state = g_strdup_printf("%d", LIBVIRT_ANSWERED);
	put(out, state);
	put(out, "");
	if (!q->connect_only)
		ask_all(&a, conn, q, out);
}

/* ANSWERS texts, those that are missing empty. g_strfreev(). */
static char **split_answers(const GString *text)
{
	char **answers = g_new0(char *, ANSWERS + 1);
	size_t at = 0;

	for (int i = 0; i < ANSWERS; i++) {
		/* Behind the last answer is the NUL that ends the text. */
		answers[i] = g_strdup(text->str + MIN(at, text->len));
		at += strlen(answers[i]) + 1;
	}

	return answers;
}

static char **ask_in_time(const struct question *q, unsigned limit_ms)
{
	GString *text = probe_run(ask, q, limit_ms);
	char **answers = text ? split_answers(text) : NULL;

	if (text)
		g_string_free(text, TRUE);

	return answers;
}

static const char *or_null(const char *text)
{
	if (*text)
		return text;

	return NULL;
}

static bool ask_libvirt(HostFacts *f, const struct facts_source *s, GError **error)
{
	struct libvirt_fact *v = &f->libvirt;
	const struct question q = {
		.uri = s->uri, .type = s->type, .arch = text_or(s->arch, f->arch),
	};
	g_auto(GStrv) answers = ask_in_time(&q, s->limit_ms);

	if (!answers) {
		v->state = LIBVIRT_SILENT;
		return true;
	}

	v->state = (enum libvirt_state)g_ascii_strtoull(answers[STATE], NULL, 10);
	v->error = facts_keep(f, answers[REASON]);
	if (v->state != LIBVIRT_ANSWERED)
		return true;

	sscanf(answers[VERSIONS], "%lu %lu", &v->version, &v->qemu);
	sscanf(answers[USED], "%u %u", &v->sev_used, &v->sev_es_used);
	v->domain_error = facts_keep(f, or_null(answers[DOMAIN_REASON]));

	if (!facts_read_documents(f, s, or_null(answers[CAPABILITIES]), or_null(answers[DOMAIN]),
				  error))
		return false;

	facts_read_features(f, or_null(answers[FEATURES]));

	return true;
}

static bool read_document(const char *path, char **ret, GError **error)
{
	GString *text;

	if (!path)
		return true;

	text = file_read(path, MAX_DOCUMENT, error);
	if (!text)
		return false;

	*ret = g_string_free(text, FALSE);

	return true;
}

static bool read_captured(HostFacts *f, const struct facts_source *s, GError **error)
{
	g_autofree char *capabilities = NULL;
	g_autofree char *domain = NULL;

	if (!read_document(s->capabilities, &capabilities, error))
		return false;
	if (!read_document(s->domcapabilities, &domain, error))
		return false;

	f->libvirt.state = LIBVIRT_ANSWERED;

	return facts_read_documents(f, s, capabilities, domain, error);
}

bool facts_read_libvirt(HostFacts *f, const struct facts_source *s, GError **error)
{
	if (s->capabilities || s->domcapabilities)
		return read_captured(f, s, error);
	if (s->root)
		return true;

	return ask_libvirt(f, s, error);
}

void facts_ask_peer(HostFacts *f, const struct facts_source *s, struct peer_fact *peer)
{
	g_autofree char *uri = g_strdup_printf("%s://%s/system", s->protocol, peer->host);
	const struct question q = { .uri = uri, .connect_only = true };
	g_auto(GStrv) answers = ask_in_time(&q, s->limit_ms);
	unsigned state = LIBVIRT_SILENT;

	if (answers)
		state = (unsigned)g_ascii_strtoull(answers[STATE], NULL, 10);
	peer->libvirt_asked = state != LIBVIRT_NOT_INSTALLED;
	if (!answers)
		peer->libvirt_error = "no answer in time";
	else if (state != LIBVIRT_ANSWERED)
		peer->libvirt_error = facts_keep(f, answers[REASON]);
}
