/* SPDX-License-Identifier: Apache-2.0 */
#include "facts/accounts.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "base/text.h"
#include "facts/facts_parts.h"

enum { MAX_ACCOUNT = 65536 };

static const char *const files[] = { "/etc/passwd", "/etc/group" };

/* The fields of the line of FILE whose field AT is VALUE. g_strfreev(). */
static char **in_file(const char *root, const char *file, unsigned at, const char *value)
{
	g_autofree char *text = facts_text(root, file);
	g_auto(GStrv) lines = g_strsplit(text_or(text, ""), "\n", -1);

	for (char **l = lines; *l; l++) {
		g_auto(GStrv) fields = g_strsplit(g_strchomp(*l), ":", -1);

		if (g_strv_length(fields) > MAX(at, 3) && g_str_equal(fields[at], value))
			return g_steal_pointer(&fields);
	}

	return NULL;
}

/* As a line of /etc/passwd or /etc/group would have them. */
static char **fields_new(const char *name, unsigned number, unsigned group)
{
	g_autofree char *line = g_strdup_printf("%s:x:%u:%u", name, number, group);

	return g_strsplit(line, ":", -1);
}

/* The user called NAME (NULL: of NUMBER), also of a directory service. g_strfreev(). */
static char **user_of_system(const char *name, unsigned number)
{
	g_autofree char *buffer = g_malloc(MAX_ACCOUNT);
	struct passwd user, *found = NULL;
	int failed;

	if (name)
		failed = getpwnam_r(name, &user, buffer, MAX_ACCOUNT, &found);
	else
		failed = getpwuid_r(number, &user, buffer, MAX_ACCOUNT, &found);
	if (failed || !found)
		return NULL;

	return fields_new(user.pw_name, user.pw_uid, user.pw_gid);
}

static char **group_of_system(const char *name, unsigned number)
{
	g_autofree char *buffer = g_malloc(MAX_ACCOUNT);
	struct group group, *found = NULL;
	int failed;

	if (name)
		failed = getgrnam_r(name, &group, buffer, MAX_ACCOUNT, &found);
	else
		failed = getgrgid_r(number, &group, buffer, MAX_ACCOUNT, &found);
	if (failed || !found)
		return NULL;

	return fields_new(group.gr_name, group.gr_gid, group.gr_gid);
}

static char **of_system(enum account_kind kind, const char *name, unsigned number)
{
	if (kind == ACCOUNT_USER)
		return user_of_system(name, number);

	return group_of_system(name, number);
}

char **account_by_name(const char *root, enum account_kind kind, const char *name)
{
	char **fields = in_file(root, files[kind], 0, name);

	if (fields || root)
		return fields;

	return of_system(kind, name, 0);
}

static char **by_number(const char *root, enum account_kind kind, unsigned number)
{
	g_autofree char *text = g_strdup_printf("%u", number);
	char **fields = in_file(root, files[kind], 2, text);

	if (fields || root)
		return fields;

	return of_system(kind, NULL, number);
}

char *account_name(const char *root, enum account_kind kind, unsigned number)
{
	g_auto(GStrv) fields = by_number(root, kind, number);

	if (fields)
		return g_strdup(fields[0]);

	return g_strdup_printf("%u", number);
}

/* qemu.conf takes "+107" for the number where a user may be called 107. */
static bool is_number_text(const char *text, unsigned *ret)
{
	char *end;

	if (*text == '+')
		text++;
	*ret = (unsigned)g_ascii_strtoull(text, &end, 10);

	return *text && !*end;
}

static void add_group(struct identity *id, gid_t gid)
{
	if (id->n_groups < ACCOUNT_GROUPS)
		id->groups[id->n_groups++] = gid;
}

/* As the system says, or below a sysroot as its files say. */
static void read_groups(const char *root, const char *user, struct identity *id)
{
	g_autofree char *text = facts_text(root, files[ACCOUNT_GROUP]);
	g_auto(GStrv) lines = g_strsplit(text_or(text, ""), "\n", -1);
	int n = ACCOUNT_GROUPS;

	id->groups[0] = id->gid;
	id->n_groups = 1;
	if (!root && getgrouplist(user, id->gid, id->groups, &n) > 0) {
		id->n_groups = (size_t)n;
		return;
	}

	for (char **l = lines; *l; l++) {
		g_auto(GStrv) fields = g_strsplit(*l, ":", -1);
		g_auto(GStrv) members = NULL;

		if (g_strv_length(fields) < 4)
			continue;

		members = g_strsplit(g_strstrip(fields[3]), ",", -1);
		if (g_strv_contains((const char *const *)members, user))
			add_group(id, (gid_t)g_ascii_strtoull(fields[2], NULL, 10));
	}
}

/* Takes the place of the user's own first group, as libvirt does. */
static bool set_group(const char *root, const char *group, struct identity *id)
{
	g_auto(GStrv) fields = NULL;
	unsigned number;

	if (!group)
		return true;
	if (is_number_text(group, &number)) {
		id->gid = number;
		return true;
	}

	fields = account_by_name(root, ACCOUNT_GROUP, group);
	if (!fields)
		return false;

	id->gid = (gid_t)g_ascii_strtoull(fields[2], NULL, 10);

	return true;
}

bool account_identity(const char *root, const char *user, const char *group, struct identity *id)
{
	unsigned number;
	bool is_number = is_number_text(user, &number);
	g_auto(GStrv) fields = is_number ? by_number(root, ACCOUNT_USER, number)
					 : account_by_name(root, ACCOUNT_USER, user);

	*id = (struct identity){ .there = fields || is_number, .uid = number, .gid = number };
	if (fields) {
		id->uid = (uid_t)g_ascii_strtoull(fields[2], NULL, 10);
		id->gid = (gid_t)g_ascii_strtoull(fields[3], NULL, 10);
	}

	if (!set_group(root, group, id))
		return false;

	if (fields)
		read_groups(root, fields[0], id);
	else
		read_groups(root, user, id);

	return true;
}

/* Groups first: a process that has given up root can no longer set them. */
bool account_become(const struct identity *id)
{
	if (geteuid() != 0 || !id->there)
		return true;

	return setgroups(id->n_groups, id->groups) == 0 && setgid(id->gid) == 0 &&
	       setuid(id->uid) == 0;
}
