/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image_places.h"

#include "base/text.h"

static void add_path(GPtrArray *to, const char *path)
{
	if (path && g_path_is_absolute(path))
		g_ptr_array_add(to, g_strdup(path));
}

/* STORES/ID/VM_ID, where oned keeps what is of a VM; of any other directory only that itself. */
static void add_vm_directory(struct image_places *p, const char *directory)
{
	g_autofree char *plain = g_canonicalize_filename(directory, "/");
	g_autofree char *vm = g_path_get_basename(plain);
	g_autofree char *store = g_path_get_dirname(plain);
	g_autofree char *store_id = g_path_get_basename(store);
	g_autofree char *stores = g_path_get_dirname(store);

	add_path(p->directories, plain);
	if (!text_is_digits(vm) || !text_is_digits(store_id))
		return;
	add_path(p->stores, stores);
	p->vm_id = g_steal_pointer(&vm);
}

void image_places_init(struct image_places *p, const char *stores, const char *directory,
		       const char *more, const char *vmdk_types)
{
	g_auto(GStrv) words = g_strsplit_set(text_or(more, ""), " \t\n", -1);

	p->directories = g_ptr_array_new_with_free_func(g_free);
	p->stores = g_ptr_array_new_with_free_func(g_free);
	p->vm_id = NULL;
	add_path(p->stores, stores);
	if (directory && g_path_is_absolute(directory))
		add_vm_directory(p, directory);
	for (char **w = words; *w; w++)
		add_path(p->directories, *w);
	g_ptr_array_add(p->directories, NULL);
	g_ptr_array_add(p->stores, NULL);
	p->vmdk_types = g_strsplit(vmdk_types, " ", -1);

	p->policy = (struct image_policy){
		.directories = (const char *const *)p->directories->pdata,
		.stores = (const char *const *)p->stores->pdata,
		.vm_id = p->vm_id,
		.vmdk_types = (const char *const *)p->vmdk_types,
	};
}

void image_places_clear(struct image_places *p)
{
	g_ptr_array_unref(p->directories);
	g_ptr_array_unref(p->stores);
	g_free(p->vm_id);
	g_strfreev(p->vmdk_types);
}
