/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cfg_number.h - numbers of a file in libconfig's syntax which libconfig would take for others:
 * versions before 1.7.3 keep the lower 32 bits of one without L, and all that of 64 of one with it.
 */
#ifndef CONF_CFG_NUMBER_H
#define CONF_CFG_NUMBER_H

#include <glib.h>
#include <stdbool.h>

/* Whether each whole number of TEXT, that of PATH, fits. VMM_ERROR_CONFIG "PATH:LINE: …". */
bool cfg_number_check(const char *text, const char *path, GError **error);

#endif
