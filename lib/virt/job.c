#include "virt/job.h"

#include "tmpl/xml.h"
#include "virt/error.h"

enum { TICK_MS = 100, ANSWER_MS = 2000, ABORT_US = 12000000, PAUSE_US = 250000 };

struct asking {
	virDomain *dom;
	struct virt_progress progress;
};

static struct asking *asking_new(virDomain *dom)
{
	struct asking *a = g_new0(struct asking, 1);

	virDomainRef(dom);
	a->dom = dom;
	return a;
}

static void asking_free(void *data)
{
	struct asking *a = data;

	virDomainFree(a->dom);
	g_free(a);
}

static bool ask_progress(void *data, GError **error)
{
	static const struct {
		const char *field;
		size_t offset;
	} fields[] = {
		{ VIR_DOMAIN_JOB_TIME_ELAPSED, offsetof(struct virt_progress, elapsed_ms) },
		{ VIR_DOMAIN_JOB_DATA_TOTAL, offsetof(struct virt_progress, total) },
		{ VIR_DOMAIN_JOB_DATA_PROCESSED, offsetof(struct virt_progress, done) },
		{ VIR_DOMAIN_JOB_MEMORY_BPS, offsetof(struct virt_progress, rate) },
		{ VIR_DOMAIN_JOB_DOWNTIME, offsetof(struct virt_progress, downtime_ms) },
	};
	struct asking *a = data;
	virTypedParameterPtr params = NULL;
	int type = VIR_DOMAIN_JOB_NONE, n = 0;

	if (virDomainGetJobStats(a->dom, &type, &params, &n, 0) < 0)
		return virt_fail(error, "cannot read the progress");
	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
		unsigned long long value = 0;

		if (virTypedParamsGetULLong(params, n, fields[i].field, &value) > 0)
			G_STRUCT_MEMBER(guint64, &a->progress, fields[i].offset) = value;
	}
	virTypedParamsFree(params, n);
	return type != VIR_DOMAIN_JOB_NONE || vmm_fail(error, VMM_ERROR_NOT_FOUND, "no job");
}

bool virt_job_progress(virDomain *dom, unsigned limit_ms, struct virt_progress *ret)
{
	struct asking *a = asking_new(dom);
	enum virt_late r = virt_late_call(ask_progress, a, asking_free, limit_ms, NULL);

	if (r == VIRT_LATE_OK)
		*ret = a->progress;
	if (r != VIRT_LATE_LATE)
		asking_free(a);
	return r == VIRT_LATE_OK;
}

static bool ask_abort(void *data, GError **error)
{
	struct asking *a = data;

	return virDomainAbortJob(a->dom) == 0 ||
	       virt_fail(error, "cannot abort the job of domain %s", virDomainGetName(a->dom));
}

bool virt_job_abort(virDomain *dom, unsigned limit_ms, GError **error)
{
	struct asking *a = asking_new(dom);
	enum virt_late r = virt_late_call(ask_abort, a, asking_free, limit_ms, error);

	if (r == VIRT_LATE_LATE)
		return vmm_fail(error, VMM_ERROR_TIMEOUT, "cannot abort the job of domain %s: "
				"libvirt does not answer", virDomainGetName(dom));
	asking_free(a);
	return r == VIRT_LATE_OK;
}

struct watching {
	const struct virt_job *job;
	gint64 told_us, asked_us;
	bool aborted, deaf;
};

static bool tick(void *data)
{
	struct watching *w = data;
	gint64 now = g_get_monotonic_time();
	struct virt_progress progress;

	if (!w->asked_us && w->job->asked && w->job->asked())
		w->asked_us = now;
	if (w->asked_us) {
		/* It may not have begun yet: asked again until it has. */
		w->aborted = w->aborted || virt_job_abort(w->job->dom, ANSWER_MS, NULL);
		return now - w->asked_us < ABORT_US;
	}
	if (!w->job->tell || w->deaf || now - w->told_us < (gint64)w->job->tell_ms * 1000)
		return true;
	w->told_us = now;
	if (virt_job_progress(w->job->dom, ANSWER_MS, &progress))
		w->job->tell(&progress);
	else		/* of one that answers late, nothing more is asked */
		w->deaf = g_get_monotonic_time() - now >= ANSWER_MS * 1000;
	return true;
}

enum virt_late virt_job_call(const struct virt_job *job, virt_late_func *func, void *data,
			     GDestroyNotify free_data, bool *ret_aborted, GError **error)
{
	struct watching w = { .job = job, .told_us = g_get_monotonic_time() };
	enum virt_late r = virt_late_watch(func, data, free_data, job->limit_ms, TICK_MS, tick, &w,
					   error);

	*ret_aborted = w.aborted;
	return r;
}

/* The first disk with a block job; NULL with ERROR clear when none has one. Caller frees. */
static char *busy_disk(virDomain *dom, GError **error)
{
	g_autofree char *text = virt_xml(dom, error);
	g_autoptr(xmlDoc) doc = text ? tmpl_xml_parse(text, strlen(text), "domain", error) : NULL;
	xmlNode *devices = doc ? tmpl_xml_child(xmlDocGetRootElement(doc), "devices") : NULL;

	for (xmlNode *n = devices ? devices->children : NULL; n; n = n->next) {
		xmlNode *target = tmpl_xml_child(n, "target");
		virDomainBlockJobInfo info;
		g_autoptr(xmlChar) dev = NULL;

		if (!xmlStrEqual(n->name, BAD_CAST "disk") || !target)
			continue;
		dev = xmlGetProp(target, BAD_CAST "dev");
		if (dev && virDomainGetBlockJobInfo(dom, (const char *)dev, &info, 0) > 0)
			return g_strdup((const char *)dev);
	}
	return NULL;
}

bool virt_job_wait_blocks(virDomain *dom, unsigned limit_ms, GError **error)
{
	gint64 until_us = g_get_monotonic_time() + (gint64)limit_ms * 1000;

	for (;;) {
		g_autoptr(GError) cause = NULL;
		g_autofree char *disk = busy_disk(dom, &cause);

		if (cause) {
			g_propagate_error(error, g_steal_pointer(&cause));
			return false;
		}
		if (!disk)
			return true;
		if (g_get_monotonic_time() >= until_us)
			return vmm_fail(error, VMM_ERROR_BUSY, "domain %s: a block job works on "
					"its disk %s", virDomainGetName(dom), disk);
		g_usleep(PAUSE_US);
	}
}
