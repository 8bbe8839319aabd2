/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/host_system.h"

#include <string.h>

#include "base/text.h"
#include "facts/facts_parts.h"
#include "monitor/host_datastores.h"
#include "monitor/host_numa.h"
#include "monitor/host_usage.h"
#include "virt/virt_host.h"

HostDocuments *host_documents_new(virConnect *conn)
{
	HostDocuments *d = g_new0(HostDocuments, 1);

	d->type = "kvm";
	d->capabilities = virt_capabilities(conn);
	d->domain = virt_domain_capabilities(conn, d->type);
	if (!d->domain) {
		d->type = "qemu";
		d->domain = virt_domain_capabilities(conn, d->type);
	}

	if (d->capabilities)
		d->cpu = virt_expanded_cpu(conn, d->capabilities);

	return d;
}

void host_documents_free(HostDocuments *d)
{
	if (!d)
		return;

	g_free(d->capabilities);
	g_free(d->domain);
	g_free(d->cpu);
	g_free(d);
}

static void add_text(Fields *out, const char *name, enum fields_form form, const char *text)
{
	if (text)
		fields_add(out, name, form, "%s", text);
}

static void add_architecture(Fields *out, const HostView *view)
{
	add_text(out, "ARCH", FIELDS_BARE, view->facts->arch);
}

static void add_processor(Fields *out, const HostView *view)
{
	g_autofree char *read = facts_text(view->root, "/proc/cpuinfo");
	const char *text = text_or(read, "");
	g_autofree char *name = facts_field(text, "model name");
	g_autofree char *power = facts_field(text, "cpu");

	add_text(out, "MODELNAME", FIELDS_QUOTED, name ? name : power);
}

/* In MHz; 0: the kernel does not say. */
static unsigned cpu_speed(const char *root)
{
	g_autofree char *text = facts_text(root, "/proc/cpuinfo");
	g_autofree char *mhz = facts_field(text_or(text, ""), "cpu MHz");

	return (unsigned)(g_ascii_strtod(text_or(mhz, "0"), NULL) + 0.5);
}

static void add_host(Fields *out, const HostView *view)
{
	struct host_cpu cpu;

	host_cpu_read(&cpu, view->root);
	fields_add(out, "HYPERVISOR", FIELDS_BARE, "kvm");
	fields_add(out, "TOTALCPU", FIELDS_BARE, "%u", cpu.cpus * 100);
	fields_add(out, "CPUSPEED", FIELDS_BARE, "%u", cpu_speed(view->root));
	fields_add(out, "TOTALMEMORY", FIELDS_BARE, "%" G_GUINT64_FORMAT, view->facts->memory_kib);
	if (view->facts->cgroup_version)
		fields_add(out, "CGROUPS_VERSION", FIELDS_BARE, "%d", view->facts->cgroup_version);
}

static void add_machines(Fields *out, const HostView *view)
{
	const struct libvirt_fact *v = &view->facts->libvirt;

	add_text(out, "KVM_MACHINES", FIELDS_QUOTED, v->machines);
	add_text(out, "KVM_CPU_MODELS", FIELDS_QUOTED, v->models);
	add_text(out, "KVM_CPU_MODEL", FIELDS_QUOTED, v->cpu_model);
}

static void add_encryption(Fields *out, const HostView *view)
{
	fields_add(out, "MEMORY_ENCRYPTION", FIELDS_BARE, "%s",
		   facts_encryption(&view->facts->libvirt));
}

static void add_features(Fields *out, const HostView *view)
{
	g_autofree char *features = g_strdup(view->facts->libvirt.cpu_features);

	if (features)
		add_text(out, "KVM_CPU_FEATURES", FIELDS_QUOTED,
			 g_strdelimit(features, " ", ','));
}

static void add_datastores(Fields *out, const HostView *view)
{
	if (view->datastores)
		host_datastores_add(out, view->datastores);
}

static void add_name(Fields *out, const HostView *view)
{
	g_autofree char *name = facts_text(view->root, "/proc/sys/kernel/hostname");

	add_text(out, "HOSTNAME", FIELDS_BARE, name);
}

static void add_numa(Fields *out, const HostView *view)
{
	host_numa_add(out, view->root);
}

static void add_version(Fields *out, const HostView *view)
{
	if (view->facts->set_version)
		fields_add(out, "VERSION", FIELDS_BARE, "%s", view->facts->set_version);
}

const struct host_part host_parts[] = {
	{ "architecture.sh",      add_architecture },
	{ "cpu.sh",               add_processor },
	{ "cpu_features.sh",      add_features },
	{ "linux_host.rb",        add_host },
	{ "machines_models.rb",   add_machines },
	{ "memory_encryption.rb", add_encryption },
	{ "monitor_ds.rb",        add_datastores },
	{ "name.sh",              add_name },
	{ "numa_host.rb",         add_numa },
	{ "version.sh",           add_version },
	{ NULL, NULL }
};

HostView *host_view_new(const char *root, const HostDocuments *d, const char *set,
			const char *datastores, GError **error)
{
	const struct facts_source source = { .root = root, .type = d->type, .set_directory = set };
	const struct facts_documents documents = { d->capabilities, d->domain, d->cpu };
	HostFacts *facts = facts_new_quick(&source, &documents, error);
	HostView *view;

	if (!facts)
		return NULL;

	view = g_new(HostView, 1);
	*view = (HostView){ .root = root, .datastores = datastores, .documents = d,
			    .facts = facts };

	return view;
}

void host_view_free(HostView *view)
{
	if (!view)
		return;

	facts_free(view->facts);
	g_free(view);
}
