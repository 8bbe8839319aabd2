/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_usage.h - what of a host is in use: MONITOR_HOST.
 *
 * Source: docs/facts/monitoring.md 8.
 */
#ifndef MONITOR_HOST_USAGE_H
#define MONITOR_HOST_USAGE_H

#include "monitor/fields.h"

/* The time that the host's CPUs have had and been idle since its start, in ticks; 0: not known. */
struct host_cpu {
	guint64 total, idle;
	unsigned cpus;
};

/* ROOT: the directory that stands for /; NULL: this host. */
void host_cpu_read(struct host_cpu *ret, const char *root);

/* In the order of MONITOR_HOST. */
enum host_figure {
	HOST_USED_MEMORY, HOST_FREE_MEMORY,	/* KiB */
	HOST_FREE_CPU, HOST_USED_CPU,		/* 100: one CPU, whole */
	HOST_NET_RX, HOST_NET_TX,		/* bytes since the host started */
	HOST_FIGURES
};

struct host_usage {
	guint64 figure[HOST_FIGURES];
};

/*
 * CPU, memory and network in RET. The CPU's figures are of the time between BEFORE and NOW; those
 * of the time since the host started when that was no time.
 */
void host_usage_read(struct host_usage *ret, const char *root, const struct host_cpu *before,
		     const struct host_cpu *now);

/* OpenNebula's name of FIGURE: "USEDMEMORY". Static. */
const char *host_usage_name(enum host_figure figure);

/* Adds USAGE to OUT. */
void host_usage_add(Fields *out, const struct host_usage *usage);

#endif
