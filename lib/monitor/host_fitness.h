/* SPDX-License-Identifier: Apache-2.0 */
/* host_fitness.h - whether a host is fit for guests: what host_check of the set says of it. */
#ifndef MONITOR_HOST_FITNESS_H
#define MONITOR_HOST_FITNESS_H

#include "monitor/fields.h"

/*
 * Runs host_check --facts of the synced set SET for domains of TYPE, some seconds at most. What it
 * prints, which the caller frees; NULL: it is not there or did not answer in time.
 */
char *host_fitness_ask(const char *set, const char *type);

/*
 * Adds what it alone knows to OUT: KVM_CHECK, KVM_NESTED, VHOST_NET, TPM, MEMORY_ENCRYPTION_SLOTS
 * and MEMORY_ENCRYPTION_USED. TEXT is of host_fitness_ask(), or NULL.
 */
void host_fitness_add(Fields *out, const char *text);

/* Whether some of TEXT changes while guests come and go: slots of encrypted ones. */
bool host_fitness_varies(const char *text);

#endif
