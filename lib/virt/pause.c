/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/pause.h"

#include "base/deadline.h"
#include "virt/virt_error.h"
#include "virt/domain_job.h"

enum { WAIT_MS = 3000, PAUSE_US = 200000, BARRIER_MS = 60000 };

bool virt_paused_for_job(const struct virt_state *s)
{
	if (s->state != VIR_DOMAIN_PAUSED)
		return false;

	return s->reason == VIR_DOMAIN_PAUSED_SAVE || s->reason == VIR_DOMAIN_PAUSED_SNAPSHOT ||
	       s->reason == VIR_DOMAIN_PAUSED_MIGRATION;
}

bool virt_wait_idle(virDomain *dom, struct virt_state *ret, GError **error)
{
	gint64 until_us = deadline_in_ms(WAIT_MS);
	bool goes_on, had_job = false;
	int operation;

	for (;;) {
		if (!virt_domain_barrier(dom, BARRIER_MS, &operation, error))
			return false;
		goes_on = operation != VIRT_NO_JOB;
		if (!virt_state_read(dom, ret, error))
			return false;
		if (ret->gone)
			return true;
		/* A call that waited for the job begins only now. */
		if (!goes_on && !had_job && !virt_paused_for_job(ret))
			return true;
		had_job = goes_on;
		if (goes_on)
			until_us = deadline_in_ms(WAIT_MS);
		else if (deadline_passed(until_us))
			return true;
		g_usleep(PAUSE_US);
	}
}
