/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_gpus.h - NVIDIA's GPUs of a VM, which only its guest can ask: by nvidia-smi. All of it is
 * data of the VM's owner.
 *
 * Pure. Source: docs/facts/monitoring.md 4.3.
 */
#ifndef MONITOR_GUEST_GPUS_H
#define MONITOR_GUEST_GPUS_H

#include "monitor/fields.h"

struct guest_gpus {
	unsigned count;				/* 0: not known, and nothing else is */
	double utilization, memory_utilization;	/* %, mean of all GPUs; < 0: not known */
	double memory_free, power;		/* MiB and W, of all together; < 0: not known */
};

/* What is run in a guest, NULL-terminated: a line for each GPU. Static. */
extern const char *const guest_gpus_argv[];

/* Whether there is one of NVIDIA among DEVICES, "10de:20b5:0302,8086:1572:0200". */
bool guest_gpus_among(const char *devices);

/*
 * RET from the OUTPUT of guest_gpus_argv. Figures that a GPU does not have are no part of the
 * means and sums. False, and COUNT is 0: it lists none.
 */
bool guest_gpus_read(struct guest_gpus *ret, const char *output);

enum guest_gpu_figure {
	GPU_UTILIZATION, GPU_MEMORY_UTILIZATION, GPU_MEMORY_FREE, GPU_POWER_USAGE, GPU_COUNT,
	GPU_FIGURES
};

/* OpenNebula's name of FIGURE: "GPU_UTILIZATION". Static. */
const char *guest_gpus_name(enum guest_gpu_figure figure);

/* FIGURE of GPUS; < 0: it is not known. */
double guest_gpus_figure(const struct guest_gpus *gpus, enum guest_gpu_figure figure);

/* Adds to OUT what is known. */
void guest_gpus_add(const struct guest_gpus *gpus, Fields *out);

#endif
