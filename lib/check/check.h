/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - what the facts of a host mean: each check is a list of rows, and the first row whose
 * condition holds is its result.
 *
 * Words in braces in texts are replaced: {module}, {group}… (check_words.c).
 * Source: docs/facts/hosts.md.
 */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "facts/host_facts.h"

enum check_verdict {
	CHECK_OK,
	CHECK_INFO,		/* worth knowing; a fault only if it is required */
	CHECK_WARN,
	CHECK_FAIL,
	CHECK_UNKNOWN,		/* could not tell */
};

/* What the host is to be fit for. Borrowed. */
struct check_wish {
	const char *type;		/* "kvm" or "qemu" */
	const char *arch;		/* of guests; NULL: the host's */
	const char *const *only;	/* ids; NULL: all */
	const char *const *require;	/* ids that must be OK; or NULL */
};

struct check_view {
	const HostFacts *f;
	const struct check_wish *wish;
};

enum { CHECK_COMMANDS = 4 };

struct check_row {
	const char *id;
	enum check_verdict verdict;
	bool (*when)(const struct check_view *v);	/* NULL: always */
	const char *text;
	const char *hint;				/* or NULL */
	const char *commands[CHECK_COMMANDS];
	/* Ids: if one of them has failed, this is its consequence and no fault of its own. */
	const char *causes;
};

struct check_result {
	const char *id;			/* static */
	enum check_verdict verdict;
	char *found;
	char *hint;			/* or NULL */
	char **commands;		/* NULL-terminated, perhaps empty */
};

/* The results, in the order of the checks, of struct check_result. g_ptr_array_unref(). */
GPtrArray *check_host(const HostFacts *facts, const struct check_wish *wish);

/* The ids of LIST, separated by commas. g_strfreev(). NULL with VMM_ERROR_USAGE: none, or no id. */
char **check_ids(const char *list, GError **error);

/* The worst of RESULTS: OK, WARN, FAIL or UNKNOWN. A certain fault is worse than an unknown. */
enum check_verdict check_worst(const GPtrArray *results);

/* 0: no fault, 1: a fault, 3: could not tell. */
int check_exit_status(const GPtrArray *results);

/* "OK", "INFO", "WARN", "FAIL", "?" and "ok", "info", "warn", "fail", "unknown". Static. */
const char *check_verdict_label(enum check_verdict verdict);
const char *check_verdict_word(enum check_verdict verdict);

#endif
