/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/reach.h"

#include "domain/builders.h"
#include "domain/reach_places.h"
#include "xml/xml.h"

/* deployment.md 5.1 (E4, E5): of RAW and its like. libvirtd looks for a relative path in "/". */

#define NS_OURS "urn:vmmexec"
#define NS_ONE "http://opennebula.org/"

/* What the visits of a walk note problems in, and what they call the XML. */
struct reach {
	DomainBuild *b;
	const char *what;
};

/* "domain/os/loader@type" as an XPath: "WHAT: /domain/os/loader/@type". The caller frees. */
static char *name_of(const char *what, const char *place)
{
	g_auto(GStrv) part = g_strsplit(place, "@", 2);

	if (!part[1])
		return g_strdup_printf("%s: /%s", what, part[0]);

	return g_strdup_printf("%s: /%s/@%s", what, part[0], part[1]);
}

/* The use of these cannot be limited to some paths or names: all are allowed, or none. */
static void need(DomainBuild *b, const char *name, enum reach_use use)
{
	const struct domain_policy *p = domain_builder_policy(b);

	if (use == REACH_DEVICE && !p->host_devices)
		domain_not_allowed(b, name, "domain.host_devices");
	else if (use == REACH_SECLABEL && !p->seclabel)
		domain_not_allowed(b, name, "domain.seclabel");
	else if (use == REACH_COMMAND && !p->qemu_commandline)
		domain_not_allowed(b, name, "domain.qemu_commandline");
}

/* Both random devices are what every guest may read: libvirt's own examples name them. */
static void check_path(DomainBuild *b, const char *name, const char *text, enum reach_use use)
{
	static const char *const harmless[] = { "/dev/urandom", "/dev/random", NULL };
	enum domain_path path = DOMAIN_PATH_DATA;

	if (use == REACH_KERNEL)
		path = DOMAIN_PATH_KERNEL;
	else if (use == REACH_SCRIPT)
		path = DOMAIN_PATH_SCRIPT;
	if (use != REACH_DATA || !g_strv_contains(harmless, text))
		domain_may_use(b, NULL, name, text, path);
}

static void check_known(DomainBuild *b, const char *name, const char *text, enum reach_use use)
{
	switch (use) {
	case REACH_TEXT:
	case REACH_SOURCE:
		break;
	case REACH_WORD:
		if (!reach_is_plain(text))
			domain_problem(b, NULL, "%s = '%.200s': a name is expected, not a path",
				       name, text);
		break;
	case REACH_KERNEL:
	case REACH_SCRIPT:
	case REACH_DATA:
		check_path(b, name, text, use);
		break;
	case REACH_BRIDGE:
		domain_may_name(b, name, text, DOMAIN_NAME_BRIDGE);
		break;
	case REACH_NETWORK:
		domain_may_name(b, name, text, DOMAIN_NAME_NETWORK);
		break;
	case REACH_POOL:
		domain_may_name(b, name, text, DOMAIN_NAME_POOL);
		break;
	case REACH_TAP:
		domain_may_name(b, name, text, DOMAIN_NAME_TAP);
		break;
	case REACH_DEVICE:
	case REACH_SECLABEL:
	case REACH_COMMAND:
		need(b, name, use);
		break;
	case REACH_FORBIDDEN:
		domain_problem(b, NULL, "%s: a VM may not set it; the RAW of host, cluster or "
			       "defaults file may", name);
	}
}

static void check_value(const char *place, const char *text, void *data)
{
	const struct reach *r = data;
	DomainBuild *b = r->b;
	g_autofree char *name = name_of(r->what, place);

	switch (reach_kind_of(place)) {
	case REACH_OPEN:
		check_known(b, name, text, reach_use_of(place));
		break;
	case REACH_CLOSED:
		/* The document need not follow the schema: libvirt checks it only when asked to. */
		if (!reach_is_plain(text))
			domain_problem(b, NULL, "%s = '%.200s': a word or number is expected, not "
				       "a path", name, text);
		break;
	case REACH_NONE:
		if (!reach_is_switch(text))
			domain_problem(b, NULL, "%s = '%.200s': not known, and so not allowed; the "
				       "RAW of host, cluster or defaults file may say it", name,
				       text);
	}
}

static void check_gate(const char *place, const xmlNode *node G_GNUC_UNUSED, enum reach_use use,
		       void *data)
{
	const struct reach *r = data;
	g_autofree char *name = name_of(r->what, place);

	need(r->b, name, use);
}

static void check_remote(const char *place, const xmlNode *node, void *data)
{
	const struct reach *r = data;
	g_autofree char *address = reach_remote(node, place);
	g_autofree char *name = NULL;

	if (address)
		name = name_of(r->what, place);

	if (address)
		domain_may_name(r->b, name, address, DOMAIN_NAME_SOURCE);
}

/* The case is ignored, so that no lookalike passes for one of the two. */
static bool is_reserved(const char *ns)
{
	if (!g_ascii_strncasecmp(ns, NS_OURS, strlen(NS_OURS)))
		return true;

	return !g_ascii_strncasecmp(ns, NS_ONE, strlen(NS_ONE));
}

/* Our own notes and what OpenNebula reads back must not come from a VM's owner. */
static void check_elements(DomainBuild *b, const char *what, const xmlNode *node)
{
	const char *ns = "";

	if (node->ns && node->ns->href)
		ns = (const char *)node->ns->href;

	if (is_reserved(ns))
		domain_problem(b, NULL, "%s: <metadata>: '%.200s' is not a VM's to write", what,
			       ns);
	for (xmlNode *n = xmlFirstElementChild((xmlNode *)node); n; n = xmlNextElementSibling(n))
		check_elements(b, what, n);
}

static void check_metadata(const xmlNode *node, void *data)
{
	const struct reach *r = data;

	for (xmlNode *n = xmlFirstElementChild((xmlNode *)node); n; n = xmlNextElementSibling(n))
		check_elements(r->b, r->what, n);
}

static void check_foreign(const xmlNode *node, bool command, void *data)
{
	const struct reach *r = data;

	if (command)
		need(r->b, r->what, REACH_COMMAND);
	else
		domain_problem(r->b, NULL, "%s: <%s> is of the namespace '%.200s'", r->what,
			       node->name, (const char *)node->ns->href);
}

void domain_reach(DomainBuild *b, const char *what, const char *parent, const xmlNode *node)
{
	static const struct reach_visitor visitor = {
		.node = check_remote, .value = check_value, .gate = check_gate,
		.foreign = check_foreign, .metadata = check_metadata,
	};
	struct reach r = { b, what };

	reach_walk(parent, node, &visitor, &r);
}
