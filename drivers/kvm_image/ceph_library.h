/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ceph_library.h - librados and librbd, loaded when they are needed: of their stable C interface
 * what kvm-image calls. A host that has Ceph's programs has them.
 *
 * All return 0 or more, or -errno. Source: docs/facts/images.md 7.
 */
#ifndef KVM_IMAGE_CEPH_LIBRARY_H
#define KVM_IMAGE_CEPH_LIBRARY_H

#include <glib.h>
#include <stdbool.h>

/* What rbd_image_options_set_uint64() calls the format. */
enum { CEPH_OPTION_FORMAT = 0 };

/* rbd_image_watcher_t */
struct ceph_watcher {
	char *address;
	gint64 id;
	guint64 cookie;
};

/* CLUSTER, POOL, IMAGE and OPTIONS are rados_t, rados_ioctx_t, rbd_image_t, rbd_image_options_t. */
struct ceph_library {
	int (*create)(void **ret_cluster, const char *user);
	int (*read_file)(void *cluster, const char *path);
	int (*parse_env)(void *cluster, const char *variable);
	int (*set)(void *cluster, const char *option, const char *value);
	int (*connect)(void *cluster);
	int (*open_pool)(void *cluster, const char *pool, void **ret_pool);
	void (*close_pool)(void *pool);
	int (*read)(void *pool, const char *object, char *ret, size_t len, guint64 offset);
	int (*run_method)(void *pool, const char *object, const char *class, const char *method,
			  const char *in, size_t in_len, char *ret_out, size_t out_len);
	int (*open)(void *pool, const char *name, void **ret_image, const char *snap);
	int (*open_to_read)(void *pool, const char *name, void **ret_image, const char *snap);
	int (*close)(void *image);
	int (*size)(void *image, guint64 *ret);
	int (*id)(void *image, char *ret, size_t len);
	int (*list_meta)(void *image, const char *start, guint64 max, char *keys, size_t *keys_len,
			 char *values, size_t *values_len);
	int (*watchers)(void *image, struct ceph_watcher *ret, size_t *len);
	void (*free_watchers)(struct ceph_watcher *watchers, size_t len);
	int (*resize)(void *image, guint64 size, bool may_shrink,
		      int (*progress)(guint64 done, guint64 total, void *data), void *data);
	int (*rename)(void *pool, const char *from, const char *to);
	int (*clone)(void *parent_pool, const char *parent, const char *snap, void *pool,
		     const char *name, void *options);
	void (*create_options)(void **ret_options);
	void (*free_options)(void *options);
	int (*set_option)(void *options, int option, guint64 value);
};

/* False: this host has none, or an older one. */
bool ceph_library_load(struct ceph_library *ret);

#endif
