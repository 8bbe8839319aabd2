/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device is opened as the user that QEMU gets: that user may be in no group of a name one would
 * look for, and a rule of udev, an ACL or a container decides too.
 */
#include "facts/facts_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/text.h"
#include "facts/probe.h"

enum { MAX_GROUPS = 64 };

struct identity {
	uid_t uid;
	gid_t gid, groups[MAX_GROUPS];
	size_t n_groups;
	bool there;
};

/* The setting NAME = "value" of qemu.conf. The caller frees. */
static char *qemu_setting(const char *root, const char *name)
{
	g_autofree char *text = facts_text(root, "/etc/libvirt/qemu.conf");
	g_auto(GStrv) lines = g_strsplit(text_or(text, ""), "\n", -1);

	for (char **l = lines; *l; l++) {
		char *rest = g_strstrip(*l) + strlen(name);

		if (!g_str_has_prefix(*l, name))
			continue;

		rest += strspn(rest, " \t");
		if (*rest != '=')
			continue;

		g_strdelimit(rest, "\"'=", ' ');
		return g_strdup(g_strstrip(rest));
	}

	return NULL;
}

/* The fields of the line of passwd or group FILE whose field AT is VALUE. g_strfreev(). */
static char **account(const char *root, const char *file, unsigned at, const char *value)
{
	g_autofree char *text = facts_text(root, file);
	g_auto(GStrv) lines = g_strsplit(text_or(text, ""), "\n", -1);

	for (char **l = lines; *l; l++) {
		g_auto(GStrv) fields = g_strsplit(*l, ":", -1);

		if (g_strv_length(fields) > MAX(at, 3) && g_str_equal(fields[at], value))
			return g_steal_pointer(&fields);
	}

	return NULL;
}

/* "+107" and "107" are numbers to libvirt, too. */
static bool is_account_number(const char *text, unsigned *ret)
{
	char *end;

	if (*text == '+')
		text++;
	*ret = (unsigned)g_ascii_strtoull(text, &end, 10);

	return *text && !*end;
}

static void add_group(struct identity *id, gid_t gid)
{
	if (id->n_groups < MAX_GROUPS)
		id->groups[id->n_groups++] = gid;
}

/* The groups of the data base, as libvirt takes them, and not those of a session. */
static void read_groups(const char *root, const char *user, struct identity *id)
{
	g_autofree char *text = facts_text(root, "/etc/group");
	g_auto(GStrv) lines = g_strsplit(text_or(text, ""), "\n", -1);

	add_group(id, id->gid);
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

static char *default_user(const char *root)
{
	static const char *const users[] = { "libvirt-qemu", "qemu" };

	for (size_t i = 0; i < G_N_ELEMENTS(users); i++) {
		g_auto(GStrv) fields = account(root, "/etc/passwd", 0, users[i]);

		if (fields)
			return g_strdup(users[i]);
	}

	return NULL;
}

static void set_group(const char *root, struct identity *id)
{
	g_autofree char *group = qemu_setting(root, "group");
	g_auto(GStrv) fields = NULL;
	unsigned number;

	if (!group)
		return;
	if (is_account_number(group, &number)) {
		id->gid = number;
		return;
	}

	fields = account(root, "/etc/group", 0, group);
	if (fields)
		id->gid = (gid_t)g_ascii_strtoull(fields[2], NULL, 10);
}

static void find_user(HostFacts *f, const char *root, struct identity *id)
{
	g_autofree char *set = qemu_setting(root, "user");
	g_autofree char *user = set ? g_strdup(set) : default_user(root);
	g_auto(GStrv) fields = NULL;
	unsigned number;

	f->qemu_user = facts_keep(f, user);
	if (!user)
		return;

	fields = is_account_number(user, &number) ? account(root, "/etc/passwd", 2, user)
					  : account(root, "/etc/passwd", 0, user);
	if (!fields)
		return;

	f->qemu_user_there = id->there = true;
	id->uid = (uid_t)g_ascii_strtoull(fields[2], NULL, 10);
	id->gid = (gid_t)g_ascii_strtoull(fields[3], NULL, 10);
	set_group(root, id);
	read_groups(root, fields[0], id);
}

static bool is_member(const struct identity *id, gid_t gid)
{
	for (size_t i = 0; i < id->n_groups; i++)
		if (id->groups[i] == gid)
			return true;

	return false;
}

static enum fact allowed_by_mode(const struct stat *st, const struct identity *id)
{
	unsigned bits = st->st_mode & 7;

	if (!id->there)
		return FACT_UNKNOWN;
	if (id->uid == 0)
		return FACT_YES;
	if (st->st_uid == id->uid)
		bits = (st->st_mode >> 6) & 7;
	else if (is_member(id, st->st_gid))
		bits = (st->st_mode >> 3) & 7;
	if ((bits & 6) == 6)
		return FACT_YES;

	return FACT_NO;
}

static const char *account_name(HostFacts *f, const char *root, const char *file, unsigned number)
{
	g_autofree char *text = g_strdup_printf("%u", number);
	g_auto(GStrv) fields = account(root, file, 2, text);

	if (fields)
		return facts_keep(f, fields[0]);

	return facts_keep(f, text);
}

/* Below a directory that stands for / a plain file stands for a device: making one takes root. */
static bool is_device(const HostFacts *f, const struct stat *st)
{
	if (S_ISCHR(st->st_mode))
		return true;

	return f->below_sysroot && S_ISREG(st->st_mode);
}

static void look_at_kvm(HostFacts *f, const char *root, const struct identity *id)
{
	struct device_fact *d = &f->kvm_device;
	g_autofree char *path = facts_path(root, "/dev/kvm");
	struct stat st;

	if (stat(path, &st) < 0)
		return;

	d->there = true;
	d->is_device = is_device(f, &st);
	d->mode = st.st_mode & 07777;
	d->owner = account_name(f, root, "/etc/passwd", st.st_uid);
	d->group = account_name(f, root, "/etc/group", st.st_gid);
	d->has_acl = getxattr(path, "system.posix_acl_access", NULL, 0) > 0;
	d->allowed = allowed_by_mode(&st, id);
	if (d->has_acl && d->allowed == FACT_NO)
		d->allowed = FACT_UNKNOWN;
}

static bool become(const struct identity *id)
{
	if (geteuid() != 0 || !id->there)
		return true;

	return setgroups(id->n_groups, id->groups) == 0 && setgid(id->gid) == 0 &&
	       setuid(id->uid) == 0;
}

/* 0, or the error with which FD makes no VM. */
static int try_vm(int fd)
{
	int vm = ioctl(fd, KVM_CREATE_VM, 0);

	if (vm < 0)
		return errno;

	close(vm);

	return 0;
}

/* Answers "ERRNO VERSION ERRNO": of opening, and of making a VM. */
static void try_device(const void *data, GString *out)
{
	int fd, opened = 0, version = 0, created = 0;

	if (!become(data))
		return;

	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		opened = errno;
	} else {
		version = ioctl(fd, KVM_GET_API_VERSION, 0);
		created = try_vm(fd);
		close(fd);
	}

	g_string_printf(out, "%d %d %d", opened, version, created);
}

/* The caller frees; NULL: no answer. */
static char *probe_text(const struct identity *id, unsigned limit_ms)
{
	GString *answer = probe_run(try_device, id, limit_ms);

	if (!answer)
		return NULL;

	return g_string_free(answer, FALSE);
}

/* Opened only if a driver is behind it: else the kernel would load the module. */
static void try_kvm(HostFacts *f, const struct identity *id, unsigned limit_ms)
{
	struct device_fact *d = &f->kvm_device;
	bool is_safe = d->is_device && f->kvm_registered == FACT_YES && !f->below_sysroot;
	bool is_theirs = id->there && (f->is_root || id->uid == geteuid());
	bool is_half = !is_theirs && id->there && d->allowed != FACT_YES;
	g_autofree char *answer = NULL;
	g_auto(GStrv) words = NULL;

	if (!is_safe)
		return;

	/* Without their rights, what we ourselves may do is half an answer. */
	if (is_half)
		return;

	answer = probe_text(id, limit_ms);
	words = g_strsplit(text_or(answer, ""), " ", -1);
	if (g_strv_length(words) == 3) {
		d->tried = true;
		d->open_errno = (int)g_ascii_strtoll(words[0], NULL, 10);
		d->api_version = (int)g_ascii_strtoll(words[1], NULL, 10);
		d->create_errno = (int)g_ascii_strtoll(words[2], NULL, 10);
		d->tried_as_us = !is_theirs;
	}

	/* That we may not says nothing of QEMU's user. */
	if (d->tried_as_us && d->open_errno == EACCES)
		d->tried = false;
}

void facts_read_devices(HostFacts *f, const struct facts_source *s)
{
	struct identity id = { 0 };
	g_auto(GStrv) groups = facts_names(s->root, "/sys/kernel/iommu_groups", "");

	find_user(f, s->root, &id);
	look_at_kvm(f, s->root, &id);
	try_kvm(f, &id, s->limit_ms);
	f->sev_device = facts_there(s->root, "/dev/sev");
	f->iommu_groups = g_strv_length(groups);
}
