/* SPDX-License-Identifier: Apache-2.0 */
#include "host/qemu_img.h"

#include <json-c/json.h>

#include "action/process.h"

static json_object *member(json_object *of, const char *name)
{
	json_object *value = NULL;

	json_object_object_get_ex(of, name, &value);
	return value;
}

/* NULL: it is not there, or no text. */
static char *text(json_object *of, const char *name)
{
	json_object *value = member(of, name);

	if (json_object_is_type(value, json_type_string))
		return g_strdup(json_object_get_string(value));

	return NULL;
}

bool qemu_img_read(const struct action_ctx *ctx, const char *path, struct qemu_image *ret,
		   GError **error)
{
	const char *words[] = { "info", "-U", "--output=json", path, NULL };
	struct child_result result = { 0 };
	json_object *info = NULL, *list;

	*ret = (struct qemu_image){ 0 };
	if (process_run(ctx, "QEMU_IMG", "qemu-img", words, &result, error) &&
	    child_result_check(&result, "qemu-img", error)) {
		info = json_tokener_parse(result.out->str);
		if (!json_object_is_type(info, json_type_object))
			vmm_fail(error, VMM_ERROR_INTERNAL, "qemu-img does not know what %s is",
				 path);
	}

	child_result_clear(&result);
	if (!json_object_is_type(info, json_type_object)) {
		json_object_put(info);
		return false;
	}

	ret->format = text(info, "format");
	ret->backing = text(info, "full-backing-filename");
	ret->backing_format = text(info, "backing-filename-format");
	ret->size = (guint64)json_object_get_int64(member(info, "virtual-size"));
	ret->allocated = (guint64)json_object_get_int64(member(info, "actual-size"));
	ret->snapshots = g_ptr_array_new_with_free_func(g_free);
	list = member(info, "snapshots");
	if (!json_object_is_type(list, json_type_array))
		list = NULL;
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		char *name = text(json_object_array_get_idx(list, i), "name");

		if (name)
			g_ptr_array_add(ret->snapshots, name);
	}

	json_object_put(info);

	return true;
}

void qemu_img_clear(struct qemu_image *image)
{
	g_free(image->format);
	g_free(image->backing);
	g_free(image->backing_format);
	if (image->snapshots)
		g_ptr_array_unref(image->snapshots);
}
