/* SPDX-License-Identifier: Apache-2.0 */
/* What guests' agents are asked for the monitoring, and what their answers become. */
#include <glib/gstdio.h>
#include <string.h>

#include "monitor/guest_gpus.h"
#include "monitor/guest_rules.h"

static GuestRules *rules_of(const char *text, GError **error)
{
	g_autofree char *path = NULL;
	int fd = g_file_open_tmp("guestagent.XXXXXX", &path, NULL);
	GuestRules *rules;

	g_assert_cmpint(fd, >=, 0);
	g_close(fd, NULL);
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	rules = guest_rules_read(path, error);
	g_unlink(path);

	return rules;
}

static void test_rules(void)
{
	g_autoptr(GuestRules) r = rules_of(
		":enabled: true\n:commands:\n"
		"  :vm_qemu_ping: \"one-$vm_id '{\\\"execute\\\":\\\"guest-ping\\\"}' "
		"--timeout 7\"\n"
		"  :vm_windows:\n"
		"    :os_ids: [ mswindows, other ]\n"
		"    :os_machines: []\n"
		"    :command: one-$vm_id '{\"execute\":\"x\",\"id\":\"$vm_id\"}'\n"
		"  :vm_pipe: one-$vm_id '{\"execute\":\"guest-ping\"}' | jq .\n"
		"  :vm_else: one-7 '{\"execute\":\"guest-ping\"}'\n"
		"  :vm_block: one-$vm_id '{\"execute\":\"guest-ping\"}' --block\n"
		"  :vm_none:\n    :os_ids: x\n"
		"  :bad name: one-$vm_id '{\"execute\":\"guest-ping\"}'\n", NULL);
	struct guest_os linux_os, windows, none = { 0 };
	const struct guest_command *ping, *other;
	g_autofree char *text = NULL;

	guest_os_read(&linux_os, "{\"return\":{\"id\":\"debian\"}}");
	guest_os_read(&windows, "{\"return\":{\"id\":\"mswindows\"}}");
	g_assert_nonnull(r);
	g_assert_true(r->enabled);
	g_assert_cmpuint(r->commands->len, ==, 6);
	ping = r->commands->pdata[0];
	g_assert_cmpstr(ping->key, ==, "VM_QEMU_PING");
	g_assert_cmpstr(ping->json, ==, "{\"execute\":\"guest-ping\"}");
	g_assert_cmpuint(ping->limit_s, ==, 7);
	g_assert_true(guest_command_is_for(ping, &none));
	other = r->commands->pdata[1];
	text = guest_command_text(other, 12);
	g_assert_cmpstr(text, ==, "{\"execute\":\"x\",\"id\":\"12\"}");
	g_assert_true(guest_command_is_for(other, &windows));
	g_assert_false(guest_command_is_for(other, &linux_os));
	g_assert_false(guest_command_is_for(other, &none));
	for (guint i = 0; i < r->commands->len; i++) {
		const struct guest_command *c = r->commands->pdata[i];

		g_assert_true((c->fault != NULL) == (i >= 2));
	}

	guest_os_clear(&linux_os);
	guest_os_clear(&windows);
}

static void test_wrong_rules(void)
{
	g_autoptr(GError) switch_error = NULL;
	g_autoptr(GError) yaml_error = NULL;
	g_autoptr(GuestRules) empty = rules_of("", NULL);
	g_autoptr(GuestRules) none = guest_rules_read("/nowhere/guestagent.conf", NULL);
	g_autoptr(GuestRules) flat = rules_of(":commands: x\n:enabled: [ a ]\n", &switch_error);
	g_autoptr(GuestRules) loop = rules_of(":commands: &a\n  :x: *a\n", NULL);

	g_assert_true(empty && !empty->enabled && empty->commands->len == 0);
	g_assert_true(none && !none->enabled && none->commands->len == 0);
	g_assert_null(flat);
	g_assert_true(vmm_is(switch_error, VMM_ERROR_INPUT) ||
		      vmm_is(switch_error, VMM_ERROR_CONFIG));
	g_assert_null(rules_of("a: [\n", &yaml_error));
	g_assert_true(vmm_is(yaml_error, VMM_ERROR_CONFIG));
	g_assert_nonnull(loop);
}

static void test_system(void)
{
	struct guest_os os;

	g_assert_true(guest_os_read(&os, "{\"return\":{\"id\":\"debian\",\"version-id\":\"12\","
				    "\"machine\":\"x86_64\",\"kernel-release\":\"6\"}}"));
	g_assert_cmpstr(os.part[GUEST_OS_ID], ==, "debian");
	g_assert_cmpstr(os.part[GUEST_OS_TYPE], ==, "posix");
	g_assert_cmpstr(os.part[GUEST_OS_VERSION], ==, "12");
	g_assert_cmpstr(os.part[GUEST_OS_MACHINE], ==, "x86_64");
	guest_os_clear(&os);
	g_assert_true(guest_os_read(&os, "{\"return\":{\"id\":\"mswindows\",\"machine\":7}}"));
	g_assert_cmpstr(os.part[GUEST_OS_TYPE], ==, "mswindows");
	g_assert_cmpstr(os.part[GUEST_OS_VERSION], ==, "unknown");
	g_assert_cmpstr(os.part[GUEST_OS_MACHINE], ==, "unknown");
	guest_os_clear(&os);
	g_assert_false(guest_os_read(&os, "{\"return\":[]}"));
	g_assert_false(guest_os_read(&os, "{"));
	g_assert_false(guest_os_read(&os, NULL));
	g_assert_null(os.part[GUEST_OS_ID]);
}

static void test_addresses(void)
{
	g_autofree char *two = guest_addresses(
		"{\"return\":[{\"name\":\"lo\",\"ip-addresses\":[{\"ip-address\":\"10.0.0.9\"}]},"
		"{\"name\":\"eth0\",\"ip-addresses\":[{\"ip-address\":\"10.0.0.1\"},"
		"{\"ip-address\":\"127.0.0.1\"},{\"ip-address\":\"fe80::1\"},{\"ip-address\":7},"
		"{\"ip-address\":\"x\\\",A=\\\"\"}]},{\"name\":\"eth1\"},7]}");

	g_assert_cmpstr(two, ==, "10.0.0.1,fe80::1");
	g_assert_null(guest_addresses("{\"return\":[]}"));
	g_assert_null(guest_addresses("{\"return\":{}}"));
	g_assert_null(guest_addresses("[1]"));
}

static void test_values(void)
{
	static const struct {
		const char *answer, *value;
	} rows[] = {
		{ "{\"return\":{}}", "{}" },
		{ "{\"return\":\"a\\nb\"}", "a b" },
		{ "{\"return\":[1,\"x\",{\"a\":\"b\"}]}", "1, x, {\"a\":\"b\"}" },
		{ "{\"return\":12}", "12" },
		{ "{\"return\":null}", "" },
		{ "{}", "" },
		{ "no JSON", "" },
		{ "[{}]", "" },
	};
	g_autofree char *long_text = g_strnfill(100000, 'x'), *value = NULL;
	g_autofree char *answer = g_strdup_printf("{\"return\":\"%s\"}", long_text);

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *found = guest_value(rows[i].answer);

		g_assert_cmpstr(found, ==, rows[i].value);
	}

	value = guest_value(answer);
	g_assert_cmpuint(strlen(value), <, 5000);
}

/* Lines as nvidia-smi prints them: of passthrough, of a card that lacks figures, of faults. */
static void test_gpus(void)
{
	struct guest_gpus g;

	g_assert_true(guest_gpus_read(&g,
		"GPU-1b724e78-eef5-4163-d43c-e4da15d41176, 40, 12, 71.25, 20000\n"
		"GPU-00000000-eef5-4163-d43c-e4da15d41176, 21, 0, 24.5, 24217\n"));
	g_assert_cmpuint(g.count, ==, 2);
	g_assert_cmpfloat(g.utilization, ==, 30.5);
	g_assert_cmpfloat(g.memory_utilization, ==, 6);
	g_assert_cmpfloat(g.power, ==, 95.75);
	g_assert_cmpfloat(g.memory_free, ==, 44217);
	g_assert_true(guest_gpus_read(&g, "GPU-1, [Not Supported], [N/A], [N/A], 4085\r\n"
				      "GPU-2, 10, [Unknown Error], nan, [N/A]"));
	g_assert_cmpuint(g.count, ==, 2);
	g_assert_cmpfloat(g.utilization, ==, 10);
	g_assert_cmpfloat(g.memory_utilization, <, 0);
	g_assert_cmpfloat(g.power, <, 0);
	g_assert_cmpfloat(g.memory_free, ==, 4085);
	g_assert_false(guest_gpus_read(&g, "No devices were found\n"));
	g_assert_false(guest_gpus_read(&g, ""));
	g_assert_false(guest_gpus_read(&g, ", 1, 2, 3, 4\n1, 2, 3, 4\n1, 2, 3, 4, 5, 6\n"));
	g_assert_cmpuint(g.count, ==, 0);
}

/* What a guest says is its owner's: nothing absurd goes into figures and tables. */
static void test_absurd_gpus(void)
{
	struct guest_gpus g;

	g_assert_true(guest_gpus_read(&g, "GPU-1, 101, 1e9, 1e300, 1e308\n"
				      "GPU-2, 100, 0x10, inf, nan\n"));
	g_assert_cmpuint(g.count, ==, 2);
	g_assert_cmpfloat(g.utilization, ==, 100);
	g_assert_cmpfloat(g.power, <, 0);
	g_assert_cmpfloat(g.memory_free, <, 0);
}

static void test_gpu_fields(void)
{
	g_autoptr(Fields) out = fields_new();
	g_autofree char *text = NULL;
	struct guest_gpus g = { 0 };

	guest_gpus_add(&g, out);
	g_assert_true(guest_gpus_read(&g, "GPU-1, 40, [N/A], 71.254, 20000\n"));
	guest_gpus_add(&g, out);
	text = fields_template(out);
	g_assert_cmpstr(text, ==, "GPU_UTILIZATION=\"40.00\"\nGPU_MEMORY_FREE=\"20000.00\"\n"
			"GPU_POWER_USAGE=\"71.25\"\nGPU_COUNT=\"1\"\n");
	g_assert_true(guest_gpus_among("8086:1572:0200, 10DE:20b5:0302"));
	g_assert_false(guest_gpus_among("8086:10de:0200"));
	g_assert_false(guest_gpus_among(""));
	g_assert_false(guest_gpus_among(NULL));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/guest/what is asked", test_rules);
	g_test_add_func("/guest/rules that are wrong", test_wrong_rules);
	g_test_add_func("/guest/operating systems", test_system);
	g_test_add_func("/guest/addresses", test_addresses);
	g_test_add_func("/guest/values of any kind", test_values);
	g_test_add_func("/guest/what nvidia-smi prints", test_gpus);
	g_test_add_func("/guest/absurd figures of GPUs", test_absurd_gpus);
	g_test_add_func("/guest/figures of GPUs", test_gpu_fields);

	return g_test_run();
}
