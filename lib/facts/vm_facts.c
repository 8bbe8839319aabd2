/* SPDX-License-Identifier: Apache-2.0 */
#include "facts/facts_parts.h"

#include <unistd.h>

#include "base/file.h"
#include "template/vm.h"
#include "xml/xml.h"

enum { MAX_DOCUMENT = 64 << 20 };

/* What the VM says, or what the defaults of its level say. */
static const char *attribute(HostFacts *f, const TmplVm *vm, const char *path)
{
	struct tmpl_hit hit;

	if (!tmpl_vm_find(vm, NULL, path, TMPL_IN_ALL, &hit))
		return NULL;

	return facts_keep(f, hit.text);
}

static guint64 attribute_number(HostFacts *f, const TmplVm *vm, const char *path)
{
	const char *text = attribute(f, vm, path);

	return text ? g_ascii_strtoull(text, NULL, 10) : 0;
}

static void read_devices(HostFacts *f, struct vm_fact *w, const TmplVm *vm)
{
	const TmplSet *set = vm->level[TMPL_VM];

	const TmplAttr *tpm = tmpl_set_vector(set, "TPM");
	const char *tpm_type = tpm ? tmpl_attr_text(tpm, "TYPE") : NULL;

	w->tpm = tpm != NULL;
	w->own_tpm = tpm_type && !g_ascii_strcasecmp(tpm_type, "passthrough");
	for (const TmplAttr *a = NULL; (a = tmpl_set_next(set, "NIC", a));)
		if (tmpl_attr_text(a, "VIRTIO_QUEUES"))
			w->queues = true;
	for (const TmplAttr *a = NULL; (a = tmpl_set_next(set, "PCI", a));) {
		const char *address = tmpl_attr_text(a, "ADDRESS");
		g_autofree char *full = g_strconcat("0000:", address, NULL);

		/* OpenNebula writes 01:00:0 or 0000:01:00:0, and the kernel 0000:01:00.0. */
		if (address && strlen(address) > 7)
			g_strlcpy(full, address, strlen(full) + 1);
		if (address && strrchr(full, ':') > full + 6)
			*strrchr(full, ':') = '.';
		if (address)
			facts_add(f, &w->pci, full);
	}
}

/* The names of models that would do, separated by blanks or commas; NULL: no certain model. */
static const char *wanted_models(HostFacts *f, const TmplVm *vm)
{
	static const char *const modes[] = { "none", "custom", "maximum", "host-model",
					     "host-passthrough" };
	const char *list = attribute(f, vm, "CPU_MODEL/MODELS");
	const char *model = attribute(f, vm, "CPU_MODEL/MODEL");

	for (size_t i = 0; model && i < G_N_ELEMENTS(modes); i++)
		if (!g_ascii_strcasecmp(model, modes[i]))
			model = NULL;
	if (list)
		return list;

	return model;
}

static void read_vm(HostFacts *f, const char *root, const TmplVm *vm)
{
	struct vm_fact *w = f->vm = g_new0(struct vm_fact, 1);
	g_autofree char *name = g_strdup_printf("VM %s", tmpl_vm_header(vm, "ID"));
	const char *secure;

	w->name = facts_keep(f, name);
	w->memory_mib = attribute_number(f, vm, "MEMORY");
	w->vcpus = (unsigned)attribute_number(f, vm, "VCPU");
	w->arch = attribute(f, vm, "OS/ARCH");
	w->machine = attribute(f, vm, "OS/MACHINE");
	w->firmware = attribute(f, vm, "OS/FIRMWARE");
	w->encryption = attribute(f, vm, "MEMORY_ENCRYPTION/TYPE");
	w->model = wanted_models(f, vm);
	w->features = attribute(f, vm, "CPU_MODEL/FEATURES");
	w->page_kib = attribute_number(f, vm, "TOPOLOGY/HUGEPAGE_SIZE") * 1024;
	secure = attribute(f, vm, "OS/FIRMWARE_SECURE");
	w->secure_boot = secure && !g_ascii_strcasecmp(secure, "yes");
	w->firmware_missing = w->firmware && g_path_is_absolute(w->firmware) &&
			      !facts_there(root, w->firmware);
	read_devices(f, w, vm);
}

/* "-" is standard input. */
static GString *read_document_file(const char *file, GError **error)
{
	if (g_str_equal(file, "-"))
		return file_read_fd(STDIN_FILENO, MAX_DOCUMENT, "standard input", error);

	return file_read(file, MAX_DOCUMENT, error);
}

bool facts_read_vm(HostFacts *f, const char *root, const char *file, GError **error)
{
	GString *text = read_document_file(file, error);
	g_autoptr(xmlDoc) doc = text ? xml_parse(text->str, text->len, file, error) : NULL;
	g_autoptr(TmplVm) vm = doc ? tmpl_vm_of_document(doc, file, error) : NULL;

	if (text)
		g_string_free(text, TRUE);
	if (!vm)
		return false;

	read_vm(f, root, vm);

	return true;
}
