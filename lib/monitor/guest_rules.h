/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_rules.h - what guests' agents are asked for the monitoring: OpenNebula's guestagent.conf.
 *
 * Source: docs/facts/monitoring.md 4.1.
 */
#ifndef MONITOR_GUEST_RULES_H
#define MONITOR_GUEST_RULES_H

#include "base/error.h"
#include "monitor/guest_answer.h"

struct guest_command {
	const char *key;		/* "VM_QEMU_PING", static */
	char *json;			/* the command, with "$vm_id" for the VM's number */
	unsigned limit_s;
	char *fault;			/* why it cannot be asked; or NULL */
	char **filters[GUEST_OS_PARTS];	/* values of which the guest's must be one; or NULL */
};

typedef struct guest_rules {
	bool enabled;
	GPtrArray *commands;		/* struct guest_command, in the file's order */
} GuestRules;

/*
 * The rules of file PATH; none are enabled, and none are there, when it is not. NULL with ERROR
 * when it is no YAML, or a value is of no use. A command that cannot be asked has a fault.
 */
GuestRules *guest_rules_read(const char *path, GError **error);
GuestRules *guest_rules_ref(GuestRules *rules);
void guest_rules_unref(GuestRules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestRules, guest_rules_unref)

/* Whether COMMAND is for guests of OS. */
bool guest_command_is_for(const struct guest_command *command, const struct guest_os *os);

/* What COMMAND is for VM ID, as JSON. The caller frees. */
char *guest_command_text(const struct guest_command *command, gint64 id);

#endif
