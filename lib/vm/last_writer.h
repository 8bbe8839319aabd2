/* SPDX-License-Identifier: Apache-2.0 */
/*
 * last_writer.h - whether a guest that is paused here was the last one to write to its disks. If it
 * was not, it has run elsewhere since: its memory here is older than its disks, and would destroy
 * their file systems.
 *
 * QEMU says how long ago its guest did its last I/O; the file systems say, by their own clocks,
 * when each disk was written to.
 * Source: measured with QEMU 7.2: query-blockstats has idle_time_ns also of a guest that is paused
 * after its migration.
 */
#ifndef VM_LAST_WRITER_H
#define VM_LAST_WRITER_H

#include <stdbool.h>

#include "virt/virt_domain.h"

/*
 * Whether paused DOM was the last to write to all of its disks. False: VMM_ERROR_REFUSED, one was
 * written to later, or that is not known, as of a disk that is no file.
 */
bool last_writer_check(virDomain *dom, GError **error);

/*
 * RET: whether the guest of paused DOM did I/O after FILE was written. One that was only half
 * restored from FILE has done none at all. False: not known.
 */
bool last_writer_ran_since(virDomain *dom, const char *file, bool *ret, GError **error);

#endif
