/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain_job.h - calls of libvirt that last: a domain is saved, migrated, copied. They
 * tell how far they are, and end when they shall.
 *
 * Source: docs/facts/libvirt.md E, I and J.
 */
#ifndef VIRT_DOMAIN_JOB_H
#define VIRT_DOMAIN_JOB_H

#include "virt/virt_domain.h"
#include "virt/timed_call.h"

struct virt_progress {
	gint64 elapsed_ms;
	guint64 done_bytes, total_bytes;	/* memory and disks; total 0: not known yet */
	guint64 remaining_bytes;
	guint64 rate_bytes;			/* in a second */
	guint64 iteration;			/* how often the memory was gone through */
	gint64 downtime_ms;			/* expected or, at the end, real; -1 unknown */
};

struct virt_job {
	virDomain *dom;
	int operation;		/* VIR_DOMAIN_JOB_OPERATION_… of the job that the call begins */
	virt_call_func *func;	/* the call, made on a thread of its own with DATA */
	void *data;
	GDestroyNotify free_data;	/* of DATA, when the call does not end */
	gint64 until_us;	/* monotonic: when to abort it; 0: never */
	bool (*stop)(void);	/* or NULL: whether to abort it now; asked often */
	/* Called about every second while it lasts; or NULL. */
	void (*progress)(void *progress_data, const struct virt_progress *progress);
	void *progress_data;
};

/*
 * Returns when libvirt has ended each call on DOM that reached it before, also those of programs
 * that have died or lost their connection: what its XML says then is how they ended. One that lasts
 * (a save, a migration) may let this one in between: RET_GOES_ON. False: VMM_ERROR_TIMEOUT, one
 * still held it after LIMIT_MS; VMM_ERROR_CONNECTION. Source: docs/facts/libvirt.md L, of two
 * calls on a domain the second waits.
 */
bool virt_domain_barrier(virDomain *dom, unsigned limit_ms, bool *ret_goes_on, GError **error);

/*
 * Makes JOB's call and waits for it. Only the job that this call has begun is aborted and reported
 * on: while it waits for one of another client (a backup, a dump), that one is left alone.
 * RET_ABORTED says whether it was asked to end early; it may have been done nevertheless.
 * VIRT_CALL_TIMED_OUT: asked to end, and it did not; DATA is then the call's, else the caller's.
 */
enum virt_call_result virt_job_run(const struct virt_job *job, bool *ret_aborted, GError **error);

/* "42 % (81 of 192 MiB left), 3.1 s, 35 MiB/s". The caller frees. */
char *virt_progress_text(const struct virt_progress *progress);

#endif
