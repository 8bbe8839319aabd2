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
#include "facts/accounts.h"
#include "facts/probe.h"
#include "xml/xml.h"

enum { MAX_DOCUMENT = 8 << 20 };

/* What the child answers: texts that end with NUL each, in this order. */
enum answer {
	STATE, REASON, VERSIONS, CAPABILITIES, DOMAIN, DOMAIN_REASON, FEATURES, USED, COMPARED,
	ANSWERS
};

struct question {
	const char *uri, *type, *arch;
	const char *models, *features;	/* of kvmrc, or NULL */
	const struct identity *as;	/* whose rights are taken; NULL: ours */
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
	typeof(virConnectCompareHypervisorCPU) *compare;
	typeof(virConnectListAllDomains) *domains;
	typeof(virDomainGetXMLDesc) *xml;
	typeof(virGetLastErrorMessage) *message;
	typeof(virSetErrorFunc) *set_error;
};

/* Where one symbol is missing the library is older than what we support, and counts as none. */
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
		{ "virConnectCompareHypervisorCPU", &a->compare },
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

/* libvirt's own handler prints each error; we report the one that matters. */
static void libvirt_quiet(void *data G_GNUC_UNUSED, virErrorPtr error G_GNUC_UNUSED)
{
}

/* Polkit and the socket's mode refuse in different words. */
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

/* A domain's <cpu> of MODEL with the features of kvmrc: "NAME", "+NAME" or "-NAME". */
static char *wanted_cpu(const char *model, const char *features)
{
	g_auto(GStrv) names = g_strsplit_set(text_or(features, ""), ", ", -1);
	g_autoptr(GString) xml = g_string_new(NULL);
	g_autofree char *first = NULL;

	first = g_markup_printf_escaped("<cpu mode='custom' match='exact'>"
					"<model fallback='forbid'>%s</model>", model);
	g_string_append(xml, first);
	for (char **n = names; *n; n++) {
		const char *policy = **n == '-' ? "disable" : "require";
		const char *name = *n + strspn(*n, "+-");
		g_autofree char *low = g_ascii_strdown(name, -1);
		g_autofree char *line = g_markup_printf_escaped("<feature policy='%s' name='%s'/>",
								policy, low);

		if (*low)
			g_string_append(xml, line);
	}
	g_string_append(xml, "</cpu>");

	return g_string_free(g_steal_pointer(&xml), FALSE);
}

/* "MODEL: reason" for each model of kvmrc that the host cannot give with those features. */
static char *compare_models(const struct api *a, virConnect *conn, const struct question *q)
{
	g_auto(GStrv) models = g_strsplit_set(text_or(q->models, ""), ", ", -1);
	g_autoptr(GString) out = g_string_new(NULL);

	for (char **m = models; *m; m++) {
		g_autofree char *cpu = wanted_cpu(*m, q->features);

		if (!**m || a->compare(conn, NULL, q->arch, NULL, q->type, cpu,
				       VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE) >= 0)
			continue;

		text_separate(out, "; ");
		g_string_append_printf(out, "%s: %s", *m, a->message());
	}

	return g_string_free(g_steal_pointer(&out), FALSE);
}

/* Of q35, which alone has Secure Boot and encrypted memory, where there is one. Caller frees. */
static char *domain_capabilities(const struct api *a, virConnect *conn, const struct question *q)
{
	char *text = NULL;

	if (!g_strcmp0(q->arch, "x86_64"))
		text = a->domain_capabilities(conn, NULL, q->arch, "q35", q->type, 0);
	if (!text)
		text = a->domain_capabilities(conn, NULL, q->arch, NULL, q->type, 0);

	return text;
}

/* In the order of enum answer. What fails is an empty text, and the rest is asked all the same. */
static void ask_all(const struct api *a, virConnect *conn, const struct question *q, GString *out)
{
	unsigned long version = 0, qemu = 0;
	unsigned used[2] = { 0, 0 };
	g_autofree char *versions = NULL, *counts = NULL, *compared = NULL;
	char *text, *capabilities;

	a->lib_version(conn, &version);
	a->version(conn, &qemu);
	versions = g_strdup_printf("%lu %lu", version, qemu);
	put(out, versions);
	capabilities = a->capabilities(conn);
	put(out, capabilities);
	text = domain_capabilities(a, conn, q);
	put(out, text);
	if (text)
		put(out, "");
	else
		put(out, a->message());
	put(out, expand_cpu(a, conn, capabilities));
	count_encrypted(a, conn, used);
	counts = g_strdup_printf("%u %u", used[0], used[1]);
	put(out, counts);
	compared = compare_models(a, conn, q);
	put(out, compared);
}

/* Runs in a child process: if libvirt hangs or crashes, only the answer is missing. */
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

	if (q->as && !account_become(q->as))
		return;

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

/* Takes TEXT, which may be NULL. */
static char **split_answer(GString *text)
{
	char **answers = text ? split_answers(text) : NULL;

	if (text)
		g_string_free(text, TRUE);

	return answers;
}

static char **ask_in_time(const struct question *q, unsigned limit_ms)
{
	return split_answer(probe_run(ask, q, limit_ms));
}

/* An empty text is an answer that was not given. */
static const char *or_null(const char *text)
{
	if (*text)
		return text;

	return NULL;
}

/* The drivers log in as oneadmin: as root we can try what that user may. */
static void ask_as_oneadmin(HostFacts *f, const struct facts_source *s)
{
	struct identity oneadmin;
	const struct question q = { .uri = s->uri, .connect_only = true, .as = &oneadmin };
	g_auto(GStrv) answers = NULL;

	account_identity(NULL, "oneadmin", NULL, &oneadmin);
	if (!f->is_root || !oneadmin.there)
		return;

	answers = ask_in_time(&q, s->limit_ms);
	if (answers && g_ascii_strtoull(answers[STATE], NULL, 10) == LIBVIRT_DENIED)
		f->libvirt.oneadmin_error = facts_keep(f, answers[REASON]);
}

static bool ask_libvirt(HostFacts *f, const struct facts_source *s, GError **error)
{
	struct libvirt_fact *v = &f->libvirt;
	const struct question q = {
		.uri = s->uri, .type = s->type, .arch = text_or(s->arch, f->arch),
		.models = s->cpu_models, .features = s->cpu_features,
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
	v->incompatible = facts_keep(f, or_null(answers[COMPARED]));
	ask_as_oneadmin(f, s);

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

/* The setting unix_sock_group of the daemon's FILE. */
static const char *set_socket_group(HostFacts *f, const char *root, const char *file)
{
	g_autofree char *group = facts_setting(root, file, "unix_sock_group");

	return facts_keep(f, group);
}

/* Something starts the daemon NAME when the host boots. */
static bool has_service(const char *root, const char *name)
{
	static const char *const forms[] = { "/lib/systemd/system/%s.service",
					     "/usr/lib/systemd/system/%s.service",
					     "/etc/systemd/system/%s.service", "/etc/init.d/%s" };

	for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
		g_auto(GStrv) parts = g_strsplit(forms[i], "%s", 2);
		g_autofree char *path = g_strconcat(parts[0], name, parts[1], NULL);

		if (facts_is_link(root, path))
			return true;
	}

	return false;
}

/* Which daemon serves QEMU: one of many, and not one for all. */
static bool is_modular(const HostFacts *f, const char *root)
{
	static const char enabled[] = "/etc/systemd/system/sockets.target.wants/";
	g_autofree char *new_unit = g_strconcat(enabled, "virtqemud.socket", NULL);
	g_autofree char *old_unit = g_strconcat(enabled, "libvirtd.socket", NULL);
	bool has_new = facts_has(f->programs, "virtqemud");

	if (!has_new || !facts_has(f->programs, "libvirtd"))
		return has_new;
	if (facts_there(root, "/run/libvirt/virtqemud-sock"))
		return true;
	if (facts_there(root, "/run/libvirt/libvirt-sock"))
		return false;
	if (facts_is_link(root, new_unit))
		return true;

	return facts_is_red_hat(f) && !facts_is_link(root, old_unit);
}

/* The daemon that serves QEMU, and the group that may use its socket. */
static void read_daemon(HostFacts *f, const char *root)
{
	struct libvirt_fact *v = &f->libvirt;

	v->is_modular = is_modular(f, root);
	if (v->is_modular) {
		v->has_service = has_service(root, "virtqemud");
		v->socket_group = set_socket_group(f, root, "/etc/libvirt/virtqemud.conf");
	} else {
		v->has_service = has_service(root, "libvirtd");
		v->socket_group = set_socket_group(f, root, "/etc/libvirt/libvirtd.conf");
	}
}

bool facts_read_libvirt(HostFacts *f, const struct facts_source *s, GError **error)
{
	read_daemon(f, s->root);
	if (s->capabilities || s->domcapabilities)
		return read_captured(f, s, error);
	if (s->root)
		return true;

	return ask_libvirt(f, s, error);
}

/* How many are asked at a time: sshd refuses some of more than ten that log in (MaxStartups). */
enum { AT_ONCE = 8 };

struct peer_question {
	struct question question;
	char *uri;
	Probe *probe;		/* NULL: it is not asked */
};

static void ask_peer(const struct facts_source *s, const struct peer_fact *peer,
		     struct peer_question *ret)
{
	ret->uri = g_strdup_printf("%s://%s/system", s->protocol, peer->host);
	ret->question = (struct question){ .uri = ret->uri, .connect_only = true };
	if (!peer->ssh_error && !peer->is_new)
		ret->probe = probe_start(ask, &ret->question, s->limit_ms);
}

static void take_peer(HostFacts *f, struct peer_fact *peer, struct peer_question *q)
{
	bool was_asked = q->probe != NULL;
	g_auto(GStrv) answers = split_answer(probe_finish(q->probe));
	unsigned state = LIBVIRT_SILENT;

	peer->uri = facts_keep(f, q->uri);
	g_free(q->uri);
	if (!was_asked)
		return;

	if (answers)
		state = (unsigned)g_ascii_strtoull(answers[STATE], NULL, 10);
	peer->libvirt_asked = state != LIBVIRT_NOT_INSTALLED;
	if (!answers)
		peer->libvirt_error = "no answer in time";
	else if (state != LIBVIRT_ANSWERED)
		peer->libvirt_error = facts_keep(f, answers[REASON]);
}

void facts_ask_peers(HostFacts *f, const struct facts_source *s)
{
	struct peer_question *q = g_new0(struct peer_question, f->peers);

	for (unsigned i = 0; i < f->peers + AT_ONCE; i++) {
		if (i >= AT_ONCE && i - AT_ONCE < f->peers)
			take_peer(f, &f->peer[i - AT_ONCE], &q[i - AT_ONCE]);
		if (i < f->peers)
			ask_peer(s, &f->peer[i], &q[i]);
	}

	g_free(q);
}
