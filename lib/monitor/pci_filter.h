/* SPDX-License-Identifier: Apache-2.0 */
/* pci_filter.h - which PCI devices of a host VMs may have, as OpenNebula's pci.conf says. */
#ifndef MONITOR_PCI_FILTER_H
#define MONITOR_PCI_FILTER_H

#include "base/error.h"

/* Lists end with NULL. */
typedef struct pci_filter {
	char **filter;		/* "vendor:device:class", hexadecimal, parts may be left out */
	char **short_address;	/* "01:00.0"; empty: all of the filter */
	char **device_name;	/* regular expressions, of any case; empty: likewise */
	char **nvidia_vendors;	/* ids of the makers whose virtual functions have profiles */
} PciFilter;

/* Of the file PATH; without it the rules name no device. NULL: VMM_ERROR_CONFIG, with the line. */
PciFilter *pci_filter_read(const char *path, GError **error);

void pci_filter_free(PciFilter *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PciFilter, pci_filter_free)

#endif
