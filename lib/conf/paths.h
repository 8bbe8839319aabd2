/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paths.h - where the files of an OpenNebula installation are: system-wide, or
 * all below $ONE_LOCATION when that is set.
 *
 * Source: docs/architecture.md, "Three outcomes"; docs/facts/protocol.md 1 and 6.1.
 */
#ifndef CONF_PATHS_H
#define CONF_PATHS_H

#include <glib.h>

/* "/etc/one/FILE" or "$ONE_LOCATION/etc/FILE". The caller frees. */
char *conf_path_etc(const char *file);

/* "/var/lib/one/FILE" or "$ONE_LOCATION/var/FILE". The caller frees. */
char *conf_path_var(const char *file);

/* "/var/log/one/FILE" or "$ONE_LOCATION/var/FILE". The caller frees. */
char *conf_path_log(const char *file);

/*
 * FILE below the directory of remotes that the program running now belongs to:
 * "../../FILE" of "…/vmm/kvm" where an action lies, of the same kind for "vmm", "im", "im/kvm.d"
 * and "im/qemu.d", else in the directory it lies in. The caller frees.
 */
char *conf_path_remotes(const char *file);

/*
 * The kvmrc that belongs to the program running now: "etc/vmm/kvm/kvmrc" there (kvmrc.md).
 * The caller frees.
 */
char *conf_path_kvmrc(void);

#endif
