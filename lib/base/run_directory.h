/*
 * run_directory.h - directories of a host that only root and the user whose actions these are can write
 * to: OpenNebula's own for what ends with a boot, else one in that user's home.
 *
 * Source: OpenNebula's node package makes /run/one by systemd-tmpfiles.
 */
#ifndef BASE_RUN_DIRECTORY_H
#define BASE_RUN_DIRECTORY_H

#include "base/error.h"

#define PLACE_RUN "/run/one"

/*
 * PLACE_RUN is there, made if it was not. Errors: as errno says, naming the directory and what
 * makes it at each start of the host.
 */
bool place_make_run(GError **error);

/* Hints in ERROR who PLACE_RUN belongs to and what makes it. */
void place_hint(GError **error);

enum { PLACE_LOCKS = 2 };

/*
 * Opens lock file NAME in each place that has one, in an order that is the same for all: at
 * least one, at most PLACE_LOCKS. How many, with the descriptors in RET; 0: ERROR is set.
 */
int place_open_locks(const char *name, int ret[PLACE_LOCKS], GError **error);

#endif
