/* SPDX-License-Identifier: Apache-2.0 */
/* guest_question.h - one round of questions to the agent of one guest. */
#ifndef WATCH_GUEST_QUESTION_H
#define WATCH_GUEST_QUESTION_H

#include "monitor/fields.h"
#include "monitor/guest_gpus.h"
#include "monitor/guest_rules.h"
#include "virt/connect.h"

enum guest_outcome {
	GUEST_ANSWERED,
	GUEST_SILENT,		/* there is no agent, or it says no, at once */
	GUEST_HANGS,		/* it did not answer in time */
	GUEST_LEFT_ALONE,	/* an action works on the VM */
};

/* How long NVIDIA's program is waited for. */
enum { GUEST_GPUS_MS = 2000 };

/* NVIDIA's program that is run in a guest. */
struct guest_gpu_program {
	gint64 pid;		/* one that did not end in time still runs as that; 0: none does */
	bool is_missing;	/* the guest has none, or does not let it be run */
};

struct guest_question {
	GuestRules *rules;
	bool asks_gpus;		/* beside what the rules have, if they are enabled */
	char *name, *uuid;	/* of the domain */
	gint64 id;		/* of the VM */
	struct guest_os os;	/* what is known of it, or was found out */
	enum guest_outcome outcome;
	struct guest_gpu_program gpu_program;
	struct guest_gpus gpus;
	char *addresses;	/* or NULL */
	char **values;		/* of each command of the rules; "": it is not for this guest */
};

/* OS (which is taken) is not asked for when it is known. */
struct guest_question *guest_question_new(GuestRules *rules, const char *name, const char *uuid,
					  struct guest_os *os);
void guest_question_free(struct guest_question *question);

/* Asks; may take as long as an agent that hangs is waited for, and that once. */
void guest_question_ask(struct guest_question *question, virConnect *conn);

/* Adds the addresses and the values. */
void guest_question_add(const struct guest_question *question, Fields *out);

#endif
