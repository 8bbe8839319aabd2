/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch_faults.h - files that the agent keeps and could not write: each is logged once, until it
 * could be written again, and reported with what the host is. Nothing else depends on them.
 *
 * Any thread. Source: docs/monitoring.md, "Start and stop".
 */
#ifndef WATCH_WATCH_FAULTS_H
#define WATCH_WATCH_FAULTS_H

#include "monitor/fields.h"

/* Where they are logged; to be said before the first is noted. */
void watch_faults_log_to(void (*log)(const char *text));

/* FILE could not be written because of ERROR; NULL: it could. */
void watch_faults_note(const char *file, const GError *error);

/* Whether there are other faults than when this was last asked. */
bool watch_faults_changed(void);

/* Adds MONITOR_ERROR to OUT if there are any. */
void watch_faults_add(Fields *out);

#endif
