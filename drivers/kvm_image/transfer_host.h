/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_host.h - runs the kvm-image of a host, or of this machine, and joins two by a pipe. */
#ifndef KVM_IMAGE_TRANSFER_HOST_H
#define KVM_IMAGE_TRANSFER_HOST_H

#include <json-c/json.h>

#include "base/error.h"

/* One call; words NULL-terminated. All borrowed. */
struct transfer_call {
	const char *host;		/* NULL: this machine */
	const char *const *words;
	GBytes *input;			/* NULL: none */
};

/*
 * Runs it to its end. Its error becomes ours; VMM_ERROR_CONNECTION: the host was not reached, or
 * the connection broke, and it is not known what has become of the call.
 */
bool transfer_host_run(const struct transfer_call *call, GError **error);

/* The same of one with --json; RET: what it answers, which the caller puts. */
bool transfer_host_ask(const struct transfer_call *call, json_object **ret, GError **error);

/* A text of an answer, "" when it is missing. Borrowed. */
const char *transfer_host_text(json_object *answer, const char *name);

/*
 * What FROM writes, TO reads, without a copy here. It is done if TO says so. RET_ANSWER: TO's,
 * which the caller puts; or NULL.
 */
bool transfer_host_pipe(const struct transfer_call *from, const struct transfer_call *to,
			json_object **ret_answer, GError **error);

#endif
