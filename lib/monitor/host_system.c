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

static void add_processor(Fields *out, const char *root)
{
	g_autofree char *read = facts_text(root, "/proc/cpuinfo");
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

static void add_host(Fields *out, const char *root, const HostFacts *f)
{
	struct host_cpu cpu;

	host_cpu_read(&cpu, root);
	fields_add(out, "HYPERVISOR", FIELDS_BARE, "kvm");
	fields_add(out, "TOTALCPU", FIELDS_BARE, "%u", cpu.cpus * 100);
	fields_add(out, "CPUSPEED", FIELDS_BARE, "%u", cpu_speed(root));
	fields_add(out, "TOTALMEMORY", FIELDS_BARE, "%" G_GUINT64_FORMAT, f->memory_kib);
	if (f->cgroup_version)
		fields_add(out, "CGROUPS_VERSION", FIELDS_BARE, "%d", f->cgroup_version);
}

/* The strongest kind; SEV-ES where slots for it are left by the firmware. */
static const char *encryption_of(const struct libvirt_fact *v)
{
	if (v->sev == FACT_YES && facts_has(v->secured, "sev-snp"))
		return "SEV-SNP";
	if (v->sev == FACT_YES && g_strcmp0(text_or(v->sev_es_guests, "0"), "0") != 0)
		return "SEV-ES";
	if (v->sev == FACT_YES)
		return "SEV";
	if (v->tdx == FACT_YES)
		return "TDX";

	return "NONE";
}

static void add_libvirt(Fields *out, const struct libvirt_fact *v)
{
	add_text(out, "KVM_MACHINES", FIELDS_QUOTED, v->machines);
	add_text(out, "KVM_CPU_MODELS", FIELDS_QUOTED, v->models);
	add_text(out, "KVM_CPU_MODEL", FIELDS_QUOTED, v->cpu_model);
	fields_add(out, "MEMORY_ENCRYPTION", FIELDS_BARE, "%s", encryption_of(v));
}

static void add_features(Fields *out, const struct libvirt_fact *v)
{
	g_autofree char *features = g_strdup(v->cpu_features);

	if (features)
		add_text(out, "KVM_CPU_FEATURES", FIELDS_QUOTED,
			 g_strdelimit(features, " ", ','));
}

bool host_system_add(Fields *out, const char *root, const HostDocuments *d, const char *set,
		     const char *datastores, GError **error)
{
	const struct facts_source source = { .root = root, .type = d->type, .set_directory = set };
	const struct facts_documents documents = { d->capabilities, d->domain, d->cpu };
	g_autoptr(HostFacts) f = facts_new_quick(&source, &documents, error);
	g_autofree char *name = facts_text(root, "/proc/sys/kernel/hostname");

	if (!f)
		return false;

	add_text(out, "ARCH", FIELDS_BARE, f->arch);
	add_processor(out, root);
	add_features(out, &f->libvirt);
	add_host(out, root, f);
	add_libvirt(out, &f->libvirt);
	if (datastores)
		host_datastores_add(out, datastores);
	add_text(out, "HOSTNAME", FIELDS_BARE, name);
	host_numa_add(out, root);
	if (f->set_version)
		fields_add(out, "VERSION", FIELDS_BARE, "%s", f->set_version);

	return true;
}
