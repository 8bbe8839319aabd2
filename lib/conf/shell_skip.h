/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell_skip.h - passes what only a shell can run, so that the plain lines behind it are read.
 *
 * Source: docs/facts/kvmrc.md 2.
 */
#ifndef CONF_SHELL_SKIP_H
#define CONF_SHELL_SKIP_H

#include "conf/shell_quote.h"

/*
 * Passes one instruction, to the end of its line or its ';'. P counts the blocks (if, loops, case,
 * functions) that it opens and closes: what is inside them is skipped line by line.
 */
enum shell_reading shell_skip_instruction(struct shell_parser *p);

#endif
