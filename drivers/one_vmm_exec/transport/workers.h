/* SPDX-License-Identifier: Apache-2.0 */
/* workers.h - what is known of hosts' workers, for the driver's counters. */
#ifndef ONE_VMM_EXEC_WORKERS_H
#define ONE_VMM_EXEC_WORKERS_H

#include <glib.h>

typedef struct workers Workers;

Workers *workers_new(void);

/* Takes NULL. */
void workers_free(Workers *workers);

/* As a relay_client_worker: HOST's worker has so much memory of its own now; 0: it has ended. */
void workers_note(void *workers, const char *host, guint64 own_bytes);

/* STARTED: how many workers HOST has had since the driver started. */
typedef void workers_one(void *data, const char *host, guint64 own_bytes, guint64 started);

/* Calls EACH(DATA) for each host that has had one. */
void workers_each(const Workers *workers, workers_one *each, void *data);

#endif
