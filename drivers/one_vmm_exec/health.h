/*
 * health.h - which hosts answer. One that is silent, or does not answer again
 * and again, must not keep others waiting, nor each of its own jobs as long as the first.
 */
#ifndef ONE_VMM_EXEC_HEALTH_H
#define ONE_VMM_EXEC_HEALTH_H

#include "conf/cfg.h"

enum health_state {
	HEALTH_UNKNOWN,		/* it has not answered lately */
	HEALTH_GOOD,		/* it has */
	HEALTH_QUIET,		/* it has, but no step has ended for longer than was usual */
	HEALTH_SILENT,		/* steps run there, and none has ended for a while */
	HEALTH_FAILING,		/* and now the first of them were given up */
	HEALTH_DOWN,		/* it did not answer several times in a row */
};

typedef struct health Health;

/*
 * Called from the loop when HOST goes over to STATE, with INFLIGHT steps running there, and for
 * each further one that is given up.
 */
typedef void health_changed(void *data, const char *host, enum health_state state,
			    unsigned inflight);

Health *health_new(const ConfCfg *cfg);
void health_free(Health *health);

/* At most one listener; CHANGED(DATA) is not called for what was before. */
void health_listen(Health *health, health_changed *changed, void *data);

/* Calls EACH(DATA) for each host that was asked for. */
void health_each(const Health *health, health_changed *each, void *data);

enum health_state health_of(const Health *health, const char *host);

/*
 * A step goes to HOST. NULL, and health_end() must follow; or why it shall not even be tried: the
 * host is down, and somebody else finds out whether it still is. The caller frees.
 */
char *health_begin(Health *health, const char *host);

/* A step on HOST has ended: as it should, or, with WHY, because the host did not answer. */
void health_end(Health *health, const char *host, const char *why);

#endif
