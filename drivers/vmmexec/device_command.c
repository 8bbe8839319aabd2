/* SPDX-License-Identifier: Apache-2.0 */
#include "device_command.h"

#include <json-c/json.h>
#include <string.h>

#include "answer_part.h"
#include "base/number.h"
#include "base/text.h"
#include "vm_document.h"
#include "vm_limits.h"

enum { MIB = 1 << 20, FIRST = 1, SECOND, LAST_DISK = 26, MAC_LENGTH = 17 };

/* "vda", "sdb", "hdc", "xvdaa" */
static bool check_target(const char *text, GError **error)
{
	static const char *const kinds[] = { "vd", "sd", "hd", "fd", "xvd" };

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		const char *letters = text + strlen(kinds[i]);
		size_t n;

		if (!g_str_has_prefix(text, kinds[i]))
			continue;
		n = strspn(letters, "abcdefghijklmnopqrstuvwxyz");
		if (n >= 1 && n <= 2 && !letters[n])
			return true;
	}

	return vmm_fail(error, VMM_ERROR_USAGE, "'%s' is not a disk of a guest, such as vda", text);
}

/* Of one NIC, not of a group of them. */
static bool is_mac(const char *text)
{
	static const char none[] = "00:00:00:00:00:00";

	for (size_t i = 0; i < MAC_LENGTH; i++)
		if (i % 3 == 2 ? text[i] != ':' : !g_ascii_isxdigit(text[i]))
			return false;

	if (text[MAC_LENGTH] || g_str_equal(text, none))
		return false;

	return g_ascii_xdigit_value(text[1]) % 2 == 0;
}

static bool check_mac(const char *text, GError **error)
{
	return is_mac(text) || vmm_fail(error, VMM_ERROR_USAGE, "'%s' is not the address of a NIC, "
					"such as 02:00:c0:a8:00:07", text);
}

/* The object in LIST of which MEMBER is TEXT, in any case of letters; NULL: there is none. */
static json_object *find_device(json_object *list, const char *member, const char *text)
{
	for (size_t i = 0; i < answer_part_count(list); i++) {
		json_object *device = json_object_array_get_idx(list, i);

		if (!g_ascii_strcasecmp(answer_part_text(device, member), text))
			return device;
	}

	return NULL;
}

/* The first of vda, vdb… that the VM does not have, on any bus. The caller frees. */
static char *free_target(const struct vm_call *c, GError **error)
{
	json_object *vm = NULL, *disks;
	json_object *answer = vm_call_look(c, &vm, error);
	char *target = NULL;

	if (!answer)
		return NULL;

	disks = answer_part_array(vm, "disks");
	for (int i = 0; !target && i < LAST_DISK; i++) {
		target = g_strdup_printf("vd%c", 'a' + i);
		if (find_device(disks, "target", target))
			g_clear_pointer(&target, g_free);
	}

	json_object_put(answer);
	if (!target)
		vmm_fail(error, VMM_ERROR_NO_RESOURCE, "%s has all disks from vda to vdz",
			 c->deploy_id);

	return target;
}

/* What the action reads is the request document that oned would send. */
bool device_command_attach_disk(const struct vm_call *c, ActionOrder *order, GError **error)
{
	const char *file = c->o->file;
	g_autofree char *path = NULL, *target = g_strdup(c->o->target);

	if (!file)
		return vmm_fail(error, VMM_ERROR_USAGE, "attach-disk: give --file");
	if (target && !check_target(target, error)) {
		g_prefix_error(error, "--target: ");
		return false;
	}

	path = vm_call_path(c, "--file", file, error);
	if (path && !target)
		target = free_target(c, error);
	if (!path || !target)
		return false;

	order->input = vm_document_disk(c->o, c->vm_id, target, error);
	if (!order->input)
		return false;

	action_order_add_option(order, "--unused");
	if (!c->o->foreign)
		action_order_add_option(order, "--own");
	if (!c->o->format)
		action_order_add_option(order, "--named");
	action_order_add(order, WORDS(c->deploy_id, path, target, "-", "-", vm_call_id(c)));
	action_order_set_done(order, "%s: %s is %s", c->deploy_id, target, path);

	return true;
}

bool device_command_detach_disk(const struct vm_call *c, ActionOrder *order, GError **error)
{
	const char *target = c->operands[FIRST];

	if (!check_target(target, error))
		return false;

	action_order_add(order, WORDS(c->deploy_id, "-", target, "-", vm_call_id(c)));
	action_order_set_done(order, "%s: no %s any more", c->deploy_id, target);

	return true;
}

/* A generated address is printed at the end: detach-nic needs it later. */
bool device_command_attach_nic(const struct vm_call *c, ActionOrder *order, GError **error)
{
	g_autofree char *mac = g_strdup(c->o->mac);

	if (!c->o->bridge)
		return vmm_fail(error, VMM_ERROR_USAGE, "attach-nic: give --bridge");
	if (mac && !check_mac(mac, error)) {
		g_prefix_error(error, "--mac: ");
		return false;
	}

	if (!mac)
		mac = vm_document_random_mac();
	order->input = vm_document_nic(c->o, c->vm_id, mac);
	action_order_add_option(order, "--unused");
	action_order_add(order,
			 WORDS(c->deploy_id, mac, c->o->bridge, "-", "-", "-", vm_call_id(c)));
	action_order_set_done(order, "%s: NIC %s on %s", c->deploy_id, mac, c->o->bridge);

	return true;
}

bool device_command_detach_nic(const struct vm_call *c, ActionOrder *order, GError **error)
{
	const char *mac = c->operands[FIRST];

	if (!check_mac(mac, error))
		return false;

	action_order_add(order, WORDS(c->deploy_id, mac, vm_call_id(c)));
	action_order_set_done(order, "%s: no NIC %s any more", c->deploy_id, mac);

	return true;
}

/* prereconfigure is what oned runs before it changes a CD-ROM: it empties the drive. */
bool device_command_eject(const struct vm_call *c, ActionOrder *order, GError **error)
{
	const char *target = c->operands[FIRST];

	if (!check_target(target, error))
		return false;

	action_order_add(order, WORDS(c->deploy_id, target, vm_call_id(c)));
	action_order_set_done(order, "%s: %s is empty", c->deploy_id, target);

	return true;
}

bool device_command_insert(const struct vm_call *c, ActionOrder *order, GError **error)
{
	const char *target = c->operands[FIRST];
	g_autofree char *path = NULL;

	if (!check_target(target, error))
		return false;
	path = vm_call_path(c, "insert", c->operands[SECOND], error);
	if (!path)
		return false;

	action_order_add(order, WORDS(c->deploy_id, target, path, vm_call_id(c)));
	action_order_set_done(order, "%s: %s has %s", c->deploy_id, target, path);

	return true;
}

/* Only what is named changes. */
bool device_command_resize(const struct vm_call *c, ActionOrder *order, GError **error)
{
	if (!c->o->memory && !c->o->vcpus)
		return vmm_fail(error, VMM_ERROR_USAGE, "resize: give --memory, --vcpus or both");

	order->input = vm_document_size(c->o, c->vm_id, error);
	if (!order->input)
		return false;

	action_order_add(order, WORDS(c->deploy_id, vm_call_id(c), "-"));
	action_order_set_done(order, "%s: resized", c->deploy_id);

	return true;
}

/* The action takes MiB: what is no whole number of them is refused, not rounded. */
bool device_command_resize_disk(const struct vm_call *c, ActionOrder *order, GError **error)
{
	const char *target = c->operands[FIRST], *size = c->operands[SECOND];
	g_autofree char *mib = NULL;
	guint64 bytes;

	if (!check_target(target, error) || !number_size(size, &bytes, error))
		return false;
	if (bytes % MIB) {
		vmm_fail(error, VMM_ERROR_USAGE, "%s is not a number of MiB", size);
		vmm_error_set_hint(error, "give a unit: 20G or 20480M");
		return false;
	}

	/* A slip of the unit cannot be taken back. */
	if (!c->o->large)
		action_order_add_option(order, "--bounded");
	mib = g_strdup_printf("%" G_GUINT64_FORMAT, bytes / MIB);
	action_order_add(order, WORDS(c->deploy_id, target, mib, "-", "-", vm_call_id(c)));
	action_order_set_done(order, "%s: %s has %s", c->deploy_id, target, size);

	return true;
}

/*
 * The VM has a device in LIST ("disks") of which MEMBER is TEXT; RET_SOURCE: what it is on, or
 * NULL. The actions pass over what the VM does not have, or call it by a number.
 */
static bool check_device(const struct vm_call *c, const char *list, const char *member,
			 const char *text, char **ret_source, GError **error)
{
	json_object *vm = NULL, *device;
	json_object *answer = vm_call_look(c, &vm, error);

	if (!answer)
		return false;

	device = find_device(answer_part_array(vm, list), member, text);
	if (*answer_part_text(device, "source"))
		*ret_source = g_strdup(answer_part_text(device, "source"));
	json_object_put(answer);
	if (device)
		return true;

	vmm_fail(error, VMM_ERROR_NOT_FOUND, "%s has no device %s", c->deploy_id, text);
	vmm_error_set_hint(error, "vmmexec show %s", c->deploy_id);

	return false;
}

bool device_command_update_disk(const struct vm_call *c, ActionOrder *order, GError **error)
{
	const char *target = c->operands[FIRST];
	g_autoptr(GPtrArray) limits = vm_limits_read(VM_LIMITS_DISK, c->o->limits, error);
	g_autofree char *source = NULL, *said = NULL;

	if (!limits)
		return false;
	if (!check_target(target, error))
		return false;
	if (!check_device(c, "disks", "target", target, &source, error))
		return false;

	order->input = vm_document_disk_limits(c->vm_id, target, limits);
	said = vm_limits_text(limits);
	action_order_add(order, WORDS(c->deploy_id, "0", vm_call_id(c)));
	action_order_set_done(order, "%s: %s has %s", c->deploy_id, target, said);

	return true;
}

/* The action takes the NICs of one network: by hand it is one that has this NIC alone. */
bool device_command_update_nic(const struct vm_call *c, ActionOrder *order, GError **error)
{
	const char *mac = c->operands[FIRST];
	g_autoptr(GPtrArray) limits = vm_limits_read(VM_LIMITS_NIC, c->o->limits, error);
	g_autofree char *bridge = NULL, *said = NULL;

	if (!limits)
		return false;
	if (!check_mac(mac, error))
		return false;
	if (!check_device(c, "nics", "mac", mac, &bridge, error))
		return false;

	order->input = vm_document_nic_limits(c->vm_id, mac, bridge, limits);
	said = vm_limits_text(limits);
	action_order_add(order, WORDS(c->deploy_id, "0", vm_call_id(c)));
	action_order_set_done(order, "%s: NIC %s has %s", c->deploy_id, mac, said);

	return true;
}
