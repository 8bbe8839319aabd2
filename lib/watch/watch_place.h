/* SPDX-License-Identifier: Apache-2.0 */
/* watch_place.h - where the figures of a host come from. */
#ifndef WATCH_WATCH_PLACE_H
#define WATCH_WATCH_PLACE_H

#include <stdbool.h>

/* Borrowed. */
struct watch_place {
	const char *uri;	/* of libvirt */
	const char *metadata;	/* the namespace of OpenNebula's metadata of domains */
	const char *root;	/* the directory that stands for /; NULL: this host */
	const char *set;	/* the directory of the synced set */
	const char *datastores;	/* the directory of the datastores */
	const char *directory;	/* the directory of what is kept of one run for the next */
	unsigned limit_ms;	/* for each domain's counters */
	bool by_hand;		/* all is waited for: there is no next time */
	/* for probes that are run */
	const char *const *argv;	/* "kvm", the host's id and its name; perhaps empty */
	const char *start;		/* the start message, their input */
	bool strict;			/* one that fails spoils its set, as in the original */
};

#endif
