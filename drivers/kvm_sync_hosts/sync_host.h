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
	bool check;			/* only look: nothing is sent */
	GHashTable *sending;		/* a set of the hosts that take an archive now */
	guint64 announced_bytes;	/* of all archives, since the start */
};

struct host_result {
	const char *host;
	bool changed;			/* with CHECK: it would be */
	guint files;			/* sent, or to be sent */
	gsize bytes;
	gint64 wall_us;
	const GError *error;		/* NULL: the host has the set */
};

/* Called once, from the loop. */
typedef void host_done(void *data, const struct host_result *result);

/* HOST (borrowed) was checked by wire_ssh_check_host(). */
void sync_host(struct sync *sync, const char *host, host_done *done, void *data);

/* Of announced_bytes, those that no host has taken yet. */
guint64 sync_host_unsent(const struct sync *sync);

#endif
