/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base_cache.h - the bases that overlays of one datastore share: ".cache" beside the directories of
 * its VMs.
 *
 * A VM has a link (not a symbolic one) to its base, so the file system counts who needs it, and a
 * base cannot go while an overlay needs it. Locks are flock() of a file beside the base: they end
 * with their owner.
 * Source: docs/facts/images.md 5.
 */
#ifndef KVM_IMAGE_BASE_CACHE_H
#define KVM_IMAGE_BASE_CACHE_H

#include "image_copy.h"

/*
 * Makes LINK, a new name of the base for COPY->from in COPY->to_format, in the cache beside
 * DIRECTORY, the VM's. A base that is not there yet is made; one that is there is checked: it has
 * the image's virtual size and leads to no other file, else VMM_ERROR_REFUSED. Waits while
 * another kvm-image makes it.
 */
bool base_cache_link(struct image_copy *copy, const char *directory, const char *link,
		     GError **error);

/*
 * The name in the cache beside DIRECTORY of the base that LINK is a name of; NULL: it is in none.
 * The caller frees.
 */
char *base_cache_find(const char *directory, const char *link);

/*
 * Makes NAME, of a base that was received as PART from a host where it was called CACHED: a name of
 * the base that is called so in the cache beside DIRECTORY if both have the same bytes, else of
 * PART, which is put there if there is none.
 */
bool base_cache_join(const char *directory, const char *cached, const char *part, const char *name,
		     GError **error);

/* Removes the bases beside DIRECTORY that no VM needs, and what killed runs left. */
void base_cache_clean(const char *directory);

#endif
