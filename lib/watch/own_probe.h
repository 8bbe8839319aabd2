/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own_probe.h - runs a site's own probe as OpenNebula's client runs it.
 *
 * Source: docs/monitoring.md, "Probes".
 */
#ifndef WATCH_OWN_PROBE_H
#define WATCH_OWN_PROBE_H

#include "base/error.h"
#include "watch/probe_folder.h"

/*
 * Runs PROBE, for LIMIT_MS at most: its arguments are those of the agent, its directory is the
 * agent's own, its input the start message, LANG is C. What it prints, which the caller frees.
 * NULL: it failed; ERROR says "Error executing NAME: …" as OpenNebula has it.
 */
char *own_probe_run(const struct probe *probe, const struct watch_place *place,
		    unsigned limit_ms, GError **error);

#endif
