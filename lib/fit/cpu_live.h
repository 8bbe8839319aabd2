/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu_live.h - what the XML of a running domain says of its CPU: libvirt changes it to what QEMU
 * really gives the guest.
 *
 * Source: docs/facts/cpu.md 4.
 */
#ifndef FIT_CPU_LIVE_H
#define FIT_CPU_LIVE_H

#include "fit/cpu_map.h"
#include "xml/xml.h"

/*
 * Which of REQUIRED (char *, libvirt's names) the CPU of DOMAIN lacks, divided by commas; NULL:
 * none. The caller frees.
 */
char *fit_cpu_live_lacks(const xmlNode *domain, const FitCpuMap *map, const GPtrArray *required);

/* Whether the guest of DOMAIN can run VMs itself, if its host lets guests do so. */
bool fit_cpu_live_may_nest(const xmlNode *domain, const FitCpuMap *map);

#endif
