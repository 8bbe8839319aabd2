/*
 * floor ACTION URI [DOMAIN] - the libvirt calls of an action and nothing else: what it cannot be
 * faster than. deploy reads the domain's XML from stdin.
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

static int detach(virConnectPtr conn, virDomainPtr dom)
{
	int timer = virEventAddTimeout(1000, on_timer, NULL, NULL);
	int id = virConnectDomainEventRegisterAny(conn, dom, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
						  VIR_DOMAIN_EVENT_CALLBACK(on_removed), NULL,
						  NULL);

	if (timer < 0 || id < 0 || look(dom) < 0 ||
	    virDomainDetachDeviceAlias(dom, "virtio-disk1", VIR_DOMAIN_AFFECT_LIVE) < 0)
		return 1;
	while (!gone)
		virEventRunDefaultImpl();
	return look(dom) < 0;
}

static int snapshot(virDomainPtr dom)
{
	virDomainSnapshotPtr s;
	char *xml = NULL;

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
	int state;

	if (g_str_equal(action, "deploy"))
		return deploy(conn);
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
	if (g_str_equal(action, "attach_disk"))
		return look(dom) < 0 ||
		       virDomainAttachDeviceFlags(dom, input(), VIR_DOMAIN_AFFECT_LIVE) < 0;
	if (g_str_equal(action, "detach_disk"))
		return detach(conn, dom);
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
