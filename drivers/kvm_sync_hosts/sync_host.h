/* SPDX-License-Identifier: Apache-2.0 */
/* sync_host.h - syncs one host: queries what it has, sends what it lacks, swaps the set. */
#ifndef KVM_SYNC_HOSTS_SYNC_HOST_H
#define KVM_SYNC_HOSTS_SYNC_HOST_H

#include "file_set.h"
#include "wire/ssh.h"

/* What all hosts share; borrowed by each. */
struct sync {
	struct wire_ssh ssh;
	const char *remote_dir;		/* /var/tmp/one */
	const char *dir;		/* the front-end's tree */
	const char *builds;		/* a directory of trees by platform */
	const char *platform;		/* of the front-end's tree */
	GHashTable *sets;		/* platform to Set, once it was read */
	unsigned timeout_ms;
	bool force;
};

struct host_result {
	const char *host;
	bool changed;
	guint files;			/* sent */
	gsize bytes;
	gint64 wall_us;
	const GError *error;		/* NULL: the host has the set */
};

/* Called once, from the loop. */
typedef void host_done(void *data, const struct host_result *result);

/* HOST (borrowed) was checked by wire_ssh_check_host(). */
void sync_host(const struct sync *sync, const char *host, host_done *done, void *data);

#endif
