/* SPDX-License-Identifier: Apache-2.0 */
#include "fit/cpu_fit.h"

#include "fit/cpu_choice.h"
#include "fit/cpu_edit.h"
#include "fit/cpu_wish.h"

struct cpu_fit {
	const struct fit_input *in;
	const xmlNode *domain, *cpu;
	bool kvm;
	FitCpuWish wish;
	FitReport *report;
	char *model, *why;	/* chosen */
};

/* Moves the texts of PROBLEMS to REPORT. */
static void report_all(FitReport *report, enum vmm_error class, GPtrArray *problems)
{
	for (guint i = 0; i < problems->len; i++)
		fit_report_add(report, class, "%s", (const char *)problems->pdata[i]);
	g_ptr_array_set_size(problems, 0);
}

/* Whether oned or our builder made MODEL of what the VM asks for. */
static bool is_of_vm(const struct cpu_fit *f, const char *model)
{
	const GPtrArray *models = f->wish.models;

	if (f->wish.text && !g_ascii_strcasecmp(f->wish.text, model))
		return true;
	if (!f->in->built || !models->len)
		return false;

	return !g_ascii_strcasecmp(models->pdata[0], model);
}

/*
 * What the VM does not name comes from EVC_MODE or CPU_MODEL of its host, cluster or defaults,
 * which oned knows and we do not, or from RAW. A model of theirs stays; a mode gives way to
 * what the VM itself names.
 */
static void heed_domain(struct cpu_fit *f)
{
	static const char *const modes[] = { "host-model", "host-passthrough", "maximum", NULL };
	g_autofree char *mode = xml_attribute(f->cpu, "mode");
	g_autofree char *model = xml_child_text(f->cpu, "model");

	if (model && !is_of_vm(f, model)) {
		f->wish.mode = "custom";
		f->wish.from = "the domain's CPU model";
		f->wish.has_list = false;
		g_ptr_array_set_size(f->wish.models, 0);
		g_ptr_array_add(f->wish.models, g_steal_pointer(&model));
	}

	for (const char *const *m = modes; *m && !f->wish.mode; m++)
		if (!g_strcmp0(*m, mode))
			f->wish.mode = *m;
}

static bool asks_for_more(const FitCpuWish *wish)
{
	if (wish->required->len || wish->features->len)
		return true;

	return wish->phys_bits || wish->phys_passthrough || wish->nested;
}

/* What kvmrc gives is for guests that run on the host's own kind of CPU. */
static bool is_foreign(const struct cpu_fit *f)
{
	const xmlNode *cpu = xml_child(xml_child(f->in->capabilities, "host"), "cpu");
	g_autofree char *here = xml_child_text(cpu, "arch");
	g_autofree char *arch = xml_child_attribute(xml_child(f->domain, "os"), "type", "arch");

	if (!here || !arch)
		return false;

	return !g_str_equal(here, arch);
}

/* Reads what VM and kvmrc want, and reports contradictions and what neither of them says. */
static void read_wish(struct cpu_fit *f)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
	bool by_host;

	fit_cpu_wish_read(f->in->vm, &f->wish, problems);
	report_all(f->report, VMM_ERROR_INPUT, problems);
	heed_domain(f);
	by_host = !f->wish.mode && f->in->rc && !is_foreign(f);
	if (by_host) {
		fit_cpu_wish_complete(&f->wish, f->in->rc, problems);
		report_all(f->report, VMM_ERROR_CONFIG, problems);
	}

	if (f->wish.mode || !asks_for_more(&f->wish))
		return;
	fit_report_add(f->report, VMM_ERROR_INPUT, "CPU_MODEL or FEATURES/NESTED ask for features "
		       "of a CPU, but no CPU model is named");
	fit_report_hint(f->report, "set CPU_MODEL/MODEL, or CPU_MODE in kvmrc");
}

static void report_feature(struct cpu_fit *f, const char *path, const char *name)
{
	const char *near = fit_cpu_map_near(f->in->cpus, name);
	g_autofree char *text = g_strdup_printf("%s: libvirt knows no CPU feature '%.100s'", path,
						name);

	if (!g_ascii_strncasecmp(name, "HW_CPU_X86_AMD_SEV", 18)) {
		fit_report_add(f->report, VMM_ERROR_INPUT, "%s", text);
		fit_report_hint(f->report, "say MEMORY_ENCRYPTION = [ TYPE = ... ]");
	} else if (near) {
		fit_report_add(f->report, VMM_ERROR_INPUT, "%s; did you mean %s?", text, near);
	} else {
		fit_report_add(f->report, VMM_ERROR_INPUT, "%s", text);
	}
}

/* Gives features the names that libvirt has for them. */
static void name_features(struct cpu_fit *f)
{
	FitCpuWish *wish = &f->wish;
	g_autoptr(GPtrArray) old = g_steal_pointer(&wish->features);

	wish->features = g_ptr_array_new_with_free_func((GDestroyNotify)fit_cpu_feature_free);
	for (guint i = 0; i < old->len; i++) {
		const struct fit_cpu_feature *feature = old->pdata[i];
		const char *name = fit_cpu_map_feature(f->in->cpus, feature->name);

		if (!name)
			report_feature(f, "CPU_MODEL/FEATURES", feature->name);
		else if (!fit_cpu_wish_feature(wish, name, feature->on))
			fit_report_add(f->report, VMM_ERROR_INPUT, "CPU_MODEL/FEATURES contradicts "
				       "itself: %s is both asked for and disabled", name);
	}
}

static void name_required(struct cpu_fit *f)
{
	GPtrArray *required = f->wish.required;

	for (guint i = 0; i < required->len; i++) {
		const char *name = fit_cpu_map_feature(f->in->cpus, required->pdata[i]);

		if (!name) {
			report_feature(f, "CPU_MODEL/REQUIRED", required->pdata[i]);
			continue;
		}

		g_free(required->pdata[i]);
		required->pdata[i] = g_strdup(name);
		if (fit_cpu_wish_says(&f->wish, name, false))
			fit_report_add(f->report, VMM_ERROR_INPUT, "CPU_MODEL/FEATURES disables "
				       "%s, which REQUIRED asks for", name);
	}
}

/* QEMU's own emulation knows AMD's virtualization only. NULL: there is none. */
static const char *virtualization(const struct cpu_fit *f)
{
	const xmlNode *cpu = xml_child(xml_child(f->in->capabilities, "host"), "cpu");
	g_autofree char *vendor = xml_child_text(cpu, "vendor");

	if (!f->kvm)
		return fit_cpu_map_feature(f->in->cpus, "svm");
	if (!g_strcmp0(vendor, "Intel"))
		return "vmx";
	if (!g_strcmp0(vendor, "AMD") || !g_strcmp0(vendor, "Hygon"))
		return "svm";

	return NULL;
}

static void check_module(struct cpu_fit *f, const char *flag)
{
	const char *module = g_str_equal(flag, "vmx") ? "kvm_intel" : "kvm_amd";

	if (!f->kvm || f->in->nested != FIT_NESTED_OFF)
		return;
	fit_report_add(f->report, VMM_ERROR_INCOMPATIBLE, "FEATURES/NESTED: module %s of this host "
		       "does not let guests run VMs", module);
	fit_report_hint(f->report, "'options %s nested=1' in /etc/modprobe.d/kvm.conf, then reload "
			"the module or reboot: run host_check --only nested", module);
}

static void add_nested(struct cpu_fit *f)
{
	const char *flag = virtualization(f);
	bool pcid = !g_strcmp0(flag, "vmx") && !g_strcmp0(f->wish.mode, "custom");

	if (!flag) {
		fit_report_add(f->report, VMM_ERROR_INCOMPATIBLE, "FEATURES/NESTED: which CPU "
			       "feature lets guests run VMs is known for CPUs of Intel and AMD "
			       "only");
		return;
	}

	check_module(f, flag);
	if (!fit_cpu_wish_feature(&f->wish, flag, true))
		fit_report_add(f->report, VMM_ERROR_INPUT, "CPU_MODEL/FEATURES disables %s, which "
			       "FEATURES/NESTED needs", flag);
	if (pcid && !fit_cpu_wish_says(&f->wish, "pcid", false))
		fit_cpu_wish_feature(&f->wish, "pcid", true);
}

static void check_mode(struct cpu_fit *f)
{
	const xmlNode *mode = fit_cpu_mode(f->in->domcapabilities, f->wish.mode);

	if (!mode || !xml_has(mode, "supported", "no"))
		return;
	fit_report_add(f->report, VMM_ERROR_INCOMPATIBLE, "%s: this host does not support CPU mode "
		       "%s", f->wish.from, f->wish.mode);
	if (g_str_equal(f->wish.mode, "host-passthrough"))
		fit_report_hint(f->report, "without KVM, maximum is QEMU's own: run "
				"host_check --only kvm-device");
	else
		fit_report_hint(f->report, "name a model that the host has");
}

static void decide(struct cpu_fit *f)
{
	name_features(f);
	name_required(f);
	if (f->wish.nested)
		add_nested(f);
	if (f->report->problems->len)
		return;
	if (g_str_equal(f->wish.mode, "custom"))
		f->model = fit_cpu_choose(f->in, &f->wish, f->kvm, &f->why, f->report);
	else
		check_mode(f);
	/* A mode has no list of features: libvirt and the running guest are asked for them. */
	for (guint i = 0; i < f->wish.required->len && !f->model; i++)
		fit_cpu_wish_feature(&f->wish, f->wish.required->pdata[i], true);
}

static void note_required(const struct cpu_fit *f, GPtrArray *to)
{
	for (guint i = 0; i < f->wish.required->len; i++)
		g_ptr_array_add(to, g_strdup(f->wish.required->pdata[i]));
	for (guint i = 0; i < f->wish.features->len; i++) {
		const struct fit_cpu_feature *feature = f->wish.features->pdata[i];
		bool there = g_ptr_array_find_with_equal_func(to, feature->name, g_str_equal, NULL);

		if (feature->on && !there)
			g_ptr_array_add(to, g_strdup(feature->name));
	}
}

/* Modes whose features libvirt does not list. */
static bool is_whole_host(const char *mode)
{
	return g_str_equal(mode, "host-passthrough") || g_str_equal(mode, "maximum");
}

static void edit_cpu(const struct cpu_fit *f, xmlNode *domain, FitResult *result)
{
	struct fit_cpu_edit edit = { domain, result->changes, f->wish.from };

	if (g_str_equal(f->wish.mode, "none")) {
		fit_cpu_edit_remove(&edit);
		return;
	}

	fit_cpu_edit_mode(&edit, f->wish.mode);
	if (f->model)
		fit_cpu_edit_model(&edit, f->model, f->why);
	for (guint i = 0; i < f->wish.features->len; i++)
		fit_cpu_edit_feature(&edit, f->in->cpus, f->wish.features->pdata[i]);
	if (f->wish.phys_bits || f->wish.phys_passthrough)
		fit_cpu_edit_phys_bits(&edit, f->wish.phys_bits);
	note_required(f, result->required);
	if (result->required->len && is_whole_host(f->wish.mode))
		fit_cpu_edit_check(&edit);
	result->compare = f->kvm && f->model && f->in->domcapabilities;
}

/* oned and our builder have written it just so. */
static bool is_as_written(const FitCpuWish *wish)
{
	static const char *const plain[] = { "host-model", "host-passthrough", "maximum", NULL };

	if (asks_for_more(wish) || wish->models->len)
		return false;
	if (!wish->text)
		return true;

	return g_strv_contains(plain, wish->text);
}

static void cpu_fit_init(struct cpu_fit *f, const xmlNode *domain, const struct fit_input *in,
			 FitReport *report)
{
	*f = (struct cpu_fit){ .in = in, .domain = domain, .cpu = xml_child(domain, "cpu"),
			       .kvm = xml_has(domain, "type", "kvm"), .report = report };
	read_wish(f);
}

static void cpu_fit_clear(struct cpu_fit *f)
{
	fit_cpu_wish_clear(&f->wish);
	g_free(f->model);
	g_free(f->why);
}

static enum fit_need need_of(const struct cpu_fit *f)
{
	const FitCpuWish *wish = &f->wish;

	if (g_str_has_suffix(wish->from, "kvmrc"))
		return FIT_NEEDS_HOST;
	if (wish->has_list || wish->required->len || wish->nested)
		return FIT_NEEDS_HOST;
	/*
	 * If the VM names no model, the domain's model is the site's: then nothing is to be fitted.
	 */
	if (!wish->text && !asks_for_more(wish) && !f->report->problems->len)
		return FIT_NEEDS_NOTHING;
	if (is_as_written(wish) && !f->report->problems->len)
		return FIT_NEEDS_NOTHING;

	return FIT_NEEDS_CPUS;
}

enum fit_need fit_cpu_needs(const xmlNode *domain, const struct fit_input *in)
{
	g_auto(FitReport) report = { 0 };
	struct cpu_fit f;
	enum fit_need need;

	fit_report_init(&report);
	cpu_fit_init(&f, domain, in, &report);
	need = need_of(&f);
	cpu_fit_clear(&f);

	return need;
}

void fit_cpu(xmlNode *domain, const struct fit_input *in, FitResult *result, FitReport *report)
{
	struct cpu_fit f;

	cpu_fit_init(&f, domain, in, report);
	if (f.wish.mode && !report->problems->len)
		decide(&f);
	if (f.wish.mode && !report->problems->len)
		edit_cpu(&f, domain, result);
	cpu_fit_clear(&f);
}
