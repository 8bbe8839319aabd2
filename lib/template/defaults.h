/* SPDX-License-Identifier: Apache-2.0 */
/*
 * defaults.h - the defaults file (vmm_exec_kvm.conf): its grammar, and what it may say.
 *
 * Source: docs/facts/deployment.md 1.2.
 */
#ifndef TEMPLATE_DEFAULTS_H
#define TEMPLATE_DEFAULTS_H

#include "template/attr.h"

#define TMPL_CONF_MAX_BYTES (4 << 20)

/*
 * Parses LEN bytes of the defaults file called NAME. Each name occurs once in the
 * result: the last statement replaces earlier ones entirely. A key that occurs twice in one
 * vector is kept twice, and the first one is used. NULL with VMM_ERROR_CONFIG
 * "NAME:LINE:COLUMN: reason, at 'TOKEN'". The caller frees.
 */
TmplSet *tmpl_defaults_parse(const char *text, size_t len, const char *name, GError **error);

/*
 * Checks the attributes of SET. Each unknown name becomes a warning, with the nearest known name,
 * added to WARNINGS (of char *, owned by the array). False
 * with VMM_ERROR_CONFIG, all faults in one text ("NAME:LINE:COLUMN: …; …"),
 * when an attribute is of the wrong kind or its value of the wrong type.
 */
bool tmpl_defaults_check(const TmplSet *set, GPtrArray *warnings, GError **error);

/* Reads and parses file PATH; a file that is not there is VMM_ERROR_CONFIG. */
TmplSet *tmpl_defaults_read(const char *path, GError **error);

#endif
