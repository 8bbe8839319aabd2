/* SPDX-License-Identifier: Apache-2.0 */
/* step_context.h - what the steps of one action share. */
#ifndef ONE_VMM_EXEC_STEP_CONTEXT_H
#define ONE_VMM_EXEC_STEP_CONTEXT_H

#include "driver_settings.h"
#include "plan.h"
#include "template/request.h"

/* Nothing is owned but what step_context_clear() frees. */
struct step_context {
	const struct driver_settings *settings;
	TmplRequest *request;
	const struct plan *plan; /* of the action, also while it is undone */
	gint64 id;               /* of the VM */
	char *deploy_info;       /* what deploy printed, or NULL */
	char *deployment_id;     /* UUID: marks the domain of this DEPLOY; or NULL */
	gint64 accepted_s;       /* Unix time of the request */
	gint64 accepted_clock_s; /* the same by loop_clock_s(); 0: an earlier driver had it */
	GBytes *deployment;      /* the local deployment file, once it was read */
	char **networks;         /* network drivers; NULL until they are needed */
	GBytes *network_vm;      /* in base64; NULL until it is needed */
	GBytes *vm_base64;       /* likewise */
};

void step_context_clear(struct step_context *context);

/* The host of STEP, "" if the request names none. Borrowed. */
const char *step_host(const struct step_context *context, const struct step *step);

/* The deployment file where deploy runs, or NULL. The caller frees. */
char *step_deployment_file(const struct step_context *context);

/* The script that -l names for KEY, "" for its usual one, NULL: KEY runs on the host. */
const char *step_context_local_script(const struct step_context *context, const char *key);

/* Whether the action is a DEPLOY whose deploy runs on the front-end. */
bool step_context_deploys_here(const struct step_context *context);

#endif
