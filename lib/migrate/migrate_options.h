/*
 * migrate_options.h - what a live migration shall do, told in the words of "virsh
 * migrate", which is what MIGRATE_OPTIONS of kvmrc holds.
 *
 * Source: actions.md 7; virsh(1), migrate; libvirt-facts.md J.
 */
#ifndef MIGRATE_MIGRATE_OPTIONS_H
#define MIGRATE_MIGRATE_OPTIONS_H

#include <libvirt/libvirt.h>

#include "base/error.h"

/* What becomes of a migration that is not done in time. */
enum virt_overtime {
	VIRT_OVERTIME_SUSPEND,		/* stop the guest, so that it can end */
	VIRT_OVERTIME_POSTCOPY,		/* let it go on at the destination at once */
};

typedef struct virt_migration {
	unsigned flags;			/* virDomainMigrateFlags */
	virTypedParameter *params;
	int n_params, max_params;
	unsigned overtime_s;		/* 0: it may last */
	enum virt_overtime overtime;
	bool postcopy_soon;		/* after the first round through the memory */
} VirtMigration;

VirtMigration *virt_migration_new(void);

/* One more who holds M, on whichever thread; each lets go with virt_migration_free(). */
VirtMigration *virt_migration_ref(const VirtMigration *m);
void virt_migration_free(VirtMigration *m);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VirtMigration, virt_migration_free)

/*
 * Adds what OPTIONS say, words with a shell's quotes ("--unsafe --bandwidth 100").
 * Errors: VMM_ERROR_CONFIG that names the word, with the nearest one there is.
 */
bool virt_migration_parse(VirtMigration *m, const char *options, GError **error);

/* Lets QEMU slow the guest down: VALUE is "INITIAL" or "INITIAL,INCREMENT", in percent. */
bool virt_migration_converge(VirtMigration *m, const char *value, GError **error);

/* Adds parameter NAME (VIR_MIGRATE_PARAM_…). */
void virt_migration_add_text(VirtMigration *m, const char *name, const char *value);
void virt_migration_add_int(VirtMigration *m, const char *name, int value);

#endif
