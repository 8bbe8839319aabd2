/* SPDX-License-Identifier: Apache-2.0 */
/* check - the rules for what no tree of files can answer: ioctls, versions, libvirt's silence. */
#include <errno.h>

#include "check/check_report.h"

/* An Intel host without a fault. */
static HostFacts fit(void)
{
	return (HostFacts){
		.is_root = true, .arch = "x86_64", .vendor = "GenuineIntel", .flag = "vmx",
		.kvm = true, .kvm_vendors = "kvm_intel", .kvm_registered = FACT_YES,
		.vhost_device = true, .auto_modules = "kvm_intel", .modules_there = true,
		.nested = "Y", .qemu_user = "qemu", .qemu_user_there = true,
		.programs = "qemu-img qemu-kvm-one libvirtd", .has_emulator = true,
		.cgroup_version = 2,
		.controllers = "cpu memory", .os = "debian",
		.kvm_device = { .there = true, .is_device = true, .mode = 0660,
				.group = "kvm", .allowed = FACT_YES, .tried = true,
				.api_version = 12 },
		.libvirt = { .state = LIBVIRT_ANSWERED, .version = 10000000, .qemu = 8002002,
			     .has_capabilities = true, .hvm = true, .hvm_type = true,
			     .has_domain = true, .models = "EPYC Haswell", .unusable = "Icelake",
			     .blockers = "Icelake:hle,rtm" },
	};
}

static const struct check_wish kvm_wish = { .type = "kvm" };

/* The result of check ID, as "VERDICT found (hint)" with the commands, one a line. */
static char *look(const HostFacts *f, const struct check_wish *wish, const char *id)
{
	g_autoptr(GPtrArray) results = check_host(f, wish);

	for (guint i = 0; i < results->len; i++) {
		const struct check_result *r = results->pdata[i];
		g_autofree char *commands = g_strjoinv("\n", r->commands);

		if (g_str_equal(r->id, id))
			return g_strdup_printf("%s %s (%s)\n%s", check_verdict_word(r->verdict),
					       r->found, r->hint ? r->hint : "", commands);
	}

	return g_strdup("none");
}

/* The check ID of F says WORDS. */
static void says(const HostFacts *f, const char *id, const char *words)
{
	g_autofree char *text = look(f, &kvm_wish, id);

	if (!strstr(text, words))
		g_error("%s: '%s' is not in: %s", id, words, text);
}

static void expect_status(const HostFacts *f, int status)
{
	g_autoptr(GPtrArray) results = check_host(f, &kvm_wish);

	g_assert_cmpint(check_exit_status(results), ==, status);
}

static void a_fit_host_has_status_0(void)
{
	HostFacts f = fit();

	expect_status(&f, 0);
	says(&f, "kvm-device", "ok /dev/kvm makes a VM for qemu");
}

static void another_hypervisor_is_named(void)
{
	HostFacts f = fit();

	f.kvm_device.create_errno = EBUSY;
	says(&f, "kvm-device", "fail another hypervisor uses");
	f.kvm_device.create_errno = EIO;
	says(&f, "kvm-device", "fail the processor's extensions cannot be switched on");
	says(&f, "kvm-device", "vboxdrv");
	f.rivals = "vmmon";
	says(&f, "kvm-device", "modprobe -r vmmon");
	expect_status(&f, 1);
	f.kvm_device.create_errno = ENOMEM;
	says(&f, "kvm-device", "fail /dev/kvm makes no VM: Cannot allocate memory");
}

static void each_error_of_opening_has_its_cure(void)
{
	HostFacts f = fit();

	f.kvm_device.open_errno = EACCES;
	f.kvm_device.allowed = FACT_NO;
	says(&f, "kvm-device", "usermod -aG kvm qemu");
	f.kvm_device.group = "root";
	says(&f, "kvm-device", "udevadm trigger");
	f.kvm_device.open_errno = ENODEV;
	f.kvm_device.allowed = FACT_YES;
	says(&f, "kvm-device", "modprobe -a kvm kvm-intel");
	f.kvm_device.open_errno = EPERM;
	says(&f, "kvm-device", "a container or a cgroup");
	f.kvm_device.open_errno = EIO;
	says(&f, "kvm-device", "cannot be opened: Input/output error");
}

static void a_session_older_than_the_group_is_no_fault_of_the_host(void)
{
	HostFacts f = fit();

	f.is_root = false;
	f.kvm_device.open_errno = EACCES;
	says(&f, "kvm-device", "warn qemu may use /dev/kvm, but this session of it may not yet");
	says(&f, "kvm-device", "log in again");
	expect_status(&f, 0);
}

static void another_interface_of_the_kernel_is_refused(void)
{
	HostFacts f = fit();

	f.kvm_device.api_version = 11;
	says(&f, "kvm-device", "fail /dev/kvm has the interface 11");
}

static void what_could_not_be_tried_is_unknown(void)
{
	HostFacts f = fit();

	f.is_root = false;
	f.kvm_device.tried = false;
	f.kvm_device.allowed = FACT_UNKNOWN;
	says(&f, "kvm-device", "unknown could not open /dev/kvm as qemu (run it as root)");
	expect_status(&f, 3);
	f.kvm_device.allowed = FACT_YES;
	says(&f, "kvm-device", "ok qemu may use /dev/kvm (not opened)");
	f.kvm_device.allowed = FACT_UNKNOWN;
	f.qemu_user = NULL;
	says(&f, "kvm-device", "apt-get install libvirt-daemon-system");
}

static void kvm_that_works_needs_no_flag(void)
{
	HostFacts f = fit();

	f.flag = NULL;
	f.kvm_vendors = "kvm_pvm";
	says(&f, "cpu-virt", "info /proc/cpuinfo has neither vmx nor svm, and kvm_pvm gives");
	says(&f, "kvm-vendor", "info kvm_pvm gives KVM here");
	expect_status(&f, 0);
	f.kvm_device.open_errno = ENODEV;
	f.kvm_registered = FACT_NO;
	says(&f, "cpu-virt", "fail ");
}

static void a_partition_in_which_kvm_works_is_fit(void)
{
	HostFacts f = fit();

	f.arch = "ppc64le";
	f.vendor = f.flag = NULL;
	f.platform = "pSeries";
	f.kvm_vendors = f.boot_modules = "kvm_hv";
	says(&f, "cpu-virt", "info the platform is pSeries");
	expect_status(&f, 0);
	f.kvm_device.create_errno = EINVAL;
	says(&f, "cpu-virt", "fail the platform is pSeries, not PowerNV");
}

static void versions_are_compared_with_the_least(void)
{
	HostFacts f = fit();

	says(&f, "libvirt", "ok libvirt is 10.0.0");
	says(&f, "qemu", "ok QEMU is 8.2.2");
	f.libvirt.version = 9999999;
	f.libvirt.qemu = 8002001;
	says(&f, "libvirt", "warn libvirt is 9.999.999");
	says(&f, "qemu", "warn QEMU is 8.2.1");
	f.libvirt.version = 7999999;
	f.libvirt.qemu = 6001999;
	says(&f, "libvirt", "fail libvirt is 7.999.999, and must be at least 8.0.0");
	says(&f, "qemu", "fail QEMU is 6.1.999, and must be at least 6.2.0");
}

static void each_silence_of_libvirt_is_told_apart(void)
{
	HostFacts f = fit();

	f.libvirt = (struct libvirt_fact){ .state = LIBVIRT_NOT_RUNNING, .error = "refused" };
	says(&f, "libvirt", "fail libvirt cannot be reached, and its daemon is no service");
	says(&f, "libvirt", "apt-get install libvirt-daemon-system");
	f.libvirt.has_service = true;
	says(&f, "libvirt", "fail libvirt cannot be reached: refused");
	says(&f, "libvirt", "systemctl start libvirtd");
	says(&f, "guest-arch", "none");
	f.programs = "qemu-img qemu-kvm-one virtqemud";
	f.libvirt.is_modular = true;
	says(&f, "libvirt", "systemctl start virtqemud");
	f.programs = "qemu-img qemu-kvm-one";
	says(&f, "libvirt", "fail libvirt's daemon is not installed");
	f.libvirt.state = LIBVIRT_NOT_INSTALLED;
	says(&f, "libvirt", "fail libvirt is not installed");
	expect_status(&f, 1);
	f.libvirt.state = LIBVIRT_DENIED;
	says(&f, "libvirt", "usermod -aG libvirt oneadmin");
	f.libvirt.socket_group = "vmadmins";
	says(&f, "libvirt", "usermod -aG vmadmins oneadmin");
	expect_status(&f, 3);
	f.libvirt.state = LIBVIRT_SILENT;
	says(&f, "libvirt", "unknown libvirt does not answer");
	expect_status(&f, 3);
}

static void oneadmin_must_be_let_in_where_root_is(void)
{
	HostFacts f = fit();

	f.libvirt.oneadmin_error = "Permission denied";
	says(&f, "libvirt", "fail libvirt does not let oneadmin in: Permission denied");
	says(&f, "libvirt", "usermod -aG libvirt oneadmin");
	expect_status(&f, 1);
}

static void libvirt_that_looked_too_early_is_restarted(void)
{
	HostFacts f = fit();

	f.libvirt.hvm_type = false;
	says(&f, "guest-arch", "it looked before the module was loaded");
	f.kvm_device = (struct device_fact){ 0 };
	f.kvm_registered = FACT_NO;
	f.kvm_vendors = NULL;
	says(&f, "guest-arch", "info libvirt has no kvm guests for x86_64 (because of kvm-vendor)");
}

static void models_of_the_configuration_must_be_usable(void)
{
	HostFacts f = fit();
	const struct check_wish qemu_wish = { .type = "qemu" };
	g_autofree char *text = NULL;

	says(&f, "cpu-models", "ok kvmrc names no CPU_MODELS");
	f.cpu_models = "haswell, EPYC";
	says(&f, "cpu-models", "ok ");
	f.cpu_models = "EPYC,Icelake";
	says(&f, "cpu-models", "fail CPU_MODELS of kvmrc has a model that this host cannot run: "
	     "Icelake (it lacks hle,rtm)");
	text = look(&f, &qemu_wish, "cpu-models");
	g_assert_true(g_str_has_prefix(text, "ok "));
	f.cpu_models = "EPYC";
	f.libvirt.incompatible = "EPYC: lacks pcid";
	says(&f, "cpu-models", "fail this host cannot run CPU_MODELS with CPU_FEATURES of kvmrc: "
	     "EPYC: lacks pcid");
	f.cpu_models = "Nonesuch";
	says(&f, "cpu-models", "does not know: Nonesuch (it knows EPYC Haswell)");
}

static void storage_that_fails_is_worse_than_one_not_asked(void)
{
	HostFacts f = fit();

	f.storages = 2;
	f.storage[0] = (struct storage_fact){ .what = "lvm:a", .works = FACT_YES,
					      .text = "is there" };
	f.storage[1] = (struct storage_fact){ .what = "rbd:b", .works = FACT_UNKNOWN,
					      .text = "sudo: a password" };
	says(&f, "storage", "unknown could not tell: rbd:b sudo: a password");
	f.storage[0].works = FACT_NO;
	f.storage[0].text = "not found";
	says(&f, "storage", "fail lvm:a not found; rbd:b");
	says(&f, "storage", "vgs; pvs");
	f.storage[0].package = "lvm2";
	says(&f, "storage", "apt-get install lvm2");
	f.storage[0] = (struct storage_fact){ .what = "rbd:one:libvirt", .text = "no keyring" };
	f.storage[0].works = FACT_NO;
	says(&f, "storage", "rbd ls --pool one --id libvirt");
	f.storages = 1;
	f.storage[0] = (struct storage_fact){ .what = "lvm:a", .works = FACT_YES, .is_full = true,
					      .text = "has 0.0 GiB free" };
	says(&f, "storage", "warn no room for a new volume: lvm:a has 0.0 GiB free");
	f.storages = 0;
	says(&f, "storage", "none");
}

static void room_and_peers_are_judged(void)
{
	HostFacts f = fit();

	f.rooms = 1;
	f.room[0] = (struct room_fact){ .path = "/var/lib/one", .free_mib = 50000,
					.free_percent = 50 };
	says(&f, "disk-room", "ok room: /var/lib/one 48.8 GiB (50 %)");
	f.room[0].free_percent = 4;
	says(&f, "disk-room", "warn little room");
	f.room[0].free_mib = 10;
	says(&f, "disk-room", "fail no room");
	f.room[0].has_no_inodes = true;
	says(&f, "disk-room", "fail nothing can be written: /var/lib/one 0.0 GiB (4 %) without");
	f.room[0] = (struct room_fact){ .path = "/var/lib/one/datastores/1", .free_mib = 50000,
					.free_percent = 50, .is_read_only = true };
	says(&f, "disk-room", "warn a datastore is read-only");
	f.room[0].path = "/var/lib/one";
	says(&f, "disk-room", "fail nothing can be written: /var/lib/one 48.8 GiB (50 %) read");
	f.room[0].is_mute = true;
	says(&f, "disk-room", "fail a file system does not answer: /var/lib/one is silent");
	f.peers = 1;
	f.peer[0] = (struct peer_fact){ .host = "b" };
	says(&f, "peer", "ok ");
	f.peer[0].libvirt_error = "no socket";
	f.peer[0].uri = "qemu+tcp://b/system";
	says(&f, "peer", "virsh -c qemu+tcp://b/system uri");
	says(&f, "peer", "fail no libvirt of b: no socket");
	f.peer[0].ssh_error = "refused";
	says(&f, "peer", "ssh -v b true");
}

static void a_tpm_that_does_not_answer_is_no_tpm(void)
{
	HostFacts f = fit();

	f.tpm_version = "2";
	f.tpm_device = true;
	f.tpm_answers = FACT_NO;
	says(&f, "tpm", "info the host's TPM 2 does not answer");
	f.tpm_answers = FACT_YES;
	says(&f, "tpm", "ok the host's TPM 2 answers");
}

static void what_is_required_must_be_ok(void)
{
	HostFacts f = fit();
	const char *ids[] = { "nested", "vhost-net", NULL };
	const struct check_wish wish = { .type = "kvm", .require = ids };
	g_autofree char *nested = NULL, *vhost = NULL;

	f.nested = "N";
	f.vhost_device = false;
	nested = look(&f, &wish, "nested");
	vhost = look(&f, &wish, "vhost-net");
	g_assert_true(g_str_has_prefix(nested, "fail "));
	g_assert_true(g_str_has_prefix(vhost, "fail "));
	says(&f, "nested", "info ");
	says(&f, "vhost-net", "warn ");
}

static void slots_of_encrypted_memory_are_counted(void)
{
	HostFacts f = fit();

	f.vendor = "AuthenticAMD";
	f.kvm_vendors = f.auto_modules = "kvm_amd";
	f.sev = f.sev_es = "Y";
	f.sev_device = true;
	f.encrypted_limit = -1;
	f.firmware_features = "amd-sev amd-sev-es";
	f.libvirt.sev = FACT_YES;
	f.libvirt.sev_guests = "2";
	f.libvirt.sev_es_guests = "3";
	f.libvirt.sev_used = 1;
	f.libvirt.sev_es_used = 3;
	says(&f, "sev", "ok SEV: 1 of 2 guests");
	says(&f, "sev-es", "info no slot for SEV-ES is free: 3 of 3");
	f.encrypted_limit = 0;
	says(&f, "sev", "info no SEV: NUM_MEMORY_ENCRYPTED_GUESTS of kvmrc is 0");
}

#define TEST(name) g_test_add_func("/check/" #name, name)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	TEST(a_fit_host_has_status_0);
	TEST(another_hypervisor_is_named);
	TEST(each_error_of_opening_has_its_cure);
	TEST(a_session_older_than_the_group_is_no_fault_of_the_host);
	TEST(another_interface_of_the_kernel_is_refused);
	TEST(what_could_not_be_tried_is_unknown);
	TEST(kvm_that_works_needs_no_flag);
	TEST(a_partition_in_which_kvm_works_is_fit);
	TEST(versions_are_compared_with_the_least);
	TEST(each_silence_of_libvirt_is_told_apart);
	TEST(oneadmin_must_be_let_in_where_root_is);
	TEST(libvirt_that_looked_too_early_is_restarted);
	TEST(models_of_the_configuration_must_be_usable);
	TEST(storage_that_fails_is_worse_than_one_not_asked);
	TEST(room_and_peers_are_judged);
	TEST(a_tpm_that_does_not_answer_is_no_tpm);
	TEST(what_is_required_must_be_ok);
	TEST(slots_of_encrypted_memory_are_counted);

	return g_test_run();
}
