/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/pci_filter.h"

#include "conf/yaml_pairs.h"

static char **list_or(GHashTable *lists, const char *name, const char *instead)
{
	char **list = lists ? g_hash_table_lookup(lists, name) : NULL;

	if (list)
		return g_strdupv(list);

	return g_strsplit(instead, " ", -1);
}

/* A filter that is left empty means all devices, as the original's does. */
static void read_filter(PciFilter *r, GHashTable *lists)
{
	r->filter = list_or(lists, "filter", "0:0");
	if (*r->filter)
		return;

	g_strfreev(r->filter);
	r->filter = g_strsplit("*", " ", -1);
}

PciFilter *pci_filter_read(const char *path, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(GHashTable) lists = yaml_lists_read(path, &cause);
	PciFilter *r;

	if (!lists && !vmm_is(cause, VMM_ERROR_NOT_FOUND)) {
		vmm_pass(error, &cause);
		return NULL;
	}

	r = g_new0(PciFilter, 1);
	read_filter(r, lists);
	r->short_address = list_or(lists, "short_address", "");
	r->device_name = list_or(lists, "device_name", "");
	r->nvidia_vendors = list_or(lists, "nvidia_vendors", "10de");

	return r;
}

void pci_filter_free(PciFilter *r)
{
	if (!r)
		return;

	g_strfreev(r->filter);
	g_strfreev(r->short_address);
	g_strfreev(r->device_name);
	g_strfreev(r->nvidia_vendors);
	g_free(r);
}
