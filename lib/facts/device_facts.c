/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device is opened as the user that QEMU gets: that user may be in no group of a name one would
 * look for, and a rule of udev, an ACL or a container decides too.
 */
#include "facts/facts_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/text.h"
#include "facts/accounts.h"
#include "facts/probe.h"

static const char qemu_conf[] = "/etc/libvirt/qemu.conf";

/* Debian's and Red Hat's packages make different ones. */
static char *default_user(const char *root)
{
	static const char *const users[] = { "libvirt-qemu", "qemu" };

	for (size_t i = 0; i < G_N_ELEMENTS(users); i++) {
		g_auto(GStrv) fields = account_by_name(root, ACCOUNT_USER, users[i]);

		if (fields)
			return g_strdup(users[i]);
	}

	return NULL;
}

/* qemu.conf is libvirt's; what it does not say is set when libvirt is built. */
static void find_user(HostFacts *f, const char *root, struct identity *id)
{
	g_autofree char *set = facts_setting(root, qemu_conf, "user");
	g_autofree char *user = set ? g_strdup(set) : default_user(root);
	g_autofree char *group = facts_setting(root, qemu_conf, "group");

	f->qemu_user = facts_keep(f, user);
	if (!user)
		return;

	if (!account_identity(root, user, group, id))
		f->qemu_group_missing = facts_keep(f, group);
	f->qemu_user_there = id->there;
}

/* The user of swtpm, if qemu.conf names one. */
static void find_swtpm_user(HostFacts *f, const char *root)
{
	g_autofree char *user = facts_setting(root, qemu_conf, "swtpm_user");
	struct identity id;

	if (!user)
		return;

	account_identity(root, user, NULL, &id);
	if (!id.there)
		f->swtpm_user_missing = facts_keep(f, user);
}

static bool is_member(const struct identity *id, gid_t gid)
{
	for (size_t i = 0; i < id->n_groups; i++)
		if (id->groups[i] == gid)
			return true;

	return false;
}

/* As the kernel decides: the first class that fits counts, even if a later one has more. */
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

/* Below a directory that stands for / a plain file stands for a device: making one takes root. */
static bool is_device(const HostFacts *f, const struct stat *st)
{
	if (S_ISCHR(st->st_mode))
		return true;

	return f->below_sysroot && S_ISREG(st->st_mode);
}

/* An ACL can only be judged by opening: with one, a mode that denies says nothing. */
static void look_at_kvm(HostFacts *f, const char *root, const struct identity *id)
{
	struct device_fact *d = &f->kvm_device;
	g_autofree char *path = facts_path(root, "/dev/kvm");
	g_autofree char *group = NULL;
	struct stat st;

	if (stat(path, &st) < 0)
		return;

	d->there = true;
	d->is_device = is_device(f, &st);
	d->mode = st.st_mode & 07777;
	group = account_name(root, ACCOUNT_GROUP, st.st_gid);
	d->group = facts_keep(f, group);
	d->has_acl = getxattr(path, "system.posix_acl_access", NULL, 0) > 0;
	d->allowed = allowed_by_mode(&st, id);
	if (d->has_acl && d->allowed == FACT_NO)
		d->allowed = FACT_UNKNOWN;
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

	if (!account_become(data))
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

	/* If we may not open it, that says nothing about QEMU's user. */
	if (d->tried_as_us && d->open_errno == EACCES)
		d->tried = false;
}

void facts_read_devices(HostFacts *f, const struct facts_source *s)
{
	struct identity id = { 0 };
	g_auto(GStrv) groups = facts_names(s->root, "/sys/kernel/iommu_groups", "");
	g_auto(GStrv) kvm_group = account_by_name(s->root, ACCOUNT_GROUP, "kvm");

	find_user(f, s->root, &id);
	find_swtpm_user(f, s->root);
	f->has_kvm_group = kvm_group != NULL;
	look_at_kvm(f, s->root, &id);
	try_kvm(f, &id, s->limit_ms);
	f->sev_device = facts_there(s->root, "/dev/sev");
	f->iommu_groups = g_strv_length(groups);
}
