/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/snapshot_list.h"

#include "virt/virt_domain.h"
#include "virt/virt_error.h"

struct snapshot {
	char *name, *xml;
	bool current;
};

struct snapshot_list {
	GArray *list;	/* of struct snapshot */
};

static void snapshot_clear(void *data)
{
	struct snapshot *s = data;

	g_free(s->name);
	g_free(s->xml);
}

static struct snapshot *at(const SnapshotList *set, guint i)
{
	return &g_array_index(set->list, struct snapshot, i);
}

/*
 * Parents come before their children, as libvirt registers them in that order only. Secrets are
 * included: a definition without its VNC password is refused at the other host.
 */
SnapshotList *snapshot_list_read(virDomain *dom, GError **error)
{
	g_autoptr(SnapshotList) set = g_new0(SnapshotList, 1);
	virDomainSnapshot **list = NULL;
	int n = virDomainListAllSnapshots(dom, &list, VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL);
	bool ok = n >= 0;

	set->list = g_array_new(FALSE, TRUE, sizeof(struct snapshot));
	g_array_set_clear_func(set->list, snapshot_clear);
	if (!ok)
		virt_fail(error, "cannot list the snapshots of domain %s", virDomainGetName(dom));
	for (int i = 0; i < n; i++) {
		g_autoptr(virDomainSnapshot) snap = list[i];
		char *xml = virDomainSnapshotGetXMLDesc(snap, VIR_DOMAIN_SNAPSHOT_XML_SECURE);
		struct snapshot s = { 0 };

		if (!xml) {
			if (ok)
				virt_fail(error, "cannot read a snapshot of domain %s",
					  virDomainGetName(dom));
			ok = false;
			continue;
		}

		s.name = g_strdup(virDomainSnapshotGetName(snap));
		s.xml = g_strdup(xml);
		s.current = virDomainSnapshotIsCurrent(snap, 0) == 1;
		g_array_append_val(set->list, s);
		free(xml);
	}

	free(list);

	if (ok)
		return g_steal_pointer(&set);

	return NULL;
}

guint snapshot_list_size(const SnapshotList *set)
{
	return set->list->len;
}

const char *snapshot_list_name(const SnapshotList *set, guint i)
{
	return at(set, i)->name;
}

const char *snapshot_list_xml(const SnapshotList *set, guint i)
{
	return at(set, i)->xml;
}

/* Children first: libvirt would otherwise hand them to their grandparents. */
bool snapshot_list_forget(const SnapshotList *set, virDomain *dom, GError **error)
{
	for (guint i = set->list->len; i-- > 0;) {
		const char *name = at(set, i)->name;
		g_autoptr(virDomainSnapshot) snap = virDomainSnapshotLookupByName(dom, name, 0);

		if (snap && virDomainSnapshotDelete(snap,
						    VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY) == 0)
			continue;
		virt_fail(error, "cannot take snapshot %s from domain %s", name,
			  virDomainGetName(dom));
		snapshot_list_register(set, dom, NULL);
		return false;
	}

	return true;
}

bool snapshot_list_register(const SnapshotList *set, virDomain *dom, GError **error)
{
	/* A snapshot that fails does not keep the others from being registered. */
	bool ok = true;

	for (guint i = 0; i < set->list->len; i++) {
		const struct snapshot *s = at(set, i);
		unsigned flags = VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE |
				 (s->current ? VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT : 0);
		g_autoptr(virDomainSnapshot) snap = virDomainSnapshotCreateXML(dom, s->xml, flags);

		if (!snap && ok)
			ok = virt_fail(error, "cannot register snapshot %s of domain %s",
					      s->name, virDomainGetName(dom));
	}

	return ok;
}

void snapshot_list_free(SnapshotList *set)
{
	if (set->list)
		g_array_unref(set->list);
	g_free(set);
}
