/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own_directory.h - the directory of what the agent keeps lies in /var/tmp, where any user can make
 * one of that name first: in another user's, names may be links to anything.
 */
#ifndef WATCH_OWN_DIRECTORY_H
#define WATCH_OWN_DIRECTORY_H

#include "base/error.h"

/*
 * Makes directory PATH if it is not there. VMM_ERROR_PERMISSION: it is neither ours nor root's, or
 * every user may write to it. A link of ours, or of root, may lead to it.
 */
bool own_directory_check(const char *path, GError **error);

#endif
