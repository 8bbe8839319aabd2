/* SPDX-License-Identifier: Apache-2.0 */
#include "host_answer.h"

#include "base/text.h"

enum { SSH_FAILED = 255, NOT_THERE = 127 };

/* Differences of such times can be told, whatever a host says. */
#define MAX_TIME_MS ((gint64)1 << 50)

static const char *const verdict_words[] = { "ok", "warn", "fail", "unknown" };

const char *host_verdict_word(enum host_verdict verdict)
{
	return verdict_words[verdict];
}

const char *host_answer_text(json_object *object, const char *name)
{
	json_object *found = NULL;
	const char *text;

	json_object_object_get_ex(object, name, &found);
	text = found ? json_object_get_string(found) : NULL;

	return text_or(text, "");
}

void host_answer_free(void *data)
{
	struct host_answer *a = data;

	if (a->answer)
		json_object_put(a->answer);
	g_free(a->host);
	g_free(a->error);
	g_free(a->command);
	g_free(a);
}

/* No answer is neither fit nor unfit. */
struct host_answer *host_answer_failed(const char *host, const char *reason)
{
	struct host_answer *a = g_new0(struct host_answer, 1);

	a->host = g_strdup(host);
	a->verdict = HOST_UNKNOWN;
	a->error = g_strdup(reason);

	return a;
}

/* A newer host_check may use a word that is unknown here: its meaning is not guessed. */
static enum host_verdict verdict_of_word(const char *word)
{
	for (size_t i = 0; i < G_N_ELEMENTS(verdict_words); i++)
		if (g_str_equal(word, verdict_words[i]))
			return (enum host_verdict)i;

	return HOST_UNKNOWN;
}

/* What a host prints is not trusted to be what host_check prints. */
static json_object *checks_of(json_object *answer)
{
	json_object *checks = NULL;

	json_object_object_get_ex(answer, "checks", &checks);
	if (json_object_is_type(checks, json_type_array))
		return checks;

	return NULL;
}

/* Adds a check of our own to what the host said. */
static void add_check(struct host_answer *a, const char *id, const char *found, const char *hint,
		      const char *command)
{
	json_object *o = json_object_new_object();
	json_object *commands = json_object_new_array();

	if (command)
		json_object_array_add(commands, json_object_new_string(command));
	json_object_object_add(o, "id", json_object_new_string(id));
	json_object_object_add(o, "result", json_object_new_string("warn"));
	json_object_object_add(o, "found", json_object_new_string(found));
	json_object_object_add(o, "hint", json_object_new_string(hint));
	json_object_object_add(o, "commands", commands);
	json_object_array_add(checks_of(a->answer), o);
	if (a->verdict == HOST_OK)
		a->verdict = HOST_WARN;
}

/*
 * The host read its clock at some moment between our two readings. Only a time outside these two
 * proves that the clocks differ.
 */
static void compare_clock(struct host_answer *a, gint64 started_ms, gint64 ended_ms)
{
	json_object *time = NULL;
	g_autofree char *found = NULL;
	const char *direction = "ahead";
	gint64 host_ms;

	json_object_object_get_ex(a->answer, "time_ms", &time);
	host_ms = CLAMP(json_object_get_int64(time), 0, MAX_TIME_MS);
	a->has_clock = host_ms != 0;
	a->least_ms = host_ms - ended_ms;
	a->most_ms = host_ms - started_ms;
	if (host_ms > ended_ms)
		a->skew_ms = host_ms - ended_ms;
	else if (host_ms && host_ms < started_ms)
		a->skew_ms = host_ms - started_ms;
	if (ABS(a->skew_ms) <= HOST_SKEW_MS)
		return;

	if (a->skew_ms < 0)
		direction = "behind";
	found = g_strdup_printf("its clock is at least %.1f s %s the front-end's",
				(double)ABS(a->skew_ms) / 1000, direction);
	add_check(a, "clock", found, "guests jump in time when they move, and certificates and "
		  "Ceph fail", "timedatectl set-ntp true");
}

/* An older host_check lacks some checks, so it proves less if it finds no fault. */
static void compare_set(struct host_answer *a, const struct front_end *front)
{
	const char *version = host_answer_text(a->answer, "version");
	const char *set = host_answer_text(a->answer, "set_version");
	g_autofree char *command = g_strdup_printf("kvm-sync-hosts %s", a->host);
	g_autofree char *found = NULL;
	bool is_ours = g_str_equal(version, VMM_VERSION);

	if (is_ours && (!front->set_version || g_str_equal(set, front->set_version)))
		return;

	found = g_strdup_printf("it has the set of vmmexec %s and OpenNebula %s, here are %s and "
				"%s", version, set, VMM_VERSION,
				text_or(front->set_version, "none"));
	add_check(a, "set-version", found, "on the front-end", command);
}

/* Standard error of the host as one line, or how its program ended. */
static struct host_answer *no_answer(const char *host, const struct child_result *r)
{
	g_autoptr(GError) error = NULL;
	const char *program = r->exit_status == SSH_FAILED ? "ssh" : "host_check";
	struct host_answer *a;

	if (r->timed_out)
		return host_answer_failed(host, "no answer in time");
	if (r->exit_status == NOT_THERE) {
		a = host_answer_failed(host, "it has no host_check");
		a->command = g_strdup_printf("kvm-sync-hosts %s", host);
		return a;
	}

	if (child_result_check(r, program, &error))
		a = host_answer_failed(host, "its answer is not JSON");
	else
		a = host_answer_failed(host, error->message);
	if (r->exit_status == SSH_FAILED)
		a->command = g_strdup_printf("ssh -v %s true", host);

	return a;
}

struct host_answer *host_answer_new(const char *host, const struct child_result *r,
				    gint64 started_ms, const struct front_end *front)
{
	gint64 ended_ms = g_get_real_time() / 1000;
	json_object *answer = json_tokener_parse(r->out->str);
	struct host_answer *a;

	if (!checks_of(answer)) {
		json_object_put(answer);
		return no_answer(host, r);
	}

	a = g_new0(struct host_answer, 1);
	a->host = g_strdup(host);
	a->answer = answer;
	a->verdict = verdict_of_word(host_answer_text(answer, "result"));
	/* With --only the administrator wants the named checks alone, not those that we add. */
	if (!front->is_whole)
		return a;

	compare_clock(a, started_ms, ended_ms);
	compare_set(a, front);

	return a;
}
