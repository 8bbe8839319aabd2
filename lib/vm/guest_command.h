/* SPDX-License-Identifier: Apache-2.0 */
/* guest_command.h - reads which program exec starts in a guest: from operands or the request. */
#ifndef VM_GUEST_COMMAND_H
#define VM_GUEST_COMMAND_H

#include "action/action.h"

typedef struct guest_command {
	char **argv;		/* at least one word */
	GBytes *input;		/* for its stdin, or NULL */
} GuestCommand;

/*
 * Reads operand COMMAND (words as in a shell) and operand INPUT (base64; need not be there). Every
 * user of the host can read operands: with "-" as COMMAND both come from the request on our stdin,
 * VM/TEMPLATE/QEMU_GA_EXEC. VMM_ERROR_INPUT: invalid; the message never quotes them, as they may
 * hold a password.
 */
bool guest_command_read(GuestCommand *ret, const struct action_ctx *ctx, int command, int input,
			GError **error);

void guest_command_clear(GuestCommand *command);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GuestCommand, guest_command_clear)

#endif
