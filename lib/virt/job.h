/*
 * job.h - calls that take long because they move a guest's memory (save,
 * restore, migration): watched, told about, and aborted when asked to.
 *
 * Source: libvirt-facts.md E and J; libvirt virDomainGetJobStats, virDomainAbortJob.
 */
#ifndef VIRT_JOB_H
#define VIRT_JOB_H

#include "virt/domain.h"
#include "virt/late.h"

struct virt_progress {
	guint64 elapsed_ms;
	guint64 total, done;	/* bytes; TOTAL may grow; 0: unknown yet */
	guint64 rate;		/* bytes a second; 0: unknown */
	guint64 downtime_ms;	/* expected; 0: unknown */
};

struct virt_job {
	virDomain *dom;		/* the domain that has the job */
	bool (*asked)(void);	/* whether to abort it */
	void (*tell)(const struct virt_progress *progress);	/* NULL: nobody */
	unsigned tell_ms;	/* how often at most */
	unsigned limit_ms;	/* in all */
};

/*
 * Runs FUNC, as virt_late_call(). When JOB is asked to it is aborted, and FUNC has
 * some seconds to return. RET_ABORTED: libvirt took the abort; FUNC may have been
 * faster all the same.
 */
enum virt_late virt_job_call(const struct virt_job *job, virt_late_func *func, void *data,
			     GDestroyNotify free_data, bool *ret_aborted, GError **error);

/* What the job of DOM has done. False: it has none, or nobody knows within LIMIT_MS. */
bool virt_job_progress(virDomain *dom, unsigned limit_ms, struct virt_progress *ret);

/* Aborts the job of DOM; false with ERROR when there is none, or no answer in LIMIT_MS. */
bool virt_job_abort(virDomain *dom, unsigned limit_ms, GError **error);

/*
 * Waits until no disk of DOM has a block job, at most LIMIT_MS. False: one still has,
 * VMM_ERROR_BUSY names the disk; or nobody knows.
 */
bool virt_job_wait_blocks(virDomain *dom, unsigned limit_ms, GError **error);

#endif
