/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain_job.h - long calls of libvirt, which save, migrate or copy a domain: with progress, and
 * aborted at a deadline or on request.
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
	guint64 iteration;			/* passes over the memory so far */
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

enum { VIRT_NO_JOB = -1 };

/*
 * Barrier for one domain: returns once libvirt has ended all earlier calls on DOM, also those of
 * programs that have died or lost their connection, so that its XML is current. RET_OPERATION: what
 * long job (VIR_DOMAIN_JOB_OPERATION_…) is still in progress, as it lets other calls in between;
 * VIRT_NO_JOB: none. False: VMM_ERROR_TIMEOUT, a call has not ended after LIMIT_MS;
 * VMM_ERROR_CONNECTION. Source: docs/facts/libvirt.md L, of two calls on a domain the second waits.
 */
bool virt_domain_barrier(virDomain *dom, unsigned limit_ms, int *ret_operation, GError **error);

/*
 * Makes JOB's call and waits for it. Only the job that this call has begun is aborted and reported
 * on: while the call waits for a job of another client (a backup, a dump), that one is left alone.
 * RET_ABORTED: it was asked to end early, but may have succeeded nevertheless. VIRT_CALL_TIMED_OUT:
 * it was asked to end and did not; DATA then belongs to the call, otherwise to the caller.
 */
enum virt_call_result virt_job_run(const struct virt_job *job, bool *ret_aborted, GError **error);

/* "42 % (81 of 192 MiB left), 3.1 s, 35 MiB/s". The caller frees. */
char *virt_progress_text(const struct virt_progress *progress);

#endif
