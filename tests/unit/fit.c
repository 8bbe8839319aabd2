/* SPDX-License-Identifier: Apache-2.0 */
/* fit - what a domain's CPU becomes on a host that is known by what libvirt says of it. */
#include "fit/fit.h"

#include <glib/gstdio.h>

#include "fit/cpu_live.h"

#define SEED "<MODELS>Penryn, IvyBridge,Haswell Broadwell,Skylake-Client</MODELS>"
#define ASK(keys) "<CPU_MODEL>" keys "</CPU_MODEL>"
#define MODEL(name) "<MODEL>" name "</MODEL>"
#define MODELS(names) "<MODELS>" names "</MODELS>"
#define FEATURES(names) "<FEATURES>" names "</FEATURES>"
#define REQUIRED(names) "<REQUIRED>" names "</REQUIRED>"
#define NESTED "<FEATURES><NESTED>yes</NESTED></FEATURES>"

#define CUSTOM_WITH(model, more) \
	"<cpu mode=\"custom\"><model fallback=\"forbid\">" model "</model>" more "</cpu>"
#define CUSTOM(model) CUSTOM_WITH(model, "")
#define REQUIRE(name) "<feature policy=\"require\" name=\"" name "\"/>"
#define DISABLE(name) "<feature policy=\"disable\" name=\"" name "\"/>"

#define HOST_OF(vendor) \
	"<capabilities><host><cpu><arch>x86_64</arch><vendor>" vendor "</vendor></cpu></host>" \
	"</capabilities>"
#define INTEL HOST_OF("Intel")
#define AMD HOST_OF("AMD")

/* As libvirt 10 says it of an EPYC with KVM, shortened. */
#define EPYC								\
	"<domainCapabilities><domain>kvm</domain><cpu>"			\
	"<mode name='host-passthrough' supported='yes'/>"		\
	"<mode name='maximum' supported='yes'/>"			\
	"<mode name='host-model' supported='yes'><model>EPYC-Rome</model></mode>" \
	"<mode name='custom' supported='yes'>"				\
	"<model usable='yes' vendor='Intel'>Penryn</model>"		\
	"<model usable='yes' vendor='Intel'>Conroe</model>"		\
	"<model usable='no' vendor='Intel'>Broadwell</model>"		\
	"<blockers model='Broadwell'><feature name='hle'/><feature name='pcid'/></blockers>" \
	"<model usable='no' vendor='Intel'>Haswell</model>"		\
	"<model usable='yes' vendor='AMD'>EPYC</model>"			\
	"</mode></cpu></domainCapabilities>"

static FitCpuMap *map;

struct host {
	const char *kvmrc, *capabilities, *domcapabilities;
	enum fit_nested nested;
	bool built;
	const char *type;	/* NULL: qemu */
};

static const struct host nowhere;

static xmlDoc *parse(const char *text)
{
	xmlDoc *doc = text ? xml_parse(text, strlen(text), "test", NULL) : NULL;

	g_assert_true(!text || doc);
	return doc;
}

static TmplVm *vm_of(const char *rest)
{
	g_autofree char *text = g_strconcat("<VM><ID>7</ID><TEMPLATE><CPU>1</CPU>", rest,
					    "</TEMPLATE></VM>", NULL);
	g_autoptr(xmlDoc) doc = parse(text);

	return tmpl_vm_new(xmlDocGetRootElement(doc), NULL);
}

static ConfKvmrc *kvmrc(const char *lines)
{
	g_autofree char *path = NULL;
	ConfKvmrc *rc;
	int fd = g_file_open_tmp("fit-XXXXXX", &path, NULL);

	g_assert_cmpint(fd, >=, 0);
	g_close(fd, NULL);
	g_assert_true(g_file_set_contents(path, lines ? lines : "", -1, NULL));
	rc = conf_kvmrc_load(path);
	g_unlink(path);
	return rc;
}

static xmlDoc *domain_with(const char *cpu, const char *type)
{
	g_autofree char *text = g_strdup_printf("<domain type='%s'><os><type arch='x86_64'>hvm"
						"</type></os>%s</domain>", type, cpu);

	return parse(text);
}

/* The <cpu> that is left and, behind a bar, what is required of the guest. */
static char *outcome(const xmlNode *domain, const FitResult *result)
{
	const xmlNode *cpu = xml_child(domain, "cpu");
	g_autofree char *left = cpu ? xml_print(cpu) : g_strdup("none"), *flags = NULL;

	g_ptr_array_add(result->required, NULL);
	flags = g_strjoinv(",", (char **)result->required->pdata);

	return g_strdup_printf("%s|%s%s", left, flags, result->compare ? "|compare" : "");
}

/* That, or the error. */
static char *fit(const char *template, const char *cpu, const struct host *host)
{
	g_autoptr(xmlDoc) doc = domain_with(cpu, host->type ? host->type : "qemu");
	g_autoptr(xmlDoc) caps = parse(host->capabilities), domcaps = parse(host->domcapabilities);
	xmlNode *domain = xmlDocGetRootElement(doc);
	g_autofree char *before = xml_print(domain), *now = NULL;
	g_autoptr(TmplVm) vm = vm_of(template);
	g_autoptr(ConfKvmrc) rc = kvmrc(host->kvmrc);
	const struct fit_input in = { vm, rc, xmlDocGetRootElement(caps),
				      xmlDocGetRootElement(domcaps), map, host->nested,
				      host->built, FIT_SWITCH_UNKNOWN };
	g_auto(FitResult) result = { 0 };
	g_autoptr(GError) error = NULL;

	fit_result_init(&result);
	if (fit_domain(domain, &in, &result, &error))
		return outcome(domain, &result);
	now = xml_print(domain);
	g_assert_cmpstr(before, ==, now);

	return vmm_error_line(error);
}

static void expect_at(const struct host *host, const char *template, const char *cpu,
		      const char *wanted)
{
	g_autofree char *found = fit(template, cpu, host);

	g_assert_cmpstr(found, ==, wanted);
}

static void expect(const char *template, const char *cpu, const char *wanted)
{
	expect_at(&nowhere, template, cpu, wanted);
}

static void fails_at(const struct host *host, const char *template, const char *cpu,
		     const char *part)
{
	g_autofree char *found = fit(template, cpu, host);

	if (!strstr(found, part))
		g_error("'%s' is not in: %s", part, found);
}

static void fails(const char *template, const char *cpu, const char *part)
{
	fails_at(&nowhere, template, cpu, part);
}

static void the_first_model_with_all_required_features_is_taken(void)
{
	expect(ASK(SEED REQUIRED("HW_CPU_X86_AVX,HW_CPU_X86_AVX2")), "",
	       CUSTOM("Haswell") "|avx,avx2");
	expect(ASK(SEED "<TRAITS>AVX avx2</TRAITS>"), "", CUSTOM("Haswell") "|avx,avx2");
	expect(ASK(SEED), "", CUSTOM("Penryn") "|");
	expect(ASK(SEED MODEL("Custom")), CUSTOM("Custom"), CUSTOM("Penryn") "|");
}

static void a_feature_has_the_names_of_libvirt_qemu_and_openstack(void)
{
	static const char *const rows[][2] = {
		{ "pni", "pni" },
		{ "SSE3", "pni" },
		{ "HW_CPU_X86_SSE3", "pni" },
		{ "sse4_1", "sse4.1" },
		{ "HW_CPU_X86_SSE41", "sse4.1" },
		{ "bmi", "bmi1" },
		{ "HW_CPU_X86_BMI", "bmi1" },
		{ "HW_CPU_X86_AESNI", "aes" },
		{ "HW_CPU_X86_CLMUL", "pclmuldq" },
		{ "pclmulqdq", "pclmuldq" },
		{ "HW_CPU_X86_AVX512VPOPCNTDQ", "avx512-vpopcntdq" },
		{ "HW_CPU_X86_INTEL_VMX", "vmx" },
		{ "HW_CPU_X86_AMD_SVM", "svm" },
		{ "HW_CPU_X86_SHA", "sha-ni" },
		{ "HW_CPU_X86_FMA3", "fma" },
		{ "nonsense", NULL },
		{ "HW_CPU_X86_", NULL },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		g_assert_cmpstr(fit_cpu_map_feature(map, rows[i][0]), ==, rows[i][1]);
}

static void each_trait_of_openstack_is_a_feature_of_libvirt(void)
{
	static const char all[] =
		"3DNOW ABM AESNI AMXBF16 AMXINT8 AMXTILE AVX AVX2 AVX512BW AVX512CD AVX512DQ "
		"AVX512ER AVX512F AVX512PF AVX512VL AVX512VNNI AVX512VBMI AVX512IFMA AVX512VBMI2 "
		"AVX512BITALG AVX512VAES AVX512GFNI AVX512VPCLMULQDQ AVX512VPOPCNTDQ BMI BMI2 "
		"CLMUL F16C FMA3 FMA4 MMX MPX SHA SSE SSE2 SSE3 SSE41 SSE42 SSE4A SSSE3 TBM XOP "
		"SVM AMD_SVM VMX INTEL_VMX";
	g_auto(GStrv) names = g_strsplit(all, " ", -1);

	for (char **name = names; *name; name++) {
		g_autofree char *trait = g_strconcat("HW_CPU_X86_", *name, NULL);

		if (!fit_cpu_map_feature(map, trait))
			g_error("%s is no feature", trait);
	}
}

static void what_no_model_has_is_an_error_that_names_each(void)
{
	fails(ASK(MODELS("Penryn,Haswell") REQUIRED("avx512f avx")), "",
	      "CPU_MODEL/MODELS: no CPU model fits: Penryn lacks avx512f, avx; Haswell lacks "
	      "avx512f [incompatible] (hint: name more models");
	fails(ASK(MODEL("Penryn") REQUIRED("avx")), CUSTOM("Penryn"),
	      "CPU_MODEL/MODEL: no CPU model fits: Penryn lacks avx [incompatible]");
	fails(ASK(MODELS("Penryn,Hasswell") REQUIRED("avx")), "",
	      "libvirt knows no CPU model 'Hasswell' [incompatible] (hint: known are 486, ");
	fails(ASK(MODELS(",")), "", "MODELS does not name a model [input]");
	fails(ASK(MODEL("custom")), CUSTOM("custom"), "MODELS does not name a model [input]");
	expect(ASK(MODEL("Penryn") REQUIRED("avx") FEATURES("avx")), CUSTOM("Penryn"),
	       CUSTOM_WITH("Penryn", REQUIRE("avx")) "|avx");
}

static void with_kvm_the_host_must_be_able_to_run_the_model(void)
{
	const struct host kvm = { .capabilities = AMD, .domcapabilities = EPYC, .type = "kvm" };
	const struct host tcg = { .capabilities = AMD, .domcapabilities = EPYC };

	expect_at(&kvm, ASK(MODELS("Broadwell,Haswell,EPYC")), "", CUSTOM("EPYC") "||compare");
	expect_at(&tcg, ASK(MODELS("Broadwell,Haswell,EPYC")), "", CUSTOM("Broadwell") "|");
	fails_at(&kvm, ASK(MODELS("Broadwell,Haswell,Skylake-Client")), "",
		 "this host's CPU cannot run Broadwell, it lacks hle, pcid; this host's CPU cannot "
		 "run Haswell; this host's libvirt does not know Skylake-Client [incompatible]");
}

static void features_are_checked_named_and_written_once(void)
{
	expect(ASK(MODEL("haswell") FEATURES("+PCID,pcid,-HLE")),
	       CUSTOM_WITH("haswell", REQUIRE("PCID") REQUIRE("pcid") DISABLE("HLE")),
	       CUSTOM_WITH("Haswell", REQUIRE("pcid") DISABLE("hle")) "|pcid");
	fails(ASK(MODEL("Haswell") FEATURES("+pcid,-PCID")), CUSTOM("Haswell"),
	      "CPU_MODEL/FEATURES = '+pcid,-PCID' (VM 7): it contradicts itself: PCID is both "
	      "asked for and disabled [input]");
	fails(ASK(MODEL("Haswell") FEATURES("sse3,-pni")), CUSTOM("Haswell"),
	      "pni is both asked for and disabled");
	fails(ASK(MODEL("Haswell") FEATURES("avx22")), CUSTOM("Haswell"),
	      "libvirt knows no CPU feature 'avx22'; did you mean avx2? [input]");
	fails(ASK(MODEL("Haswell") FEATURES("-avx") REQUIRED("avx")), CUSTOM("Haswell"),
	      "FEATURES disables avx, which REQUIRED asks for");
	fails(ASK(MODELS("EPYC") REQUIRED("HW_CPU_X86_AMD_SEV")), "",
	      "(hint: say MEMORY_ENCRYPTION");
}

static void a_list_of_any_length_ends_soon(void)
{
	GString *text = g_string_new("<CPU_MODEL><MODEL>Haswell</MODEL><FEATURES>");
	g_autofree char *template = NULL, *found = NULL;

	for (int i = 0; i < 200000; i++)
		g_string_append_printf(text, "x%d,", i);
	g_string_append(text, "</FEATURES></CPU_MODEL>");
	template = g_string_free(text, FALSE);
	found = fit(template, CUSTOM("Haswell"), &nowhere);
	g_assert_nonnull(strstr(found, "; and 480 more [input]"));
	g_assert_cmpuint(strlen(found), <, 4000);
}

static void features_without_a_model_are_refused(void)
{
	fails(ASK(FEATURES("vmx")), "",
	      "no CPU model is named [input] (hint: set CPU_MODEL/MODEL, or CPU_MODE in kvmrc)");
	fails(NESTED, "", "no CPU model is named");
	fails(ASK(MODEL("none") FEATURES("vmx")), CUSTOM("none"),
	      "CPU_MODEL/FEATURES needs a CPU model: CPU_MODEL/MODEL is none [input]");
}

static void modes_are_words_in_any_case(void)
{
	const struct host epyc = { .capabilities = AMD, .domcapabilities = EPYC, .type = "kvm" };

	expect(ASK(MODEL("NONE")), CUSTOM("NONE"), "none|");
	expect(ASK(MODEL("none")), CUSTOM_WITH("none", "<topology sockets='1'/>"),
	       "<cpu><topology sockets=\"1\"/></cpu>|");
	expect(ASK(MODEL("Host-Model")), CUSTOM("Host-Model"), "<cpu mode=\"host-model\"/>|");
	expect_at(&epyc, ASK(MODEL("host-passthrough") REQUIRED("AVX2")),
		  "<cpu mode='host-passthrough'/>",
		  "<cpu mode=\"host-passthrough\" check=\"full\">" REQUIRE("avx2") "</cpu>|avx2");
	fails(ASK(MODEL("maximum") MODELS("EPYC")), "<cpu mode='maximum'/>",
	      "CPU_MODEL/MODELS = 'EPYC' (VM 7): it is for MODEL = custom, not maximum");
}

static void what_the_site_sets_stays(void)
{
	const struct host built = { .built = true };

	/* EVC_MODE, which oned has written; also when it is the first of the list. */
	expect(ASK(SEED REQUIRED("sse4.1")), CUSTOM("Nehalem"), CUSTOM("Nehalem") "|sse4.1");
	fails(ASK(SEED REQUIRED("avx")), CUSTOM("Penryn"),
	      "the domain's CPU model: no CPU model fits: Penryn lacks avx [incompatible] (hint: "
	      "require less: the site sets the model");
	expect_at(&built, ASK(SEED REQUIRED("avx")), CUSTOM("Penryn"), CUSTOM("IvyBridge") "|avx");
	expect(ASK(SEED), "<cpu mode='host-passthrough'/>", CUSTOM("Penryn") "|");
}

static void kvmrc_gives_what_the_vm_does_not_name(void)
{
	const struct host model = { .kvmrc = "CPU_MODE=host-model\nCPU_FEATURES=-hle" };
	const struct host list = { .kvmrc = "CPU_MODELS='Nehalem haswell'" };
	const struct host none = { .kvmrc = "CPU_MODE=custom" };
	const struct host alone = { .kvmrc = "CPU_FEATURES=vmx" };
	const struct host foreign = { .kvmrc = "CPU_MODE=host-model",
				      .capabilities = "<capabilities><host><cpu><arch>aarch64"
						      "</arch></cpu></host></capabilities>" };

	expect_at(&model, "", "", "<cpu mode=\"host-model\">" DISABLE("hle") "</cpu>|");
	expect_at(&model, ASK(FEATURES("pcid")), "",
		  "<cpu mode=\"host-model\">" REQUIRE("pcid") "</cpu>|pcid");
	expect_at(&model, ASK(MODEL("Haswell")), CUSTOM("Haswell"), CUSTOM("Haswell") "|");
	expect_at(&model, "", "<cpu mode='maximum'/>", "<cpu mode=\"maximum\"/>|");
	expect_at(&list, ASK(REQUIRED("avx2")), "", CUSTOM("Haswell") "|avx2");
	expect_at(&foreign, "", "", "none|");
	fails_at(&none, "", "", "CPU_MODE = 'custom' (kvmrc): CPU_MODELS does not name a model "
		 "[config]");
	fails_at(&alone, "", "", "CPU_FEATURES = 'vmx' (kvmrc): it needs CPU_MODE or CPU_MODELS "
		 "[config]");
}

static void nested_takes_the_flag_of_the_vendor(void)
{
	const struct host intel = { .capabilities = INTEL, .nested = FIT_NESTED_ON, .type = "kvm" };
	const struct host amd = { .capabilities = AMD, .nested = FIT_NESTED_ON, .type = "kvm" };
	const struct host off = { .capabilities = INTEL, .nested = FIT_NESTED_OFF, .type = "kvm" };
	const struct host tcg = { .capabilities = INTEL, .nested = FIT_NESTED_OFF };

	expect_at(&intel, ASK(MODEL("Haswell")) NESTED, CUSTOM("Haswell"),
		  CUSTOM_WITH("Haswell", REQUIRE("vmx") REQUIRE("pcid")) "|vmx,pcid");
	expect_at(&intel, ASK(MODEL("host-model")) NESTED, "<cpu mode='host-model'/>",
		  "<cpu mode=\"host-model\">" REQUIRE("vmx") "</cpu>|vmx");
	expect_at(&amd, ASK(MODEL("EPYC")) NESTED, CUSTOM("EPYC"),
		  CUSTOM_WITH("EPYC", REQUIRE("svm")) "|svm");
	expect_at(&tcg, ASK(MODEL("EPYC")) NESTED, CUSTOM("EPYC"),
		  CUSTOM_WITH("EPYC", REQUIRE("svm")) "|svm");
	fails_at(&off, ASK(MODEL("Haswell")) NESTED, CUSTOM("Haswell"),
		 "FEATURES/NESTED: module kvm_intel of this host does not let guests run VMs "
		 "[incompatible] (hint: 'options kvm_intel nested=1' in /etc/modprobe.d/kvm.conf");
	fails_at(&amd, ASK(MODEL("EPYC") FEATURES("-svm")) NESTED, CUSTOM("EPYC"),
		 "disables svm, which FEATURES/NESTED needs [input]");
}

static void address_bits_are_written(void)
{
	expect(ASK(MODEL("EPYC") "<PHYS_BITS>40</PHYS_BITS>"), CUSTOM("EPYC"),
	       CUSTOM_WITH("EPYC", "<maxphysaddr mode=\"emulate\" bits=\"40\"/>") "|");
	expect(ASK(MODEL("EPYC") "<PHYS_BITS>Passthrough</PHYS_BITS>"), CUSTOM("EPYC"),
	       CUSTOM_WITH("EPYC", "<maxphysaddr mode=\"passthrough\"/>") "|");
	fails(ASK(MODEL("EPYC") "<PHYS_BITS>9</PHYS_BITS>"), CUSTOM("EPYC"),
	      "not passthrough or a whole number from 32 to 64 [input]");
}

static enum fit_need need(const char *template, const char *cpu, const char *lines)
{
	g_autoptr(xmlDoc) doc = domain_with(cpu, "kvm");
	g_autoptr(TmplVm) vm = vm_of(template);
	g_autoptr(ConfKvmrc) rc = kvmrc(lines);
	const struct fit_input in = { .vm = vm, .rc = rc };

	return fit_needs(xmlDocGetRootElement(doc), &in);
}

static void a_stock_vm_needs_nothing(void)
{
	static const char passthrough[] = "<cpu mode='host-passthrough'/>";

	g_assert_cmpint(need("", "", NULL), ==, FIT_NEEDS_NOTHING);
	g_assert_cmpint(need("", passthrough, NULL), ==, FIT_NEEDS_NOTHING);
	g_assert_cmpint(need("", CUSTOM("Haswell"), NULL), ==, FIT_NEEDS_NOTHING);
	g_assert_cmpint(need("", passthrough, "CPU_MODE=host-model"), ==, FIT_NEEDS_NOTHING);
	g_assert_cmpint(need(ASK(MODEL("host-passthrough")), passthrough, NULL), ==,
			FIT_NEEDS_NOTHING);
	g_assert_cmpint(need(ASK(MODEL("Haswell")), CUSTOM("Haswell"), NULL), ==, FIT_NEEDS_CPUS);
	g_assert_cmpint(need(ASK(MODEL("none")), CUSTOM("none"), NULL), ==, FIT_NEEDS_CPUS);
	g_assert_cmpint(need(ASK(FEATURES("vmx")), "", NULL), ==, FIT_NEEDS_CPUS);
	g_assert_cmpint(need(ASK(MODELS("Haswell")), "", NULL), ==, FIT_NEEDS_HOST);
	g_assert_cmpint(need("", "", "CPU_MODE=host-model"), ==, FIT_NEEDS_HOST);
}

static void the_running_guest_says_what_it_lacks(void)
{
	static const struct {
		const char *cpu, *flag;
		bool lacks;
	} rows[] = {
		{ CUSTOM("Haswell"), "avx2", false },
		{ CUSTOM("Penryn"), "avx2", true },
		{ CUSTOM_WITH("Haswell", DISABLE("avx2")), "avx2", true },
		{ CUSTOM_WITH("Penryn", REQUIRE("sse3")), "pni", false },
		{ "<cpu mode='host-passthrough'>" REQUIRE("vmx") "</cpu>", "vmx", false },
		{ "<cpu mode='host-passthrough'/>", "vmx", true },
		{ "", "vmx", true },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(xmlDoc) doc = domain_with(rows[i].cpu, "qemu");
		g_autoptr(GPtrArray) required = g_ptr_array_new();
		g_autofree char *found = NULL;

		g_ptr_array_add(required, (char *)rows[i].flag);
		found = fit_cpu_live_lacks(xmlDocGetRootElement(doc), map, required);
		g_assert_cmpstr(found, ==, rows[i].lacks ? rows[i].flag : NULL);
	}
}

static bool may_nest(const char *cpu)
{
	g_autoptr(xmlDoc) doc = domain_with(cpu, "kvm");

	return fit_cpu_live_may_nest(xmlDocGetRootElement(doc), map);
}

static void a_guest_may_run_vms_when_it_has_the_flag(void)
{
	g_assert_true(may_nest("<cpu mode='host-passthrough'/>"));
	g_assert_false(may_nest("<cpu mode='host-passthrough'>" DISABLE("svm") "</cpu>"));
	g_assert_true(may_nest(CUSTOM_WITH("EPYC", REQUIRE("svm"))));
	g_assert_false(may_nest(CUSTOM_WITH("EPYC", DISABLE("svm"))));
	g_assert_false(may_nest(CUSTOM("Penryn")));
	g_assert_false(may_nest(""));
}

static void a_map_that_is_not_there_is_an_error(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(FitCpuMap) other = fit_cpu_map_read(FIT_CPU_MAP_DIRECTORY, "sparc", NULL);

	g_assert_null(fit_cpu_map_read("/nowhere", "x86_64", &error));
	g_assert_true(g_str_has_prefix(error->message, "libvirt's CPU map: cannot read /nowhere"));
	g_assert_null(fit_cpu_map_model(other, "Haswell"));
}

#define ADD(name) g_test_add_func("/fit/" #name, name)

int main(int argc, char **argv)
{
	int rc;

	g_test_init(&argc, &argv, NULL);
	map = fit_cpu_map_read(FIT_CPU_MAP_DIRECTORY, "x86_64", NULL);
	g_assert_nonnull(map);
	ADD(the_first_model_with_all_required_features_is_taken);
	ADD(a_feature_has_the_names_of_libvirt_qemu_and_openstack);
	ADD(each_trait_of_openstack_is_a_feature_of_libvirt);
	ADD(what_no_model_has_is_an_error_that_names_each);
	ADD(with_kvm_the_host_must_be_able_to_run_the_model);
	ADD(features_are_checked_named_and_written_once);
	ADD(a_list_of_any_length_ends_soon);
	ADD(features_without_a_model_are_refused);
	ADD(modes_are_words_in_any_case);
	ADD(what_the_site_sets_stays);
	ADD(kvmrc_gives_what_the_vm_does_not_name);
	ADD(nested_takes_the_flag_of_the_vendor);
	ADD(address_bits_are_written);
	ADD(a_stock_vm_needs_nothing);
	ADD(the_running_guest_says_what_it_lacks);
	ADD(a_guest_may_run_vms_when_it_has_the_flag);
	ADD(a_map_that_is_not_there_is_an_error);
	rc = g_test_run();
	fit_cpu_map_free(map);

	return rc;
}
