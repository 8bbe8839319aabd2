/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_answer.h - what a guest's agent says, as the monitoring has it. All of it is data of the
 * VM's owner.
 *
 * Pure. Source: docs/facts/monitoring.md 4.1.
 */
#ifndef MONITOR_GUEST_ANSWER_H
#define MONITOR_GUEST_ANSWER_H

#include <glib.h>
#include <stdbool.h>

enum guest_os_part {
	GUEST_OS_ID, GUEST_OS_TYPE, GUEST_OS_VERSION, GUEST_OS_MACHINE,
	GUEST_OS_PARTS
};

struct guest_os {
	char *part[GUEST_OS_PARTS];	/* all NULL: not known */
};

/* "OS_ID"… Static. */
const char *guest_os_name(enum guest_os_part part);

/* RET from the ANSWER to guest-get-osinfo; false, and nothing is known, when it is none. */
bool guest_os_read(struct guest_os *ret, const char *answer);
void guest_os_clear(struct guest_os *os);

/*
 * The addresses of the ANSWER to guest-network-get-interfaces, with commas, without those of the
 * guest alone. The caller frees; NULL: there are none.
 */
char *guest_addresses(const char *answer);

/* What the ANSWER to any command returns, on one line of limited length. The caller frees. */
char *guest_value(const char *answer);

#endif
