/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_place.h"

#include "base/text.h"
#include "wire/ssh.h"

/* HOST may be "[::1]": the path begins behind the first colon that a slash follows. */
static bool split(const char *operand, char **ret_host, char **ret_path, GError **error)
{
	const char *colon = strstr(operand, ":/");

	if (!colon)
		return vmm_fail(error, VMM_ERROR_INPUT, "operand '%s' is not HOST:PATH", operand);

	*ret_host = g_strndup(operand, (size_t)(colon - operand));
	*ret_path = g_canonicalize_filename(colon + 1, "/");

	return wire_ssh_check_host(*ret_host, error);
}

static bool fail_place(const char *operand, const char *vm, GError **error)
{
	vmm_fail(error, VMM_ERROR_INPUT, "operand '%s' is not the directory of VM %s in a system "
		 "datastore, or a disk in it", operand, vm);
	vmm_error_set_hint(error, "HOST:DATASTORES/DATASTORE_ID/VM_ID, or with /disk.N behind it");

	return false;
}

bool transfer_place_parse(struct transfer_place *p, const char *operand, const char *vm,
			  GError **error)
{
	g_autofree char *path = NULL, *name = NULL, *store = NULL, *own = NULL;

	*p = (struct transfer_place){ 0 };
	if (!split(operand, &p->host, &path, error))
		return false;

	name = g_path_get_basename(path);
	if (g_str_has_prefix(name, "disk.") && text_is_digits(name + strlen("disk."))) {
		p->disk = g_strdup(name + strlen("disk."));
		p->directory = g_path_get_dirname(path);
	} else {
		p->directory = g_strdup(path);
	}

	own = g_path_get_basename(p->directory);
	store = g_path_get_dirname(p->directory);
	p->datastore = g_path_get_basename(store);
	if (text_is_digits(vm) && g_str_equal(own, vm) && text_is_digits(p->datastore))
		return true;

	return fail_place(operand, vm, error);
}

/* "fe" and "fe.example.org" are one machine. */
static bool is_own_name(const char *name)
{
	const char *own = g_get_host_name();
	size_t len = strcspn(name, "."), own_len = strcspn(own, ".");

	if (g_str_equal(name, own))
		return true;
	if (name[len] && own[own_len])
		return false;

	return len == own_len && !strncmp(name, own, len);
}

const char *transfer_place_host(const struct transfer_place *p)
{
	return is_own_name(p->host) ? NULL : p->host;
}

bool transfer_place_is_same(const struct transfer_place *a, const struct transfer_place *b)
{
	return g_str_equal(a->host, b->host) && g_str_equal(a->directory, b->directory);
}

char *transfer_place_image(const char *operand, GError **error)
{
	const char *colon = strchr(operand, ':');

	/* "[::1]:/path" */
	if (strstr(operand, ":/"))
		colon = strstr(operand, ":/");
	if (colon && colon[1])
		return g_strdup(colon + 1);

	vmm_fail(error, VMM_ERROR_INPUT, "operand '%s' is not HOST:IMAGE", operand);

	return NULL;
}

void transfer_place_clear(struct transfer_place *p)
{
	g_free(p->host);
	g_free(p->directory);
	g_free(p->datastore);
	g_free(p->disk);
}
