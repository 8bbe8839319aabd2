/* SPDX-License-Identifier: Apache-2.0 */
#include "vm_command.h"

#include <json-c/json.h>
#include <stdio.h>

#include "action_call.h"
#include "base/file.h"
#include "base/number.h"
#include "base/text.h"
#include "vm_document.h"
#include "vm_view.h"

enum { MIB = 1 << 20, MAX_DOCUMENT = 64 << 20, FIRST = 1, SECOND, LAST_DISK = 26 };

/* What actions do not need by hand: the host, the VM's number. */
static const char *or_dash(const char *text)
{
	return text_or(text, "-");
}

static void set_done(ActionOrder *order, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void set_done(ActionOrder *order, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	order->done = g_strdup_vprintf(format, ap);
	va_end(ap);
}

static json_object *vms_of(json_object *answer)
{
	json_object *vms = NULL;

	json_object_object_get_ex(answer, "vms", &vms);

	return vms;
}

/* What the host knows of the VM now. The caller puts the answer, to which RET_VM belongs. */
static json_object *look_at(const struct vm_call *c, json_object **ret_vm, GError **error)
{
	g_autoptr(ActionOrder) order = action_order_new("poll");
	struct cli_options quiet = *c->o;
	struct action_answer answer = { 0 };

	quiet.dry_run = FALSE;
	quiet.quiet = TRUE;
	order->reads = true;
	action_order_add_option(order, "--detail");
	action_order_add_option(order, "--quick");
	action_order_add(order, WORDS(c->deploy_id, "-", or_dash(c->vm_id)));
	if (!action_call(c->place, order, &quiet, &answer, error))
		return NULL;

	*ret_vm = json_object_array_get_idx(vms_of(answer.object), 0);
	if (*ret_vm)
		return answer.object;

	json_object_put(answer.object);
	vmm_fail(error, VMM_ERROR_NOT_FOUND, "there is no running VM %s", c->deploy_id);

	return NULL;
}

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
	json_object *vms = vms_of(answer);

	if (!vms)
		return vmm_fail(error, VMM_ERROR_INTERNAL, "poll did not list VMs");
	vm_view_list(vms, c->o->names);

	return true;
}

static bool build_show(const struct vm_call *c, ActionOrder *order, GError **error G_GNUC_UNUSED)
{
	action_order_add_option(order, "--detail");
	action_order_add(order, WORDS(c->deploy_id, "-", or_dash(c->vm_id)));

	return true;
}

/* A VM that ended while it was asked about has no entry. */
static bool print_show(const struct vm_call *c, json_object *answer, GError **error)
{
	json_object *vm = json_object_array_get_idx(vms_of(answer), 0);

	if (!vm)
		return vmm_fail(error, VMM_ERROR_NOT_FOUND, "there is no running VM %s",
				c->deploy_id);
	vm_view_show(vm);

	return true;
}

/* The command's own words, so that a script can go on with them. */
static bool print_output(const struct vm_call *c G_GNUC_UNUSED, json_object *answer,
			 GError **error G_GNUC_UNUSED)
{
	json_object *output = NULL;
	const char *text = "";

	if (json_object_object_get_ex(answer, "output", &output))
		text = json_object_get_string(output);
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

	action_order_add(order, WORDS(c->deploy_id, "-", or_dash(c->vm_id)));
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (g_str_equal(words[i].action, order->action))
			set_done(order, "%s: %s", c->deploy_id, words[i].done);

	return true;
}

/* The document goes over on standard input, as the host need not have the file. */
static bool build_deploy(const struct vm_call *c, ActionOrder *order, GError **error)
{
	g_autofree char *file = NULL;
	GString *text;

	if (!c->o->directory)
		return vmm_fail(error, VMM_ERROR_USAGE, "deploy: give --directory, the VM's on its "
				"host");

	text = file_read(c->operands[0], MAX_DOCUMENT, error);
	if (!text)
		return false;

	order->input = g_string_free_to_bytes(text);
	file = g_build_filename(c->o->directory, "deployment.0", NULL);
	action_order_add_option(order, "--vm");
	if (c->o->prepare)
		action_order_add_option(order, "--prepare");
	action_order_add(order, WORDS(file));
	set_done(order, "deployed");

	return true;
}

/* Where OpenNebula has it. */
static char *checkpoint_of(const struct vm_call *c, GError **error)
{
	json_object *vm = NULL, *directory = NULL;
	json_object *answer = look_at(c, &vm, error);
	char *file = NULL;

	if (!answer)
		return NULL;
	if (json_object_object_get_ex(vm, "directory", &directory))
		file = g_build_filename(json_object_get_string(directory), "checkpoint", NULL);
	else
		vmm_fail(error, VMM_ERROR_USAGE, "%s does not say its directory: give a FILE",
			 c->deploy_id);

	json_object_put(answer);

	return file;
}

/* The file is the host's: a relative path would be one of this machine. */
static bool build_save(const struct vm_call *c, ActionOrder *order, GError **error)
{
	g_autofree char *file = g_strdup(c->operands[FIRST]);

	if (!file)
		file = checkpoint_of(c, error);
	if (!file)
		return false;

	action_order_add(order, WORDS(c->deploy_id, file, "-", or_dash(c->vm_id)));
	set_done(order, "%s: saved to %s", c->deploy_id, file);

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
	set_done(order, "restored from %s", file);

	return true;
}

/* Only for a VM on shared storage: who moves files, too, has OpenNebula do it. */
static bool build_migrate(const struct vm_call *c, ActionOrder *order,
			  GError **error G_GNUC_UNUSED)
{
	action_order_add(order, WORDS(c->deploy_id, c->operands[FIRST], "-", or_dash(c->vm_id)));
	set_done(order, "%s: moved to %s", c->deploy_id, c->operands[FIRST]);

	return true;
}

/* One more than the highest of the VM's. */
static bool next_snapshot(const struct vm_call *c, char **ret, GError **error)
{
	json_object *vm = NULL, *names = NULL;
	json_object *answer = look_at(c, &vm, error);
	guint64 next = 0, n;

	if (!answer)
		return false;

	json_object_object_get_ex(vm, "snapshots", &names);
	for (size_t i = 0; names && i < json_object_array_length(names); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(names, i));

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
	action_order_add(order, WORDS(c->deploy_id, id, or_dash(c->vm_id), "-"));
	set_done(order, "%s: snapshot taken", c->deploy_id);

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
	action_order_add(order, WORDS(c->deploy_id, name, or_dash(c->vm_id), "-"));
	if (g_str_equal(order->action, "snapshot_revert"))
		set_done(order, "%s: back to %s", c->deploy_id, name);
	else
		set_done(order, "%s: %s deleted", c->deploy_id, name);

	return true;
}

/* Any bus: a guest has each name once. */
static bool has_target(json_object *disks, const char *target)
{
	for (size_t i = 0; disks && i < json_object_array_length(disks); i++) {
		json_object *value = NULL, *disk = json_object_array_get_idx(disks, i);

		if (json_object_object_get_ex(disk, "target", &value) &&
		    g_str_equal(json_object_get_string(value), target))
			return true;
	}

	return false;
}

/* The first of vda, vdb… that the VM does not have. The caller frees. */
static char *free_target(const struct vm_call *c, GError **error)
{
	json_object *vm = NULL, *disks = NULL;
	json_object *answer = look_at(c, &vm, error);
	char *target = NULL;

	if (!answer)
		return NULL;

	json_object_object_get_ex(vm, "disks", &disks);
	for (int i = 0; !target && i < LAST_DISK; i++) {
		target = g_strdup_printf("vd%c", 'a' + i);
		if (has_target(disks, target))
			g_clear_pointer(&target, g_free);
	}

	json_object_put(answer);
	if (!target)
		vmm_fail(error, VMM_ERROR_NO_RESOURCE, "%s has all disks from vda to vdz",
			 c->deploy_id);

	return target;
}

/* What the action reads is the request document that oned would send. */
static bool build_attach_disk(const struct vm_call *c, ActionOrder *order, GError **error)
{
	const char *file = c->o->file;
	g_autofree char *path = NULL, *target = g_strdup(c->o->target);

	if (!file)
		return vmm_fail(error, VMM_ERROR_USAGE, "attach-disk: give --file");
	if (c->o->host && !g_path_is_absolute(file))
		return vmm_fail(error, VMM_ERROR_USAGE, "--file %s: not an absolute path of %s",
				file, c->o->host);
	if (target && strlen(target) < 3)
		return vmm_fail(error, VMM_ERROR_USAGE, "--target %s: not a device such as vdb",
				target);
	if (!target)
		target = free_target(c, error);
	if (!target)
		return false;

	path = g_canonicalize_filename(file, NULL);
	order->input = vm_document_disk(c->o, c->vm_id, target, error);
	if (!order->input)
		return false;

	action_order_add(order, WORDS(c->deploy_id, path, target, "-", "-", or_dash(c->vm_id)));
	set_done(order, "%s: %s is %s", c->deploy_id, target, path);

	return true;
}

static bool build_detach_disk(const struct vm_call *c, ActionOrder *order,
			      GError **error G_GNUC_UNUSED)
{
	action_order_add(order,
			 WORDS(c->deploy_id, "-", c->operands[FIRST], "-", or_dash(c->vm_id)));
	set_done(order, "%s: no %s any more", c->deploy_id, c->operands[FIRST]);

	return true;
}

/* A chosen address is what detach-nic finds it by later; it is printed when it is done. */
static bool build_attach_nic(const struct vm_call *c, ActionOrder *order, GError **error)
{
	g_autofree char *mac = NULL;

	if (!c->o->bridge)
		return vmm_fail(error, VMM_ERROR_USAGE, "attach-nic: give --bridge");

	mac = c->o->mac ? g_strdup(c->o->mac) : vm_document_random_mac();
	order->input = vm_document_nic(c->o, c->vm_id, mac);
	action_order_add(order,
			 WORDS(c->deploy_id, mac, c->o->bridge, "-", "-", "-", or_dash(c->vm_id)));
	set_done(order, "%s: NIC %s on %s", c->deploy_id, mac, c->o->bridge);

	return true;
}

static bool build_detach_nic(const struct vm_call *c, ActionOrder *order,
			     GError **error G_GNUC_UNUSED)
{
	action_order_add(order, WORDS(c->deploy_id, c->operands[FIRST], or_dash(c->vm_id)));
	set_done(order, "%s: no NIC %s any more", c->deploy_id, c->operands[FIRST]);

	return true;
}

/* prereconfigure is what oned runs before it changes a CD-ROM: it empties the drive. */
static bool build_eject(const struct vm_call *c, ActionOrder *order, GError **error G_GNUC_UNUSED)
{
	action_order_add(order, WORDS(c->deploy_id, c->operands[FIRST], or_dash(c->vm_id)));
	set_done(order, "%s: %s is empty", c->deploy_id, c->operands[FIRST]);

	return true;
}

static bool build_insert(const struct vm_call *c, ActionOrder *order,
			 GError **error G_GNUC_UNUSED)
{
	const char *target = c->operands[FIRST], *file = c->operands[SECOND];

	action_order_add(order, WORDS(c->deploy_id, target, file, or_dash(c->vm_id)));
	set_done(order, "%s: %s has %s", c->deploy_id, target, file);

	return true;
}

/* Only what is named changes. */
static bool build_resize(const struct vm_call *c, ActionOrder *order, GError **error)
{
	if (!c->o->memory && !c->o->vcpus)
		return vmm_fail(error, VMM_ERROR_USAGE, "resize: give --memory, --vcpus or both");

	order->input = vm_document_size(c->o, c->vm_id, error);
	if (!order->input)
		return false;

	action_order_add(order, WORDS(c->deploy_id, or_dash(c->vm_id), "-"));
	set_done(order, "%s: resized", c->deploy_id);

	return true;
}

/* The action takes MiB: what is no whole number of them is refused, not rounded. */
static bool build_resize_disk(const struct vm_call *c, ActionOrder *order, GError **error)
{
	g_autofree char *mib = NULL;
	guint64 bytes;

	if (!number_size(c->operands[SECOND], &bytes, error))
		return false;
	if (bytes % MIB)
		return vmm_fail(error, VMM_ERROR_USAGE, "%s is not a number of MiB",
				c->operands[SECOND]);

	mib = g_strdup_printf("%" G_GUINT64_FORMAT, bytes / MIB);
	action_order_add(order,
			 WORDS(c->deploy_id, c->operands[FIRST], mib, "-", "-", or_dash(c->vm_id)));
	set_done(order, "%s: %s has %s", c->deploy_id, c->operands[FIRST], c->operands[SECOND]);

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
	set_done(order, "%s: no program of exec runs", c->deploy_id);

	return true;
}

/* clang-format off */
static const struct vm_command commands[] = {
	{ "list", "poll", "", "VMs that run on the host, and what they use", " names ",
	  0, 0, false, true, build_list, print_list },
	{ "show", "poll", "VM", "one VM: state, usage, disks, NICs, snapshots", " ",
	  1, 1, true, true, build_show, print_show },
	{ "deploy", "deploy", "VM.xml", "start the VM of this document in --directory",
	  " directory prepare ", 1, 1, false, false, build_deploy, NULL },
	{ "shutdown", "shutdown", "VM", "ask the guest to power off, and wait", " ",
	  1, 1, true, false, build_power, NULL },
	{ "cancel", "cancel", "VM", "end it at once, like pulling the plug", " ",
	  1, 1, true, false, build_power, NULL },
	{ "reboot", "reboot", "VM", "ask the guest to restart", " ",
	  1, 1, true, false, build_power, NULL },
	{ "reset", "reset", "VM", "restart it like its reset button", " ",
	  1, 1, true, false, build_power, NULL },
	{ "save", "save", "VM [FILE]", "save its memory and end it (DIRECTORY/checkpoint)", " ",
	  1, 2, true, false, build_save, NULL },
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
	  " file target format cache readonly ", 1, 1, true, false, build_attach_disk, NULL },
	{ "detach-disk", "detach_disk", "VM TARGET", "take a disk (vdb) from it", " ",
	  2, 2, true, false, build_detach_disk, NULL },
	{ "attach-nic", "attach_nic", "VM", "give it one more NIC, on --bridge",
	  " bridge mac model ", 1, 1, true, false, build_attach_nic, NULL },
	{ "detach-nic", "detach_nic", "VM MAC", "take a NIC from it", " ",
	  2, 2, true, false, build_detach_nic, NULL },
	{ "eject", "prereconfigure", "VM TARGET", "empty its CD-ROM drive (hda)", " ",
	  2, 2, true, false, build_eject, NULL },
	{ "insert", "reconfigure", "VM TARGET FILE", "put a medium into that drive", " ",
	  3, 3, true, false, build_insert, NULL },
	{ "resize", "resize", "VM", "give it --memory, --vcpus", " memory vcpus ",
	  1, 1, true, false, build_resize, NULL },
	{ "resize-disk", "resize_disk", "VM TARGET SIZE", "grow a disk to that size", " ",
	  3, 3, true, false, build_resize_disk, NULL },
	{ "exec", "exec", "VM COMMAND...", "run a program in the guest; print its output", " wait ",
	  2, G_MAXINT, true, false, build_exec, print_output },
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
