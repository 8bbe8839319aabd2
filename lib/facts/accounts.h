/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accounts.h - users and groups: of the files below a directory that stands for /, and on this host
 * also of what else nsswitch.conf names.
 */
#ifndef FACTS_ACCOUNTS_H
#define FACTS_ACCOUNTS_H

#include <sys/types.h>

#include "base/error.h"

enum { ACCOUNT_GROUPS = 64 };

/* A user with a group and all groups. */
struct identity {
	uid_t uid;
	gid_t gid, groups[ACCOUNT_GROUPS];
	size_t n_groups;
	bool there;
};

enum account_kind { ACCOUNT_USER, ACCOUNT_GROUP };

/* The fields of the line of passwd or group that has that name. NULL: none. g_strfreev(). */
char **account_by_name(const char *root, enum account_kind kind, const char *name);

/* The name of that number, or the number as text. The caller frees. */
char *account_name(const char *root, enum account_kind kind, unsigned number);

/*
 * Fills ID with USER, a name or a number ("107" or "+107", as libvirt takes it), and GROUP (NULL:
 * the user's own); the groups are those of the data base and not of a session. A number needs no
 * account. False: there is no such group.
 */
bool account_identity(const char *root, const char *user, const char *group, struct identity *id);

/* Takes the rights of ID, if we are root and it is there. False: they were refused. */
bool account_become(const struct identity *id);

#endif
