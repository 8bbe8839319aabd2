/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_system.h - what a host is: SYSTEM_HOST without its wild VMs.
 *
 * Source: docs/facts/monitoring.md 8.
 */
#ifndef MONITOR_HOST_SYSTEM_H
#define MONITOR_HOST_SYSTEM_H

#include <libvirt/libvirt.h>

#include "base/error.h"
#include "facts/host_facts.h"
#include "monitor/fields.h"

/* What libvirt says of the host; all of it may be NULL. */
typedef struct host_documents {
	char *capabilities;
	char *domain;		/* capabilities of domains */
	char *cpu;		/* the host's, with all its features */
	const char *type;	/* of domains: "kvm" or "qemu" */
} HostDocuments;

/* Asks libvirt, without KVM for what it can do without. May take seconds at first. */
HostDocuments *host_documents_new(virConnect *conn);
void host_documents_free(HostDocuments *documents);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostDocuments, host_documents_free)

/* What the host is, found out for one message. */
typedef struct host_view {
	const char *root;	/* as in host_usage.h */
	const char *datastores;	/* their directory */
	const HostDocuments *documents;
	HostFacts *facts;
} HostView;

/* ROOT, DOCUMENTS and DATASTORES are borrowed. SET: the directory of the synced set. */
HostView *host_view_new(const char *root, const HostDocuments *documents, const char *set,
			const char *datastores, GError **error);
void host_view_free(HostView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostView, host_view_free)

/*
 * Adds to OUT what OpenNebula's probe of that name ("cpu.sh") says. The list is in the order of the
 * names, which are NULL at its end.
 */
struct host_part {
	const char *probe;
	void (*add)(Fields *out, const HostView *view);
};
extern const struct host_part host_parts[];

#endif
