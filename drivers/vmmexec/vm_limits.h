/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm_limits.h - limits of disks and NICs as people give them: OpenNebula's names in any case of
 * letters, and sizes with units.
 *
 * Source: docs/facts/deployment.md 2.13.5 and 2.17.
 */
#ifndef VMMEXEC_VM_LIMITS_H
#define VMMEXEC_VM_LIMITS_H

#include "base/error.h"

enum vm_limits_kind { VM_LIMITS_DISK, VM_LIMITS_NIC };

struct vm_limit {
	const char *name;	/* OpenNebula's: "READ_BYTES_SEC"; static */
	char *value;		/* in OpenNebula's unit */
	const char *given;	/* "read_bytes_sec=50M"; borrowed */
};

/*
 * The struct vm_limit of WORDS, "NAME=VALUE" each; none for the one word "none".
 * g_ptr_array_unref(). VMM_ERROR_USAGE: there is no word at all, or one cannot be meant.
 */
GPtrArray *vm_limits_read(enum vm_limits_kind kind, char **words, GError **error);

/* "no limit", "read_bytes_sec=50M". The caller frees. */
char *vm_limits_text(const GPtrArray *limits);

#endif
