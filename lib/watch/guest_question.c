/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/guest_question.h"

#include "action/lock.h"
#include "base/deadline.h"
#include "base/text.h"
#include "monitor/wild.h"
#include "virt/agent.h"
#include "virt/virt_error.h"
#include "vm/guest_exec.h"

/* A call that failed after so long is a hang; if there is no agent, a call fails at once. */
enum { LIMIT_S = 3, HANG_MS = 1000, MAX_REASON = 500 };
enum { GPUS_PAUSE_MS = 100 };

struct guest_question *guest_question_new(GuestRules *rules, const char *name, const char *uuid,
					  struct guest_os *os)
{
	struct guest_question *q = g_new0(struct guest_question, 1);

	q->rules = guest_rules_ref(rules);
	q->name = g_strdup(name);
	q->uuid = g_strdup(uuid);
	q->id = wild_vm_id(name);
	q->values = g_new0(char *, rules->commands->len + 1);
	q->os = *os;
	*os = (struct guest_os){ 0 };

	return q;
}

void guest_question_free(struct guest_question *q)
{
	if (!q)
		return;

	for (guint i = 0; i < q->rules->commands->len; i++)
		g_free(q->values[i]);
	g_free(q->values);
	guest_rules_unref(q->rules);
	guest_os_clear(&q->os);
	g_free(q->name);
	g_free(q->uuid);
	g_free(q->addresses);
	g_free(q);
}

/* What was asked at BEGUN_US failed; an agent that says no answers. */
static void note_fault(struct guest_question *q, const GError *error, gint64 begun_us)
{
	if (virt_is_agents_no(error))
		return;

	q->outcome = GUEST_SILENT;
	if (g_get_monotonic_time() - begun_us >= HANG_MS * G_TIME_SPAN_MILLISECOND)
		q->outcome = GUEST_HANGS;
}

/* Asks once. NULL: RET_FAULT says why not, which the caller frees. */
static char *ask(struct guest_question *q, virDomain *dom, const char *command, unsigned limit_s,
		 char **ret_fault)
{
	gint64 begun_us = g_get_monotonic_time();
	g_autoptr(GError) error = NULL;
	char *answer = virt_agent(dom, command, limit_s, &error);
	g_autofree char *reason = NULL;

	*ret_fault = NULL;
	if (answer)
		return answer;

	reason = text_line(error->message, MAX_REASON);
	*ret_fault = g_strconcat("error: ", reason, NULL);
	note_fault(q, error, begun_us);

	return NULL;
}

/* The operating system and the addresses. The fault, if the agent cannot be talked to. */
static char *ask_system(struct guest_question *q, virDomain *dom)
{
	g_autofree char *os = NULL, *addresses = NULL, *fault = NULL;

	if (!q->os.part[GUEST_OS_ID]) {
		os = ask(q, dom, "{\"execute\":\"guest-get-osinfo\"}", LIMIT_S, &fault);
		guest_os_read(&q->os, os);
	}

	if (q->outcome != GUEST_ANSWERED)
		return g_steal_pointer(&fault);

	g_clear_pointer(&fault, g_free);
	addresses = ask(q, dom, "{\"execute\":\"guest-network-get-interfaces\"}", LIMIT_S, &fault);
	q->addresses = guest_addresses(addresses);
	if (q->outcome != GUEST_ANSWERED)
		return g_steal_pointer(&fault);

	return NULL;
}

/* What command I says; FAULT: why nothing can, as the agent does not answer. */
static char *value_of(struct guest_question *q, virDomain *dom, guint i, char **fault)
{
	const struct guest_command *c = q->rules->commands->pdata[i];
	g_autofree char *text = NULL, *answer = NULL, *reason = NULL;

	if (!guest_command_is_for(c, &q->os))
		return g_strdup("");
	if (c->fault)
		return g_strdup(c->fault);
	if (*fault)
		return g_strdup(*fault);

	text = guest_command_text(c, q->id);
	answer = ask(q, dom, text, c->limit_s, &reason);
	if (answer)
		return guest_value(answer);
	if (q->outcome != GUEST_ANSWERED)
		*fault = g_strdup(reason);

	return g_steal_pointer(&reason);
}

/*
 * Whether the program need not be waited for: it has ended, which an agent reports once, or the
 * agent no longer answers. What it said is in RET.
 */
static bool is_over(struct guest_question *q, virDomain *dom, struct guest_gpus *ret)
{
	gint64 begun_us = g_get_monotonic_time();
	struct guest_exec_status status = { 0 };
	g_autoptr(GError) error = NULL;
	bool has_ended;

	*ret = (struct guest_gpus){ 0 };
	if (!guest_exec_ask(dom, q->gpu_program.pid, &status, &error)) {
		note_fault(q, error, begun_us);
		if (virt_is_agents_no(error))	/* it knows no such process: it began anew */
			q->gpu_program.pid = 0;
		return true;
	}

	has_ended = status.exited;
	if (has_ended)
		q->gpu_program.pid = 0;
	if (has_ended && status.code == 0)
		guest_gpus_read(ret, status.out->str);
	guest_exec_status_clear(&status);

	return has_ended;
}

/* One that hangs is waited for once, and no second one is started beside it. */
static void ask_gpus(struct guest_question *q, virDomain *dom)
{
	gint64 begun_us = g_get_monotonic_time();
	gint64 until_us = deadline_in_ms(GUEST_GPUS_MS);
	g_autoptr(GError) error = NULL;
	struct guest_gpus late;

	if (q->gpu_program.pid && (!is_over(q, dom, &late) || q->gpu_program.pid))
		return;
	if (!guest_exec_start(dom, guest_gpus_argv, NULL, &q->gpu_program.pid, &error)) {
		q->gpu_program.is_missing = virt_is_agents_no(error);
		note_fault(q, error, begun_us);
		return;
	}

	while (!is_over(q, dom, &q->gpus))
		if (!deadline_pause(until_us, GPUS_PAUSE_MS))
			return;
}

static void ask_rules(struct guest_question *q, virDomain *dom)
{
	g_autofree char *fault = ask_system(q, dom);

	for (guint i = 0; i < q->rules->commands->len; i++)
		q->values[i] = value_of(q, dom, i, &fault);
}

/* As a program is waited for longer, an agent that hangs is to be found out before. */
static bool ping(struct guest_question *q, virDomain *dom)
{
	g_autofree char *fault = NULL;
	g_autofree char *answer = ask(q, dom, "{\"execute\":\"guest-ping\"}", LIMIT_S, &fault);

	return answer != NULL;
}

void guest_question_ask(struct guest_question *q, virConnect *conn)
{
	g_autoptr(virDomain) dom = virDomainLookupByUUIDString(conn, q->uuid);
	bool is_held;

	lock_last_taken_s(q->name, &is_held);
	q->outcome = dom && !is_held ? GUEST_ANSWERED : GUEST_LEFT_ALONE;
	if (q->outcome == GUEST_LEFT_ALONE)
		return;

	if (q->rules->enabled)
		ask_rules(q, dom);
	else if (!ping(q, dom))
		return;
	if (q->asks_gpus && q->outcome == GUEST_ANSWERED)
		ask_gpus(q, dom);
}

void guest_question_add(const struct guest_question *q, Fields *out)
{
	if (q->addresses)
		fields_add(out, "GUEST_IP_ADDRESSES", FIELDS_QUOTED, "%s", q->addresses);
	for (guint i = 0; i < q->rules->commands->len; i++) {
		const struct guest_command *c = q->rules->commands->pdata[i];

		if (q->values[i] && *q->values[i])
			fields_add(out, c->key, FIELDS_QUOTED, "%s", q->values[i]);
	}
}
