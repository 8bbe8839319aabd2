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
 * The name that the base behind LINK has in the cache beside DIRECTORY; NULL: it is not in that
 * cache. The caller frees.
 */
char *base_cache_find(const char *directory, const char *link);

/*
 * Makes NAME a link to a base that was received as PART, a handle; the sending host's cache calls
 * it CACHED. If the cache beside DIRECTORY has a base CACHED with the same bytes, NAME links to
 * that one, else to PART. If that cache has no base CACHED, PART becomes it.
 */
bool base_cache_join(const char *directory, const char *cached, const char *part, const char *name,
		     GError **error);

/* Removes the bases beside DIRECTORY that no VM needs, and what killed runs left. */
void base_cache_clean(const char *directory);

#endif
