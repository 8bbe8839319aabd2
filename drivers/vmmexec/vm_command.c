/* SPDX-License-Identifier: Apache-2.0 */
#include "vm_command.h"

#include <json-c/json.h>
#include <stdio.h>

#include "answer_part.h"
#include "base/file.h"
#include "base/number.h"
#include "base/text.h"
#include "device_command.h"
#include "vm_document.h"
#include "vm_view.h"

enum { MAX_DOCUMENT = 64 << 20, FIRST = 1 };

/* Names alone are for completion: without --detail no guest is asked for what it uses. */
static bool build_list(const struct vm_call *c, ActionOrder *order, GError **error G_GNUC_UNUSED)
{
	if (c->o->names)
		action_order_add_option(order, "--quick");

	return true;
}

/* poll has one answer for all VMs, also for a host without any. */
static bool print_list(const struct vm_call *c, json_object *answer, GError **error)
{
	json_object *vms = vm_call_vms(answer);

	if (!vms)
		return vmm_fail(error, VMM_ERROR_INTERNAL, "poll did not list VMs");
	vm_view_list(vms, c->o->names);

	return true;
}

static bool build_show(const struct vm_call *c, ActionOrder *order, GError **error G_GNUC_UNUSED)
{
	action_order_add_option(order, "--detail");
	action_order_add(order, WORDS(c->deploy_id, "-", vm_call_id(c)));

	return true;
}

/* A VM that ended while it was asked about has no entry. */
static bool print_show(const struct vm_call *c, json_object *answer, GError **error)
{
	json_object *vms = vm_call_vms(answer);

	if (!answer_part_count(vms))
		return vm_call_fail_gone(c, error);
	vm_view_show(json_object_array_get_idx(vms, 0));

	return true;
}

/* The command's own words, so that a script can go on with them. */
static bool print_output(const struct vm_call *c G_GNUC_UNUSED, json_object *answer,
			 GError **error G_GNUC_UNUSED)
{
	const char *text = answer_part_text(answer, "output");

	if (*text)
		puts(text);

	return true;
}

/* shutdown, cancel, reboot, reset */
static bool build_power(const struct vm_call *c, ActionOrder *order, GError **error G_GNUC_UNUSED)
{
	static const struct {
		const char *action, *done;
	} words[] = {
		{ "shutdown", "powered off" }, { "cancel", "ended" },
		{ "reboot", "asked to restart" }, { "reset", "restarted" },
	};

	action_order_add(order, WORDS(c->deploy_id, "-", vm_call_id(c)));
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (g_str_equal(words[i].action, order->action))
			action_order_set_done(order, "%s: %s", c->deploy_id, words[i].done);

	return true;
}

/* The VM of a directory "…/ID/VM_ID"; NULL: it is no such directory. g_free() it. */
static char *vm_of_directory(const char *directory)
{
	g_autofree char *plain = g_canonicalize_filename(directory, "/");
	g_autofree char *vm = g_path_get_basename(plain);
	g_autofree char *store = g_path_get_dirname(plain);
	g_autofree char *store_id = g_path_get_basename(store);

	if (text_is_digits(vm) && text_is_digits(store_id))
		return g_steal_pointer(&vm);

	return NULL;
}

/*
 * Checks that DIRECTORY, given as WHAT ("--directory"), does not belong to another VM than VM_ID.
 */
static bool check_directory(const struct vm_call *c, const char *what, const char *directory,
			    const char *vm_id, GError **error)
{
	g_autofree char *vm = vm_of_directory(directory);
	bool is_own = !vm || g_strcmp0(vm, vm_id) == 0;

	if (is_own || c->o->foreign)
		return true;
	vmm_fail(error, VMM_ERROR_USAGE, "%s: %s is the directory of VM %s, not of VM %s", what,
		 directory, vm, text_or(vm_id, c->deploy_id));
	vmm_error_set_hint(error, "say --foreign if that is meant");

	return false;
}

/* The document goes over on standard input, as the host need not have the file. */
static bool build_deploy(const struct vm_call *c, ActionOrder *order, GError **error)
{
	g_autofree char *directory = NULL, *file = NULL, *vm_id = NULL;
	GString *text;

	if (!c->o->directory)
		return vmm_fail(error, VMM_ERROR_USAGE, "deploy: give --directory, the VM's on its "
				"host");

	directory = vm_call_path(c, "--directory", c->o->directory, error);
	if (!directory)
		return false;
	text = file_read(c->operands[0], MAX_DOCUMENT, error);
	if (!text)
		return false;

	order->input = g_string_free_to_bytes(text);
	vm_id = vm_document_id(order->input, c->operands[0], error);
	if (!vm_id)
		return false;
	if (!check_directory(c, "--directory", directory, vm_id, error))
		return false;

	file = g_build_filename(directory, "deployment.0", NULL);
	action_order_add_option(order, "--vm");
	if (c->o->prepare)
		action_order_add_option(order, "--prepare");
	action_order_add(order, WORDS(file));
	action_order_set_done(order, "deployed");

	return true;
}

/* Where OpenNebula has it. */
static char *checkpoint_of(const struct vm_call *c, GError **error)
{
	json_object *vm = NULL;
	json_object *answer = vm_call_look(c, &vm, error);
	const char *directory;
	char *file = NULL;

	if (!answer)
		return NULL;

	directory = answer_part_text(vm, "directory");
	if (*directory)
		file = g_build_filename(directory, "checkpoint", NULL);
	else
		vmm_fail(error, VMM_ERROR_USAGE, "%s does not say its directory: give a FILE",
			 c->deploy_id);

	json_object_put(answer);

	return file;
}

/* The file is the host's: a relative path would be one of this machine. */
static bool build_save(const struct vm_call *c, ActionOrder *order, GError **error)
{
	g_autofree char *file = g_strdup(c->operands[FIRST]), *directory = NULL;

	if (!file)
		file = checkpoint_of(c, error);
	if (!file)
		return false;
	if (!g_path_is_absolute(file))
		return vmm_fail(error, VMM_ERROR_USAGE, "save: %s is not an absolute path", file);
	directory = g_path_get_dirname(file);
	if (!check_directory(c, "save", directory, c->vm_id, error))
		return false;

	action_order_add(order, WORDS(c->deploy_id, file, "-", vm_call_id(c)));
	action_order_set_done(order, "%s: saved to %s", c->deploy_id, file);

	return true;
}

/* No VM is named: the checkpoint says whose it is. */
static bool build_restore(const struct vm_call *c, ActionOrder *order, GError **error)
{
	const char *file = c->operands[0];

	if (!g_path_is_absolute(file))
		return vmm_fail(error, VMM_ERROR_USAGE, "restore: %s is not an absolute path",
				file);
	action_order_add(order, WORDS(file));
	action_order_set_done(order, "restored from %s", file);

	return true;
}

/* Only for a VM on shared storage: OpenNebula moves VMs with their files. */
static bool build_migrate(const struct vm_call *c, ActionOrder *order,
			  GError **error G_GNUC_UNUSED)
{
	action_order_add(order, WORDS(c->deploy_id, c->operands[FIRST], "-", vm_call_id(c)));
	action_order_set_done(order, "%s: moved to %s", c->deploy_id, c->operands[FIRST]);

	return true;
}

/* One more than the highest of the VM's. */
static bool next_snapshot(const struct vm_call *c, char **ret, GError **error)
{
	json_object *vm = NULL, *names;
	json_object *answer = vm_call_look(c, &vm, error);
	guint64 next = 0, n;

	if (!answer)
		return false;

	names = answer_part_array(vm, "snapshots");
	for (size_t i = 0; i < answer_part_count(names); i++) {
		const char *name = answer_part_element(names, i);

		if (g_str_has_prefix(name, "snap-") &&
		    number_unsigned(name + strlen("snap-"), 0, G_MAXINT32, &n, NULL))
			next = MAX(next, n + 1);
	}

	json_object_put(answer);
	*ret = g_strdup_printf("%" G_GUINT64_FORMAT, next);

	return true;
}

/* OpenNebula numbers snapshots; by hand the next free number is taken. */
static bool build_snapshot(const struct vm_call *c, ActionOrder *order, GError **error)
{
	g_autofree char *id = g_strdup(c->operands[FIRST]);

	if (!id && !next_snapshot(c, &id, error))
		return false;
	action_order_add(order, WORDS(c->deploy_id, id, vm_call_id(c), "-"));
	action_order_set_done(order, "%s: snapshot taken", c->deploy_id);

	return true;
}

/* A number is short for the name that OpenNebula gives. */
static bool build_snapshot_use(const struct vm_call *c, ActionOrder *order,
			       GError **error G_GNUC_UNUSED)
{
	const char *name = c->operands[FIRST];
	g_autofree char *full = NULL;

	if (number_unsigned(name, 0, G_MAXINT32, NULL, NULL))
		name = full = g_strdup_printf("snap-%s", name);
	action_order_add(order, WORDS(c->deploy_id, name, vm_call_id(c), "-"));
	if (g_str_equal(order->action, "snapshot_revert"))
		action_order_set_done(order, "%s: back to %s", c->deploy_id, name);
	else
		action_order_set_done(order, "%s: %s deleted", c->deploy_id, name);

	return true;
}

/* exec finds the guest by OpenNebula's number, which a wild VM has not. */
static bool check_vm_number(const struct vm_call *c, GError **error)
{
	if (c->vm_id)
		return true;

	return vmm_fail(error, VMM_ERROR_USAGE, "%s is not a VM of OpenNebula: give its number, or "
			"one-NUMBER", c->deploy_id);
}

/* Its words go to the guest as they are: each is quoted, and no shell runs them. */
static bool build_exec(const struct vm_call *c, ActionOrder *order, GError **error)
{
	g_autoptr(GString) command = g_string_new(NULL);
	const char *wait = text_or(c->o->wait, "60");

	if (!check_vm_number(c, error))
		return false;
	for (char **w = c->operands + FIRST; *w; w++) {
		g_autofree char *quoted = g_shell_quote(*w);

		text_separate(command, " ");
		g_string_append(command, quoted);
	}

	if (!g_str_equal(wait, "0")) {
		action_order_add_option(order, "--wait");
		action_order_add_option(order, wait);
	}

	action_order_add(order, WORDS(c->vm_id, "-", command->str));

	return true;
}

static bool build_exec_cancel(const struct vm_call *c, ActionOrder *order, GError **error)
{
	if (!check_vm_number(c, error))
		return false;
	action_order_add(order, WORDS(c->vm_id, "-"));
	action_order_set_done(order, "%s: no program of exec runs", c->deploy_id);

	return true;
}

/* clang-format off */
static const struct vm_command commands[] = {
	{ "list", "poll", "", "VMs that run on the host, and what they use", " names ",
	  0, 0, false, true, build_list, print_list },
	{ "show", "poll", "VM", "one VM: state, usage, disks, NICs, snapshots", " ",
	  1, 1, true, true, build_show, print_show },
	{ "deploy", "deploy", "VM.xml", "start the VM of this document in --directory",
	  " directory prepare foreign ", 1, 1, false, false, build_deploy, NULL },
	{ "shutdown", "shutdown", "VM", "ask the guest to power off, and wait", " ",
	  1, 1, true, false, build_power, NULL },
	{ "cancel", "cancel", "VM", "end it at once, like pulling the plug", " ",
	  1, 1, true, false, build_power, NULL },
	{ "reboot", "reboot", "VM", "ask the guest to restart", " ",
	  1, 1, true, false, build_power, NULL },
	{ "reset", "reset", "VM", "restart it like its reset button", " ",
	  1, 1, true, false, build_power, NULL },
	{ "save", "save", "VM [FILE]", "save its memory and end it (DIRECTORY/checkpoint)",
	  " foreign ", 1, 2, true, false, build_save, NULL },
	{ "restore", "restore", "FILE", "resume the VM saved there; consumes the file", " ",
	  1, 1, false, false, build_restore, NULL },
	{ "migrate", "migrate", "VM HOST", "move it to a host with the same storage", " ",
	  2, 2, true, false, build_migrate, NULL },
	{ "snapshot-create", "snapshot_create", "VM [NUMBER]", "snapshot of memory and disks", " ",
	  1, 2, true, false, build_snapshot, NULL },
	{ "snapshot-revert", "snapshot_revert", "VM SNAPSHOT", "back to that snapshot", " ",
	  2, 2, true, false, build_snapshot_use, NULL },
	{ "snapshot-delete", "snapshot_delete", "VM SNAPSHOT", "delete that snapshot", " ",
	  2, 2, true, false, build_snapshot_use, NULL },
	{ "attach-disk", "attach_disk", "VM", "give it one more disk, --file",
	  " file target format cache readonly shareable foreign ",
	  1, 1, true, false, device_command_attach_disk, NULL },
	{ "detach-disk", "detach_disk", "VM TARGET", "take a disk (vdb) from it", " ",
	  2, 2, true, false, device_command_detach_disk, NULL },
	{ "attach-nic", "attach_nic", "VM", "give it one more NIC, on --bridge",
	  " bridge mac model ", 1, 1, true, false, device_command_attach_nic, NULL },
	{ "detach-nic", "detach_nic", "VM MAC", "take a NIC from it", " ",
	  2, 2, true, false, device_command_detach_nic, NULL },
	{ "eject", "prereconfigure", "VM TARGET", "empty its CD-ROM drive (hda)", " ",
	  2, 2, true, false, device_command_eject, NULL },
	{ "insert", "reconfigure", "VM TARGET FILE", "put a medium into that drive", " ",
	  3, 3, true, false, device_command_insert, NULL },
	{ "resize", "resize", "VM", "give it --memory, --vcpus", " memory vcpus ",
	  1, 1, true, false, device_command_resize, NULL },
	{ "update-disk", "update_disk", "VM TARGET", "give a disk the limits of --limit alone",
	  " limit ", 2, 2, true, false, device_command_update_disk, NULL },
	{ "update-nic", "update_nic", "VM MAC", "give a NIC the limits of --limit alone",
	  " limit ", 2, 2, true, false, device_command_update_nic, NULL },
	{ "resize-disk", "resize_disk", "VM TARGET SIZE", "grow a disk to that size",
	  " large ", 3, 3, true, false, device_command_resize_disk, NULL },
	{ "exec", "exec", "VM COMMAND...", "run a program in the guest; print its output", " wait ",
	  2, VM_COMMAND_OF_GUEST, true, false, build_exec, print_output },
	{ "exec-cancel", "exec_cancel", "VM", "kill that program", " ",
	  1, 1, true, false, build_exec_cancel, NULL },
};
/* clang-format on */

/* The names of the actions, with underscores, are taken, too. */
const struct vm_command *vm_command_find(const char *name)
{
	g_autofree char *dashed = g_strdelimit(g_strdup(name), "_", '-');

	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		if (g_str_equal(commands[i].name, dashed))
			return &commands[i];
	return NULL;
}

char *vm_command_help(void)
{
	GString *text = g_string_new("Runs one action on a VM, here or on another host.\n"
				     "\nCommands:\n");

	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
		g_autofree char *call = g_strdup_printf("%s %s", commands[i].name,
							commands[i].usage);

		g_string_append_printf(text, "  %-28s %s\n", call, commands[i].summary);
	}

	g_string_truncate(text, text->len - 1);

	return g_string_free(text, FALSE);
}
