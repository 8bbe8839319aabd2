/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/migrate_call.h"

#include "base/deadline.h"
#include "xml/xml.h"
#include "virt/connect.h"
#include "virt/virt_domain.h"
#include "virt/virt_error.h"
#include "virt/virt_host.h"

enum { LEAVE_MS = 10000, PAUSE_MS = 200 };

/* What the checks need of the domain. */
struct facts {
	xmlDoc *doc;
	xmlNode *domain;
	char *name, *emulator, *arch, *machine, *type;
};

static bool facts_load(struct facts *f, virDomain *dom, GError **error)
{
	xmlNode *type;

	f->doc = virt_xml_doc_of(dom, VIR_DOMAIN_XML_MIGRATABLE, error);
	if (!f->doc)
		return false;

	f->domain = xmlDocGetRootElement(f->doc);
	type = xml_child(xml_child(f->domain, "os"), "type");
	f->name = xml_child_text(f->domain, "name");
	f->emulator = xml_child_text(xml_child(f->domain, "devices"), "emulator");
	f->arch = xml_attribute(type, "arch");
	f->machine = xml_attribute(type, "machine");
	f->type = xml_attribute(f->domain, "type");

	return true;
}

static void facts_clear(struct facts *f)
{
	xmlFreeDoc(f->doc);
	g_free(f->name);
	g_free(f->emulator);
	g_free(f->arch);
	g_free(f->machine);
	g_free(f->type);
}

static bool is_another_host(virDomain *dom, virConnect *dest, GError **error)
{
	g_autofree char *here = virt_host_uuid(virDomainGetConnect(dom));
	g_autofree char *there = virt_host_uuid(dest);

	if (!here)
		return true;
	if (g_strcmp0(here, there))
		return true;

	return vmm_fail(error, VMM_ERROR_REFUSED, "cannot migrate domain %s: the destination is "
			"the host where it runs", virDomainGetName(dom));
}

/* It is starting, or being ended. */
static bool is_passing(const struct virt_state *state)
{
	if (state->gone)
		return false;
	if (state->state == VIR_DOMAIN_SHUTDOWN)
		return true;

	return !virt_state_is_up(state);
}

/*
 * Reads the domain ID at DEST, and its state. One that is starting there, or shutting down, may be
 * what an earlier migration brought whose mover was killed: libvirt removes it soon, so it is
 * waited for.
 */
static bool look_at_destination(virConnect *dest, const char *id, virDomain **ret,
				struct virt_state *state, GError **error)
{
	gint64 until_us = deadline_in_ms(LEAVE_MS);

	do {
		g_autoptr(GError) cause = NULL;

		g_clear_pointer(ret, virDomainFree);
		*ret = virt_domain(dest, id, NULL, &cause);
		if (!*ret && vmm_is(cause, VMM_ERROR_NOT_FOUND))
			return true;
		if (!*ret)
			return vmm_pass(error, &cause);
		if (!virt_state_read(*ret, state, error))
			return false;
	} while (is_passing(state) && deadline_pause(until_us, PAUSE_MS));

	return true;
}

static bool is_free(virDomain *dom, virConnect *dest, GError **error)
{
	const char *name = virDomainGetName(dom);
	char uuid[VIR_UUID_STRING_BUFLEN] = "";
	const char *ids[] = { uuid, name };

	if (virDomainGetUUIDString(dom, uuid) < 0)
		return virt_fail(error, "cannot read the UUID of domain %s", name);
	for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
		g_autoptr(virDomain) other = NULL;
		char its_uuid[VIR_UUID_STRING_BUFLEN] = "";
		struct virt_state state = { .gone = true };

		if (!look_at_destination(dest, ids[i], &other, &state, error))
			return false;
		if (!other)
			continue;
		virDomainGetUUIDString(other, its_uuid);
		if (!state.gone || strcmp(uuid, its_uuid))
			return vmm_fail(error, VMM_ERROR_EXISTS, "cannot migrate domain %s: the "
					"destination has a domain %s (%s, %s) already", name,
					virDomainGetName(other), its_uuid,
					virt_state_name(&state));
	}

	return true;
}

static bool has_machine(const struct facts *f, virConnect *dest, GError **error)
{
	char *text = virConnectGetDomainCapabilities(dest, f->emulator, f->arch, f->machine,
						     f->type, 0);

	if (!text && !virt_last_is(VIR_ERR_NO_SUPPORT)) {
		virt_fail(error, "cannot migrate domain %s: the destination cannot run it "
			  "(machine %s, type %s, emulator %s)", f->name, f->machine, f->type,
			  f->emulator);
		/* Other errors, of permission or of the connection, keep their class. */
		if (error && *error && ((*error)->code == VMM_ERROR_INTERNAL ||
					(*error)->code == VMM_ERROR_INPUT ||
					(*error)->code == VMM_ERROR_NOT_FOUND))
			(*error)->code = VMM_ERROR_INCOMPATIBLE;
		return false;
	}

	free(text);

	return true;
}

/*
 * The CPU is the live one: what QEMU's own emulation left out of the model is 'disable' there, and
 * no word of it in the domain that is sent.
 */
static bool has_cpu(const struct facts *f, virDomain *dom, virConnect *dest, GError **error)
{
	g_autoptr(xmlDoc) live = virt_xml_doc(dom, error);
	xmlNode *cpu = xml_child(xmlDocGetRootElement(live), "cpu");
	g_autofree char *mode = xml_attribute(cpu, "mode");
	g_autofree char *model = xml_child_text(cpu, "model");
	g_autofree char *text = NULL;
	int r;

	if (!live)
		return false;
	if (g_strcmp0(mode, "custom"))
		return true;	/* nothing to compare, or the host's own, which QEMU compares */
	text = xml_print(cpu);
	r = virConnectCompareHypervisorCPU(dest, f->emulator, f->arch, f->machine, f->type, text,
					   VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE);
	if (r > VIR_CPU_COMPARE_INCOMPATIBLE)
		return true;
	if (virt_last_is(VIR_ERR_CPU_INCOMPATIBLE)) {
		virt_fail(error, "cannot migrate domain %s: the destination's CPU cannot do what "
			  "its CPU model %s has", f->name,
			  model);
		if (error && *error)
			(*error)->code = VMM_ERROR_INCOMPATIBLE;
		return false;
	}

	return true;	/* not known, as without KVM */
}

bool migrate_check(virDomain *dom, virConnect *dest, GError **error)
{
	struct facts f = { 0 };
	bool ok = is_another_host(dom, dest, error) && is_free(dom, dest, error) &&
		  facts_load(&f, dom, error) && has_machine(&f, dest, error) &&
		  has_cpu(&f, dom, dest, error);

	facts_clear(&f);

	return ok;
}
