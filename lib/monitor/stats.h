/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats.h - what domains use, asked so that one whose QEMU hangs delays no other.
 *
 * The states of all come with one call that needs no QEMU; CPU time and memory are read in /proc.
 * Counters are asked for by some domains together, with a limit, and by each alone when that does
 * not answer.
 * Source: docs/facts/libvirt.md M; monitoring.md 3.1, 4 and 7.
 */
#ifndef MONITOR_STATS_H
#define MONITOR_STATS_H

#include "monitor/fields.h"
#include "monitor/guest_gpus.h"
#include "virt/virt_domain.h"

enum virt_counter {
	VIRT_NET_RX, VIRT_NET_TX,		/* bytes of all interfaces */
	VIRT_DISK_RD, VIRT_DISK_WR,		/* bytes of all disks */
	VIRT_DISK_RD_REQS, VIRT_DISK_WR_REQS,	/* requests of all disks */
	VIRT_COUNTERS
};

struct stats {
	virDomain *dom;
	char *name;
	char uuid[VIR_UUID_STRING_BUFLEN];
	struct virt_state state;
	double cpu_percent;		/* 100: one CPU, whole; < 0 unknown */
	guint64 memory_kib;		/* resident and swapped, of its QEMU; 0: unknown */
	bool has_counters;
	guint64 counter[VIRT_COUNTERS];	/* since its QEMU started */
	char *fault;			/* why it has none; NULL */
	struct guest_gpus gpus;		/* what its guest says of them */
	Fields *guest;			/* what else its guest says; or NULL */
	Fields *forecast;		/* what may be expected of it; or NULL */
};

/* All active domains by name, or only DOM, with their states; free with g_ptr_array_unref(). */
GPtrArray *stats_list(virConnect *conn, virDomain *dom, GError **error);

/*
 * Adds the counters to domains of LIST, and the memory where stats_cpu() did not see it. One that
 * does not answer within LIMIT_MS has a fault instead. URI: where to ask when a call hangs on
 * LIST's own connection. How many calls were left hanging on LIST's own connection.
 */
unsigned stats_detail(GPtrArray *list, const char *uri, unsigned limit_ms);

/* The CPU time that domains had used when it was looked at. */
typedef struct stats_cpu_times StatsCpuTimes;

StatsCpuTimes *stats_cpu_times_new(void);
void stats_cpu_times_free(StatsCpuTimes *times);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StatsCpuTimes, stats_cpu_times_free)

/*
 * Looks at the CPU time and memory of all domains of LIST and keeps the time in TIMES. CPU_PERCENT
 * is of the time since TIMES was last filled, which should be a second or more ago.
 */
void stats_cpu(GPtrArray *list, StatsCpuTimes *times);

/*
 * What OpenNebula 5 calls the state: 'a' active, 'e' error, '-' unknown. Of a
 * domain on the move, RET_MOVES is set: its counters mean nothing.
 */
char stats_letter(const struct virt_state *state, bool *ret_moves);

/* What OpenNebula from 5.12 on calls it: "RUNNING", "FAILURE", "SUSPENDED" or "UNKNOWN". */
const char *stats_state_name(const struct virt_state *state);

/*
 * A state on the way to another: it says nothing of what the domain was before, nor of what it
 * will be.
 */
struct stats_way {
	const char *first;	/* what a domain is called of which no more is known */
	const char *stays;	/* what it is called when it stays so; NULL: as before */
};

/* NULL: the state is not passing. Static. */
const struct stats_way *stats_passing(const struct virt_state *state);

/* Whether the counters of STATS are there and mean something. */
bool stats_has_counters(const struct stats *stats);

/* OpenNebula's name of COUNTER: "NETRX". */
const char *stats_counter_name(enum virt_counter counter);

#endif
