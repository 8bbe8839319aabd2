/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/attach.h"

#include <glib/gstdio.h>

#include "xml/xml.h"

#ifdef __SANITIZE_ADDRESS__
#define ROUNDS 200
#else
#define ROUNDS 2000
#endif

static TmplVm *vm_of(const char *rest)
{
	g_autofree char *text = g_strconcat(
		"<VM><ID>7</ID><NAME>n</NAME><TEMPLATE><MEMORY>512</MEMORY><VCPU>3</VCPU><OS>"
		"<ARCH>x86_64</ARCH><MACHINE>q35</MACHINE></OS>", rest, "</TEMPLATE></VM>", NULL);
	g_autoptr(xmlDoc) doc = xml_parse(text, strlen(text), "test", NULL);

	g_assert_nonnull(doc);
	return tmpl_vm_new(xmlDocGetRootElement(doc), NULL);
}

static void add_kvmrc(TmplVm *vm, const char *text)
{
	g_autofree char *directory = g_dir_make_tmp("attach-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(directory, "kvmrc", NULL);
	g_autoptr(ConfKvmrc) rc = NULL;

	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	rc = conf_kvmrc_load(path);
	domain_attach_defaults(vm, rc);
	g_unlink(path);
	g_rmdir(directory);
}

static xmlDoc *live_of(const char *text)
{
	xmlDoc *doc = xml_parse(text, strlen(text), "live", NULL);

	g_assert_nonnull(doc);
	return doc;
}

typedef char *device_xml(const TmplVm *vm, const TmplAttr *device,
			 const struct domain_attach *attach, GPtrArray *warnings, GError **error);

/* What attaching the vector NAME of REST gives, with the lines of KVMRC and the domain LIVE. */
static char *attached(device_xml *make, const char *name, const char *rest, const char *kvmrc,
		      const char *live)
{
	g_autoptr(TmplVm) vm = vm_of(rest);
	g_autoptr(xmlDoc) doc = live ? live_of(live) : NULL;
	const struct domain_attach attach = {
		.options.libvirt = DOMAIN_LIBVIRT(11, 0, 0),
		.live = doc ? xmlDocGetRootElement(doc) : NULL,
	};
	g_autoptr(GError) error = NULL;
	char *xml;

	add_kvmrc(vm, kvmrc);
	xml = make(vm, tmpl_vm_attached(vm, name), &attach, NULL, &error);
	g_assert_no_error(error);
	return xml;
}

static void expect(device_xml *make, const char *name, const char *rest, const char *kvmrc,
		   const char *live, const char *part)
{
	g_autofree char *xml = attached(make, name, rest, kvmrc, live);

	if (!strstr(xml, part))
		g_test_message("no %s in %s", part, xml);
	g_assert_nonnull(strstr(xml, part));
}

#define DISK(more) "<DISK><ATTACH>YES</ATTACH><DISK_ID>5</DISK_ID><TARGET>vdb</TARGET>" more \
	"</DISK>"
#define NIC(more) "<NIC><ATTACH>YES</ATTACH><NIC_ID>1</NIC_ID><BRIDGE>b</BRIDGE>" more "</NIC>"

static void kvmrc_is_the_lowest_level(void)
{
	expect(domain_disk_xml, "DISK", DISK(""), "DEFAULT_ATTACH_CACHE=writeback\n", NULL,
	       "cache=\"writeback\"");
	expect(domain_disk_xml, "DISK", DISK("<CACHE>none</CACHE>"),
	       "DEFAULT_ATTACH_CACHE=writeback\n", NULL, "cache=\"none\"");
	expect(domain_disk_xml, "DISK", DISK(""), "DEFAULT_ATTACH_READ_IOPS_SEC=300\n", NULL,
	       "<read_iops_sec>300</read_iops_sec>");
	expect(domain_disk_xml, "DISK", DISK(""), "DEFAULT_ATTACH_VIRTIO_BLK_QUEUES=auto\n", NULL,
	       "queues=\"3\"");
	expect(domain_disk_xml, "DISK",
	       "<FEATURES><VIRTIO_BLK_QUEUES>2</VIRTIO_BLK_QUEUES></FEATURES>" DISK(""),
	       "DEFAULT_ATTACH_VIRTIO_BLK_QUEUES=auto\n", NULL, "queues=\"2\"");
	expect(domain_nic_xml, "NIC", NIC(""), "DEFAULT_ATTACH_NIC_MODEL=e1000\n", NULL,
	       "<model type=\"e1000\"/>");
	expect(domain_nic_xml, "NIC", NIC("<IP>10.0.0.1</IP>"),
	       "DEFAULT_ATTACH_NIC_FILTER=clean-traffic\n", NULL, "filter=\"clean-traffic\"");
}

static void kvmrc_comes_before_a_defaults_file(void)
{
	g_autoptr(TmplVm) vm = vm_of(DISK(""));
	const struct domain_attach attach = { .path = "/a/b" };
	TmplSet *conf = tmpl_set_new("file");
	TmplAttr *vector = tmpl_attr_new(g_strdup("DISK"), NULL);
	g_autofree char *xml = NULL;

	g_ptr_array_add(vector->keys, tmpl_attr_new(g_strdup("CACHE"), g_strdup("none")));
	g_ptr_array_add(vector->keys, tmpl_attr_new(g_strdup("IO"), g_strdup("threads")));
	g_ptr_array_add(conf->attrs, vector);
	tmpl_vm_set_level(vm, TMPL_CONF, conf);
	add_kvmrc(vm, "DEFAULT_ATTACH_CACHE=unsafe\n");
	xml = domain_disk_xml(vm, tmpl_vm_attached(vm, "DISK"), &attach, NULL, NULL);
	g_assert_nonnull(strstr(xml, "cache=\"unsafe\""));
	g_assert_nonnull(strstr(xml, "io=\"threads\""));
	g_assert_nonnull(strstr(xml, "<source file=\"/a/b\"/>"));
}

static void a_disk_takes_an_io_thread_that_is_there(void)
{
	static const char live[] = "<domain><iothreads>4</iothreads></domain>";

	expect(domain_disk_xml, "DISK", DISK(""), "", live, "iothread=\"2\"");
	expect(domain_disk_xml, "DISK", DISK("<IOTHREAD>3</IOTHREAD>"), "", live, "iothread=\"3\"");
	expect(domain_disk_xml, "DISK", DISK(""), "DEFAULT_ATTACH_VIRTIO_BLK_IOTHREAD=9\n", live,
	       "iothread=\"4\"");
	expect(domain_disk_xml, "DISK",
	       "<FEATURES><IOTHREADS>2</IOTHREADS></FEATURES>" DISK(""), "", "<domain/>",
	       "cache=\"default\" type=\"raw\"/>");
}

#define PCI(more) "<PCI><ATTACH>YES</ATTACH><PCI_ID>4</PCI_ID><DOMAIN>0000</DOMAIN><BUS>3b</BUS>" \
	"<SLOT>00</SLOT><FUNCTION>1</FUNCTION><VM_DOMAIN>0x0000</VM_DOMAIN><VM_BUS>0x0a</VM_BUS>" \
	"<VM_SLOT>0x00</VM_SLOT><VM_FUNCTION>0</VM_FUNCTION>" more "</PCI>"
#define PORT "<controller type='pci' index='10' model='pcie-root-port'/>"
#define TAKEN "<interface><address type='pci' domain='0x0000' bus='0x0a' slot='0x00' " \
	"function='0x0'/></interface>"

static void expect_guest_address(const char *live, bool wanted)
{
	g_autofree char *xml = attached(domain_pci_xml, "PCI", PCI(""), "", live);

	g_assert_nonnull(strstr(xml, "<address domain=\"0x0000\" bus=\"0x3b\" slot=\"0x00\" "
				"function=\"0x1\"/>"));
	g_assert_true((strstr(xml, "bus=\"0x0a\"") != NULL) == wanted);
}

static void a_pci_device_goes_where_there_is_room(void)
{
	expect_guest_address("<domain><devices>" PORT "</devices></domain>", true);
	expect_guest_address("<domain><devices/></domain>", false);
	expect_guest_address("<domain><devices>" PORT TAKEN "</devices></domain>", false);
	expect(domain_pci_xml, "PCI",
	       PCI("<UUID>c0ffee00-1111-2222-3333-444455556666</UUID>"), "", NULL,
	       "type=\"mdev\" model=\"vfio-pci\"");
	expect(domain_pci_xml, "PCI", PCI("<VM_BUS_INDEX>10</VM_BUS_INDEX>"), "",
	       "<domain><devices>" PORT "</devices></domain>", "bus=\"10\"");
}

static void a_pci_device_without_an_address_is_refused(void)
{
	g_autoptr(TmplVm) vm = vm_of("<PCI><ATTACH>YES</ATTACH><PCI_ID>2</PCI_ID></PCI>");
	const struct domain_attach attach = { 0 };
	g_autoptr(GError) error = NULL;

	g_assert_null(domain_pci_xml(vm, tmpl_vm_attached(vm, "PCI"), &attach, NULL, &error));
	g_assert_cmpstr(error->message, ==, "VM 7: PCI 2: has no complete host address");
}

#define LIVE(slots, more) "<domain><maxMemory slots='" slots "' unit='KiB'>2097152</maxMemory>" \
	"<memory unit='KiB'>1048576</memory><cpu><numa><cell id='0'/></numa></cpu>" \
	"<devices>" more "</devices></domain>"

static void expect_module(const char *live, guint64 mib, const char *message)
{
	g_autoptr(xmlDoc) doc = live_of(live);
	g_autoptr(GError) error = NULL;
	g_autofree char *xml = domain_dimm_xml(xmlDocGetRootElement(doc), mib, &error);

	if (message) {
		g_assert_error(error, VMM_ERROR, VMM_ERROR_REFUSED);
		g_assert_cmpstr(error->message, ==, message);
		return;
	}
	g_assert_no_error(error);
	g_assert_nonnull(strstr(xml, "<memory model=\"dimm\">"));
	g_assert_nonnull(strstr(xml, "<size unit=\"KiB\">1048576</size>"));
	g_assert_nonnull(strstr(xml, "<node>0</node>"));
}

static void a_memory_module_fits_or_is_refused(void)
{
	expect_module(LIVE("2", ""), 1024, NULL);
	expect_module(LIVE("2", "<memory model='dimm'/>"), 1024, NULL);
	expect_module(LIVE("1", "<memory model='dimm'/>"), 1024, "all 1 memory slots are taken");
	expect_module(LIVE("2", ""), 1025,
		      "1025 MiB more exceed the domain's maximum of 2048 MiB");
	expect_module("<domain><memory>4</memory></domain>", 1,
		      "the domain was not made for memory hot-plug");
}

static void only_the_vector_with_attach_is_meant(void)
{
	g_autoptr(TmplVm) vm = vm_of("<DISK><DISK_ID>0</DISK_ID></DISK>" DISK(""));

	g_assert_cmpstr(tmpl_attr_text(tmpl_vm_attached(vm, "DISK"), "DISK_ID"), ==, "5");
	g_assert_null(tmpl_vm_attached(vm, "NIC"));
}

/* Values for each attribute of a disk and of a NIC; "" leaves it out. */
struct choice {
	const char *key, *values;	/* divided by '|' */
};

static const struct choice disk_choices[] = {
	{ "TARGET", "vdb|sdc|vdaa|sdz|hdc|xvda" },
	{ "TYPE", "FILE|BLOCK|RBD|ISCSI|GLUSTER|SHEEPDOG|CDROM|RBD_CDROM|BLOCK_CDROM|GLUSTER_CDROM|"
		  "SHEEPDOG_CDROM|FILESYSTEM|fs|swap|disk|cdrom|" },
	{ "DISK_TYPE", "FILE|BLOCK|RBD|" },
	{ "SOURCE", "/var/lib/one/datastores/1/a|one/one-5|" },
	{ "MOUNT_TAG", "tag|" },
	{ "CLONE", "YES|NO|" }, { "READONLY", "YES|no|" }, { "SHAREABLE", "YES|" },
	{ "DRIVER", "raw|qcow2|" }, { "CACHE", "none|writeback|bad|" },
	{ "IO", "native|threads|io_uring|" }, { "DISCARD", "unmap|ignore|" },
	{ "ORDER", "1|7|" }, { "SERIAL", "S-1|" }, { "IOTHREAD", "1|2|3|" },
	{ "LUKS_SECRET", "c0ffee00-1111-2222-3333-444455556666|" },
	{ "VIRTIO_BLK_QUEUES", "4|auto|" }, { "POOL_NAME", "pool|" },
	{ "CEPH_HOST", "h1 h2:1|[::1]:2|" }, { "CEPH_USER", "u|" }, { "CEPH_SECRET", "s|" },
	{ "ISCSI_HOST", "h|" }, { "ISCSI_USER", "u|" }, { "ISCSI_USAGE", "x|" },
	{ "ISCSI_IQN", "iqn|" }, { "GLUSTER_HOST", "g|" }, { "GLUSTER_VOLUME", "v|" },
	{ "SHEEPDOG_HOST", "s:7000|" }, { "SIZE_IOPS_SEC", "4096|" },
#define LIMIT(name) { name "_SEC", "100|" }, { name "_SEC_MAX", "200|" }, \
	{ name "_SEC_MAX_LENGTH", "5|" }
	LIMIT("TOTAL_BYTES"), LIMIT("READ_BYTES"), LIMIT("WRITE_BYTES"),
	LIMIT("TOTAL_IOPS"), LIMIT("READ_IOPS"), LIMIT("WRITE_IOPS"),
};

static const struct choice nic_choices[] = {
	{ "BRIDGE", "br0|" }, { "BRIDGE_TYPE", "linux|openvswitch|openvswitch_dpdk|" },
	{ "NETWORK_MODE", "dummy|" }, { "MAC", "02:00:00:00:00:01|" }, { "TARGET", "one-7-1|" },
	{ "SCRIPT", "/etc/ifup|" }, { "ORDER", "3|" }, { "MODEL", "virtio|e1000|" },
	{ "VIRTIO_QUEUES", "auto|2|" }, { "FILTER", "clean|" }, { "IP", "10.0.0.1|" },
	{ "VROUTER_IP", "10.0.0.2|" }, { "IP6_ULA", "fd00::1|" }, { "IP6_GLOBAL", "2001::1|" },
	{ "INBOUND_AVG_BW", "10|" }, { "INBOUND_PEAK_BW", "20|" }, { "INBOUND_PEAK_KB", "30|" },
	{ "INBOUND_PEAK_KW", "31|" }, { "OUTBOUND_AVG_BW", "10|" }, { "OUTBOUND_PEAK_BW", "20|" },
	{ "OUTBOUND_PEAK_KB", "30|" },
};

/* The text that the site says of it, as its defaults file and as kvmrc. */
static const struct {
	const char *vector, *key, *kvmrc, *value;
} site[] = {
	{ "DISK", "CACHE",   "CACHE",   "writethrough" },
	{ "DISK", "DISCARD", "DISCARD", "unmap" },
	{ "DISK", "IO",      "IO",      "threads" },
	{ "DISK", "TOTAL_IOPS_SEC", "TOTAL_IOPS_SEC", "900" },
	{ "DISK", "READ_BYTES_SEC", "READ_BYTES_SEC", "800" },
	{ "FEATURES", "VIRTIO_BLK_QUEUES", "VIRTIO_BLK_QUEUES", "auto" },
	{ "NIC", "MODEL",    "NIC_MODEL",  "virtio" },
	{ "NIC", "FILTER",   "NIC_FILTER", "arp" },
};

static const char *pick(GRand *rand, const struct choice *c, char **ret_copy)
{
	g_auto(GStrv) values = g_strsplit(c->values, "|", -1);

	*ret_copy = g_strdup(values[g_rand_int_range(rand, 0, (gint32)g_strv_length(values))]);
	return *ret_copy;
}

/* A vector NAME with some of CHOICES, always with those before FIRST_OPTIONAL. */
static char *random_device(GRand *rand, const char *name, const struct choice *choices, size_t n,
			   size_t first_optional)
{
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "<%s><ATTACH>YES</ATTACH><%s_ID>0</%s_ID>", name, name, name);
	for (size_t i = 0; i < n; i++) {
		g_autofree char *copy = NULL;
		const char *value = pick(rand, &choices[i], &copy);

		if (*value && (i < first_optional || g_rand_int_range(rand, 0, 3) == 0))
			g_string_append_printf(text, "<%s>%s</%s>", choices[i].key, value,
					       choices[i].key);
	}
	g_string_append_printf(text, "</%s>", name);
	return g_string_free(text, FALSE);
}

static void add_site(GRand *rand, TmplVm *deployed, TmplVm *plugged)
{
	GString *rc = g_string_new(NULL);

	tmpl_vm_set_level(deployed, TMPL_CONF, tmpl_set_new("site"));
	for (size_t i = 0; i < G_N_ELEMENTS(site); i++) {
		TmplSet *set = deployed->level[TMPL_CONF];
		TmplAttr *vector = (TmplAttr *)tmpl_set_vector(set, site[i].vector);

		if (g_rand_boolean(rand))
			continue;
		if (!vector) {
			vector = tmpl_attr_new(g_strdup(site[i].vector), NULL);
			g_ptr_array_add(set->attrs, vector);
		}
		g_ptr_array_add(vector->keys, tmpl_attr_new(g_strdup(site[i].key),
							    g_strdup(site[i].value)));
		g_string_append_printf(rc, "DEFAULT_ATTACH_%s=%s\n", site[i].kvmrc, site[i].value);
	}
	add_kvmrc(plugged, rc->str);
	g_string_free(rc, TRUE);
}

/* The first element of the DEVICES of XML called as that of DEVICE; both without indentation. */
static void same_device(const char *xml, const char *device)
{
	g_autoptr(xmlDoc) whole = live_of(xml), alone = live_of(device);
	xmlNode *root = xmlDocGetRootElement(alone);
	xmlNode *found = xml_child(xml_child(xmlDocGetRootElement(whole), "devices"),
				   (const char *)root->name);
	g_autofree char *one = NULL, *two = xml_print(root);
	g_auto(GStrv) a = NULL, b = NULL;

	g_assert_nonnull(found);
	one = xml_print(found);
	a = g_strsplit(one, "\n", -1);
	b = g_strsplit(two, "\n", -1);
	g_assert_cmpuint(g_strv_length(a), ==, g_strv_length(b));
	for (guint i = 0; a[i]; i++)
		g_assert_cmpstr(g_strstrip(a[i]), ==, g_strstrip(b[i]));
}

static bool compare(GRand *rand, device_xml *make, const char *name, const char *device)
{
	static const struct domain_policy policy = {
		.kernel_paths = "/", .script_paths = "/", .host_paths = "/",
		.qemu_commandline = true, .seclabel = true, .host_devices = true, .schema = "",
	};
	const struct domain_options options = { .libvirt = DOMAIN_LIBVIRT(11, 0, 0),
						.policy = &policy };
	g_autofree char *rest =
		g_strconcat("<FEATURES><IOTHREADS>2</IOTHREADS></FEATURES>", device, NULL);
	g_autoptr(TmplVm) deployed = vm_of(rest), plugged = vm_of(rest);
	g_autoptr(xmlDoc) live = live_of("<domain><iothreads>2</iothreads></domain>");
	const struct domain_attach attach = { options, xmlDocGetRootElement(live), NULL };
	g_autoptr(GError) error = NULL, problem = NULL;
	g_autofree char *xml = NULL, *alone = NULL;

	add_site(rand, deployed, plugged);
	xml = domain_xml(deployed, &options, NULL, &error);
	alone = make(plugged, tmpl_vm_attached(plugged, name), &attach, NULL, &problem);
	if (error || problem) {
		g_assert_nonnull(error);
		g_assert_nonnull(problem);
		return false;
	}
	same_device(xml, alone);
	return true;
}

static void attached_is_as_deployed(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);
	guint disks = 0, nics = 0;

	for (int i = 0; i < ROUNDS; i++) {
		g_autofree char *disk = random_device(rand, "DISK", disk_choices,
						      G_N_ELEMENTS(disk_choices), 2);
		g_autofree char *nic = random_device(rand, "NIC", nic_choices,
						     G_N_ELEMENTS(nic_choices), 1);

		disks += compare(rand, domain_disk_xml, "DISK", disk);
		nics += compare(rand, domain_nic_xml, "NIC", nic);
	}
	g_assert_cmpuint(disks, >, ROUNDS / 10);
	g_assert_cmpuint(nics, >, ROUNDS / 10);
}

/* Each attribute alone too, with each of its values. */
static void each_attribute(const char *name, device_xml *make, const struct choice *choices,
			   size_t n, const char *base)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);

	for (size_t i = 0; i < n; i++) {
		g_auto(GStrv) values = g_strsplit(choices[i].values, "|", -1);

		for (char **v = values; *v; v++) {
			g_autofree char *device = g_strdup_printf(
				"<%s><ATTACH>YES</ATTACH><%s_ID>0</%s_ID><%s>%s</%s>%s</%s>", name,
				name, name, choices[i].key, *v, choices[i].key, base, name);

			compare(rand, make, name, device);
		}
	}
}

static void each_attribute_attached_is_as_deployed(void)
{
	each_attribute("DISK", domain_disk_xml, disk_choices, G_N_ELEMENTS(disk_choices),
		       "<TARGET>vdb</TARGET><CEPH_USER>u</CEPH_USER><CEPH_SECRET>s</CEPH_SECRET>"
		       "<TOTAL_BYTES_SEC>1</TOTAL_BYTES_SEC><TOTAL_IOPS_SEC>1</TOTAL_IOPS_SEC>");
	each_attribute("NIC", domain_nic_xml, nic_choices, G_N_ELEMENTS(nic_choices),
		       "<BRIDGE>b</BRIDGE><TARGET>t</TARGET><INBOUND_AVG_BW>1</INBOUND_AVG_BW>"
		       "<OUTBOUND_AVG_BW>1</OUTBOUND_AVG_BW>");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/attach/kvmrc-is-the-lowest-level", kvmrc_is_the_lowest_level);
	g_test_add_func("/attach/kvmrc-comes-before-a-defaults-file",
			kvmrc_comes_before_a_defaults_file);
	g_test_add_func("/attach/a-disk-takes-an-io-thread-that-is-there",
			a_disk_takes_an_io_thread_that_is_there);
	g_test_add_func("/attach/a-pci-device-goes-where-there-is-room",
			a_pci_device_goes_where_there_is_room);
	g_test_add_func("/attach/a-pci-device-without-an-address-is-refused",
			a_pci_device_without_an_address_is_refused);
	g_test_add_func("/attach/a-memory-module-fits-or-is-refused",
			a_memory_module_fits_or_is_refused);
	g_test_add_func("/attach/only-the-vector-with-attach-is-meant",
			only_the_vector_with_attach_is_meant);
	g_test_add_func("/attach/attached-is-as-deployed", attached_is_as_deployed);
	g_test_add_func("/attach/each-attribute-attached-is-as-deployed",
			each_attribute_attached_is_as_deployed);
	return g_test_run();
}
