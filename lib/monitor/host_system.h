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

/*
 * Adds all to OUT. ROOT: as in host_usage.h. SET: the directory of the synced set, which has the
 * file VERSION. DATASTORES: the directory of the datastores, or NULL.
 */
bool host_system_add(Fields *out, const char *root, const HostDocuments *documents,
		     const char *set, const char *datastores, GError **error);

#endif
