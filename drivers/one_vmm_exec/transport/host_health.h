/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_health.h - which hosts do not answer.
 *
 * A host that did not answer several times in a row is down: its steps fail at once, except one at
 * a time that probes whether it is back. The duration of a step says nothing: it may be hours.
 */
#ifndef ONE_VMM_EXEC_HOST_HEALTH_H
#define ONE_VMM_EXEC_HOST_HEALTH_H

#include "conf/cfg.h"

typedef struct host_health HostHealth;

enum host_health_state {
	HEALTH_GOOD,    /* it answered, or was not asked yet */
	HEALTH_FAILING, /* it did not answer the last time, or the last few times */
	HEALTH_DOWN,
};

/* HOST went from state WAS to state NOW. */
typedef void host_health_changed(void *data, const char *host, enum host_health_state was,
				 enum host_health_state now);

typedef void host_health_one(void *data, const char *host, enum host_health_state state,
			     unsigned inflight);

/* CFG (borrowed) says when a host is down, and how often it is probed: group hosts. */
HostHealth *host_health_new(const ConfCfg *cfg);
void host_health_free(HostHealth *health);

/* CHANGED(DATA) is called from the loop, also for each step that a failing host does not answer. */
void host_health_listen(HostHealth *health, host_health_changed *changed, void *data);

/* Calls EACH(DATA) for each host that was used so far. */
void host_health_each(const HostHealth *health, host_health_one *each, void *data);

/* The state of HOST; HEALTH_GOOD if it was not used yet. */
enum host_health_state host_health_of(const HostHealth *health, const char *host);

/* Steps that run on HOST. */
unsigned host_health_inflight(const HostHealth *health, const char *host);

/*
 * Call it before a step on HOST. NULL: run it, and call host_health_end() afterwards. Otherwise why
 * not to try: the host is down, and another step is probing it. The caller frees.
 */
char *host_health_begin(HostHealth *health, const char *host);

/* A step on HOST has ended. WHY: because the host did not answer; NULL: it did. */
void host_health_end(HostHealth *health, const char *host, const char *why);

#endif
