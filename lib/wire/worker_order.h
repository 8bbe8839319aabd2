/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_order.h - what a relay and its worker say to each other, over a SOCK_SEQPACKET socket.
 *
 * The worker's first message is its list: which actions it has, each with the identity of the
 * program that it stands for. From then on each message to it is an order, with four descriptors:
 * the gate, and the child's stdin, stdout and stderr. Through the gate the worker says which
 * process it has made, and this says that it is ready (struct worker_word, in any order). It begins
 * when WORKER_GO comes there, after both; if the gate ends before, it ends, having done nothing.
 * One that ended before it was ready is known by the worker's word alone, and is to be waited for.
 */
#ifndef WIRE_WORKER_ORDER_H
#define WIRE_WORKER_ORDER_H

#include "base/error.h"

enum { WORKER_GATE, WORKER_IN, WORKER_OUT, WORKER_ERR, WORKER_FDS };
/* Bytes of a message; a step with more words is run as a program. */
enum { WORKER_MAX_MESSAGE = 1 << 17, WORKER_GO = 'g' };

struct worker_word {
	gint32 pid;
	gint32 ready;			/* or made */
};

/* A step. */
struct worker_order {
	const char *cwd;		/* "": where the worker was started */
	const char *const *argv;	/* argv[0]: a path that ends in the action's name */
	const char *const *env;		/* all of it */
	int nice;			/* child_spec.nice; in no message: who asks sets it */
};

/* ORDER as a message; NULL: it is too long. The caller unrefs. */
GBytes *worker_order_pack(const struct worker_order *order);

/*
 * Parses SIZE bytes at DATA, which the words of RET then point into. False: malformed. argv and
 * env of RET are for g_free().
 */
bool worker_order_parse(char *data, size_t size, struct worker_order *ret);

/* The begin of a list; lines "NAME IDENTITY" follow. The caller frees. */
char *worker_list_begin(const char *version);

/*
 * What a list of VERSION holds, as name to identity (strings of its own); NULL: it is none, or of
 * another version. The caller unrefs.
 */
GHashTable *worker_list_parse(const char *data, size_t size, const char *version);

#endif
