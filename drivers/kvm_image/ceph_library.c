/* SPDX-License-Identifier: Apache-2.0 */
#include "ceph_library.h"

#include <dlfcn.h>

/* librbd brings librados with it. It is never unloaded: its threads run to the end. */
bool ceph_library_load(struct ceph_library *c)
{
	void *lib = dlopen("librbd.so.1", RTLD_LAZY | RTLD_LOCAL);
	const struct {
		const char *name;
		void *place;
	} symbols[] = {
		{ "rados_create", &c->create },
		{ "rados_conf_read_file", &c->read_file },
		{ "rados_conf_parse_env", &c->parse_env },
		{ "rados_conf_set", &c->set },
		{ "rados_connect", &c->connect },
		{ "rados_ioctx_create", &c->open_pool },
		{ "rados_ioctx_destroy", &c->close_pool },
		{ "rados_read", &c->read },
		{ "rados_exec", &c->run_method },
		{ "rbd_open", &c->open },
		{ "rbd_open_read_only", &c->open_to_read },
		{ "rbd_close", &c->close },
		{ "rbd_get_size", &c->size },
		{ "rbd_get_id", &c->id },
		{ "rbd_metadata_list", &c->list_meta },
		{ "rbd_watchers_list", &c->watchers },
		{ "rbd_watchers_list_cleanup", &c->free_watchers },
		{ "rbd_resize2", &c->resize },
		{ "rbd_rename", &c->rename },
		{ "rbd_clone3", &c->clone },
		{ "rbd_image_options_create", &c->create_options },
		{ "rbd_image_options_destroy", &c->free_options },
		{ "rbd_image_options_set_uint64", &c->set_option },
	};

	if (!lib)
		return false;

	for (size_t i = 0; i < G_N_ELEMENTS(symbols); i++) {
		void *symbol = dlsym(lib, symbols[i].name);

		if (!symbol)
			return false;
		*(void **)symbols[i].place = symbol;
	}

	return true;
}
