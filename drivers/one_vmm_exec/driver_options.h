/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver_options.h - the words of VM_MAD's ARGUMENTS.
 *
 * Source: docs/facts/protocol.md 1 and 2.
 */
#ifndef ONE_VMM_EXEC_DRIVER_OPTIONS_H
#define ONE_VMM_EXEC_DRIVER_OPTIONS_H

#include "base/error.h"

struct driver_options {
	unsigned threads;	/* at once here, and on each host; at least 1 */
	unsigned retries;	/* of direct actions */
	unsigned timeout_s;	/* of each step of the hypervisor's scripts; 0: none */
	bool parallel;		/* several actions at a time on one host */
	char *shell;		/* of the far end */
	char *hypervisor;	/* the folder below vmm/ */
	char *proxy;		/* for http_proxy, or NULL */
	char *text;		/* all of them, verbatim */
	char *ignored;		/* the first argument after the hypervisor; or NULL */
	char *bad_threads;	/* what -t said, if that is not a number of 1 or more; or NULL */
	char *name;		/* of the journal; NULL: made from how we were started */
	bool printed_and_done;  /* --help, --version or --plans was printed: exit */
	bool journal;		/* --journal likewise */
	bool journal_json;	/* ... as JSON */
	bool journal_follow;	/* ... and again whenever it has changed */
	bool check_config;	/* --check-config likewise */
	GHashTable *local;	/* upper-case key to script, or to "" */
	GHashTable *delegate;	/* upper-case keys */
};

/* oned passes all arguments as one word: each of ARGV[1…] is split at blanks first. */
bool driver_options_parse(int argc, char **argv, struct driver_options *ret, GError **error);

void driver_options_clear(struct driver_options *options);

#endif
