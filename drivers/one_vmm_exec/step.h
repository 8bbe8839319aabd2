/*
 * step.h - the commands that a step of a plan consists of.
 *
 * Source: protocol.md 5 and 6.
 */
#ifndef ONE_VMM_EXEC_STEP_H
#define ONE_VMM_EXEC_STEP_H

#include "plan.h"
#include "command.h"
#include "driver_settings.h"
#include "template/request.h"

/* What the steps of one action draw on; nothing is owned but what step_context_clear() frees. */
struct step_context {
	const struct driver_settings *settings;
	TmplRequest *request;
	const struct plan *plan;	/* of the action, also while it is undone */
	gint64 id;			/* of the VM */
	char *deploy_info;		/* what deploy printed, or NULL */
	char *deployment_id;		/* UUID: marks the domain of this DEPLOY; or NULL */
	gint64 accepted_s;		/* Unix time of the request */
	GBytes *deployment;		/* the local deployment file, once it was read */
	char **networks;		/* network drivers; NULL until they are asked for */
	GBytes *network_vm;		/* in base64; NULL until it is asked for */
	GBytes *vm_base64;		/* likewise */
};

void step_context_clear(struct step_context *context);

/*
 * The commands of STEP, perhaps none, to be run one after the other until one fails.
 * NULL with ERROR set when the request does not hold what they need.
 */
GPtrArray *step_commands(struct step_context *context, const struct step *step, GError **error);

/* What can be asked of the host of a step: see outcome(8). */
enum question {
	QUESTION_OUTCOME,	/* what has become of the step */
	QUESTION_ABSENT,	/* whether the VM runs there */
};

/* The command, as in step_commands(), that asks the host of STEP. */
GPtrArray *step_question(struct step_context *context, const struct step *step,
			 enum question question, GError **error);

/* Whether the request asks for STEP at all (STEP_IF_…). */
bool step_applies(const struct step_context *context, const struct step *step);

/* Whether STEP goes to its host although that is asked from here: it needs files there. */
bool step_needs_files(const struct step_context *context, const struct step *step);

/* Whether the script of STEP reads the document as a word, and it is too long to be one. */
bool step_omits_document(const struct step_context *context, const struct step *step);

/* The host that STEP is about, "" when the request does not tell. Borrowed. */
const char *step_host(const struct step_context *context, const struct step *step);

/* The deployment file where deploy runs, or NULL. The caller frees. */
char *step_deployment_file(const struct step_context *context);

/* STEP's name in LOG lines: "/bin/mkdir -p", "pre". The caller frees. */
char *step_title(const struct step_context *context, const struct step *step);

#endif
