/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/domain.h"

#include <libxml/xpath.h>

#include "xml/xml.h"

static const struct domain_options options = { .type = "kvm" };
static const struct domain_options newest = { .libvirt = DOMAIN_LIBVIRT(99, 0, 0) };
static const struct domain_policy host_policy = { .host_devices = true, .host_paths = "/run/tpm" };
static const struct domain_options trusting = { .libvirt = DOMAIN_LIBVIRT(9, 0, 0),
						.policy = &host_policy };

/* A VM with TEMPLATE's rest given as XML, on a q35 machine. */
static TmplVm *vm_of(const char *rest)
{
	bool own = strstr(rest, "<OS>");
	g_autofree char *text = g_strconcat(
		"<VM><ID>7</ID><NAME>n</NAME><TEMPLATE>", rest, strstr(rest, "<MEMORY>0") ? "" :
		"<MEMORY>512</MEMORY>", own ? "" : "<OS><ARCH>x86_64</ARCH><MACHINE>q35</MACHINE>"
		"</OS>", "</TEMPLATE></VM>", NULL);
	g_autoptr(xmlDoc) doc = xml_parse(text, strlen(text), "test", NULL);
	TmplSet *site = tmpl_set_new("site");
	TmplVm *vm;

	g_assert_nonnull(doc);
	vm = tmpl_vm_new(xmlDocGetRootElement(doc), NULL);
	g_ptr_array_add(site->attrs, tmpl_attr_new(g_strdup("Q35_NUMA_PCIE"), g_strdup("yes")));
	tmpl_vm_set_level(vm, TMPL_CONF, site);
	return vm;
}

static char *xpath(const char *xml, const char *path)
{
	g_autoptr(xmlDoc) doc = xml_parse(xml, strlen(xml), "domain", NULL);
	xmlXPathContext *context;
	xmlXPathObject *object;
	char *text;

	g_assert_nonnull(doc);
	context = xmlXPathNewContext(doc);
	object = xmlXPathEvalExpression(BAD_CAST path, context);
	g_assert_nonnull(object);
	text = g_strdup((const char *)object->stringval);
	xmlXPathFreeObject(object);
	xmlXPathFreeContext(context);
	return text;
}

static void expect(const char *rest, const struct domain_options *with, const char *path,
		   const char *value)
{
	g_autoptr(TmplVm) vm = vm_of(rest);
	g_autoptr(GError) error = NULL;
	g_autofree char *xml = domain_xml(vm, with, NULL, &error);
	g_autofree char *found = NULL;

	g_assert_no_error(error);
	found = xpath(xml, path);
	g_assert_cmpstr(found, ==, value);
}

#define DISK(more) "<DISK><DISK_ID>0</DISK_ID><TARGET>vda</TARGET>" more "</DISK>"

#define PCI(more) "<PCI><PCI_ID>0</PCI_ID><DOMAIN>0000</DOMAIN><BUS>3b</BUS><SLOT>00</SLOT>" \
	"<FUNCTION>0</FUNCTION>" more "</PCI>"
#define DPDK "<NIC><NIC_ID>0</NIC_ID><BRIDGE>b</BRIDGE><BRIDGE_TYPE>openvswitch_dpdk" \
	"</BRIDGE_TYPE><TARGET>t</TARGET></NIC>"
#define PC "<OS><ARCH>x86_64</ARCH><MACHINE>pc</MACHINE></OS>"
#define DISK_AT(letter) "<DISK><DISK_ID>1</DISK_ID><TARGET>vd" letter "</TARGET></DISK>"
#define CD(letter) "<DISK><DISK_ID>0</DISK_ID><TYPE>CDROM</TYPE><TARGET>sd" letter \
	"</TARGET></DISK>"
#define NODE(more) "<NUMA_NODE><NODE_ID>0</NODE_ID><TOTAL_CPUS>1</TOTAL_CPUS>" \
	"<MEMORY>1024</MEMORY>" more "</NUMA_NODE>"
#define IOMMU(more) "<IOMMU><MODE>single</MODE>" more "</IOMMU>"
#define FLOPPY(more) DISK("") "<DISK><DISK_ID>1</DISK_ID><TARGET>fda</TARGET>" more "</DISK>"
#define ACPI "<FEATURES><ACPI>yes</ACPI></FEATURES>"
#define ENCRYPTED_BY(keys) ACPI "<OS><FIRMWARE>UEFI</FIRMWARE><ARCH>x86_64</ARCH>" \
	"<MACHINE>q35</MACHINE></OS><MEMORY_ENCRYPTION>" keys "</MEMORY_ENCRYPTION>"
#define OS_OF(arch, machine) "<OS><ARCH>" arch "</ARCH><MACHINE>" machine "</MACHINE></OS>"
#define UEFI_Q35 ACPI "<OS><ARCH>x86_64</ARCH><MACHINE>q35</MACHINE><FIRMWARE>UEFI</FIRMWARE></OS>"
#define ENCRYPTED(type, more) ACPI "<OS><FIRMWARE>UEFI</FIRMWARE><ARCH>x86_64</ARCH>" \
	"<MACHINE>q35</MACHINE>" more "</OS><MEMORY_ENCRYPTION><TYPE>" type \
	"</TYPE></MEMORY_ENCRYPTION>"

static const struct {
	const char *rest, *path, *value;
} values[] = {
	{ "<CPU>0.1</CPU>", "string(//shares)", "103" },
	{ "<CPU>0.0001</CPU>", "string(//shares)", "2" },
	{ "<CPU>1e9</CPU>", "string(//shares)", "262144" },
	{ "", "string(//shares)", "1024" },
	{ "<MEMORY_MAX>1024</MEMORY_MAX>", "string(/domain/currentMemory)", "524288" },
	{ "<MEMORY_MAX>512</MEMORY_MAX>", "string(/domain/currentMemory)", "" },
	{ "<CPU_MODEL><MODEL>host-model</MODEL></CPU_MODEL>", "string(/domain/cpu/@mode)",
	  "host-model" },
	{ "<CPU_MODEL><MODEL>m</MODEL><FEATURES>a, -b,,+c</FEATURES></CPU_MODEL>",
	  "concat(//feature[1]/@policy,//feature[2]/@name,//feature[2]/@policy,//feature[3]/@name)",
	  "requirebdisablec" },
	{ DISK("<TYPE>RBD</TYPE><SOURCE>p/i</SOURCE><CEPH_HOST>h [::1]:1 fe::2 a:2</CEPH_HOST>"),
	  "concat(//host[1]/@name,//host[1]/@port,' ',//host[2]/@name,//host[2]/@port,' ',"
	  "//host[3]/@name,//host[3]/@port,' ',//host[4]/@name,//host[4]/@port)",
	  "h6789 ::11 fe::26789 a2" },
	{ DISK("<TYPE>cdrom</TYPE>"), "string(//disk/@device)", "cdrom" },
	{ DISK("<READONLY>on</READONLY>"), "string(count(//disk/readonly))", "1" },
	{ "<DISK><DISK_ID>0</DISK_ID><TARGET>sdab</TARGET></DISK>", "string(//address/@target)",
	  "27" },
	{ "<DISK><DISK_ID>0</DISK_ID><TARGET>fda</TARGET></DISK>",
	  "concat(//disk/@device, //disk/target/@bus)", "floppyfdc" },
	{ "<OS/><FEATURES><IOTHREADS>2</IOTHREADS></FEATURES>" DISK("") DISK_AT("b") DISK_AT("c"),
	  "concat(//disk[1]/driver/@iothread,//disk[2]/driver/@iothread,//disk[3]/driver/"
	  "@iothread)",
	  "121" },
	{ "<NIC><BRIDGE>b</BRIDGE><MODEL>virtio</MODEL><VIRTIO_QUEUES>4</VIRTIO_QUEUES></NIC>",
	  "concat(//interface/@type,//interface/driver/@queues)", "bridge4" },
	{ "<NIC><INBOUND_AVG_BW>1</INBOUND_AVG_BW><INBOUND_PEAK_KW>2</INBOUND_PEAK_KW></NIC>",
	  "string(//inbound/@burst)", "2" },
	{ ENCRYPTED("sev", ""), "string(//hard_limit)", "768" },
	{ ENCRYPTED_BY("<TYPE>SEV</TYPE><POLICY>0x33</POLICY>"),
	  "string(//launchSecurity/policy)", "0x33" },
	{ ENCRYPTED("SEV", "") FLOPPY(""), "string(count(//launchSecurity))", "1" },
	{ "", "string(//uuid)", "3837aed8-884a-5011-a791-124f7765ff32" },
	{ "", "string(count(//rng|//watchdog|//memballoon))", "0" },
	{ "<RNG><MODEL>virtio</MODEL></RNG>",
	  "concat(//rng/@model,//rng/backend/@model,//rng/backend)",
	  "virtiorandom/dev/urandom" },
	{ "<RNG><BACKEND>builtin</BACKEND><RATE_BYTES>1000</RATE_BYTES></RNG>",
	  "concat(//rng/rate/@bytes,//rng/backend/@model,//rng/backend)", "1000builtin" },
	{ "<RNG><MODEL>none</MODEL></RNG>", "string(count(//rng))", "0" },
	{ "<WATCHDOG><ACTION>poweroff</ACTION></WATCHDOG>",
	  "concat(//watchdog/@model,//watchdog/@action)", "i6300esbpoweroff" },
	{ "<MEMBALLOON><STATS_PERIOD>5</STATS_PERIOD><AUTODEFLATE>yes</AUTODEFLATE></MEMBALLOON>",
	  "concat(//memballoon/@model,//memballoon/@autodeflate,//memballoon/stats/@period)",
	  "virtioon5" },
	{ "<MEMBALLOON><MODEL>none</MODEL></MEMBALLOON>", "string(//memballoon/@model)", "none" },
	{ "<TPM><MODEL>tpm-tis</MODEL><VERSION>1.2</VERSION></TPM>",
	  "concat(//tpm/@model,//tpm/backend/@version)", "tpm-tis1.2" },
	{ UEFI_Q35 "<TPM><VERSION>2.0</VERSION></TPM>",
	  "concat(//tpm/@model,//tpm/backend/@type,//tpm/backend/@version)",
	  "tpm-crbemulator2.0" },
	{ UEFI_Q35 "<TPM><VERSION>1.2</VERSION></TPM>", "string(//tpm/@model)", "tpm-tis" },
	{ OS_OF("x86_64", "q35") "<TPM><TYPE>Emulator</TYPE></TPM>", "string(//tpm/@model)",
	  "tpm-tis" },
	{ OS_OF("aarch64", "virt") "<TPM><TYPE>emulator</TYPE></TPM>", "string(//tpm/@model)",
	  "tpm-tis" },
	{ OS_OF("ppc64le", "pseries") "<TPM><VERSION>2.0</VERSION></TPM>", "string(//tpm/@model)",
	  "tpm-spapr" },
	{ "<TPM><SECRET>3837aed8-884a-5011-a791-124f7765ff32</SECRET></TPM>",
	  "string(count(//tpm))", "0" },
	{ DISK("<DISCARD>ignore</DISCARD><TYPE>CDROM</TYPE>"), "string(//disk/driver/@discard)",
	  "ignore" },
	{ "<NIC><BRIDGE>b</BRIDGE><FILTER>f</FILTER><IP6_ULA>fd00::1</IP6_ULA></NIC>",
	  "concat(//filterref/@filter,//parameter/@name,//parameter/@value)", "fIPV6fd00::1" },
	{ "<VCPU>2</VCPU><VCPU_MAX>4</VCPU_MAX><TOPOLOGY><CORES>4</CORES></TOPOLOGY>",
	  "concat(//topology/@cores,/domain/vcpu,/domain/vcpu/@current)", "442" },
	{ PCI("<MDEV_MODE>nvidia</MDEV_MODE>"), "string(//hostdev/@managed)", "no" },
	{ PC CD("a") CD("c") "<CONTEXT><DISK_ID>9</DISK_ID><TARGET>hda</TARGET></CONTEXT>",
	  "concat(//disk[1]/address/@bus,//disk[1]/address/@unit,' ',//disk[2]/address/@bus,"
	  "//disk[2]/address/@unit,' ',count(//disk[3]/address))", "01 10 0" },
	{ CD("a") CD("g") "<CONTEXT><DISK_ID>9</DISK_ID><TARGET>hda</TARGET></CONTEXT>",
	  "concat(//disk[1]/address/@controller,//disk[1]/address/@unit,' ',"
	  "//disk[2]/address/@controller,//disk[2]/address/@unit,' ',"
	  "//controller[@type='sata']/@index)", "01 10 1" },
	{ "<GRAPHICS><TYPE>vnc</TYPE><RANDOM_PASSWD>yes</RANDOM_PASSWD></GRAPHICS>",
	  "string(string-length(//graphics/@passwd))", "8" },
	{ "<GRAPHICS><TYPE>SPICE</TYPE><RANDOM_PASSWD>yes</RANDOM_PASSWD></GRAPHICS>",
	  "concat(//graphics/@type,string-length(//graphics/@passwd))", "spice59" },
	{ "<VIDEO><TYPE>virtio</TYPE><RESOLUTION>800x600</RESOLUTION></VIDEO>",
	  "concat(//resolution/@x,//resolution/@y)", "800600" },
	{ OS_OF("aarch64", "virt")
	  "<FEATURES><ACPI>yes</ACPI><PAE>yes</PAE><GIC>HOST</GIC></FEATURES>",
	  "concat(count(//pae),//gic/@version)", "1host" },
	{ IOMMU("<MODEL>intel</MODEL><OPTIONS>intremap=on aw_bits=48</OPTIONS>"),
	  "concat(//iommu/driver/@intremap,//iommu/driver/@aw_bits)", "on48" },
};

/* With a libvirt that knows it all. */
static const struct {
	const char *rest, *path, *value;
} new_values[] = {
	{ PCI("<IOMMUFD>YES</IOMMUFD><ACPI_NODES>1-2</ACPI_NODES>"),
	  "concat(//hostdev/driver/@iommufd,//hostdev/acpi/@nodeset)", "yes1-2" },
	{ IOMMU("<MODEL>amd</MODEL><OPTIONS>xtsup=on</OPTIONS>"),
	  "concat(//iommu/@model,//iommu/driver/@xtsup)", "amdon" },
	{ ENCRYPTED("sev-snp", ""),
	  "concat(//launchSecurity/@type,//policy,//loader/@stateless,count(//hard_limit))",
	  "sev-snp0x00030000yes0" },
	{ "<VCPU>1</VCPU><TOPOLOGY><MEMORY_ACCESS>shared</MEMORY_ACCESS></TOPOLOGY>"
	  "<NUMA_NODE><NODE_ID>0</NODE_ID><TOTAL_CPUS>1</TOTAL_CPUS><MEMORY>1024</MEMORY>"
	  "</NUMA_NODE>" DPDK, "string(//interface/source/@path)",
	  "/var/run/one/vhost-socks/t" },
	{ ENCRYPTED("TDX", ""),
	  "concat(//launchSecurity/@type,count(//policy),//os/@firmware)", "tdx0efi" },
};

static void values_become_xml(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(values); i++)
		expect(values[i].rest, &options, values[i].path, values[i].value);
	for (size_t i = 0; i < G_N_ELEMENTS(new_values); i++)
		expect(new_values[i].rest, &newest, new_values[i].path, new_values[i].value);
	expect("<TPM><TYPE>passthrough</TYPE></TPM>", &trusting,
	       "concat(//tpm/@model,//backend/@type,//device/@path,count(//backend/@*))",
	       "tpm-tispassthrough/dev/tpm01");
	expect("<TPM><TYPE>external</TYPE><DEVICE>/run/tpm/7.sock</DEVICE></TPM>", &trusting,
	       "concat(//backend/@type,//source/@type,//source/@mode,//source/@path)",
	       "externalunixconnect/run/tpm/7.sock");
}

static const struct {
	const char *rest, *message;
} faults[] = {
	{ "<VCPU>0</VCPU>", "VCPU = '0' (VM 7): not a whole number from 1 to 65535" },
	{ "<CPU>two</CPU>", "CPU = 'two' (VM 7): not a number above 0" },
	{ "<FEATURES><ACPI>maybe</ACPI></FEATURES>",
	  "FEATURES/ACPI = 'maybe' (VM 7): not yes or no" },
	{ "<DISK><TARGET>vda</TARGET></DISK>", "DISK: DISK_ID is missing" },
	{ "<DISK><DISK_ID>1</DISK_ID></DISK>", "DISK 1: TARGET is missing" },
	{ DISK("<TYPE>TAPE</TYPE>"), "DISK 0: TYPE = 'TAPE': no kind of disk that is known" },
	{ DISK("<READ_BYTES_SEC>10M</READ_BYTES_SEC>"),
	  "DISK 0: READ_BYTES_SEC = '10M' (VM 7): not a whole number from 0 to "
	  "9223372036854775807" },
	{ "<NIC><NIC_ID>1</NIC_ID><MAC>02:00:zz:00:00:00</MAC></NIC>",
	  "NIC 1: MAC = '02:00:zz:00:00:00' (VM 7): not a MAC address" },
	{ "<MEMORY_ENCRYPTION><TYPE>TDX</TYPE></MEMORY_ENCRYPTION>",
	  "MEMORY_ENCRYPTION: TDX needs a host with libvirt 11.6.0 or later" },
	{ "<MEMORY_ENCRYPTION><TYPE>MKTME</TYPE></MEMORY_ENCRYPTION>",
	  "MEMORY_ENCRYPTION: TYPE = 'MKTME': not one of SEV, SEV-ES, SEV-SNP, TDX" },
	{ ENCRYPTED_BY("<TYPE>SEV</TYPE><POLICY>7</POLICY>"),
	  "MEMORY_ENCRYPTION: POLICY = '7' (VM 7): not a hexadecimal number as 0x00000003" },
	{ ENCRYPTED("SEV", "") PCI(""),
	  "MEMORY_ENCRYPTION: a VM with encrypted memory can have no PCI device of the host: "
	  "remove PCI" },
	{ ENCRYPTED("SEV", "") "<MEMORY_ENCRYPTION><TYPE>SEV</TYPE></MEMORY_ENCRYPTION>",
	  "duplicate MEMORY_ENCRYPTION" },
	{ PCI("<IOMMUFD>YES</IOMMUFD>"),
	  "PCI 0: IOMMUFD needs a host with libvirt 12.1.0 or later" },
	{ PCI("<ACPI_NODES>x</ACPI_NODES>"), "PCI 0: ACPI_NODES = 'x': not a set of nodes" },
	{ PCI("<ACPI_NODES>1</ACPI_NODES>"),
	  "PCI 0: ACPI_NODES needs a host with libvirt 11.8.0 or later" },
	{ IOMMU("<MODEL>amd</MODEL>"),
	  "IOMMU: MODEL = 'amd' needs a host with libvirt 11.5.0 or later" },
	{ IOMMU("<MODEL>smmuv3</MODEL>"),
	  "IOMMU: MODEL = 'smmuv3' needs OS/ARCH aarch64, not 'x86_64'" },
	{ IOMMU("<MODEL>intel</MODEL><OPTIONS>eim=maybe</OPTIONS>"),
	  "IOMMU: OPTIONS: eim = 'maybe': not on or off" },
	{ IOMMU("<MODEL>intel</MODEL><OPTIONS>aw_bits=x</OPTIONS>"),
	  "IOMMU: OPTIONS: aw_bits = 'x': not a number up to 255" },
	{ IOMMU("<MODEL>intel</MODEL><OPTIONS>speed=on</OPTIONS>"),
	  "IOMMU: OPTIONS: 'speed' is no option of an IOMMU" },
	{ IOMMU("<MODEL>intel</MODEL><OPTIONS>intremap</OPTIONS>"),
	  "IOMMU: OPTIONS = 'intremap': not key=value …" },
	{ "<OS><BOOT>disk9</BOOT><ARCH>x86_64</ARCH></OS>" DISK(""),
	  "OS/BOOT = 'disk9' (VM 7): no list of diskN and nicN that the VM has" },
	{ "<OS><BOOT>hd,network</BOOT><ARCH>x86_64</ARCH></OS>" DISK(""),
	  "OS/BOOT = 'hd,network' (VM 7): no list of diskN and nicN that the VM has" },
	{ "<OS><ARCH>x86_64</ARCH></OS><OS><ARCH>i686</ARCH></OS>", "duplicate OS" },
	{ "<VCPU>5</VCPU><TOPOLOGY><SOCKETS>2</SOCKETS><CORES>2</CORES></TOPOLOGY>",
	  "TOPOLOGY: SOCKETS x CORES x THREADS = 4 is not the number of vCPUs, 5" },
	{ "<VCPU>2</VCPU><NUMA_NODE><NODE_ID>0</NODE_ID><TOTAL_CPUS>2</TOTAL_CPUS>"
	  "<MEMORY>524288</MEMORY><DISTANCE>x</DISTANCE></NUMA_NODE>",
	  "NUMA_NODE 0: DISTANCE = 'x': not a list of ID:10-255 or ID-ID:10-255" },
	{ "<NUMA_NODE><NODE_ID>0</NODE_ID><TOTAL_CPUS>2</TOTAL_CPUS></NUMA_NODE>",
	  "NUMA_NODE 0: MEMORY is missing" },
	{ "<TOPOLOGY><PIN_POLICY>CORE</PIN_POLICY></TOPOLOGY>" NODE("<CPUS>1,a</CPUS>"),
	  "NUMA_NODE 0: CPUS = '1,a': not a set of CPUs" },
	{ "<TOPOLOGY><PIN_POLICY>CORE</PIN_POLICY></TOPOLOGY>"
	  "<NUMA_NODE><NODE_ID>0</NODE_ID><TOTAL_CPUS>2</TOTAL_CPUS><MEMORY>1024</MEMORY>"
	  "<CPUS>1</CPUS></NUMA_NODE>",
	  "NUMA_NODE 0: CPUS = '1': fewer CPUs than TOTAL_CPUS" },
	{ NODE("<MEMORY_NODE_ID>x</MEMORY_NODE_ID>"),
	  "NUMA_NODE 0: MEMORY_NODE_ID = 'x': not a node" },
	{ PCI("<VENDOR>zz</VENDOR>"), "PCI 0: VENDOR = 'zz': not hexadecimal" },
	{ PCI("<VM_BUS_INDEX>x</VM_BUS_INDEX>"),
	  "PCI 0: VM_BUS_INDEX = 'x': not a part of a PCI address" },
	{ "<GRAPHICS><TYPE>vnc</TYPE><PORT>70000</PORT></GRAPHICS>",
	  "GRAPHICS: PORT = '70000' (VM 7): not a whole number from 0 to 65535" },
	{ "<VIDEO><TYPE>qxl</TYPE></VIDEO>",
	  "VIDEO: TYPE = 'qxl' (VM 7): not one of none, vga, cirrus, virtio" },
	{ "<VIDEO><VRAM>2048</VRAM></VIDEO>", "VIDEO: TYPE is missing" },
	{ "<VIDEO><TYPE>vga</TYPE><IOMMU>YES</IOMMU></VIDEO>",
	  "VIDEO: TYPE = 'vga': IOMMU and ATS need virtio" },
	{ "<VIDEO><TYPE>vga</TYPE><RESOLUTION>800</RESOLUTION></VIDEO>",
	  "VIDEO: RESOLUTION = '800': not WIDTHxHEIGHT" },
	{ "<RAW><TYPE>vmware</TYPE><DATA>&lt;x/></DATA></RAW>",
	  "RAW: TYPE = 'vmware': no hypervisor that is known" },
	{ "<RAW><TYPE>kvm</TYPE><DATA>&lt;features>&lt;gic version='2'/>&lt;/features>&lt;features>"
	  "&lt;gic version='3'/>&lt;/features></DATA></RAW>",
	  "RAW: <gic version> is there already, see RAW_OVERRIDE of the site, or say it by "
	  "FEATURES: it is '2', RAW says '3'" },
	{ IOMMU("<MODEL>foo</MODEL>"),
	  "IOMMU: MODEL = 'foo' (VM 7): not one of intel, virtio, smmuv3, amd" },
	{ IOMMU("<MODEL>intel</MODEL><OPTIONS>intremap=on,eim=off</OPTIONS>"),
	  "IOMMU: OPTIONS: intremap = 'on,eim=off': not on or off" },
	{ PC IOMMU("<MODEL>intel</MODEL>"), "IOMMU: needs a q35 or virt machine, not 'pc'" },
	{ "<OS><ARCH>x86_64</ARCH><MACHINE>pc</MACHINE></OS>"
	  "<DISK><DISK_ID>0</DISK_ID><TARGET>hda</TARGET></DISK>"
	  "<MEMORY_ENCRYPTION><TYPE>SEV</TYPE></MEMORY_ENCRYPTION>",
	  "MEMORY_ENCRYPTION: TYPE = 'SEV' needs OS/MACHINE = q35, not 'pc'; MEMORY_ENCRYPTION: "
	  "TYPE = 'SEV' needs OS/FIRMWARE = UEFI, not BIOS; MEMORY_ENCRYPTION: a VM with encrypted "
	  "memory can have no IDE disk: let its TARGET be vda or sda" },
	{ "<OS><FIRMWARE>BIOS</FIRMWARE><ARCH>x86_64</ARCH><MACHINE>q35</MACHINE></OS>"
	  "<MEMORY_ENCRYPTION><TYPE>SEV-ES</TYPE></MEMORY_ENCRYPTION>",
	  "MEMORY_ENCRYPTION: TYPE = 'SEV-ES' needs OS/FIRMWARE = UEFI, not BIOS" },
	{ ACPI "<OS><FIRMWARE>UEFI</FIRMWARE><ARCH>aarch64</ARCH><MACHINE>virt</MACHINE></OS>"
	  "<MEMORY_ENCRYPTION><TYPE>SEV</TYPE></MEMORY_ENCRYPTION>",
	  "MEMORY_ENCRYPTION: TYPE = 'SEV' needs OS/ARCH = x86_64, not 'aarch64'" },
	{ ENCRYPTED("SEV", "") "<DISK><DISK_ID>0</DISK_ID><TARGET>fda</TARGET></DISK>",
	  "MEMORY_ENCRYPTION: a VM with encrypted memory cannot boot from fda on bus fdc: let its "
	  "TARGET be vda or sda" },
	{ ENCRYPTED("SEV", "") FLOPPY("<ORDER>1</ORDER>"),
	  "MEMORY_ENCRYPTION: a VM with encrypted memory cannot boot from fda on bus fdc: let its "
	  "TARGET be vda or sda" },
	{ PC CD("a") CD("b") CD("c") CD("d") CD("e"), "DISK 0: more than 4 devices on IDE" },
	{ "<DISK><DISK_ID>0</DISK_ID><TARGET>sd1</TARGET></DISK>",
	  "DISK 0: TARGET = 'sd1': not sd and lower-case letters" },
	{ DISK("<LUKS_SECRET>x</LUKS_SECRET>"), "DISK 0: LUKS_SECRET = 'x' (VM 7): not a UUID" },
	{ ACPI "<OS><FIRMWARE>UEFI</FIRMWARE><FIRMWARE_SECURE>YES</FIRMWARE_SECURE>"
	  "<MACHINE>pc</MACHINE>"
	  "<ARCH>x86_64</ARCH></OS>", "OS/FIRMWARE_SECURE needs a q35 machine, not 'pc'" },
	{ "<MEMORY>0</MEMORY>",
	  "MEMORY = '0' (VM 7): not a whole number from 1 to 9007199254740991" },
	{ "<CPU>0</CPU>", "CPU = '0' (VM 7): not a number above 0" },
	{ "<NUMA_NODE><NODE_ID>0</NODE_ID><TOTAL_CPUS>0</TOTAL_CPUS><MEMORY>1024"
	  "</MEMORY></NUMA_NODE>" NODE(""),
	  "NUMA_NODE: one without CPUs or memory comes before others" },
	{ NODE("") PCI("<ROOT>dedicated</ROOT><NUMA_NODE>x</NUMA_NODE>"),
	  "PCI 0: NUMA_NODE = 'x': not a node" },
	{ NODE("") NODE("") NODE("") NODE("") NODE("") NODE("") NODE("") NODE("") NODE(""),
	  "NUMA_NODE 0: more than 8 nodes have no PCI ports" },
	{ "<OS><ARCH>x86_64</ARCH><MACHINE>q35</MACHINE><FIRMWARE>/f.qcow2</FIRMWARE></OS>",
	  "OS/FIRMWARE = '/f.qcow2' (VM 7): not BIOS, UEFI or a path that OVMF_UEFIS lists; "
	  "OS/FIRMWARE in a qcow2 file needs a host with libvirt 9.2.0 or later" },
	{ "<RNG><RATE_PERIOD>1</RATE_PERIOD></RNG>", "RNG/RATE_PERIOD needs RATE_BYTES" },
	{ "<WATCHDOG><ACTION>bark</ACTION></WATCHDOG>",
	  "WATCHDOG/ACTION = 'bark' (VM 7): not one of reset, shutdown, poweroff, pause, none, "
	  "dump, inject-nmi" },
	{ "<TPM><MODEL>tpm-crb</MODEL><VERSION>1.2</VERSION></TPM>",
	  "TPM/MODEL = 'tpm-crb' needs VERSION 2.0" },
	{ "<TPM><TYPE>chip</TYPE><MODEL>tpm-tis</MODEL></TPM>",
	  "TPM/TYPE = 'chip' (VM 7): not one of emulator, passthrough, external" },
	{ "<TPM><TYPE>passthrough</TYPE></TPM>",
	  "TPM/TYPE = passthrough gives the guest more of its host than domain.host_devices in "
	  "vmm_exec.cfg allows" },
	{ OS_OF("x86_64", "q35") "<TPM><MODEL>tpm-spapr</MODEL></TPM>",
	  "TPM/MODEL = 'tpm-spapr' does not exist on OS/ARCH = 'x86_64'" },
	{ OS_OF("ppc64le", "pseries") "<TPM><MODEL>tpm-tis</MODEL></TPM>",
	  "TPM/MODEL = 'tpm-tis' does not exist on OS/ARCH = 'ppc64le'" },
	{ OS_OF("s390x", "other") "<TPM><VERSION>2.0</VERSION></TPM>",
	  "TPM: OS/ARCH = 's390x' has no TPM" },
	{ "<TPM><VERSION>2.0</VERSION><DEVICE>/dev/tpm0</DEVICE></TPM>",
	  "TPM/DEVICE is for TPM/TYPE = passthrough or external" },
	{ "<TPM><TYPE>external</TYPE></TPM>",
	  "TPM/TYPE = external needs a host with libvirt 9.0.0 or later; TPM/TYPE = external "
	  "needs TPM/DEVICE, the socket of the TPM's program" },
	{ "<RAW><TYPE>kvm</TYPE><DATA>text</DATA></RAW>", "RAW: text between elements" },
	{ "<RAW><TYPE>kvm</TYPE><DATA>&lt;devices>&lt;evil/>&lt;/devices></DATA></RAW>",
	  "RAW: <evil> is no device" },
};

static void expect_fault(const char *rest, const struct domain_options *with, const char *text)
{
	g_autoptr(TmplVm) vm = vm_of(rest);
	g_autoptr(GError) error = NULL;
	g_autofree char *message = g_strconcat("VM 7: ", text, NULL);

	g_assert_null(domain_xml(vm, with, NULL, &error));
	g_assert_error(error, VMM_ERROR, VMM_ERROR_INPUT);
	g_assert_cmpstr(error->message, ==, message);
}

static void faults_are_named(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(faults); i++)
		expect_fault(faults[i].rest, &options, faults[i].message);
	expect_fault("<TPM><TYPE>passthrough</TYPE><VERSION>2.0</VERSION></TPM>", &trusting,
		     "TPM/VERSION is for TPM/TYPE = emulator, not passthrough");
	expect_fault(DPDK, &newest, "a DPDK port needs memory that is shared: NUMA_NODEs and "
		     "TOPOLOGY/MEMORY_ACCESS = shared");
	expect_fault(OS_OF("x86_64", "q35") "<MEMORY_ENCRYPTION><TYPE>SEV-SNP</TYPE>"
		     "</MEMORY_ENCRYPTION>", &newest,
		     "MEMORY_ENCRYPTION: TYPE = 'SEV-SNP' needs OS/FIRMWARE = UEFI, not BIOS");
}

static const struct {
	const char *rest, *warning;
} oddities[] = {
	{ DPDK, "a DPDK port needs memory that is shared: NUMA_NODEs and TOPOLOGY/MEMORY_ACCESS = "
		"shared" },
	{ "<MEMORY_MAX>512</MEMORY_MAX>",
	  "MEMORY_MAX = '512' is ignored: it is not above MEMORY" },
	{ "<RAW><TYPE>lxc</TYPE><DATA>x</DATA></RAW>",
	  "RAW of TYPE 'lxc' is left out: it is not for kvm" },
	{ "<INPUT><TYPE>mouse</TYPE></INPUT><INPUT><TYPE>tablet</TYPE></INPUT>",
	  "duplicate INPUT: only the first is used" },
	{ "<OS><ARCH>x86_64</ARCH><INITRD>/i</INITRD></OS>",
	  "OS/INITRD is ignored: there is no OS/KERNEL" },
	{ "<CONTEXT><A>b</A></CONTEXT>",
	  "CONTEXT without TARGET: the VM gets no context device" },
	{ "<FEATURES><RAS>yes</RAS></FEATURES>",
	  "FEATURES/RAS is left out: it needs libvirt 10.4" },
	{ "<PCI><PCI_ID>1</PCI_ID></PCI>", "PCI 1: left out, it has no complete host address" },
	{ "<GRAPHICS><TYPE>sdl</TYPE></GRAPHICS>",
	  "GRAPHICS: TYPE 'sdl' is neither vnc nor spice: the VM gets no display" },
	{ "<DISK><DISK_ID>0</DISK_ID><TARGET>sda</TARGET><TYPE>BLOCK</TYPE><SERIAL>x</SERIAL>"
	  "</DISK>", "DISK 0: SERIAL is left out: a SCSI block device has its own" },
};

static void oddities_are_told(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(oddities); i++) {
		g_autoptr(TmplVm) vm = vm_of(oddities[i].rest);
		g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
		g_autoptr(GError) error = NULL;
		g_autofree char *xml = domain_xml(vm, &options, warnings, &error);

		g_assert_no_error(error);
		g_assert_nonnull(xml);
		g_assert_cmpuint(warnings->len, ==, 1);
		g_assert_cmpstr(warnings->pdata[0], ==, oddities[i].warning);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/domain/values-become-xml", values_become_xml);
	g_test_add_func("/domain/faults-are-named", faults_are_named);
	g_test_add_func("/domain/oddities-are-told", oddities_are_told);
	return g_test_run();
}
