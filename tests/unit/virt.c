/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/virt_error.h"
#include "virt/timed_call.h"
#include "migrate/migrate_options.h"

#include <errno.h>

static const struct vector {
	int domain, code, errnum;
	const char *text;
	enum vmm_error class;
} vectors[] = {
	{ VIR_FROM_RPC, VIR_ERR_SYSTEM_ERROR, ENOENT, "Failed to connect socket to '/s': No such "
	  "file or directory", VMM_ERROR_CONNECTION },
	{ VIR_FROM_RPC, VIR_ERR_SYSTEM_ERROR, EIO, "End of file while reading data: Input/output "
	  "error", VMM_ERROR_CONNECTION },
	{ VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR, 0, "client socket is closed",
	  VMM_ERROR_CONNECTION },
	{ VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR, 0, "connection closed due to keepalive timeout",
	  VMM_ERROR_CONNECTION },
	{ VIR_FROM_RPC, VIR_ERR_SYSTEM_ERROR, EACCES, "Failed to connect socket to '/s': "
	  "Permission denied", VMM_ERROR_PERMISSION },
	{ VIR_FROM_NONE, VIR_ERR_NO_CONNECT, 0, "no connection driver available for foo:///",
	  VMM_ERROR_CONFIG },
	{ VIR_FROM_QEMU, VIR_ERR_NO_DOMAIN, 0, "Domain not found", VMM_ERROR_NOT_FOUND },
	{ VIR_FROM_NONE, VIR_ERR_NO_DOMAIN, 0, "Domain not found", VMM_ERROR_NOT_FOUND },
	{ VIR_FROM_QEMU, VIR_ERR_OPERATION_INVALID, 0, "domain is not running",
	  VMM_ERROR_REFUSED },
	{ VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID, 0, "domain 'x' is already active",
	  VMM_ERROR_EXISTS },
	{ VIR_FROM_DOMAIN, VIR_ERR_OPERATION_FAILED, 0, "domain 'x' already exists with uuid U",
	  VMM_ERROR_EXISTS },
	{ VIR_FROM_QEMU, VIR_ERR_OPERATION_INVALID, 0, "domain has active block job",
	  VMM_ERROR_BUSY },
	{ VIR_FROM_NONE, VIR_ERR_OPERATION_TIMEOUT, 0, "cannot acquire state change lock (held by "
	  "monitor=f)", VMM_ERROR_BUSY },
	{ VIR_FROM_QEMU, VIR_ERR_OPERATION_TIMEOUT, 0, "vcpu unplug request timed out",
	  VMM_ERROR_GUEST },
	{ VIR_FROM_STORAGE, VIR_ERR_SYSTEM_ERROR, ENOENT, "Cannot access storage file 'F'",
	  VMM_ERROR_NOT_FOUND },
	{ VIR_FROM_STORAGE, VIR_ERR_SYSTEM_ERROR, EACCES, "Cannot access 'F': Permission denied",
	  VMM_ERROR_PERMISSION },
	{ VIR_FROM_NONE, VIR_ERR_SYSTEM_ERROR, ENODEV, "Cannot get interface MTU on 'b'",
	  VMM_ERROR_NOT_FOUND },
	{ VIR_FROM_QEMU, VIR_ERR_INTERNAL_ERROR, 0, "-vnc 192.168.250.1:8: Failed to bind socket: "
	  "Cannot assign requested address", VMM_ERROR_INPUT },
	{ VIR_FROM_QEMU, VIR_ERR_INTERNAL_ERROR, 0, "could not read keymap file: 'x'",
	  VMM_ERROR_INPUT },
	{ VIR_FROM_NWFILTER, VIR_ERR_INTERNAL_ERROR, 0, "referenced filter 'f' is missing",
	  VMM_ERROR_NOT_FOUND },
	{ VIR_FROM_QEMU, VIR_ERR_INTERNAL_ERROR, 0, "m: Failed to get \"write\" lock",
	  VMM_ERROR_BUSY },
	{ VIR_FROM_QEMU, VIR_ERR_INTERNAL_ERROR, 0, "Cannot allocate memory",
	  VMM_ERROR_NO_RESOURCE },
	{ VIR_FROM_NONE, VIR_ERR_OPERATION_FAILED, 0, "iohelper: No space left on device",
	  VMM_ERROR_NO_SPACE },
	{ VIR_FROM_QEMU, VIR_ERR_CONFIG_UNSUPPORTED, 0, "Emulator 'e' does not support virt type "
	  "'kvm'", VMM_ERROR_INCOMPATIBLE },
	{ VIR_FROM_QEMU, VIR_ERR_INVALID_ARG, 0, "could not find capabilities for domaintype=kvm ",
	  VMM_ERROR_INCOMPATIBLE },
	{ VIR_FROM_DOMAIN, VIR_ERR_XML_DETAIL, 0, "(domain_definition):1: x", VMM_ERROR_INPUT },
	{ VIR_FROM_QEMU, VIR_ERR_AGENT_UNRESPONSIVE, 0, "not connected", VMM_ERROR_GUEST },
	{ VIR_FROM_QEMU, VIR_ERR_OPERATION_FAILED, 0, "job 'migration out' failed: Unable to write "
	  "to socket: Bad file descriptor", VMM_ERROR_CONNECTION },
	{ VIR_FROM_QEMU, VIR_ERR_AGENT_UNRESPONSIVE, 0, "not available due to an error",
	  VMM_ERROR_GUEST },
	{ VIR_FROM_QEMU, VIR_ERR_SYSTEM_ERROR, 0, "No complete agent response found in 10485760 "
	  "bytes", VMM_ERROR_NO_RESOURCE },
	{ VIR_FROM_QEMU, VIR_ERR_INTERNAL_ERROR, 0, "unable to execute QEMU agent command "
	  "'guest-exec': Command guest-exec has been disabled: the agent is in frozen state",
	  VMM_ERROR_REFUSED },
	/* As libvirt 11 says them. */
	{ VIR_FROM_QEMU, VIR_ERR_OPERATION_FAILED, 0, "job 'migration out' failed: Channel error: "
	  "Input/output error", VMM_ERROR_CONNECTION },
	{ VIR_FROM_QEMU, VIR_ERR_OPERATION_FAILED, 0, "Unable to find 'efi' firmware that is "
	  "compatible with the current configuration", VMM_ERROR_INCOMPATIBLE },
	{ VIR_FROM_QEMU, 113, 0, "guest agent command failed: unable to execute QEMU agent command "
	  "'guest-exec': Failed to execute child process", VMM_ERROR_GUEST },
	{ VIR_FROM_QEMU, 113, 0, "guest agent command failed: unable to execute QEMU agent command "
	  "'guest-exec': Command guest-exec has been disabled: the agent is in frozen state",
	  VMM_ERROR_REFUSED },
	{ VIR_FROM_QEMU, 112, 0, "guest agent command timed out: guest agent didn't respond to "
	  "command within '30' seconds", VMM_ERROR_GUEST },
	{ VIR_FROM_QEMU, VIR_ERR_ARGUMENT_UNSUPPORTED, 0, "QEMU guest agent is not configured",
	  VMM_ERROR_INCOMPATIBLE },
	{ VIR_FROM_QEMU, VIR_ERR_INTERNAL_ERROR, 0, NULL, VMM_ERROR_INTERNAL },
};

/* What host_check explains better than libvirt's words do. */
static void errors_of_kvm_lead_to_host_check(void)
{
	static const char *const texts[] = {
		"Emulator 'e' does not support virt type 'kvm'",
		"could not find capabilities for domaintype=kvm ",
		"unsupported configuration: no supported architecture for os type 'hvm'",
		"qemu-system-x86_64: Could not access KVM kernel module: No such device",
		"qemu-system-x86_64: failed to initialize kvm: No such file or directory",
		"qemu-system-x86_64: failed to initialize KVM: Device or resource busy",
	};
	static const int codes[] = { VIR_ERR_CONFIG_UNSUPPORTED, VIR_ERR_INVALID_ARG,
				     VIR_ERR_CONFIG_UNSUPPORTED, VIR_ERR_INTERNAL_ERROR,
				     VIR_ERR_INTERNAL_ERROR, VIR_ERR_INTERNAL_ERROR };

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autofree char *text = g_strdup(texts[i]);
		virError e = { .domain = VIR_FROM_QEMU, .code = codes[i], .message = text };
		const char *hint = NULL;

		g_assert_cmpint(virt_error_class(&e, &hint), ==, VMM_ERROR_INCOMPATIBLE);
		g_assert_nonnull(hint);
		g_assert_nonnull(strstr(hint, "run host_check --only"));
		g_assert_nonnull(strstr(hint, "kvm-device"));
	}
}

/* An agent that was sent a command and said nothing may execute it later. */
static void silence_of_an_agent_is_not_its_no(void)
{
	static const struct {
		const char *text;
		bool silence;
	} rows[] = {
		{ "Guest agent is not responding: Guest agent not available for now", true },
		{ "guest agent command timed out: guest agent didn't respond to command within "
		  "'30' seconds", true },
		{ "Guest agent is not responding: Guest agent disappeared while executing command",
		  true },
		{ "the agent of domain one-7 does not answer", true },
		{ "Guest agent is not responding: QEMU guest agent is not connected", false },
		{ "Guest agent is not responding: QEMU guest agent is not available due to an "
		  "error", false },
		{ "guest agent didn't respond to synchronization within '5' seconds", false },
		{ "unable to execute QEMU agent command 'guest-exec': Failed", false },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) guest = NULL;
		g_autoptr(GError) busy = NULL;

		vmm_fail(&guest, VMM_ERROR_GUEST, "%s", rows[i].text);
		vmm_fail(&busy, VMM_ERROR_BUSY, "%s", rows[i].text);
		g_assert_cmpint(virt_is_agents_silence(guest), ==, rows[i].silence);
		g_assert_false(virt_is_agents_silence(busy));
	}
}

static void what_a_check_explains_names_it(void)
{
	static const struct {
		int code;
		const char *text, *command;
	} rows[] = {
		{ VIR_ERR_INTERNAL_ERROR, "Could not access KVM kernel module: Permission denied",
		  "kvm-device" },
		{ VIR_ERR_CONFIG_UNSUPPORTED, "vhost-net was requested for an interface",
		  "vhost-net" },
		{ VIR_ERR_CONFIG_UNSUPPORTED, "CPU mode 'host-passthrough' is not supported",
		  "kvm-device" },
		{ VIR_ERR_CONFIG_UNSUPPORTED, "SEV launch security is not supported", "sev," },
		{ VIR_ERR_CONFIG_UNSUPPORTED, "Emulator 'e' does not support arch 'a'",
		  "emulator," },
		{ VIR_ERR_OPERATION_FAILED, "Unable to find any firmware to satisfy 'efi'",
		  "uefi," },
		{ VIR_ERR_OPERATION_UNSUPPORTED, "Unable to find 'swtpm_setup' binary in $PATH",
		  "vtpm" },
		{ VIR_ERR_CONFIG_UNSUPPORTED,
		  "host doesn't support passthrough of host PCI devices", "iommu" },
		{ VIR_ERR_INTERNAL_ERROR, "Unable to find any usable hugetlbfs mount for 4 KiB",
		  "hugepages" },
		{ VIR_ERR_OPERATION_FAILED, "image magic is incorrect", "msrs" },
		{ VIR_ERR_SYSTEM_ERROR, "cannot write: No space left on device", "disk-room" },
		{ VIR_ERR_AUTH_FAILED, "authentication failed", "libvirt" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = g_strdup(rows[i].text);
		g_autofree char *command = g_strconcat("host_check --only ", rows[i].command, NULL);
		virError e = { .domain = VIR_FROM_QEMU, .code = rows[i].code, .message = text };
		const char *hint = NULL;

		virt_error_class(&e, &hint);
		g_test_message("%s: %s", text, hint);
		g_assert_nonnull(hint);
		g_assert_nonnull(strstr(hint, command));
	}
}

static void errors_have_classes(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(vectors); i++) {
		const struct vector *v = &vectors[i];
		g_autofree char *text = g_strdup(v->text);
		virError e = { .domain = v->domain, .code = v->code, .int1 = v->errnum,
			       .message = text };
		const char *hint;

		g_test_message("%s", v->text ? v->text : "(none)");
		g_assert_cmpint(virt_error_class(&e, &hint), ==, v->class);
	}
}

/* What operators meet most, as libvirt 9 says it: each has a cure. */
static const struct {
	int code;
	const char *text;
	enum vmm_error class;
	const char *cure;
} host_errors[] = {
	{ VIR_ERR_INTERNAL_ERROR, "no supported architecture for os type 'hvm'",
	  VMM_ERROR_INCOMPATIBLE, "modprobe -a kvm" },
	{ VIR_ERR_INVALID_ARG, "could not find capabilities for domaintype=kvm ",
	  VMM_ERROR_INCOMPATIBLE, "modprobe -a kvm" },
	{ VIR_ERR_CONFIG_UNSUPPORTED, "Emulator 'e' does not support virt type 'kvm'",
	  VMM_ERROR_INCOMPATIBLE, "type qemu" },
	{ VIR_ERR_INTERNAL_ERROR, "Could not access KVM kernel module: Permission denied",
	  VMM_ERROR_PERMISSION, "udevadm trigger" },
	{ VIR_ERR_INTERNAL_ERROR, "Could not access KVM kernel module: No such file or "
	  "directory", VMM_ERROR_INCOMPATIBLE, "modprobe -a kvm" },
	{ VIR_ERR_CPU_INCOMPATIBLE, "the CPU is incompatible with host CPU: Host CPU does "
	  "not provide required features: ssbd", VMM_ERROR_INCOMPATIBLE, "MODELS" },
	{ VIR_ERR_OPERATION_FAILED, "operation failed: guest CPU doesn't match "
	  "specification: missing features: avx512f", VMM_ERROR_INCOMPATIBLE, "FEATURES" },
	{ VIR_ERR_CONFIG_UNSUPPORTED, "unsupported configuration: SEV launch security is "
	  "not supported with this QEMU binary", VMM_ERROR_INCOMPATIBLE, "firmware" },
	{ VIR_ERR_CONFIG_UNSUPPORTED, "CPU mode 'host-passthrough' for x86_64 qemu domain "
	  "on x86_64 host is not supported by hypervisor", VMM_ERROR_INCOMPATIBLE,
	  "maximum" },
	{ VIR_ERR_CONFIG_UNSUPPORTED, "Emulator 'e' does not support arch 'aarch64'",
	  VMM_ERROR_INCOMPATIBLE, "EMULATOR" },
	{ VIR_ERR_CONFIG_UNSUPPORTED, "vhost-net was requested for an interface, but is "
	  "unavailable", VMM_ERROR_INCOMPATIBLE, "modprobe vhost_net" },
	{ VIR_ERR_CONFIG_UNSUPPORTED, "unknown CPU feature: PCID", VMM_ERROR_INCOMPATIBLE,
	  "domcapabilities" },
	{ VIR_ERR_NO_SECRET, "no secret with matching uuid 'u'", VMM_ERROR_NOT_FOUND,
	  "TPM/SECRET" },
	{ VIR_ERR_SYSTEM_ERROR, "Cannot get interface MTU on 'br9': No such device",
	  VMM_ERROR_NOT_FOUND, "NIC/BRIDGE" },
	{ VIR_ERR_INTERNAL_ERROR, "Failed to bind socket: Cannot assign requested address",
	  VMM_ERROR_INPUT, "GRAPHICS/LISTEN" },
	{ VIR_ERR_INTERNAL_ERROR, "could not read keymap file: 'x'", VMM_ERROR_INPUT,
	  "GRAPHICS/KEYMAP" },
	{ VIR_ERR_INTERNAL_ERROR, "referenced filter 'f' is missing", VMM_ERROR_NOT_FOUND,
	  "NIC/FILTER" },
	{ VIR_ERR_MIGRATE_UNSAFE, "Unsafe migration: Migration may lead to data "
	  "corruption if disks use cache other than none or directsync",
	  VMM_ERROR_REFUSED, "MIGRATE_OPTIONS=--unsafe" },
	{ VIR_ERR_OPERATION_FAILED, "operation failed: Unable to find any firmware to "
	  "satisfy 'efi'", VMM_ERROR_INCOMPATIBLE, "ovmf" },
	{ VIR_ERR_INTERNAL_ERROR, "QEMU unexpectedly closed the monitor: -blockdev: error "
	  "opening pool one: No such file or directory", VMM_ERROR_NOT_FOUND,
	  "host_check --only storage" },
	{ VIR_ERR_INTERNAL_ERROR, "QEMU unexpectedly closed the monitor: -blockdev: error "
	  "reading header from one-7: No such file or directory", VMM_ERROR_NOT_FOUND,
	  "rbd:POOL" },
	{ VIR_ERR_CONFIG_UNSUPPORTED, "unsupported configuration: Emulator 'e' does not "
	  "support machine type 'pc-q35-99.0'", VMM_ERROR_INCOMPATIBLE, "OS/MACHINE" },
	{ VIR_ERR_NO_SUPPORT, "Unable to find 'swtpm' binary in $PATH: No such file or "
	  "directory", VMM_ERROR_INCOMPATIBLE, "swtpm-tools" },
	{ VIR_ERR_CONFIG_UNSUPPORTED, "CPU mode 'host-model' for aarch64 kvm domain on "
	  "aarch64 host is not supported by hypervisor", VMM_ERROR_INCOMPATIBLE,
	  "on ARM with KVM use host-passthrough" },
	{ VIR_ERR_OPERATION_FAILED, "operation failed: image magic is incorrect",
	  VMM_ERROR_INPUT, "no complete checkpoint" },
};

static void errors_of_hosts_have_class_and_cure(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(host_errors); i++) {
		g_autofree char *text = g_strdup(host_errors[i].text);
		virError e = { .domain = VIR_FROM_QEMU, .code = host_errors[i].code,
			       .message = text };
		const char *hint;

		g_test_message("%s", host_errors[i].text);
		g_assert_cmpint(virt_error_class(&e, &hint), ==, host_errors[i].class);
		g_assert_nonnull(hint);
		g_assert_nonnull(strstr(hint, host_errors[i].cure));
	}
}

static void of_qemu_its_own_words_are_kept(void)
{
	static const struct {
		const char *text, *kept;
	} texts[] = {
		{ "internal error: process exited while connecting to monitor: "
		  "2026-01-01T00:00:00.0Z qemu-system-x86_64: -blockdev {}: Failed to get "
		  "\"write\" lock\nIs another process using the image [/i]?\n",
		  "-blockdev {}: Failed to get \"write\" lock Is another process using the image "
		  "[/i]?" },
		{ "Emulator '/usr/bin/qemu-system-x86_64' does not support virt type 'kvm'",
		  "Emulator '/usr/bin/qemu-system-x86_64' does not support virt type 'kvm'" },
		{ "plain", "plain" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autofree char *message = g_strdup(texts[i].text);
		virError e = { .message = message };
		g_autofree char *text = virt_error_text(&e);

		g_assert_cmpstr(text, ==, texts[i].kept);
	}
}

struct slow {
	unsigned us;
	gint *freed;
};

static bool slow(void *data, GError **error)
{
	struct slow *s = data;

	g_usleep(s->us);
	return s->us || vmm_fail(error, VMM_ERROR_BUSY, "no");
}

static void slow_free(void *data)
{
	struct slow *s = data;

	g_atomic_int_inc(s->freed);
	g_free(s);
}

static void a_late_call_is_left_behind(void)
{
	static gint freed;
	struct slow *s = g_new(struct slow, 1);
	g_autoptr(GError) error = NULL;

	*s = (struct slow){ 1, &freed };
	g_assert_cmpint(virt_call(slow, s, slow_free, 20000, &error), ==, VIRT_CALL_OK);
	s->us = 0;
	g_assert_cmpint(virt_call(slow, s, slow_free, 20000, &error), ==, VIRT_CALL_FAILED);
	g_assert_error(error, VMM_ERROR, VMM_ERROR_BUSY);
	g_assert_false(virt_call_any_abandoned());
	s->us = G_USEC_PER_SEC;
	g_assert_cmpint(virt_call(slow, s, slow_free, 10, NULL), ==, VIRT_CALL_TIMED_OUT);
	g_assert_true(virt_call_any_abandoned());
	for (int i = 0; i < 2000 && virt_call_any_abandoned(); i++)
		g_usleep(10000);
	g_assert_false(virt_call_any_abandoned());
	g_assert_cmpint(g_atomic_int_get(&freed), ==, 1);
}

static void migration_options_are_those_of_virsh(void)
{
	static const struct {
		const char *options;
		unsigned flags;
		const char *param, *value;
		unsigned overtime_s;
	} good[] = {
		{ "", 0, NULL, NULL, 0 },
		{ "  ", 0, NULL, NULL, 0 },
		{ "--unsafe", VIR_MIGRATE_UNSAFE, NULL, NULL, 0 },
		{ "--p2p --tunnelled", VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_TUNNELLED, NULL, NULL,
		  0 },
		{ "--bandwidth 100 --live", 0, "bandwidth", "100", 0 },
		{ "--bandwidth=7", 0, "bandwidth", "7", 0 },
		{ "--migrateuri 'tcp://a b'", 0, "migrate_uri", "tcp://a b", 0 },
		{ "--comp-methods xbzrle,mt --compressed", VIR_MIGRATE_COMPRESSED, "compression",
		  "xbzrle", 0 },
		{ "--auto-converge --auto-converge-initial 30", VIR_MIGRATE_AUTO_CONVERGE,
		  "auto_converge.initial", "30", 0 },
		{ "--timeout 9 --timeout-postcopy", VIR_MIGRATE_POSTCOPY, NULL, NULL, 9 },
		{ "--timeout 9 --timeout-suspend --verbose", 0, NULL, NULL, 9 },
	};
	static const struct {
		const char *options, *part;
	} bad[] = {
		{ "--unsave", "'--unsave' is not an option" },
		{ "unsafe", "'unsafe' is not an option" },
		{ "--bandwidth", "'--bandwidth' wants a value" },
		{ "--bandwidth many", "'--bandwidth' wants a number" },
		{ "--live=yes", "'--live' takes no value" },
		{ "--offline", "'--offline' is not possible for a running KVM guest" },
		{ "--timeout-postcopy", "wants --timeout" },
		{ "--dname 'open", "MIGRATE_OPTIONS: " },
		{ "--xml /nowhere/x", "/nowhere/x" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		g_autoptr(MigrateOptions) m = migrate_options_new();
		g_autoptr(GError) error = NULL;
		virTypedParameter *p;

		g_test_message("%s", good[i].options);
		migrate_options_parse(m, good[i].options, &error);
		g_assert_no_error(error);
		g_assert_cmpuint(m->flags, ==, VIR_MIGRATE_LIVE | good[i].flags);
		g_assert_cmpuint(m->overtime_s, ==, good[i].overtime_s);
		p = good[i].param ? virTypedParamsGet(m->params, m->n_params, good[i].param) : NULL;
		g_assert_true(!good[i].param == !p);
		if (p) {
			g_autofree char *text = p->type == VIR_TYPED_PARAM_STRING ?
				g_strdup(p->value.s) : p->type == VIR_TYPED_PARAM_INT ?
				g_strdup_printf("%d", p->value.i) :
				g_strdup_printf("%llu", p->value.ul);

			g_assert_cmpstr(text, ==, good[i].value);
		}
	}
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(MigrateOptions) m = migrate_options_new();
		g_autoptr(GError) error = NULL;

		g_test_message("%s", bad[i].options);
		g_assert_false(migrate_options_parse(m, bad[i].options, &error));
		g_assert_nonnull(strstr(error->message, bad[i].part));
	}
}

static void a_vm_may_ask_to_converge(void)
{
	g_autoptr(MigrateOptions) m = migrate_options_new();
	g_autoptr(GError) error = NULL;
	int n = 0;

	g_assert_true(migrate_options_converge(m, "20,10", &error));
	g_assert_true(m->flags & VIR_MIGRATE_AUTO_CONVERGE);
	g_assert_cmpint(virTypedParamsGetInt(m->params, m->n_params, "auto_converge.increment", &n),
			==, 1);
	g_assert_cmpint(n, ==, 10);
	g_assert_false(migrate_options_converge(m, "20,10,5", NULL));
	g_assert_false(migrate_options_converge(m, "a lot", &error));
	g_assert_error(error, VMM_ERROR, VMM_ERROR_INPUT);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/virt/migration-options-are-those-of-virsh",
			migration_options_are_those_of_virsh);
	g_test_add_func("/virt/a-vm-may-ask-to-converge", a_vm_may_ask_to_converge);
	g_test_add_func("/virt/errors-of-kvm-lead-to-host-check",
			errors_of_kvm_lead_to_host_check);
	g_test_add_func("/virt/errors-have-classes", errors_have_classes);
	g_test_add_func("/virt/silence-of-an-agent-is-not-its-no",
			silence_of_an_agent_is_not_its_no);
	g_test_add_func("/virt/what-a-check-explains-names-it", what_a_check_explains_names_it);
	g_test_add_func("/virt/errors-of-hosts-have-class-and-cure",
			errors_of_hosts_have_class_and_cure);
	g_test_add_func("/virt/of-qemu-its-own-words-are-kept", of_qemu_its_own_words_are_kept);
	g_test_add_func("/virt/a-late-call-is-left-behind", a_late_call_is_left_behind);
	return g_test_run();
}
