/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/cfg.h"
#include "conf/kvmrc.h"

#include <libconfig.h>

static char *dir;

static char *file(const char *text)
{
	char *path = g_build_filename(dir, "conf", NULL);

	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	return path;
}

static char *shipped(const char *name)
{
	return g_build_filename(g_getenv("TOP") ? g_getenv("TOP") : ".", "etc", name, NULL);
}

static void the_shipped_cfg_holds_each_key_with_its_default(void)
{
	g_autofree char *path = shipped("vmm_exec/vmm_exec.cfg");
	g_autoptr(GError) error = NULL;
	g_autoptr(ConfCfg) ours = conf_cfg_load("/no/such", NULL);
	g_autoptr(ConfCfg) theirs = conf_cfg_load(path, &error);	/* no unknown key */
	const char *key;
	config_t c;

	g_assert_no_error(error);
	g_assert_nonnull(theirs);
	config_init(&c);
	g_assert_true(config_read_file(&c, path));
	for (size_t i = 0; (key = conf_cfg_key(i)); i++) {
		config_setting_t *s = config_lookup(&c, key);

		g_test_message("%s", key);
		g_assert_nonnull(s);
		switch (config_setting_type(s)) {
		case CONFIG_TYPE_STRING:
			g_assert_cmpstr(conf_cfg_string(ours, key), ==,
					conf_cfg_string(theirs, key));
			break;
		case CONFIG_TYPE_BOOL:
			g_assert_true(conf_cfg_bool(ours, key) == conf_cfg_bool(theirs, key));
			break;
		default:
			g_assert_cmpint(conf_cfg_int(ours, key), ==, conf_cfg_int(theirs, key));
		}
	}
	config_destroy(&c);
}

static void cfg_faults_are_shown_with_their_place(void)
{
	static const struct {
		const char *text, *message;
	} faults[] = {
		{ "ssh: {\n conect_timeout_s = 3;\n};", "conf:2: unknown key ssh.conect_timeout_s "
		  "(nearest: ssh.connect_timeout_s)" },
		{ "shh = 3;", "conf:1: unknown key shh" },
		{ "log = 3;", "conf:1: unknown key log (nearest: log." },
		{ "ssh: { sessions = \"8\"; };", "conf:1: ssh.sessions must be a whole number" },
		{ "ssh: { multiplex = 1; };", "conf:1: ssh.multiplex must be true or false" },
		{ "log: { level = 1; };", "conf:1: log.level must be a \"string\"" },
		{ "\n\nssh: { sessions = 0; };", "conf:3: ssh.sessions is 0, not from 1 to 1000" },
		{ "ssh: {\n sessions = 4294967297; };", "conf:2: 4294967297 does not fit into 32 "
		  "bits: a larger number has an L behind it" },
		{ "/* 1\n\"*/ ssh: { sessions = -4294967295; };", "conf:2: -4294967295 does not "
		  "fit into 32 bits" },
		{ "ssh: { sessions = 0x100000001; };", "conf:1: 0x100000001 does not fit" },
		{ "ssh: { sessions = +4294967297; };", "conf:1: +4294967297 does not fit" },
		{ "ssh: { sessions = 18446744073709551617L; };", "conf:1: 18446744073709551617L "
		  "does not fit into 64 bits" },
		{ "ssh: { sessions = 0xFFFFFFFFFFFFFFFFL; };", "does not fit into 64 bits" },
		{ "ssh: { sessions = 4294967297L; };", "ssh.sessions is 4294967297, not from 1 to "
		  "1000" },
		{ "ssh: { sessions = -4294967295L; };", "ssh.sessions is -4294967295, not from" },
		{ "ssh: { sessions = 8.0; };", "conf:1: ssh.sessions must be a whole number" },
		{ "ssh: { sessions = 1e99; };", "conf:1: " },
		{ "ssh: { sessions = };", "conf:1:19: syntax error at '}'" },
		{ "\n# x\nssh: { sessions = 3; = };", "conf:3:22: syntax error at '='" },
		{ "log: { level = \"a b\" \"c\" 3 };", "conf:1:26: syntax error at '3'" },
		{ "log: {\n level = \"info\" // x", "conf:2:17: syntax error at the end" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
		g_autofree char *path = file(faults[i].text);
		g_autoptr(GError) error = NULL;
		g_autoptr(ConfCfg) cfg = conf_cfg_load(path, &error);

		g_assert_null(cfg);
		g_assert_error(error, VMM_ERROR, VMM_ERROR_CONFIG);
		g_test_message("%s", error->message);
		g_assert_nonnull(strstr(error->message, faults[i].message));
	}
}

static void cfg_faults_of_an_included_file_name_that(void)
{
	static const char *const faults[][2] = {
		{ "\n\nsessions = 0;\n", ":3: ssh.sessions is 0, not from 1 to 1000" },
		{ "\nsesions = 1;\n", ":2: unknown key ssh.sesions" },
		{ "\nsessions = 4294967297;\n", ":2: 4294967297 does not fit" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
		g_autofree char *inner = g_build_filename(dir, "inner", NULL);
		g_autofree char *text = g_strdup_printf("ssh: {\n@include \"%s\"\n};\n", inner);
		g_autofree char *wanted = g_strconcat(inner, faults[i][1], NULL);
		g_autofree char *path = file(text);
		g_autoptr(GError) error = NULL;
		g_autoptr(ConfCfg) cfg = NULL;

		g_assert_true(g_file_set_contents(inner, faults[i][0], -1, NULL));
		cfg = conf_cfg_load(path, &error);
		g_assert_null(cfg);
		g_test_message("%s", error->message);
		g_assert_true(g_str_has_prefix(error->message, wanted));
	}
}

static void cfg_values_count(void)
{
	g_autofree char *path = file("// 5000000000\n# 5000000000\n/* 5000000000\n5000000000 */"
				     "timeout_s: { deploy = 0; };\nlimits: { line_bytes = "
				     "1073741824L; waiting_bytes = 5000000000L; queue = 0x7f; };\n"
				     "ssh: { command = \"ssh -4\"; multiplex = false; };"
				     "metrics: { file = \"/m\\\"5000000000\"; };");
	g_autoptr(ConfCfg) cfg = conf_cfg_load(path, NULL);

	g_assert_cmpint(conf_cfg_int(cfg, "timeout_s.deploy"), ==, 0);
	g_assert_cmpint(conf_cfg_int(cfg, "timeout_s.cancel"), ==, 300);
	g_assert_cmpint(conf_cfg_int(cfg, "limits.line_bytes"), ==, 1073741824);
	g_assert_cmpint(conf_cfg_int(cfg, "limits.waiting_bytes"), ==, 5000000000);
	g_assert_cmpint(conf_cfg_int(cfg, "limits.queue"), ==, 0x7f);
	g_assert_cmpstr(conf_cfg_string(cfg, "metrics.file"), ==, "/m\"5000000000");
	g_assert_cmpstr(conf_cfg_string(cfg, "ssh.command"), ==, "ssh -4");
	g_assert_false(conf_cfg_bool(cfg, "ssh.multiplex"));
}

static void a_directory_is_no_cfg(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(ConfCfg) cfg = conf_cfg_load("/", &error);

	g_assert_null(cfg);
	g_assert_error(error, VMM_ERROR, VMM_ERROR_CONFIG);
}

static void kvmrc_values_have_types(void)
{
	g_autofree char *path = file("SHUTDOWN_TIMEOUT=12\nFORCE_DESTROY=Yes\nSYNC_TIME=off\n"
				     "VIRSH_RETRIES=0\nCANCEL_NO_ACPI=perhaps\nVIRSH_TRIES=5\n"
				     "DEFAULT_ATTACH_VIRTIO_BLK_QUEUES=auto\nLEGACY=x\n"
				     "DEFAULT_ATTACH_READ_IOPS_SEC=-1\nQEMU_IMG='nice qemu-img'\n");
	g_autoptr(ConfKvmrc) rc = conf_kvmrc_load(path);
	g_auto(GStrv) words = conf_kvmrc_command(rc, "QEMU_IMG", "qemu-img");

	g_assert_cmpint(conf_kvmrc_int(rc, "SHUTDOWN_TIMEOUT"), ==, 12);
	g_assert_true(conf_kvmrc_bool(rc, "FORCE_DESTROY"));
	g_assert_false(conf_kvmrc_bool(rc, "SYNC_TIME"));
	g_assert_false(conf_kvmrc_bool(rc, "CANCEL_NO_ACPI"));
	g_assert_cmpint(conf_kvmrc_int(rc, "VIRSH_RETRIES"), ==, 3);
	g_assert_cmpint(conf_kvmrc_tries(rc), ==, 5);
	g_assert_cmpstr(conf_kvmrc_string(rc, "DEFAULT_ATTACH_VIRTIO_BLK_QUEUES"), ==, "auto");
	g_assert_null(conf_kvmrc_string(rc, "DEFAULT_ATTACH_READ_IOPS_SEC"));
	g_assert_cmpstr(words[0], ==, "nice");
	g_assert_cmpuint(g_strv_length((char **)conf_kvmrc_warnings(rc)), ==, 3);
	g_assert_true(g_str_has_suffix(conf_kvmrc_warnings(rc)[1],
				       "conf: VIRSH_RETRIES: '0' is not a number from 1 to 1000; "
				       "using default 3"));
}

static void without_a_kvmrc_defaults_count(void)
{
	g_autoptr(ConfKvmrc) rc = conf_kvmrc_load("/no/such");

	g_assert_cmpstr(conf_kvmrc_string(rc, "LIBVIRT_URI"), ==, "qemu:///system");
	g_assert_cmpint(conf_kvmrc_int(rc, "SHUTDOWN_TIMEOUT"), ==, 120);
	g_assert_false(conf_kvmrc_bool(rc, "FORCE_DESTROY"));
	g_assert_cmpstr(conf_kvmrc_warnings(rc)[0], ==,
			"cannot read /no/such: No such file or directory; using defaults");
}

static void the_shipped_kvmrc_names_each_parameter_and_is_plain(void)
{
	g_autofree char *path = shipped("vmm/kvm/kvmrc");
	g_autoptr(ConfKvmrc) rc = conf_kvmrc_load(path);
	g_autofree char *text = NULL;
	const char *name;

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_null(conf_kvmrc_warnings(rc)[0]);
	g_assert_cmpint(conf_kvmrc_int(rc, "SHUTDOWN_TIMEOUT"), ==, 180);
	g_assert_true(conf_kvmrc_bool(rc, "FORCE_DESTROY"));
	for (size_t i = 0; (name = conf_kvmrc_name(i)); i++) {
		g_test_message("%s", name);
		g_assert_nonnull(strstr(text, name));
	}
}

int main(int argc, char **argv)
{
	g_autofree char *path = NULL;

	g_test_init(&argc, &argv, NULL);
	g_unsetenv("LIBVIRT_URI");
	dir = g_dir_make_tmp("conf.XXXXXX", NULL);
	g_test_add_func("/cfg/the-shipped-one-holds-each-key-with-its-default",
			the_shipped_cfg_holds_each_key_with_its_default);
	g_test_add_func("/cfg/faults-are-shown-with-their-place",
			cfg_faults_are_shown_with_their_place);
	g_test_add_func("/cfg/faults-of-an-included-file",
			cfg_faults_of_an_included_file_name_that);
	g_test_add_func("/cfg/values-count", cfg_values_count);
	g_test_add_func("/cfg/a-directory-is-none", a_directory_is_no_cfg);
	g_test_add_func("/kvmrc/values-have-types", kvmrc_values_have_types);
	g_test_add_func("/kvmrc/without-one-defaults-count", without_a_kvmrc_defaults_count);
	g_test_add_func("/kvmrc/the-shipped-one-names-each-parameter-and-is-plain",
			the_shipped_kvmrc_names_each_parameter_and_is_plain);
	if (g_test_run())
		return 1;
	path = g_build_filename(dir, "conf", NULL);
	remove(path);
	remove(dir);
	g_free(dir);
	return 0;
}
