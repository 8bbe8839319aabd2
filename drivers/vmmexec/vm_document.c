/* SPDX-License-Identifier: Apache-2.0 */
#include "vm_document.h"

#include "base/number.h"
#include "base/text.h"
#include "vm_limits.h"
#include "xml/xml.h"

enum { MIB = 1 << 20, MAX_VCPUS = 4096 };

struct pair {
	const char *name, *value;	/* VALUE NULL: left out */
};

/* <VM><ID/><TEMPLATE>… with ELEMENT (or NULL: the template itself) around PAIRS. */
static GBytes *document_of(const char *vm_id, const char *element, const struct pair *pairs,
			   size_t n)
{
	xmlNode *vm = xmlNewNode(NULL, BAD_CAST "VM"), *to;
	g_autofree char *text = NULL;

	xmlNewTextChild(vm, NULL, BAD_CAST "ID", BAD_CAST text_or(vm_id, "0"));
	to = xmlNewChild(vm, NULL, BAD_CAST "TEMPLATE", NULL);
	if (element)
		to = xmlNewChild(to, NULL, BAD_CAST element, NULL);
	for (size_t i = 0; i < n; i++)
		if (pairs[i].value)
			xmlNewTextChild(to, NULL, BAD_CAST pairs[i].name,
					BAD_CAST pairs[i].value);
	text = xml_print(vm);
	xmlFreeNode(vm);

	return g_bytes_new(text, strlen(text));
}

/* As its name ends. Nothing is guessed: a guest could write a header into a raw disk. */
static const char *format_of(const struct cli_options *o, GError **error)
{
	static const struct pair formats[] = {
		{ ".qcow2", "qcow2" }, { ".raw", "raw" }, { ".img", "raw" }, { ".iso", "raw" },
		{ ".vmdk", "vmdk" },
	};

	if (o->format)
		return o->format;
	if (g_str_has_prefix(o->file, "/dev/"))
		return "raw";
	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
		if (g_str_has_suffix(o->file, formats[i].name))
			return formats[i].value;
	vmm_fail(error, VMM_ERROR_USAGE, "%s: its name does not say the format of the image",
		 o->file);
	vmm_error_set_hint(error, "give --format raw or --format qcow2");

	return NULL;
}

/* ATTACH = YES marks the disk that is meant, as in what oned sends. */
GBytes *vm_document_disk(const struct cli_options *o, const char *vm_id, const char *target,
			 GError **error)
{
	const char *format = format_of(o, error);
	const char *type = g_str_has_prefix(o->file, "/dev/") ? "BLOCK" : "FILE";
	g_autofree char *id = g_strdup_printf("%d", target[strlen(target) - 1] - 'a');
	const struct pair pairs[] = {
		{ "ATTACH", "YES" }, { "DISK_ID", id }, { "TYPE", type }, { "DRIVER", format },
		{ "TARGET", target }, { "CACHE", o->cache },
		{ "READONLY", o->readonly ? "YES" : NULL },
		{ "SHAREABLE", o->shareable ? "YES" : NULL },
	};

	if (!format)
		return NULL;

	return document_of(vm_id, "DISK", pairs, G_N_ELEMENTS(pairs));
}

/* A bridge of the host is all that is known by hand: no network of OpenNebula stands behind it. */
GBytes *vm_document_nic(const struct cli_options *o, const char *vm_id, const char *mac)
{
	const struct pair pairs[] = {
		{ "ATTACH", "YES" }, { "NIC_ID", "0" }, { "BRIDGE", o->bridge },
		{ "BRIDGE_TYPE", "linux" }, { "VN_MAD", "bridge" }, { "MAC", mac },
		{ "MODEL", text_or(o->model, "virtio") },
	};

	return document_of(vm_id, "NIC", pairs, G_N_ELEMENTS(pairs));
}

/* ELEMENT with its N PAIRS and LIMITS. */
static GBytes *document_of_limits(const char *vm_id, const char *element, const struct pair *pairs,
				  size_t n, const GPtrArray *limits)
{
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct pair));

	g_array_append_vals(all, pairs, (guint)n);
	for (guint i = 0; i < limits->len; i++) {
		const struct vm_limit *l = limits->pdata[i];
		const struct pair pair = { l->name, l->value };

		g_array_append_val(all, pair);
	}

	return document_of(vm_id, element, (const struct pair *)(void *)all->data, all->len);
}

/* The action takes nothing of it but the target and the limits; the rest makes it a disk. */
GBytes *vm_document_disk_limits(const char *vm_id, const char *target, const GPtrArray *limits)
{
	const struct pair pairs[] = {
		{ "DISK_ID", "0" }, { "TYPE", "FILE" }, { "DRIVER", "raw" }, { "TARGET", target },
	};

	return document_of_limits(vm_id, "DISK", pairs, G_N_ELEMENTS(pairs), limits);
}

GBytes *vm_document_nic_limits(const char *vm_id, const char *mac, const char *bridge,
			       const GPtrArray *limits)
{
	const struct pair pairs[] = {
		{ "NIC_ID", "0" }, { "NETWORK_ID", "0" }, { "BRIDGE", bridge },
		{ "BRIDGE_TYPE", "linux" }, { "MAC", mac },
	};

	return document_of_limits(vm_id, "NIC", pairs, G_N_ELEMENTS(pairs), limits);
}

char *vm_document_id(GBytes *document, const char *name, GError **error)
{
	gsize len;
	const char *text = g_bytes_get_data(document, &len);
	g_autoptr(xmlDoc) doc = xml_parse(text, len, name, error);
	char *id = xml_child_text(xmlDocGetRootElement(doc), "ID");

	if (doc && !id)
		vmm_fail(error, VMM_ERROR_INPUT, "%s: no VM with an ID", name);

	return id;
}

/* What is not named is left out, and stays as it is. */
GBytes *vm_document_size(const struct cli_options *o, const char *vm_id, GError **error)
{
	g_autofree char *mib = NULL;
	struct pair pairs[] = { { "MEMORY", NULL }, { "VCPU", o->vcpus } };
	guint64 bytes = 0, n;

	if (o->memory && !number_size(o->memory, &bytes, error))
		return NULL;
	if (bytes % MIB) {
		vmm_fail(error, VMM_ERROR_USAGE, "--memory %s: not a number of MiB", o->memory);
		vmm_error_set_hint(error, "such as 2G or 1536M");
		return NULL;
	}

	if (o->vcpus && !number_unsigned(o->vcpus, 1, MAX_VCPUS, &n, NULL)) {
		vmm_fail(error, VMM_ERROR_USAGE, "--vcpus %s: not a number from 1 to %d", o->vcpus,
			 MAX_VCPUS);
		return NULL;
	}

	if (bytes)
		pairs[0].value = mib = g_strdup_printf("%" G_GUINT64_FORMAT, bytes / MIB);

	return document_of(vm_id, NULL, pairs, G_N_ELEMENTS(pairs));
}

/* 02 is for locally administered addresses, 02:00 the prefix of OpenNebula. */
char *vm_document_random_mac(void)
{
	guint32 r = g_random_int();

	return g_strdup_printf("02:00:%02x:%02x:%02x:%02x", r >> 24, r >> 16 & 0xff, r >> 8 & 0xff,
			       r & 0xff);
}
