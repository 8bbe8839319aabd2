/* SPDX-License-Identifier: Apache-2.0 */
#include "action/action.h"

static const struct action *own;

void action_set_self(const struct action *self)
{
	own = self;
}

const struct action *action_self(void)
{
	return own;
}
