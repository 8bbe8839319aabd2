/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/fleet.h"

#include "base/child.h"
#include "base/text.h"
#include "conf/paths.h"
#include "conf/rc.h"
#include "wire/ssh.h"
#include "xml/xml.h"

enum { MAX_POOL = 64 << 20, OFFLINE = 8, LIST_MS = 60000 };

struct fleet {
	const GPtrArray *hosts;
	guint next, ended, parallel;
	fleet_start *start;
	void *data;
	GMainLoop *loop;
};

static bool is_chosen(const struct fleet_choice *c, const xmlNode *host)
{
	g_autofree char *state = xml_child_text(host, "STATE");
	g_autofree char *cluster = xml_child_text(host, "CLUSTER");

	if (state && g_ascii_strtoll(state, NULL, 10) == OFFLINE)
		return false;

	return !c->cluster || !g_strcmp0(cluster, c->cluster);
}

/* Those that OpenNebula's own program lists. */
static bool add_pool(GPtrArray *hosts, const struct fleet_choice *c, GError **error)
{
	const char *const argv[] = { "onehost", "list", "-x", NULL };
	struct child_spec spec = { .argv = argv, .timeout_ms = LIST_MS, .max_output = MAX_POOL };
	struct child_result result = { 0 };
	g_autoptr(xmlDoc) doc = NULL;
	bool ran = child_run(&spec, &result, error);
	bool ok = ran && child_result_check(&result, "onehost", error);

	if (!ran)
		vmm_error_set_hint(error, "run it on the front-end, as oneadmin, or name the "
					  "hosts");

	if (ok)
		doc = xml_parse(result.out->str, result.out->len, "onehost list", error);

	child_result_clear(&result);
	for (const xmlNode *n = doc ? xmlDocGetRootElement(doc)->children : NULL; n; n = n->next) {
		char *name = is_chosen(c, n) ? xml_child_text(n, "NAME") : NULL;

		if (name)
			g_ptr_array_add(hosts, name);
	}

	return doc != NULL;
}

GPtrArray *fleet_hosts(const struct fleet_choice *c, GError **error)
{
	g_autoptr(GPtrArray) hosts = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) cause = NULL;

	/* One that is named twice is meant once: two at work there would be in each other's way. */
	for (char **h = c->named; h && *h; h++)
		if (!g_ptr_array_find_with_equal_func(hosts, *h, g_str_equal, NULL))
			g_ptr_array_add(hosts, g_strdup(*h));
	if (hosts->len && (c->all || c->cluster)) {
		vmm_fail(error, VMM_ERROR_USAGE, "either hosts are named, or --all or --cluster is "
			 "given");
		return NULL;
	}

	for (guint i = 0; i < hosts->len; i++)
		if (!wire_ssh_check_host(g_ptr_array_index(hosts, i), &cause)) {
			vmm_fail(error, VMM_ERROR_USAGE, "%s", cause->message);
			return NULL;
		}

	if ((c->all || c->cluster) && !add_pool(hosts, c, error))
		return NULL;

	for (guint i = 0; i < hosts->len; i++)
		if (!wire_ssh_check_host(g_ptr_array_index(hosts, i), error))
			return NULL;
	if (!hosts->len && c->cluster) {
		vmm_fail(error, VMM_ERROR_NOT_FOUND, "no host that is not offline is in cluster "
			 "'%s'", c->cluster);
		vmm_error_set_hint(error, "see onehost list");
		return NULL;
	}

	return g_steal_pointer(&hosts);
}

char *fleet_remote_dir(void)
{
	g_autofree char *path = conf_path_var("config");
	g_autoptr(ConfRc) config = conf_rc_load(path, CONF_RC_OPTIONAL, NULL);
	const char *dir = config ? conf_rc_get(config, "SCRIPTS_REMOTE_DIR") : NULL;

	return g_strdup(text_or(dir, "/var/tmp/one"));
}

static void start_more(Fleet *f)
{
	while (f->next < f->hosts->len && f->next - f->ended < f->parallel)
		f->start(f->data, f, g_ptr_array_index(f->hosts, f->next++));
}

void fleet_run(const GPtrArray *hosts, guint parallel, fleet_start *start, void *data)
{
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	Fleet f = { .hosts = hosts, .parallel = parallel, .start = start, .data = data,
		    .loop = loop };

	start_more(&f);
	if (f.ended < hosts->len)
		g_main_loop_run(loop);
}

void fleet_ended(Fleet *f)
{
	f->ended++;
	start_more(f);
	if (f->ended == f->hosts->len)
		g_main_loop_quit(f->loop);
}

guint fleet_count_ended(const Fleet *f)
{
	return f->ended;
}
