/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cfg.h - vmm_exec.cfg, the driver's own configuration (libconfig syntax).
 *
 * Every key is a row of the table in cfg.c, with its type, range and default;
 * the shipped file documents each. A file that is not there means defaults.
 */
#ifndef CONF_CFG_H
#define CONF_CFG_H

#include "base/error.h"

typedef struct conf_cfg ConfCfg;

/*
 * Reads PATH. Errors: VMM_ERROR_CONFIG "PATH:LINE: …" for bad syntax, an
 * unknown key (with the nearest known name), a wrong type or a value out of range.
 */
ConfCfg *conf_cfg_load(const char *path, GError **error);

void conf_cfg_free(ConfCfg *cfg);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConfCfg, conf_cfg_free)

/* KEY ("ssh.connect_timeout_s") must be in the table with that type. */
gint64 conf_cfg_int(const ConfCfg *cfg, const char *key);
bool conf_cfg_bool(const ConfCfg *cfg, const char *key);
const char *conf_cfg_string(const ConfCfg *cfg, const char *key); /* borrowed; "" if unset */

/*
 * KEY ("transport", "uri") for HOST: of the first row of list "host" whose name, which may hold
 * '*' and '?', is HOST's and that has it; else the key of that name, else "". Borrowed.
 */
const char *conf_cfg_host(const ConfCfg *cfg, const char *host, const char *key);

/* The name of the I-th row of list "host"; NULL after the last. Borrowed. */
const char *conf_cfg_host_name(const ConfCfg *cfg, size_t i);

/*
 * Gives CFG, which is in use, the values of NEWER. Adds to CHANGED the names of the keys that now
 * have another value, and to LATER those of keys that keep theirs until the driver is started
 * anew, as their users have read them: "host" for the list. What kvm-domain alone reads is neither.
 * Texts that were borrowed of CFG stay valid, but for those of changed keys.
 */
void conf_cfg_update(ConfCfg *cfg, const ConfCfg *newer, GPtrArray *changed, GPtrArray *later);

/* The name of the I-th key of the table; NULL after the last. */
const char *conf_cfg_key(size_t i);

#endif
