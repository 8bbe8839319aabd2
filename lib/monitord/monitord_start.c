/* SPDX-License-Identifier: Apache-2.0 */
#include "monitord/monitord_start.h"

#include <string.h>

#include "base/file.h"
#include "base/number.h"
#include "xml/xml.h"

enum { SYNC_S = 180, MAX_PERIOD_S = 30 * 86400, MAX_START = 1 << 20 };

/* "10.0.0.1 51234 22": of sshd. The caller frees. */
static char *address_of(const char *wanted, const char *ssh_client, GError **error)
{
	if (g_strcmp0(wanted, "auto") != 0)
		return g_strdup(wanted);
	if (ssh_client && *ssh_client && *ssh_client != ' ')
		return g_strndup(ssh_client, strcspn(ssh_client, " "));

	vmm_fail(error, VMM_ERROR_INPUT,
		 "NETWORK/MONITOR_ADDRESS is \"auto\", but SSH_CLIENT is not known");

	return NULL;
}

static bool read_network(MonitordStart *s, const xmlNode *root, const char *ssh_client,
			 GError **error)
{
	const xmlNode *network = xml_child(root, "NETWORK");
	g_autofree char *address = xml_child_text(network, "MONITOR_ADDRESS");
	g_autofree char *port = xml_child_text(network, "PORT");
	g_autofree char *key = xml_child_text(network, "PUBKEY");
	guint64 number;

	if (!address)
		return vmm_fail(error, VMM_ERROR_INPUT, "NETWORK/MONITOR_ADDRESS is missing");
	s->address = address_of(g_strstrip(address), ssh_client, error);
	if (!s->address)
		return false;

	if (!port)
		return vmm_fail(error, VMM_ERROR_INPUT, "NETWORK/PORT is missing");
	if (!number_unsigned(g_strstrip(port), 1, G_MAXUINT16, &number, error)) {
		g_prefix_error(error, "NETWORK/PORT: ");
		return false;
	}

	s->port = g_steal_pointer(&port);
	if (!key || !*g_strstrip(key))
		return true;
	s->key = monitord_key_parse(key, error);

	return s->key != NULL;
}

/* Seconds in element NAME of PERIODS, DEFAULT_S when it is missing. */
static bool read_period(const xmlNode *periods, const char *name, unsigned default_s, unsigned *ret,
			GError **error)
{
	g_autofree char *text = xml_child_text(periods, name);
	guint64 number = default_s;

	if (text && !number_unsigned(g_strstrip(text), 1, MAX_PERIOD_S, &number, error)) {
		g_prefix_error(error, "PROBES_PERIOD/%s: ", name);
		return false;
	}

	*ret = (unsigned)number;

	return true;
}

static bool read_periods(MonitordStart *s, const xmlNode *root, GError **error)
{
	const xmlNode *periods = xml_child(root, "PROBES_PERIOD");

	for (size_t i = 0; i < MONITORD_SETS; i++) {
		const struct monitord_set *set = &monitord_sets[i];

		s->period_s[i] = set->period_s;
		if (set->period && !read_period(periods, set->period, set->period_s,
						&s->period_s[i], error))
			return false;
	}

	return read_period(periods, "SYNC_STATE_VM", SYNC_S, &s->sync_s, error);
}

static bool read_host(MonitordStart *s, const xmlNode *root, GError **error)
{
	g_autofree char *id = xml_child_text(root, "HOST_ID");

	if (!id)
		return vmm_fail(error, VMM_ERROR_INPUT, "HOST_ID is missing");
	if (number_signed(g_strstrip(id), -1, G_MAXINT32, &s->host_id, error))
		return true;

	g_prefix_error(error, "HOST_ID: ");

	return false;
}

static bool read_all(MonitordStart *s, const xmlNode *root, const char *ssh_client, GError **error)
{
	if (!read_network(s, root, ssh_client, error))
		return false;
	if (!read_host(s, root, error))
		return false;
	s->datastores = xml_child_text(root, "DATASTORE_LOCATION");
	if (s->datastores && *g_strstrip(s->datastores) != '/')
		g_clear_pointer(&s->datastores, g_free);

	return read_periods(s, root, error);
}

static MonitordStart *parse_start(const char *xml, size_t len, const char *ssh_client,
				  GError **error)
{
	g_autoptr(xmlDoc) doc = xml_parse(xml, len, "start message", error);
	g_autoptr(MonitordStart) s = g_new0(MonitordStart, 1);

	if (!doc)
		return NULL;
	if (!read_all(s, xmlDocGetRootElement(doc), ssh_client, error)) {
		g_prefix_error(error, "start message: ");
		return NULL;
	}

	s->text = g_strndup(xml, len);

	return g_steal_pointer(&s);
}

MonitordStart *monitord_start_read(int fd, GError **error)
{
	GString *text = file_read_fd(fd, MAX_START, "the start message", error);
	MonitordStart *start;

	if (!text)
		return NULL;

	start = parse_start(text->str, text->len, g_getenv("SSH_CLIENT"), error);
	g_string_free(text, TRUE);

	return start;
}

void monitord_start_free(MonitordStart *s)
{
	if (!s)
		return;

	g_free(s->address);
	g_free(s->port);
	g_free(s->datastores);
	g_free(s->text);
	monitord_key_free(s->key);
	g_free(s);
}
