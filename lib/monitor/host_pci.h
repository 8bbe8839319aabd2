/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_pci.h - the PCI devices of a host that VMs may have: of SYSTEM_HOST.
 *
 * Source: docs/facts/monitoring.md 8.
 */
#ifndef MONITOR_HOST_PCI_H
#define MONITOR_HOST_PCI_H

#include "monitor/fields.h"
#include "monitor/pci_filter.h"

/*
 * Adds the devices below ROOT (NULL: /) that RULES name. INTERFACES, of texts by texts, has the
 * names of network interfaces that devices had before a VM got them; it is added to.
 */
void host_pci_add(Fields *out, const char *root, const PciFilter *rules, GHashTable *interfaces);

#endif
