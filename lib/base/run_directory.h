/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_directory.h - directories of a host that only root and the user who runs the actions can
 * write to: OpenNebula's own for what ends with a boot, else one in that user's home.
 *
 * Source: OpenNebula's node package makes /run/one by systemd-tmpfiles.
 */
#ifndef BASE_RUN_DIRECTORY_H
#define BASE_RUN_DIRECTORY_H

#include "base/error.h"

#define RUN_DIRECTORY "/run/one"

/*
 * RUN_DIRECTORY is there, made if it was not. Errors: as errno says, naming the directory and what
 * makes it at each start of the host.
 */
bool run_directory_make(GError **error);

/* Hints in ERROR who RUN_DIRECTORY belongs to and what makes it. */
void run_directory_hint(GError **error);

struct stat;

/* Whether only root and the user who runs the actions can write to the file that ST is of. */
bool run_directory_is_trusted(const struct stat *st);

enum { RUN_DIRECTORY_LOCKS = 2 };

/*
 * Opens lock file NAME in each place that has one, in an order that is the same for all: at
 * least one, at most RUN_DIRECTORY_LOCKS. How many, with the descriptors in RET; 0: ERROR is set.
 */
int run_directory_open_locks(const char *name, int ret[RUN_DIRECTORY_LOCKS], GError **error);

/* As run_directory_open_locks(), of those that are there: nothing is made, so perhaps 0. */
int run_directory_find_locks(const char *name, int ret[RUN_DIRECTORY_LOCKS]);

#endif
