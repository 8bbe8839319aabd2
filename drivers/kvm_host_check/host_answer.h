/* SPDX-License-Identifier: Apache-2.0 */
/* host_answer.h - what one host's host_check said, or why it said nothing. */
#ifndef KVM_HOST_CHECK_HOST_ANSWER_H
#define KVM_HOST_CHECK_HOST_ANSWER_H

#include <json-c/json.h>

#include "base/child.h"

enum host_verdict { HOST_OK, HOST_WARN, HOST_FAIL, HOST_UNKNOWN };

/* Clocks that differ by more are reported. */
enum { HOST_SKEW_MS = 2000 };

struct host_answer {
	char *host;
	enum host_verdict verdict;
	json_object *answer;	/* of host_check --json, with our own checks; NULL: see error */
	char *error;		/* why there is no answer */
	char *command;		/* what may cure that; or NULL */
	gint64 skew_ms;		/* its clock is ahead by at least that; below 0: behind */
	/* It is ahead of ours by more than the first and less than the second. */
	gint64 least_ms, most_ms;
	bool has_clock;
};

/* What the front-end has, to compare with. */
struct front_end {
	const char *set_version;	/* last line of VERSION; NULL: not known */
	bool is_whole;			/* every check was asked for: add ours */
};

/*
 * Reads what ssh to HOST gave, which was started at STARTED_MS of our clock (since 1970). The
 * caller frees.
 */
struct host_answer *host_answer_new(const char *host, const struct child_result *result,
				    gint64 started_ms, const struct front_end *front);

/* For a host that ssh was not even started for. */
struct host_answer *host_answer_failed(const char *host, const char *reason);

void host_answer_free(void *answer);

/* The text of member NAME; "" when it is not there. Borrowed from OBJECT. */
const char *host_answer_text(json_object *object, const char *name);

/* "ok", "warn", "fail" or "unknown". Static. */
const char *host_verdict_word(enum host_verdict verdict);

#endif
