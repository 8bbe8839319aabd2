/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "template/attributes.h"
#include "template/vm.h"

#define DISTANCE_MAX 2
#define LENGTH_MIN 4	/* shorter names are all alike */

/*
 * What a VM's TEMPLATE may hold beside the attributes of a defaults file: the
 * generator's, and those that only other parts of OpenNebula read. "*": any key.
 * Source: docs/facts/deployment.md 1.1; protocol.md 4.
 */
static const struct {
	const char *vector, *names;
} vm_names[] = {
	{ NULL,
	  "CPU MEMORY MEMORY_MAX MEMORY_RESIZE_MODE AUTOMATIC_DS_REQUIREMENTS "
	  "AUTOMATIC_NIC_REQUIREMENTS AUTOMATIC_REQUIREMENTS CREATED_BY TM_MAD_SYSTEM "
	  "VMID TEMPLATE_ID CLONING_TEMPLATE_ID IMPORT_VM_ID DEPLOY_ID SUBMIT_ON_HOLD "
	  "PUBLIC_CLOUD ERROR CPU_COST MEMORY_COST DISK_COST" },
	{ "OS",
	  "UUID INITRD_DS INITRD_DS_CLUSTER_ID INITRD_DS_DSID INITRD_DS_ID "
	  "INITRD_DS_SOURCE INITRD_DS_TM KERNEL_DS KERNEL_DS_CLUSTER_ID KERNEL_DS_DSID "
	  "KERNEL_DS_ID KERNEL_DS_SOURCE KERNEL_DS_TM" },
	{ "FEATURES",
	  "MIGRATE_AUTO_CONVERGE MIGRATE_COMPRESSED" },
	{ "DISK",
	  "ALLOW_ORPHANS ATTACH CEPH_CONF CEPH_HOST CEPH_KEY CEPH_SECRET CEPH_USER CLONE "
	  "CLONE_TARGET CLUSTER_ID DATASTORE DATASTORE_ID DEV_PREFIX DISK_ID "
	  "DISK_SNAPSHOT_ACTIVE DISK_SNAPSHOT_ID DISK_SNAPSHOT_TOTAL_SIZE DISK_TYPE "
	  "FORMAT FS GLUSTER_HOST GLUSTER_VOLUME IMAGE IMAGE_ID IMAGE_STATE IMAGE_UID "
	  "IMAGE_UNAME IOTHREAD ISCSI_HOST ISCSI_IQN ISCSI_USAGE ISCSI_USER LN_TARGET "
	  "LUKS_SECRET LVM_THIN_ENABLE MKFS_OPTIONS MOUNT_POINT MOUNT_TAG "
	  "OPENNEBULA_MANAGED ORDER ORIGINAL_SIZE PERSISTENT PERSISTENT_SNAPSHOTS "
	  "POOL_NAME QCOW2_OPTIONS QCOW2_STANDALONE READONLY RBD_FORMAT "
	  "RECOVERY_SNAPSHOT_FREQ RESIZE SAVE SAVE_AS SERIAL SHAREABLE SHEEPDOG_HOST SIZE "
	  "SIZE_PREV SOURCE TARGET TM_MAD TM_MAD_SYSTEM TYPE VCENTER_DS_REF "
	  "VIRTIO_BLK_QUEUES" },
	{ "NIC",
	  "ALIAS_IDS ANTISPOOF AR_ID ATTACH BRIDGE BRIDGE_TYPE CLUSTER_ID DNS EXTERNAL "
	  "FILTER_IP_SPOOFING FILTER_MAC_SPOOFING FLOATING_IP FLOATING_ONLY GATEWAY "
	  "GATEWAY6 GUEST_MTU IMPORT_AGENT INBOUND_AVG_BW INBOUND_PEAK_BW INBOUND_PEAK_KB "
	  "INBOUND_PEAK_KW IP IP6 IP6_GATEWAY IP6_GLOBAL IP6_LINK IP6_METHOD IP6_METRIC "
	  "IP6_PREFIX_LENGTH IP6_ULA MAC METHOD METRIC MTU NAME NETWORK NETWORK_ADDRESS "
	  "NETWORK_ID NETWORK_MASK NETWORK_MODE NETWORK_UID NETWORK_UNAME NIC_ID ORDER "
	  "OUTBOUND_AVG_BW OUTBOUND_PEAK_BW OUTBOUND_PEAK_KB OUTBOUND_PEAK_KW "
	  "OUTER_VLAN_ID OVERRIDE PARENT PARENT_ID PHYDEV RDP ROUTES SCHED_RANK "
	  "SCHED_REQUIREMENTS SCRIPT SEARCH_DOMAIN SECURITY_GROUPS SSH TARGET TRUNK "
	  "VLAN_ID VLAN_TAGGED_ID VN_MAD VNET_UPDATE VROUTER_IP VROUTER_IP6 "
	  "VROUTER_MANAGEMENT" },
	{ "PCI",
	  "ACPI_NODES ADDRESS AR_ID ATTACH BRIDGE BRIDGE_TYPE BUS CLASS CLUSTER_ID DEVICE "
	  "DNS DOMAIN FILTER_IP_SPOOFING FILTER_MAC_SPOOFING FUNCTION GATEWAY IOMMU "
	  "IOMMUFD IP MAC MDEV_MODE MODEL MTU NAME NETWORK NETWORK_ID NIC_ID NUMA_NODE "
	  "PCI_ID PHYDEV PREV_ADDRESS PROFILE ROOT SECURITY_GROUPS SHORT_ADDRESS SLOT "
	  "SPOOFCHK TARGET TRUST TYPE UUID VENDOR VLAN_ID VM_ADDRESS VM_BUS VM_BUS_INDEX "
	  "VM_DOMAIN VM_FUNCTION VM_SLOT VN_MAD" },
	{ "GRAPHICS",
	  "PORT" },
	{ "INPUT",
	  "TYPE BUS" },
	{ "IOMMU",
	  "MODEL MODE OPTIONS" },
	{ "MEMORY_ENCRYPTION",
	  "TYPE POLICY KERNEL_HASHES SESSION DH_CERT ID_BLOCK ID_AUTH HOST_DATA" },
	{ "NUMA_NODE",
	  "TOTAL_CPUS MEMORY CPUS MEMORY_NODE_ID DISTANCE NODE_ID" },
	{ "RAW",
	  "VALIDATE DATA_VMX" },
	{ "TOPOLOGY",
	  "PIN_POLICY NODE_AFFINITY HUGEPAGE_SIZE SOCKETS CORES THREADS MEMORY_ACCESS" },
	{ "CONTEXT", "*" },       { "NIC_ALIAS", "*" },           { "NIC_DEFAULT", "*" },
	{ "QEMU_GA_EXEC", "*" },  { "RESIZE", "*" },              { "SNAPSHOT", "*" },
	{ "SCHED_ACTION", "*" },  { "SECURITY_GROUP_RULE", "*" }, { "VNET_UPDATE", "*" },
	{ "BACKUP_CONFIG", "*" }, { "VM_GROUP", "*" },            { "VMGROUP", "*" },
	{ "CHARTER", "*" },       { "VROUTER", "*" },
};

/* The best match so far, and how near it is. */
struct near {
	const char *wanted, *found;
	guint distance;
};

static void compare_attributes(struct near *n, const char *name)
{
	guint d = text_distance(n->wanted, name, n->distance);

	if (d < n->distance) {
		n->distance = d;
		n->found = name;
	}
}

static char **split(size_t row)
{
	return g_strsplit(vm_names[row].names, " ", -1);
}

/* What is nearest to WANTED in VECTOR (NULL: singles and vectors); NULL: nothing is near. */
static char *nearest(const char *vector, const char *wanted)
{
	struct near n = { wanted, NULL, MIN(DISTANCE_MAX, strlen(wanted) / 2) + 1 };
	char *text = NULL;
	const char *name, *of;

	for (size_t i = 0; (name = tmpl_attributes_row(i, &of)); i++)
		if (!g_strcmp0(of, vector))
			compare_attributes(&n, name);
		else if (!vector)
			compare_attributes(&n, of);
	text = g_strdup(n.found);
	for (size_t i = 0; i < G_N_ELEMENTS(vm_names); i++) {
		g_auto(GStrv) words = NULL;
		guint before = n.distance;

		if (g_strcmp0(vm_names[i].vector, vector))
			words = NULL;
		else
			words = split(i);

		for (char **w = words; w && *w; w++)
			compare_attributes(&n, *w);
		if (!vector && vm_names[i].vector)
			compare_attributes(&n, vm_names[i].vector);
		if (n.distance < before) {
			g_free(text);
			text = g_strdup(n.found);
		}
	}

	return text;
}

/* The names that are known in one vector, or outside of vectors. */
struct names {
	size_t first, n;	/* a run of rows of tmpl_attributes_row() */
	const char *more;	/* of vm_names; NULL: none */
};

static struct names names_of(const char *vector)
{
	struct names found = { 0, 0, NULL };
	const char *of;

	for (size_t i = 0; tmpl_attributes_row(i, &of); i++)
		if (!g_strcmp0(of, vector)) {
			if (!found.n)
				found.first = i;
			found.n = i + 1 - found.first;
		} else if (found.n) {
			break;
		}
	for (size_t i = 0; i < G_N_ELEMENTS(vm_names) && !found.more; i++)
		if (!g_strcmp0(vm_names[i].vector, vector))
			found.more = vm_names[i].names;

	return found;
}

static bool is_vector(const struct names *names)
{
	return names->n || names->more;
}

/* The N bytes at P are a word of WORDS, not a part of one. */
static bool is_whole(const char *words, const char *p, size_t n)
{
	if (p != words && p[-1] != ' ')
		return false;
	if (!p[n])
		return true;

	return p[n] == ' ';
}

/* Called for each attribute of each VM: no list of the words is made. */
static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	if (!n)
		return false;

	for (const char *p = strstr(words, word); p; p = strstr(p + n, word))
		if (is_whole(words, p, n))
			return true;

	return false;
}

static bool is_known(const struct names *names, const char *name)
{
	const char *of;

	if (names->more) {
		if (*names->more == '*')
			return true;
		if (has_word(names->more, name))
			return true;
	}

	for (size_t i = 0; i < names->n; i++)
		if (!strcmp(tmpl_attributes_row(names->first + i, &of), name))
			return true;

	return false;
}

G_GNUC_PRINTF(2, 3)
static void warn(GPtrArray *warnings, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_ptr_array_add(warnings, g_strdup_vprintf(format, ap));
	va_end(ap);
}

static void warn_unknown(GPtrArray *warnings, const char *vector, const char *name)
{
	g_autofree char *near = nearest(vector, name);
	GString *text = g_string_new("unknown attribute ");

	if (vector)
		g_string_append_printf(text, "%s/", vector);
	g_string_append_printf(text, "%s is ignored", name);
	if (near)
		g_string_append_printf(text, "; did you mean %s?", near);

	g_ptr_array_add(warnings, g_string_free(text, FALSE));
}

static void check_vector_keys(const TmplAttr *vector, const struct names *names,
			      GPtrArray *warnings)
{
	for (guint i = 0; i < vector->keys->len; i++) {
		const TmplAttr *key = vector->keys->pdata[i];

		if (!is_known(names, key->name))
			warn_unknown(warnings, vector->name, key->name);
	}
}

static void check_attributes(const TmplAttr *attr, const struct names *singles, GPtrArray *warnings)
{
	const struct names names = names_of(attr->name);
	bool single = is_known(singles, attr->name), vector = is_vector(&names);
	bool has_text = attr->value && *attr->value;

	if (!single && !vector)
		warn_unknown(warnings, NULL, attr->name);
	else if (!single && has_text)
		warn(warnings, "%s is ignored: it is no vector", attr->name);
	else if (!attr->value && !vector)
		warn(warnings, "%s is ignored: it is a vector", attr->name);
	if (vector && attr->keys)
		check_vector_keys(attr, &names, warnings);
}

/* Users keep what they like here: only what is nearly one of ours is a slip. */
static void check_user(const TmplAttr *attr, const struct names *singles, GPtrArray *warnings)
{
	const struct names names = names_of(attr->name);
	g_autofree char *near = NULL;

	if (strlen(attr->name) < LENGTH_MIN)
		return;
	if (is_known(singles, attr->name))
		return;
	if (is_vector(&names))
		return;

	near = nearest(NULL, attr->name);
	if (near)
		warn_unknown(warnings, NULL, attr->name);
}

void tmpl_vm_check(const TmplVm *vm, GPtrArray *warnings)
{
	const struct names singles = names_of(NULL);
	const TmplSet *set = vm->level[TMPL_VM];

	for (guint i = 0; i < set->attrs->len; i++)
		check_attributes(set->attrs->pdata[i], &singles, warnings);
	for (guint i = 0; i < vm->user->attrs->len; i++)
		check_user(vm->user->attrs->pdata[i], &singles, warnings);
}
