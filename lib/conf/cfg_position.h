/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cfg_position.h - the column of a syntax error, of which libconfig reports only the line.
 */
#ifndef CONF_CFG_POSITION_H
#define CONF_CFG_POSITION_H

#include <glib.h>
#include <stdbool.h>

/*
 * The token of TEXT at which libconfig finds a fault in line LINE (from 1), and its
 * column (from 1). "" when the line ends too early. The caller frees.
 */
char *cfg_position_fault(const char *text, int line, int *ret_column);

#endif
