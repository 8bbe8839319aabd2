/* SPDX-License-Identifier: Apache-2.0 */
/* pci_names.h - the names of PCI vendors, devices and classes, from the system's pci.ids. */
#ifndef MONITOR_PCI_NAMES_H
#define MONITOR_PCI_NAMES_H

#include <glib.h>

typedef struct pci_names PciNames;

/* Below ROOT (NULL: /). Without the file there are no names, as lspci has it. */
PciNames *pci_names_new(const char *root);
void pci_names_free(PciNames *names);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PciNames, pci_names_free)

/*
 * Of ids of four hexadecimal digits in lower case: "Vendor", "Device" and "Class" for those without
 * a name. The caller frees.
 */
char *pci_names_vendor(const PciNames *names, const char *vendor);
char *pci_names_device(const PciNames *names, const char *vendor, const char *device);
char *pci_names_class(const PciNames *names, const char *class);

#endif
