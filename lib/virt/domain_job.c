/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/domain_job.h"

#include "base/deadline.h"
#include "virt/virt_error.h"

enum { TICK_MS = 100, LOOK_US = 200000, PROGRESS_US = 1000000, ANSWER_MS = 5000 };
enum { ABORT_WAIT_US = 15000000 };

struct run {
	const struct virt_job *job;
	gint64 called_us;	/* before the call was made */
	bool begun;		/* it has the domain's job */
	gint64 look_us;		/* when to look whether it has */
	gint64 reported_us;	/* when progress was last reported */
	gint64 aborted_us;	/* when it was asked to end; 0: not yet */
};

/* One short question about a domain, which may wait for a QEMU that hangs. */
struct question {
	virDomain *dom;
	bool has_job;
	int operation;		/* of that job, VIR_DOMAIN_JOB_OPERATION_… */
	struct virt_progress progress;
};

static void question_free(void *data)
{
	struct question *q = data;

	virDomainFree(q->dom);
	g_free(q);
}

static struct question *question_new(virDomain *dom)
{
	struct question *q = g_new0(struct question, 1);

	virDomainRef(dom);
	q->dom = dom;

	return q;
}

static guint64 bytes(virTypedParameter *params, int n, const char *name)
{
	unsigned long long value = 0;

	if (virTypedParamsGetULLong(params, n, name, &value) == 1)
		return value;

	return 0;
}

static bool ask_progress(void *data, GError **error)
{
	struct question *q = data;
	struct virt_progress *p = &q->progress;
	virTypedParameter *params = NULL;
	int type = 0, n = 0;

	if (virDomainGetJobStats(q->dom, &type, &params, &n, 0) < 0)
		return virt_fail(error, "no statistics");
	p->elapsed_ms = (gint64)bytes(params, n, VIR_DOMAIN_JOB_TIME_ELAPSED);
	p->total_bytes = bytes(params, n, VIR_DOMAIN_JOB_DATA_TOTAL);
	p->done_bytes = bytes(params, n, VIR_DOMAIN_JOB_DATA_PROCESSED);
	p->remaining_bytes = bytes(params, n, VIR_DOMAIN_JOB_DATA_REMAINING);
	p->rate_bytes = bytes(params, n, VIR_DOMAIN_JOB_MEMORY_BPS) +
			bytes(params, n, VIR_DOMAIN_JOB_DISK_BPS);
	p->iteration = bytes(params, n, VIR_DOMAIN_JOB_MEMORY_ITERATION);
	p->downtime_ms = -1;
	if (virTypedParamsGet(params, n, VIR_DOMAIN_JOB_DOWNTIME))
		p->downtime_ms = (gint64)bytes(params, n, VIR_DOMAIN_JOB_DOWNTIME);
	virTypedParamsGetInt(params, n, VIR_DOMAIN_JOB_OPERATION, &q->operation);
	virTypedParamsFree(params, n);
	q->has_job = type != VIR_DOMAIN_JOB_NONE;

	return true;
}

/* What job DOM has, and how far it is. False when there is none, or libvirt does not say. */
static bool read_question(virDomain *dom, struct question *ret)
{
	struct question *q = question_new(dom);
	enum virt_call_result r;
	bool known;

	r = virt_call(ask_progress, q, question_free, ANSWER_MS, NULL);
	if (r == VIRT_CALL_TIMED_OUT)
		return false;
	*ret = *q;
	ret->dom = NULL;
	known = r == VIRT_CALL_OK && q->has_job;
	question_free(q);

	return known;
}

/* A question about its job waits for the domain's lock, for half a minute at most. */
bool virt_domain_barrier(virDomain *dom, unsigned limit_ms, int *ret_operation, GError **error)
{
	gint64 until_us = deadline_in_ms(limit_ms);
	unsigned left_ms = limit_ms;

	*ret_operation = VIRT_NO_JOB;
	while (left_ms > 0) {
		struct question *q = question_new(dom);
		g_autoptr(GError) cause = NULL;
		enum virt_call_result r =
			virt_call(ask_progress, q, question_free, left_ms, &cause);

		if (r == VIRT_CALL_TIMED_OUT)
			break;
		if (r == VIRT_CALL_OK && q->has_job)
			*ret_operation = q->operation;
		question_free(q);
		if (r == VIRT_CALL_OK)
			return true;
		if (!vmm_is(cause, VMM_ERROR_BUSY)) {
			if (virConnectIsAlive(virDomainGetConnect(dom)) == 1)
				return true;	/* one that does not run has none */
			return vmm_pass(error, &cause);
		}

		left_ms = deadline_left_ms(until_us);
	}

	return vmm_fail(error, VMM_ERROR_TIMEOUT, "libvirt is still working on domain %s",
			virDomainGetName(dom));
}

static bool ask_abort(void *data, GError **error)
{
	struct question *q = data;

	if (virDomainAbortJob(q->dom) == 0)
		return true;

	return virt_fail(error, "cannot abort");
}

static void abort_job(virDomain *dom)
{
	struct question *q = question_new(dom);

	if (virt_call(ask_abort, q, question_free, ANSWER_MS, NULL) != VIRT_CALL_TIMED_OUT)
		question_free(q);
}

/*
 * Looks whether our call has got the domain's job: it is of its operation, and not older than the
 * call. As long as that lasts no other client can have it.
 */
static bool has_begun(struct run *run, gint64 now)
{
	struct question q;
	gint64 elapsed_ms;

	if (run->begun || now < run->look_us)
		return run->begun;

	run->look_us = now + LOOK_US;
	if (!read_question(run->job->dom, &q))
		return false;

	elapsed_ms = (g_get_monotonic_time() - run->called_us) / 1000;
	run->begun = q.operation == run->job->operation && q.progress.elapsed_ms <= elapsed_ms;
	return run->begun;
}

/*
 * libvirt aborts whatever job the domain has, that of another client for which our call still
 * waits, too: so ours must have begun. It is asked again, as it may not have taken effect.
 */
static bool tick(void *data)
{
	struct run *run = data;
	const struct virt_job *job = run->job;
	gint64 now = g_get_monotonic_time();
	bool is_late = job->until_us && now >= job->until_us;
	bool begun = has_begun(run, now);
	struct question q;

	if (!run->aborted_us && (is_late || (job->stop && job->stop())))
		run->aborted_us = now;
	if (run->aborted_us) {
		if (begun)
			abort_job(job->dom);
		return now - run->aborted_us < ABORT_WAIT_US;
	}

	/* The progress of another client's job is not ours. */
	if (begun && job->progress && now - run->reported_us >= PROGRESS_US) {
		run->reported_us = now;
		if (read_question(job->dom, &q))
			job->progress(job->progress_data, &q.progress);
	}

	return true;
}

enum virt_call_result virt_job_run(const struct virt_job *job, bool *ret_aborted, GError **error)
{
	gint64 now = g_get_monotonic_time();
	struct run run = { .job = job, .called_us = now, .reported_us = now };
	const struct virt_call_watch watch = { TICK_MS, tick, &run };
	enum virt_call_result r =
		virt_call_watched(job->func, job->data, job->free_data, &watch, error);

	*ret_aborted = run.aborted_us != 0;
	return r;
}

char *virt_progress_text(const struct virt_progress *p)
{
	double mib = 1 << 20;
	g_autoptr(GString) text = g_string_new(NULL);

	if (p->total_bytes)
		g_string_printf(text, "%.0f %% (%.0f of %.0f MiB left), ",
				100.0 * (double)(p->total_bytes - MIN(p->remaining_bytes,
				p->total_bytes)) / (double)p->total_bytes,
				(double)p->remaining_bytes / mib, (double)p->total_bytes / mib);
	g_string_append_printf(text, "%.1f s", (double)p->elapsed_ms / 1000);
	if (p->rate_bytes)
		g_string_append_printf(text, ", %.0f MiB/s", (double)p->rate_bytes / mib);
	if (p->iteration > 1)
		g_string_append_printf(text, ", round %" G_GUINT64_FORMAT, p->iteration);
	if (p->downtime_ms >= 0)
		g_string_append_printf(text, ", downtime %" G_GINT64_FORMAT " ms", p->downtime_ms);

	return g_string_free(g_steal_pointer(&text), FALSE);
}
