/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/vm_object.h"

#include <json-c/json.h>

#include "monitor/wild.h"
#include "virt/qemu_process.h"
#include "virt/virt_error.h"

static const char *const counter_members[] = {
	[VIRT_NET_RX] = "net_rx_bytes", [VIRT_NET_TX] = "net_tx_bytes",
	[VIRT_DISK_RD] = "disk_read_bytes", [VIRT_DISK_WR] = "disk_written_bytes",
	[VIRT_DISK_RD_REQS] = "disk_reads", [VIRT_DISK_WR_REQS] = "disk_writes",
};

G_STATIC_ASSERT(G_N_ELEMENTS(counter_members) == VIRT_COUNTERS);

static void add_text(json_object *object, const char *name, const char *text)
{
	g_autofree char *valid = NULL;

	if (!text)
		return;

	valid = g_utf8_make_valid(text, -1);
	json_object_object_add(object, name, json_object_new_string(valid));
}

static void add_number(json_object *object, const char *name, guint64 number)
{
	json_object_object_add(object, name, json_object_new_uint64(number));
}

json_object *vm_object(const struct stats *s)
{
	json_object *object = json_object_new_object();
	gint64 id = wild_vm_id(s->name);

	add_text(object, "name", s->name);
	if (id >= 0)
		add_number(object, "vm_id", (guint64)id);
	add_text(object, "uuid", s->uuid);
	add_text(object, "state", virt_state_name(&s->state));
	if (s->cpu_percent >= 0) {
		char text[32];

		g_ascii_formatd(text, sizeof(text), "%.1f", s->cpu_percent);
		json_object_object_add(object, "cpu_percent",
				       json_object_new_double_s(s->cpu_percent, text));
	}

	if (s->memory_kib)
		add_number(object, "memory_kib", s->memory_kib);
	for (size_t i = 0; i < VIRT_COUNTERS && stats_has_counters(s); i++)
		add_number(object, counter_members[i], s->counter[i]);
	add_text(object, "fault", s->fault);

	return object;
}

/* The source of a disk or NIC, whichever attribute has it. The caller frees. */
static char *source_of(const xmlNode *device)
{
	static const char *const attributes[] = { "file", "dev", "name", "bridge", "network",
						  "dir" };

	for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++) {
		char *source = xml_child_attribute(device, "source", attributes[i]);

		if (source)
			return source;
	}

	return NULL;
}

static void add_attribute(json_object *object, const char *name, const xmlNode *device,
			  const char *child, const char *attribute)
{
	g_autofree char *text = NULL;

	if (child)
		text = xml_child_attribute(device, child, attribute);
	else
		text = xml_attribute(device, attribute);

	add_text(object, name, text);
}

static json_object *disk_object(const xmlNode *disk)
{
	json_object *object = json_object_new_object();
	g_autofree char *source = source_of(disk);

	add_attribute(object, "target", disk, "target", "dev");
	add_attribute(object, "bus", disk, "target", "bus");
	add_attribute(object, "device", disk, NULL, "device");
	add_attribute(object, "format", disk, "driver", "type");
	add_text(object, "source", source);
	if (xml_child(disk, "readonly"))
		json_object_object_add(object, "readonly", json_object_new_boolean(true));

	return object;
}

static json_object *nic_object(const xmlNode *nic)
{
	json_object *object = json_object_new_object();
	g_autofree char *source = source_of(nic);

	add_attribute(object, "mac", nic, "mac", "address");
	add_attribute(object, "model", nic, "model", "type");
	add_attribute(object, "target", nic, "target", "dev");
	add_text(object, "source", source);

	return object;
}

static json_object *devices_array(const xmlNode *devices, const char *name,
				  json_object *(*of)(const xmlNode *device))
{
	json_object *array = json_object_new_array();

	for (const xmlNode *n = xml_child(devices, name); n; n = xml_next(n))
		json_object_array_add(array, of(n));

	return array;
}

static json_object *snapshots_array(virDomain *dom)
{
	json_object *array = json_object_new_array();
	virDomainSnapshot **list = NULL;
	int n = virDomainListAllSnapshots(dom, &list, 0);

	for (int i = 0; i < n; i++) {
		json_object_array_add(array,
				      json_object_new_string(virDomainSnapshotGetName(list[i])));
		virDomainSnapshotFree(list[i]);
	}

	free(list);

	return array;
}

static void add_xml_number(json_object *object, const char *name, const xmlNode *domain,
			   const char *element)
{
	g_autofree char *text = xml_child_text(domain, element);

	if (text)
		add_number(object, name, g_ascii_strtoull(text, NULL, 10));
}

bool vm_object_add_detail(json_object *object, const struct stats *s, const char *uri,
			  GError **error)
{
	g_autoptr(xmlDoc) doc = virt_xml_doc(s->dom, error);
	const xmlNode *domain = xmlDocGetRootElement(doc);
	const xmlNode *devices = xml_child(domain, "devices");
	g_autofree char *directory = virt_vm_directory(s->dom, uri);
	g_autofree char *title = xml_child_text(domain, "title");
	gint64 age_s = qemu_process_age_s(s->uuid);

	if (!doc)
		return false;
	add_text(object, "title", title);
	add_xml_number(object, "vcpus", domain, "vcpu");
	add_xml_number(object, "memory_max_kib", domain, "memory");
	if (age_s >= 0)
		add_number(object, "uptime_s", (guint64)age_s);
	add_text(object, "directory", directory);
	json_object_object_add(object, "disks", devices_array(devices, "disk", disk_object));
	json_object_object_add(object, "nics", devices_array(devices, "interface", nic_object));
	json_object_object_add(object, "snapshots", snapshots_array(s->dom));

	return true;
}
