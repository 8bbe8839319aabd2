/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cfg_source.h - the text of a file in libconfig's syntax. libconfig's own reader ends the process
 * when a file, or one that it includes, is a directory: so files are read here, and libconfig gets
 * their text.
 */
#ifndef CONF_CFG_SOURCE_H
#define CONF_CFG_SOURCE_H

#include <glib.h>
#include <libconfig.h>
#include <stdbool.h>

/* The text of PATH, at most 1 MiB. The caller frees. Errors: those of file_read(). */
GString *cfg_source_read(const char *path, GError **error);

/*
 * Parses TEXT, which is that of PATH, and what it includes. The caller config_destroy()s RET after
 * success. VMM_ERROR_CONFIG "PATH:LINE: …" for bad syntax, or an @include that is missing, not a
 * file, or too deep, or a whole number that libconfig cannot hold.
 */
bool cfg_source_parse(const char *text, const char *path, config_t *ret, GError **error);

#endif
