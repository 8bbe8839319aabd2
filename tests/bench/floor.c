/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor ACTION URI [DOMAIN] - the libvirt calls of an action and nothing else: what it cannot be
 * faster than. deploy and attach_ read XML from stdin.
 */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdbool.h>
#include <unistd.h>

static bool gone;

static void quiet(void *data G_GNUC_UNUSED, virErrorPtr error G_GNUC_UNUSED)
{
}

static int on_event(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom G_GNUC_UNUSED, int event,
		    int detail G_GNUC_UNUSED, void *data G_GNUC_UNUSED)
{
	gone = gone || event == VIR_DOMAIN_EVENT_STOPPED;
	return 0;
}

static void on_timer(int timer G_GNUC_UNUSED, void *data G_GNUC_UNUSED)
{
}

static int deploy(virConnectPtr conn)
{
	static char xml[1 << 20];
	size_t len = fread(xml, 1, sizeof(xml) - 1, stdin);
	char uuid[VIR_UUID_STRING_BUFLEN];
	virDomainPtr dom;

	xml[len] = '\0';
	dom = virDomainCreateXML(conn, xml, 0);
	if (!dom)
		return 1;
	virDomainGetUUIDString(dom, uuid);
	puts(uuid);
	virDomainFree(dom);
	return 0;
}

static int wait_gone(virConnectPtr conn, virDomainPtr dom, int (*request)(virDomainPtr dom))
{
	int timer = virEventAddTimeout(1000, on_timer, NULL, NULL);
	int id = virConnectDomainEventRegisterAny(conn, dom, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
						  VIR_DOMAIN_EVENT_CALLBACK(on_event), NULL, NULL);

	if (timer < 0 || id < 0 || request(dom) < 0)
		return 1;
	while (!gone)
		virEventRunDefaultImpl();
	virConnectDomainEventDeregisterAny(conn, id);
	return 0;
}

static int ask_shutdown(virDomainPtr dom)
{
	return virDomainShutdownFlags(dom, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN);
}

/* stdin as text; static. */
static char *input(void)
{
	static char xml[1 << 16];
	size_t len = fread(xml, 1, sizeof(xml) - 1, stdin);

	xml[len] = '\0';
	return xml;
}

static int look(virDomainPtr dom)
{
	char *xml = virDomainGetXMLDesc(dom, 0);

	free(xml);
	return xml ? 0 : -1;
}

static void on_removed(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom G_GNUC_UNUSED,
		       const char *alias G_GNUC_UNUSED, void *data G_GNUC_UNUSED)
{
	gone = true;
}

/* Where the VM's files are. */
static void ask_directory(virDomainPtr dom)
{
	free(virDomainGetMetadata(dom, VIR_DOMAIN_METADATA_ELEMENT,
				  "http://opennebula.org/xmlns/libvirt/1.0", 0));
}

static int detach(virConnectPtr conn, virDomainPtr dom, const char *alias)
{
	static const int events[] = { VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
				      VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED };
	int timer = virEventAddTimeout(1000, on_timer, NULL, NULL), id[2];

	for (int i = 0; i < 2; i++)	/* what tells "gone" from "refused" */
		id[i] = virConnectDomainEventRegisterAny(conn, dom, events[i],
							 VIR_DOMAIN_EVENT_CALLBACK(on_removed),
							 NULL, NULL);
	if (timer < 0 || id[0] < 0 || id[1] < 0 || look(dom) < 0 ||
	    virDomainDetachDeviceAlias(dom, alias, VIR_DOMAIN_AFFECT_LIVE) < 0)
		return 1;
	while (!gone)
		virEventRunDefaultImpl();
	return look(dom) < 0 || virConnectDomainEventDeregisterAny(conn, id[0]) < 0 ||
	       virConnectDomainEventDeregisterAny(conn, id[1]) < 0;
}

static int sizes(virDomainPtr dom, virDomainInfo *ret)
{
	return look(dom) < 0 || virDomainGetVcpusFlags(dom, VIR_DOMAIN_AFFECT_LIVE) < 0 ||
	       virDomainGetVcpusFlags(dom, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_VCPU_MAXIMUM) < 0 ||
	       virDomainGetInfo(dom, ret) < 0;
}

static int resize_cpus(virDomainPtr dom)
{
	virDomainInfo info;

	return sizes(dom, &info) || virDomainSetVcpusFlags(dom, info.nrVirtCpu + 1U,
							   VIR_DOMAIN_AFFECT_LIVE |
							   VIR_DOMAIN_VCPU_HOTPLUGGABLE) < 0;
}

/* Until its guest has done it. */
static int resize_memory(virDomainPtr dom)
{
	unsigned long wanted = 100 << 10;
	virDomainInfo info;

	if (sizes(dom, &info) || virDomainSetMemoryFlags(dom, wanted, VIR_DOMAIN_AFFECT_LIVE) < 0)
		return 1;
	while (virDomainGetInfo(dom, &info) == 0 && info.memory != wanted)
		g_usleep(100000);
	return info.memory != wanted;
}

static int snapshot_revert(virDomainPtr dom)
{
	virDomainSnapshotPtr s;
	char *xml;

	ask_directory(dom);
	s = virDomainSnapshotLookupByName(dom, "snap-1", 0);
	xml = s && look(dom) == 0 ? virDomainSnapshotGetXMLDesc(s, 0) : NULL;
	free(xml);
	return !xml || virDomainRevertToSnapshot(s, 0) < 0;
}

static int snapshot_delete(virDomainPtr dom)
{
	virDomainSnapshotPtr s, *rest;

	ask_directory(dom);
	s = virDomainSnapshotLookupByName(dom, "snap-1", 0);
	return !s || virDomainSnapshotDelete(s, 0) < 0 ||
	       virDomainListAllSnapshots(dom, &rest, 0) < 0;
}

/* One call for all that a poll of all tells, and the sample of the CPUs' use. */
static int poll_all(virConnectPtr conn)
{
	const unsigned cpu = VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL;
	virDomainStatsRecordPtr *records;

	for (int i = 0; i < 2; i++) {
		if (virConnectGetAllDomainStats(conn, i ? cpu : cpu | VIR_DOMAIN_STATS_INTERFACE |
						VIR_DOMAIN_STATS_BLOCK, &records,
						VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE) < 0)
			return 1;
		virDomainStatsRecordListFree(records);
		if (!i)
			g_usleep(G_USEC_PER_SEC);
	}
	return 0;
}

static int snapshot(virDomainPtr dom)
{
	virDomainSnapshotPtr s;
	char *xml = NULL;

	ask_directory(dom);
	if (virDomainSnapshotLookupByName(dom, "snap-1", 0))
		return 1;
	s = virDomainSnapshotCreateXML(dom, "<domainsnapshot><name>snap-1</name></domainsnapshot>",
				       0);
	if (s)
		xml = virDomainSnapshotGetXMLDesc(s, VIR_DOMAIN_SNAPSHOT_XML_SECURE);
	free(xml);
	return !xml;
}

static int resize_disk(virDomainPtr dom)
{
	virDomainBlockInfo info;

	return virDomainGetBlockInfo(dom, "vda", &info, 0) < 0 ||
	       virDomainBlockResize(dom, "vda", 24 << 20, VIR_DOMAIN_BLOCK_RESIZE_BYTES) < 0;
}

static int poll_stats(virConnectPtr conn, virDomainPtr dom)
{
	virDomainPtr doms[] = { dom, NULL };
	virDomainStatsRecordPtr *records;

	for (int i = 0; i < 2; i++) {
		if (virDomainListGetStats(doms, VIR_DOMAIN_STATS_STATE |
					  VIR_DOMAIN_STATS_CPU_TOTAL, &records, 0) < 0)
			return 1;
		virDomainStatsRecordListFree(records);
		if (i)
			break;
		if (virDomainListGetStats(doms, VIR_DOMAIN_STATS_INTERFACE |
					  VIR_DOMAIN_STATS_BLOCK, &records, 0) < 0)
			return 1;
		virDomainStatsRecordListFree(records);
		g_usleep(G_USEC_PER_SEC);	/* the sample of the CPU's use */
	}
	return virConnectIsAlive(conn) == 1 ? 0 : 1;
}

static int run(const char *action, virConnectPtr conn, virDomainPtr dom)
{
	unsigned long version;
	int state;

	if (g_str_equal(action, "deploy"))
		return deploy(conn);
	if (g_str_equal(action, "poll_all"))
		return poll_all(conn);
	if (!dom || virDomainGetState(dom, &state, NULL, 0) < 0)
		return 1;
	if (g_str_equal(action, "shutdown"))
		return wait_gone(conn, dom, ask_shutdown);
	if (g_str_equal(action, "cancel"))
		return wait_gone(conn, dom, virDomainDestroy);
	if (g_str_equal(action, "reboot"))
		return virDomainReboot(dom, 0) < 0;
	if (g_str_equal(action, "reset"))
		return virDomainReset(dom, 0) < 0;
	if (g_str_has_prefix(action, "attach_"))
		return look(dom) < 0 || virConnectGetLibVersion(conn, &version) < 0 ||
		       virDomainAttachDeviceFlags(dom, input(), VIR_DOMAIN_AFFECT_LIVE) < 0;
	if (g_str_equal(action, "detach_disk"))
		return detach(conn, dom, "virtio-disk1");
	if (g_str_equal(action, "detach_nic"))
		return detach(conn, dom, "net0");
	if (g_str_equal(action, "resize_cpus"))
		return resize_cpus(dom);
	if (g_str_equal(action, "resize_memory"))
		return resize_memory(dom);
	if (g_str_equal(action, "snapshot_revert"))
		return snapshot_revert(dom);
	if (g_str_equal(action, "snapshot_delete"))
		return snapshot_delete(dom);
	if (g_str_equal(action, "snapshot_create"))
		return snapshot(dom);
	if (g_str_equal(action, "resize_disk"))
		return resize_disk(dom);
	return g_str_equal(action, "poll") ? poll_stats(conn, dom) : 2;
}

int main(int argc, char **argv)
{
	virConnectPtr conn;
	virDomainPtr dom;
	int status;

	if (argc < 3) {
		fputs("usage: floor ACTION URI [DOMAIN]\n", stderr);
		return 2;
	}
	virSetErrorFunc(NULL, quiet);
	virEventRegisterDefaultImpl();
	conn = virConnectOpen(argv[2]);
	if (!conn)
		return 1;
	dom = argc > 3 ? virDomainLookupByName(conn, argv[3]) : NULL;
	status = run(argv[1], conn, dom);
	if (dom)
		virDomainFree(dom);
	virConnectClose(conn);
	return status;
}
