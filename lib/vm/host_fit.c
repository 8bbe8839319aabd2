/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/host_fit.h"

#include <sys/utsname.h>

#include "fit/arch_fit.h"
#include "fit/cpu_live.h"
#include "fit/encryption_fit.h"
#include "host/root_helper.h"
#include "virt/virt_error.h"

/* What a domain's capabilities are asked for. */
struct target {
	char *emulator, *arch, *machine, *type;
};

static void target_init(struct target *t, const xmlNode *domain)
{
	const xmlNode *os = xml_child(xml_child(domain, "os"), "type");

	t->emulator = xml_child_text(xml_child(domain, "devices"), "emulator");
	t->arch = xml_attribute(os, "arch");
	t->machine = xml_attribute(os, "machine");
	t->type = xml_attribute(domain, "type");
}

static void target_clear(struct target *t)
{
	g_free(t->emulator);
	g_free(t->arch);
	g_free(t->machine);
	g_free(t->type);
}

void host_fit_init(HostFit *fit)
{
	fit->cpus = NULL;
	fit->secret_mode = NULL;
	fit_result_init(&fit->result);
}

void host_fit_clear(HostFit *fit)
{
	g_clear_pointer(&fit->cpus, fit_cpu_map_free);
	fit_result_clear(&fit->result);
}

TmplVm *host_fit_vm(xmlDoc *document)
{
	g_autoptr(GError) error = NULL;
	TmplVm *vm;

	if (!document)
		return NULL;
	vm = tmpl_vm_of_document(document, "vm.xml", &error);
	if (!vm)
		action_log("DEBUG", "%s", error->message);

	return vm;
}

FitCpuMap *host_fit_cpus(const xmlNode *domain, GError **error)
{
	g_autofree char *arch = xml_child_attribute(xml_child(domain, "os"), "type", "arch");

	if (arch)
		return fit_cpu_map_read(FIT_CPU_MAP_DIRECTORY, arch, error);

	return fit_cpu_map_read(FIT_CPU_MAP_DIRECTORY, "x86_64", error);
}

/* TEXT is libvirt's and freed; NULL: the call failed. */
static xmlDoc *document_of(char *text, const char *name, GError **error)
{
	xmlDoc *doc;

	if (!text) {
		virt_fail(error, "cannot read the %s of this host", name);
		return NULL;
	}

	doc = xml_parse(text, strlen(text), name, error);
	free(text);

	return doc;
}

static enum fit_switch parameter(const char *module, const char *name)
{
	g_autofree char *path = g_strdup_printf("/sys/module/%s/parameters/%s", module, name);
	g_autofree char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return FIT_SWITCH_ABSENT;
	if (*text == 'Y' || *text == '1')
		return FIT_SWITCH_ON;

	return FIT_SWITCH_OFF;
}

static enum fit_nested nested_of(const char *module)
{
	switch (parameter(module, "nested")) {
	case FIT_SWITCH_ON:
		return FIT_NESTED_ON;
	case FIT_SWITCH_OFF:
		return FIT_NESTED_OFF;
	case FIT_SWITCH_ABSENT:
	case FIT_SWITCH_UNKNOWN:
		break;
	}

	return FIT_NESTED_UNKNOWN;
}

/* The switch of DOMAIN's encryption. */
static enum fit_switch host_encryption(const xmlNode *domain)
{
	const char *name = fit_encryption_parameter(domain);
	g_auto(GStrv) parts = NULL;

	if (!name)
		return FIT_SWITCH_UNKNOWN;
	parts = g_strsplit(name, "/", 2);

	return parameter(parts[0], parts[1]);
}

static enum fit_nested host_nested(void)
{
	enum fit_nested intel = nested_of("kvm_intel");

	if (intel != FIT_NESTED_UNKNOWN)
		return intel;

	return nested_of("kvm_amd");
}

/* Asks libvirt for what IN needs of the host. */
static bool fit_to_host(const struct action_ctx *ctx, xmlNode *domain, struct fit_input *in,
			FitResult *result, GError **error)
{
	g_autoptr(xmlDoc) caps = NULL, domcaps = NULL;
	struct target t;
	char *text;

	caps = document_of(virConnectGetCapabilities(ctx->conn), "capabilities", error);
	if (!caps)
		return false;
	target_init(&t, domain);
	text = virConnectGetDomainCapabilities(ctx->conn, t.emulator, t.arch, t.machine, t.type, 0);
	domcaps = document_of(text, "domain capabilities", error);
	target_clear(&t);
	if (!domcaps)
		return false;
	in->capabilities = xmlDocGetRootElement(caps);
	in->domcapabilities = xmlDocGetRootElement(domcaps);
	in->nested = host_nested();
	in->encryption = host_encryption(domain);

	return fit_domain(domain, in, result, error);
}

/* What libvirt would say only when QEMU is about to be started; it says which features lack. */
static bool compare(const struct action_ctx *ctx, const xmlNode *domain, GError **error)
{
	g_autofree char *cpu = xml_print(xml_child(domain, "cpu"));
	struct target t;
	int r;

	target_init(&t, domain);
	r = virConnectCompareHypervisorCPU(ctx->conn, t.emulator, t.arch, t.machine, t.type, cpu,
					   VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE);
	virt_keep();
	target_clear(&t);
	if (r > VIR_CPU_COMPARE_INCOMPATIBLE)
		return true;
	if (!virt_last_is(VIR_ERR_NO_SUPPORT))
		return virt_fail_kept(error, "this host cannot run the VM's CPU");
	action_log("DEBUG", "libvirt cannot compare CPUs on this host");

	return true;
}

/* A guest of another architecture: QEMU can do what the processor cannot. */
static bool emulate(const struct action_ctx *ctx, xmlNode *domain, FitResult *result,
		    GError **error)
{
	g_autoptr(xmlDoc) caps = NULL;
	g_autofree char *arch = NULL;
	struct utsname host;

	if (uname(&host) < 0 || !fit_arch_is_foreign(domain, host.machine))
		return true;
	caps = document_of(virConnectGetCapabilities(ctx->conn), "capabilities", error);
	if (!caps)
		return false;
	if (!fit_arch(domain, xmlDocGetRootElement(caps), result->changes, error))
		return false;
	arch = xml_child_attribute(xml_child(domain, "os"), "type", "arch");
	action_log("WARN", "OS/ARCH = '%s': QEMU emulates the VM on this %s host, which is slow",
		   arch, host.machine);

	return true;
}

static void log_changes(const FitResult *result)
{
	for (guint i = 0; i < result->changes->len; i++)
		action_log("DEBUG", "%s", (const char *)result->changes->pdata[i]);
}

/* What the VM or kvmrc asks for, once DOMAIN is of an architecture that is run here. */
static bool fit_wishes(const struct action_ctx *ctx, xmlNode *domain, struct fit_input *in,
		       HostFit *fit, GError **error)
{
	enum fit_need need = fit_needs(domain, in);
	g_autoptr(GError) cause = NULL;

	if (need == FIT_NEEDS_NOTHING)
		return true;
	fit->cpus = host_fit_cpus(domain, &cause);
	if (!fit->cpus && need == FIT_NEEDS_CPUS) {
		/* libvirt itself will check later what the VM asks for. */
		action_log("WARN", "the CPU is not checked: %s", cause->message);
		return true;
	}

	if (!fit->cpus)
		return vmm_pass(error, &cause);
	in->cpus = fit->cpus;
	if (need == FIT_NEEDS_HOST)
		return fit_to_host(ctx, domain, in, &fit->result, error);

	return fit_domain(domain, in, &fit->result, error);
}

bool host_fit_domain(const struct action_ctx *ctx, xmlNode *domain, const TmplVm *vm, bool built,
		     HostFit *fit, GError **error)
{
	struct fit_input in = { .vm = vm, .rc = ctx->rc, .built = built };

	if (!emulate(ctx, domain, &fit->result, error))
		return false;
	if (!fit_wishes(ctx, domain, &in, fit, error))
		return false;
	log_changes(&fit->result);
	if (!fit->result.compare || !conf_kvmrc_bool(ctx->rc, "CPU_COMPARE"))
		return true;

	return compare(ctx, domain, error);
}

bool host_fit_check(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
		    GError **error)
{
	g_autoptr(xmlDoc) document = root_helper_vm_document(directory);
	g_autoptr(TmplVm) vm = host_fit_vm(document);
	const struct fit_input in = { .vm = vm, .rc = ctx->rc };
	bool custom = xml_child(xml_child(domain, "cpu"), "model");

	if (!custom || !xml_has(domain, "type", "kvm"))
		return true;
	/*
	 * The model was chosen when the VM was deployed: asks whether this host can run what was
	 * asked for then.
	 */
	if (fit_needs(NULL, &in) != FIT_NEEDS_HOST)
		return true;
	if (!conf_kvmrc_bool(ctx->rc, "CPU_COMPARE"))
		return true;

	return compare(ctx, domain, error);
}

bool host_fit_wants_proof(const HostFit *fit)
{
	return fit->cpus && fit->result.required->len;
}

static bool may_nest(virDomain *dom)
{
	g_autoptr(xmlDoc) doc = virt_xml_doc(dom, NULL);
	const xmlNode *domain = xmlDocGetRootElement(doc);
	g_autoptr(FitCpuMap) cpus = NULL;

	if (!doc || !xml_has(domain, "type", "kvm"))
		return false;
	cpus = host_fit_cpus(domain, NULL);
	if (!cpus)
		return false;

	return fit_cpu_live_may_nest(domain, cpus);
}

bool host_fit_guard_nested(const struct action_ctx *ctx, virDomain *dom, const char *what,
			   GError **error)
{
	const char *guard = conf_kvmrc_string(ctx->rc, "NESTED_GUARD");
	const char *name = virDomainGetName(dom);

	if (!g_ascii_strcasecmp(guard, "no") || host_nested() != FIT_NESTED_ON)
		return true;
	if (!may_nest(dom))
		return true;
	if (!g_ascii_strcasecmp(guard, "warn")) {
		action_log("WARN", "domain %s can run VMs itself: while it does, to %s it fails or "
			   "ends them", name, what);
		return true;
	}

	vmm_fail(error, VMM_ERROR_REFUSED, "cannot %s domain %s: it can run VMs itself, which do "
		 "not survive that", what, name);
	vmm_error_set_hint(error, "power it off, or NESTED_GUARD=warn in kvmrc when none runs in "
			   "it");

	return false;
}
