/* SPDX-License-Identifier: Apache-2.0 */
/* action_order.h - which action to run, with which words and input, and what to say afterwards. */
#ifndef VMMEXEC_ACTION_ORDER_H
#define VMMEXEC_ACTION_ORDER_H

#include "base/error.h"

typedef struct action_order {
	const char *action;	/* "attach_disk"; static */
	GPtrArray *options;	/* of the action alone */
	GPtrArray *operands;
	GBytes *input;		/* for its stdin; or NULL */
	char *done;		/* "one-7: saved to /a/b", for a terminal */
	bool reads;		/* it changes nothing: a lost answer is no doubt */
} ActionOrder;

/* An order for ACTION (copied), without words, input or sentence. */
ActionOrder *action_order_new(const char *action);
void action_order_free(ActionOrder *order);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ActionOrder, action_order_free)

/* Texts, for action_order_add(). */
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Adds WORDS, which NULL ends, as operands. */
void action_order_add(ActionOrder *order, const char *const *words);

/* Adds OPTION, which goes before the operands. */
void action_order_add_option(ActionOrder *order, const char *option);

/* What is said afterwards. */
void action_order_set_done(ActionOrder *order, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
