/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu_map.h - libvirt's CPU map: which CPU models and features it knows for an architecture, and
 * which features a model has. It is read from the files that libvirt itself reads.
 *
 * Source: docs/facts/cpu.md 1.
 */
#ifndef FIT_CPU_MAP_H
#define FIT_CPU_MAP_H

#include "base/error.h"

/* Where libvirt's package puts it. */
#define FIT_CPU_MAP_DIRECTORY "/usr/share/libvirt/cpu_map"

typedef struct fit_cpu_map FitCpuMap;

/*
 * Reads the map in DIRECTORY for guests of ARCH as a domain names it ("x86_64"); empty for an
 * architecture that the map does not have. The caller frees. Errors: as errno says for a file
 * that cannot be read; VMM_ERROR_INPUT for one that is no XML.
 */
FitCpuMap *fit_cpu_map_read(const char *directory, const char *arch, GError **error);
void fit_cpu_map_free(FitCpuMap *map);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FitCpuMap, fit_cpu_map_free)

/* libvirt's spelling of MODEL, given in any case; NULL when there is no such model. Borrowed. */
const char *fit_cpu_map_model(const FitCpuMap *map, const char *model);

/* All models, divided by commas. The caller frees. */
char *fit_cpu_map_models(const FitCpuMap *map);

/*
 * libvirt's name of a feature that is given in any case and in the spelling of libvirt ("pni"), of
 * QEMU or Linux ("sse3"), or as OpenStack's trait with or without its prefix ("HW_CPU_X86_SSE3").
 * NULL when there is none. Borrowed.
 */
const char *fit_cpu_map_feature(const FitCpuMap *map, const char *name);

/* The known feature that is most like NAME; NULL when none is near. Borrowed. */
const char *fit_cpu_map_near(const FitCpuMap *map, const char *name);

/* Whether MODEL has FEATURE, which is in libvirt's spelling. */
bool fit_cpu_map_has(const FitCpuMap *map, const char *model, const char *feature);

#endif
