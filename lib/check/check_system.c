/* SPDX-License-Identifier: Apache-2.0 */
/* Source: docs/facts/hosts.md 7. */
#include "base/text.h"
#include "check/check_rows.h"

enum { LITTLE_ROOM_PERCENT = 5, LITTLE_MIB = 1024, LEAST_MIB = 100 };

/* Each device that can be passed through is in a group; without an IOMMU there is none. */
static bool has_iommu(const struct check_view *v)
{
	return v->f->iommu_groups > 0;
}

static bool storage_is(const struct check_view *v, enum fact works)
{
	for (unsigned i = 0; i < v->f->storages; i++)
		if (v->f->storage[i].works == works)
			return true;

	return false;
}

static bool storage_fails(const struct check_view *v)
{
	return storage_is(v, FACT_NO);
}

/* A storage that this host is configured for, and whose program is not installed. */
static bool storage_lacks(const struct check_view *v, const char *package)
{
	for (unsigned i = 0; i < v->f->storages; i++)
		if (!g_strcmp0(v->f->storage[i].package, package))
			return true;

	return false;
}

static bool storage_lacks_lvm(const struct check_view *v)
{
	return storage_lacks(v, "lvm2");
}

static bool storage_lacks_ceph(const struct check_view *v)
{
	return storage_lacks(v, "ceph-common");
}

/* A volume group without free extents takes no new disk. */
static bool storage_is_full(const struct check_view *v)
{
	for (unsigned i = 0; i < v->f->storages; i++)
		if (v->f->storage[i].is_full)
			return true;

	return false;
}

static bool storage_unknown(const struct check_view *v)
{
	return storage_is(v, FACT_UNKNOWN);
}

static bool storage_works(const struct check_view *v)
{
	return storage_is(v, FACT_YES);
}

static bool has_guestmount(const struct check_view *v)
{
	return facts_has(v->f->programs, "guestmount");
}

static bool apparmor_is_off(const struct check_view *v)
{
	return !v->f->apparmor_confines;
}

static bool apparmor_reads(const struct check_view *v)
{
	return v->f->apparmor_reads;
}

static bool has_huge_pages(const struct check_view *v)
{
	g_auto(GStrv) sizes = g_strsplit(text_or(v->f->huge_pages, ""), " ", -1);

	for (char **s = sizes; *s; s++) {
		const char *all = strchr(*s, ':');

		if (all && g_ascii_strtoull(all + 1, NULL, 10) > 0)
			return true;
	}

	return false;
}

/* Pages of some size without a file system for them, which libvirt needs. */
static bool has_unmounted_pages(const struct check_view *v)
{
	return v->f->mounts_known && check_unmounted_pages(v) != 0;
}

static bool no_cgroups(const struct check_view *v)
{
	return v->f->cgroup_version == 0;
}

/* libvirt puts each guest into both, and reads its usage from them. */
static bool lacks_controllers(const struct check_view *v)
{
	return !facts_has(v->f->controllers, "cpu") || !facts_has(v->f->controllers, "memory");
}

static bool old_cgroups(const struct check_view *v)
{
	return v->f->cgroup_version == 1;
}

/* With it a guest that reads an unknown MSR gets 0 in place of a fault: macOS, some Windows. */
static bool msrs_are_ignored(const struct check_view *v)
{
	return check_is_on(v->f->ignore_msrs);
}

static bool msrs_known(const struct check_view *v)
{
	return v->f->ignore_msrs != NULL;
}

static bool intel_msrs_known(const struct check_view *v)
{
	return msrs_known(v) && v->f->invalid_state;
}

static bool has_set(const struct check_view *v)
{
	return v->f->set_version != NULL;
}

static bool is_here(const struct check_view *v)
{
	return !v->f->below_sysroot;
}

static bool room_below(const struct check_view *v, unsigned percent, guint64 mib)
{
	for (unsigned i = 0; i < v->f->rooms; i++) {
		const struct room_fact *r = &v->f->room[i];

		if (!r->is_mute && (r->free_percent < percent || r->free_mib < mib))
			return true;
	}

	return false;
}

/* A datastore of images may be read-only on purpose. */
static bool is_blocked(const struct room_fact *r)
{
	return r->has_no_inodes || (r->is_read_only && !strstr(r->path, "/datastores/"));
}

static bool is_blocked_room(const struct check_view *v)
{
	for (unsigned i = 0; i < v->f->rooms; i++)
		if (is_blocked(&v->f->room[i]))
			return true;

	return false;
}

static bool is_read_only_room(const struct check_view *v)
{
	for (unsigned i = 0; i < v->f->rooms; i++)
		if (v->f->room[i].is_read_only)
			return true;

	return false;
}

static bool is_mute_room(const struct check_view *v)
{
	for (unsigned i = 0; i < v->f->rooms; i++)
		if (v->f->room[i].is_mute)
			return true;

	return false;
}

static bool is_full(const struct check_view *v)
{
	return room_below(v, 0, LEAST_MIB);
}

static bool is_nearly_full(const struct check_view *v)
{
	return room_below(v, LITTLE_ROOM_PERCENT, LITTLE_MIB);
}

static bool has_room(const struct check_view *v)
{
	return v->f->rooms > 0;
}

static bool peer_fails(const struct check_view *v)
{
	for (unsigned i = 0; i < v->f->peers; i++)
		if (v->f->peer[i].ssh_error || v->f->peer[i].libvirt_error)
			return true;

	return false;
}

static bool has_new_peer(const struct check_view *v)
{
	for (unsigned i = 0; i < v->f->peers; i++)
		if (v->f->peer[i].is_new)
			return true;

	return false;
}

static bool has_peers(const struct check_view *v)
{
	return v->f->peers > 0;
}

static const struct check_row rows[] = {
	{ "iommu", CHECK_OK, has_iommu, "PCI devices are in {iommu_groups} IOMMU groups", NULL,
	  { 0 }, NULL },
	{ "iommu", CHECK_INFO, NULL, "no IOMMU: PCI devices cannot be given to guests",
	  "on in the firmware's setup (VT-d, AMD-Vi, SMMU), and the kernel's parameter; then "
	  "restart the host", { "{iommu_command}" }, NULL },

	{ "storage", CHECK_FAIL, storage_lacks_lvm, "{bad_storage}", NULL, { "{install:lvm}" },
	  NULL },
	{ "storage", CHECK_FAIL, storage_lacks_ceph, "{bad_storage}", NULL, { "{install:ceph}" },
	  NULL },
	{ "storage", CHECK_FAIL, storage_fails, "{bad_storage}",
	  "the datastore's host side must work before its VMs can", { "{storage_command}" }, NULL },
	{ "storage", CHECK_UNKNOWN, storage_unknown, "could not tell: {bad_storage}",
	  "run it as root, on the host itself", { 0 }, NULL },
	{ "storage", CHECK_WARN, storage_is_full, "no room for a new volume: {good_storage}",
	  "only a thin pool may fill its volume group", { "vgs", "vgextend GROUP DEVICE" }, NULL },
	{ "storage", CHECK_OK, storage_works, "{good_storage}", NULL, { 0 }, NULL },

	{ "guestfs", CHECK_OK, has_guestmount, "guestmount is there", NULL, { 0 }, NULL },
	{ "guestfs", CHECK_INFO, NULL, "guestmount is not installed",
	  "only to look into guests' file systems by hand", { "{install:guestfs}" }, NULL },

	{ "apparmor", CHECK_OK, apparmor_is_off, "AppArmor does not confine guests here", NULL,
	  { 0 }, NULL },
	{ "apparmor", CHECK_OK, apparmor_reads, "AppArmor lets libvirt read the datastores", NULL,
	  { 0 }, NULL },
	{ "apparmor", CHECK_WARN, NULL,
	  "AppArmor keeps libvirt from reading images of datastores",
	  "a guest whose disk is an overlay on such an image gets \"Permission denied\"",
	  { "echo '/var/lib/one/datastores/** r,' >>/etc/apparmor.d/local/usr.lib.libvirt.virt-aa-"
	    "helper", "apparmor_parser -r /etc/apparmor.d/usr.lib.libvirt.virt-aa-helper" },
	  NULL },

	{ "hugepages", CHECK_WARN, has_unmounted_pages,
	  "huge pages of {unmounted_pages} KiB are set aside, and no hugetlbfs is mounted for them",
	  "libvirt looks for it when it starts",
	  { "mkdir -p /dev/hugepages-{unmounted_pages}kB && mount -t hugetlbfs "
	    "-o pagesize={unmounted_pages}K hugetlbfs /dev/hugepages-{unmounted_pages}kB",
	    "systemctl restart {libvirtd}" }, NULL },
	{ "hugepages", CHECK_OK, has_huge_pages, "huge pages: {huge_pages}", NULL, { 0 }, NULL },
	{ "hugepages", CHECK_INFO, NULL, "no huge pages are set aside",
	  "VMs with TOPOLOGY/HUGEPAGE_SIZE need some; at boot, fewer are refused",
	  { "echo 'vm.nr_hugepages = 1024' >/etc/sysctl.d/hugepages.conf",
	    "sysctl -p /etc/sysctl.d/hugepages.conf" }, NULL },

	{ "cgroup", CHECK_WARN, no_cgroups, "no cgroups are mounted: VMs get no shares of the CPU",
	  NULL, { "findmnt -t cgroup2,cgroup" }, NULL },
	{ "cgroup", CHECK_WARN, lacks_controllers,
	  "cgroups without the controllers cpu and memory: {controllers}",
	  "the kernel's command line may switch them off (cgroup_disable=)",
	  { "cat /proc/cmdline" }, NULL },
	{ "cgroup", CHECK_INFO, old_cgroups, "cgroups are of version 1",
	  "new libvirt wants version 2; restart the host after this",
	  { "{kernel_parameter:cgroup}" }, NULL },
	{ "cgroup", CHECK_OK, NULL, "cgroups of version 2 have cpu and memory", NULL, { 0 }, NULL },

	{ "numa", CHECK_OK, NULL, "{cpus} CPUs, {nodes} NUMA nodes, {memory} of memory", NULL,
	  { 0 }, NULL },

	{ "msrs", CHECK_OK, msrs_are_ignored, "unknown MSRs of guests are ignored", NULL, { 0 },
	  NULL },
	{ "msrs", CHECK_INFO, intel_msrs_known, "ignore_msrs of kvm is {ignore_msrs}, "
	  "emulate_invalid_guest_state of kvm_intel is {invalid_state}",
	  "only if restoring a guest fails with \"image magic is incorrect\"; guests cannot have "
	  "guests then",
	  { "echo 'options kvm ignore_msrs=1' >>/etc/modprobe.d/kvm-msrs.conf",
	    "echo 'options kvm_intel nested=0 emulate_invalid_guest_state=0' "
	    ">>/etc/modprobe.d/kvm-msrs.conf", "modprobe -r kvm_intel kvm && modprobe kvm_intel" },
	  NULL },
	{ "msrs", CHECK_INFO, msrs_known, "ignore_msrs of kvm is {ignore_msrs}",
	  "only if restoring a guest fails with \"image magic is incorrect\"",
	  { "echo 'options kvm ignore_msrs=1' >>/etc/modprobe.d/kvm-msrs.conf" }, NULL },

	{ "set", CHECK_OK, has_set, "the set here is vmmexec " VMM_VERSION ", OpenNebula "
	  "{set_version}", NULL, { 0 }, NULL },
	{ "set", CHECK_INFO, is_here, "this program is vmmexec " VMM_VERSION " and in no set",
	  "kvm-sync-hosts on the front-end brings the set", { 0 }, NULL },

	{ "disk-room", CHECK_FAIL, is_mute_room, "a file system does not answer: {room}",
	  "mostly the server of an NFS datastore is gone", { "findmnt {room_paths}" }, NULL },
	{ "disk-room", CHECK_FAIL, is_blocked_room, "nothing can be written: {room}", NULL,
	  { "findmnt {room_paths}", "df -i {room_paths}" }, NULL },
	{ "disk-room", CHECK_FAIL, is_full, "no room: {room}", NULL, { "df -h {room_paths}" },
	  NULL },
	{ "disk-room", CHECK_WARN, is_read_only_room, "a datastore is read-only: {room}", NULL,
	  { "findmnt {room_paths}" }, NULL },
	{ "disk-room", CHECK_WARN, is_nearly_full, "little room: {room}", NULL,
	  { "df -h {room_paths}" }, NULL },
	{ "disk-room", CHECK_OK, has_room, "room: {room}", NULL, { 0 }, NULL },

	{ "peer", CHECK_FAIL, peer_fails, "{bad_peers}",
	  "oneadmin's key must be known there, and libvirt reachable by QEMU_PROTOCOL of kvmrc",
	  { "{peer_command}" }, NULL },
	{ "peer", CHECK_UNKNOWN, has_new_peer,
	  "ssh to {new_peers} works, and would keep a key that it does not know yet: libvirt was "
	  "not asked there", "log in there once", { "{new_peer_command}" }, NULL },
	{ "peer", CHECK_OK, has_peers, "ssh and libvirt of the other hosts answer", NULL, { 0 },
	  NULL },
};

const struct check_table check_system = { rows, G_N_ELEMENTS(rows) };
