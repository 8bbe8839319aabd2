/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_doubts.h"

#include "base/text.h"
#include "plan.h"

enum { MAX_NAME = 32 };

static const char *const hypervisors[] = { "kvm", "qemu", NULL };

static void doubt(GPtrArray *to, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void doubt(GPtrArray *to, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_ptr_array_add(to, g_strdup_vprintf(format, ap));
	va_end(ap);
}

static void doubt_hosts(GPtrArray *to, const ConfCfg *cfg)
{
	const char *host;

	for (size_t i = 0; (host = conf_cfg_host_name(cfg, i)); i++)
		if (g_str_has_prefix(conf_cfg_host(cfg, host, "uri"), "qemu+tcp:"))
			doubt(to, "host %s: qemu+tcp is not encrypted, and without authentication "
			      "anyone who reaches it is root there (safer: qemu+tls or qemu+ssh)",
			      host);
}

/* Scripts of a hypervisor that is not ours may be there all the same. */
static void doubt_hypervisor(GPtrArray *to, const struct driver_settings *s)
{
	g_autofree char *dir = g_build_filename(s->local_dir, "vmm", s->options.hypervisor, NULL);

	if (g_strv_contains(hypervisors, s->options.hypervisor))
		return;
	if (g_file_test(dir, G_FILE_TEST_IS_DIR))
		return;

	doubt(to, "hypervisor '%s' has no scripts in %s (kvm and qemu have)",
	      s->options.hypervisor, dir);
}

/* A name that the list OPTION has, and that is none of KNOWN. */
static void doubt_name(GPtrArray *to, const char *option, const char *name, GPtrArray *known)
{
	const char *best = NULL;
	guint least = MAX_NAME;
	g_autofree char *lower = g_ascii_strdown(name, -1);

	for (guint i = 0; i < known->len; i++) {
		guint d = text_distance(lower, g_ptr_array_index(known, i), least);

		if (d < least) {
			least = d;
			best = g_ptr_array_index(known, i);
		}
	}

	if (least)
		doubt(to, "%s: no action is called '%s' (nearest: %s)", option, lower, best);
}

static void doubt_list(GPtrArray *to, const char *option, GHashTable *list, GPtrArray *known)
{
	g_autoptr(GList) names = g_hash_table_get_keys(list);

	names = g_list_sort(names, (GCompareFunc)g_strcmp0);
	for (const GList *l = names; l; l = l->next)
		doubt_name(to, option, l->data, known);
}

GPtrArray *driver_doubts(const struct driver_settings *s)
{
	const struct driver_options *o = &s->options;
	GPtrArray *all = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) local = plan_local_names();
	g_autoptr(GPtrArray) delegate = plan_delegate_names();

	if (o->ignored)
		doubt(all, "argument '%s' has no effect: the hypervisor is '%s'", o->ignored,
		      o->hypervisor);
	if (o->bad_threads)
		doubt(all, "-t '%s' is not a number of 1 or more: %u is used", o->bad_threads,
		      o->threads);

	doubt_hypervisor(all, s);
	doubt_list(all, "-l", o->local, local);
	doubt_list(all, "-d", o->delegate, delegate);
	doubt_hosts(all, s->cfg);

	return all;
}
