/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workers.h - the workers of hosts, as their relays tell of them, and the one of this machine,
 * which makes the processes of actions that run here, against the libvirt of a host.
 */
#ifndef ONE_VMM_EXEC_WORKERS_H
#define ONE_VMM_EXEC_WORKERS_H

#include "base/child.h"
#include "conf/cfg.h"

typedef struct workers Workers;

Workers *workers_new(void);

/* Takes NULL. Ends the one of this machine; what it has begun continues. */
void workers_free(Workers *workers);

/*
 * From here on this machine may have one, of the set in LOCAL_DIR, while CFG (borrowed) has
 * hosts.worker.
 */
void workers_serve_here(Workers *workers, const ConfCfg *cfg, const char *local_dir);

/* A child_starter: by the worker of this machine. 0: SPEC is to be started as a program. */
int workers_start_here(void *workers, const struct child_spec *spec, const int fds[3]);

/* How many processes that one has made. */
guint64 workers_made_here(const Workers *workers);

/* As a relay_client_worker: HOST's worker has so much memory of its own now; 0: it has ended. */
void workers_note(void *workers, const char *host, guint64 own_bytes);

/* STARTED: how many workers HOST ("": this machine) has had since the driver started. */
typedef void workers_one(void *data, const char *host, guint64 own_bytes, guint64 started);

/* Calls EACH(DATA) for each that has had one. */
void workers_each(const Workers *workers, workers_one *each, void *data);

#endif
