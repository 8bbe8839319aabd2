/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate_options.h - options of a live migration, in the syntax of "virsh migrate", which
 * MIGRATE_OPTIONS of kvmrc has.
 *
 * Source: docs/facts/actions.md 7; virsh(1), migrate; libvirt.md J.
 */
#ifndef MIGRATE_MIGRATE_OPTIONS_H
#define MIGRATE_MIGRATE_OPTIONS_H

#include <libvirt/libvirt.h>

#include "base/error.h"

/* What to do with a migration that takes too long. */
enum migrate_overtime {
	MIGRATE_OVERTIME_SUSPEND,		/* stop the guest, so that it can end */
	MIGRATE_OVERTIME_POSTCOPY,		/* switch to post-copy */
};

typedef struct migrate_options {
	unsigned flags;			/* virDomainMigrateFlags */
	virTypedParameter *params;
	int n_params, max_params;
	unsigned overtime_s;		/* 0: no limit */
	enum migrate_overtime overtime;
	bool postcopy_soon;		/* after the first round through the memory */
} MigrateOptions;

/* Those of a live migration without any MIGRATE_OPTIONS. The caller frees. */
MigrateOptions *migrate_options_new(void);

/* Adds a reference, from any thread; migrate_options_free() drops one. */
MigrateOptions *migrate_options_ref(const MigrateOptions *m);
void migrate_options_free(MigrateOptions *m);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MigrateOptions, migrate_options_free)

/*
 * Adds what OPTIONS say, words with a shell's quotes ("--unsafe --bandwidth 100").
 * Errors: VMM_ERROR_CONFIG that names the word, with the nearest one there is.
 */
bool migrate_options_parse(MigrateOptions *m, const char *options, GError **error);

/* Lets QEMU slow the guest down: VALUE is "INITIAL" or "INITIAL,INCREMENT", in percent. */
bool migrate_options_converge(MigrateOptions *m, const char *value, GError **error);

/* Adds parameter NAME (VIR_MIGRATE_PARAM_…). */
void migrate_options_add_text(MigrateOptions *m, const char *name, const char *value);

#endif
