/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/migrate_call.h"

#include "base/deadline.h"
#include "virt/connect.h"
#include "virt/virt_error.h"

enum { PAUSE_MS = 200, JOB_MS = 10000 };

struct call {
	virDomain *dom;
	virConnect *dest;
	char *dest_uri;
	MigrateOptions *how;	/* ours: an abandoned call keeps using it */
};

static void call_free(void *data)
{
	struct call *c = data;

	virDomainFree(c->dom);
	virConnectClose(c->dest);
	g_free(c->dest_uri);
	migrate_options_free(c->how);
	g_free(c);
}

static bool migrate(void *data, GError **error)
{
	struct call *c = data;
	const MigrateOptions *how = c->how;
	g_autoptr(virDomain) moved = NULL;
	bool ok;

	if (how->flags & VIR_MIGRATE_PEER2PEER) {
		ok = virDomainMigrateToURI3(c->dom, c->dest_uri, how->params,
					    (unsigned)how->n_params, how->flags) == 0;
	} else {
		moved = virDomainMigrate3(c->dom, c->dest, how->params, (unsigned)how->n_params,
					  how->flags);
		ok = moved != NULL;
	}

	if (ok)
		return true;

	return virt_fail(error, "cannot migrate domain %s", virDomainGetName(c->dom));
}

struct watch {
	const struct migrate_move *move;
	gint64 begun_us;
	bool acted;
};

static void on_progress(void *data, const struct virt_progress *progress)
{
	struct watch *w = data;
	const MigrateOptions *how = w->move->how;
	bool too_long = how->overtime_s && g_get_monotonic_time() - w->begun_us >=
		    (gint64)how->overtime_s * G_USEC_PER_SEC;
	bool postcopy = (too_long && how->overtime == MIGRATE_OVERTIME_POSTCOPY) ||
			(how->postcopy_soon && progress->iteration > 1);

	if (w->move->job.progress)
		w->move->job.progress(w->move->job.progress_data, progress);
	if (w->acted)
		return;
	if (!too_long && !postcopy)
		return;
	/*
	 * libvirt refuses this while the destination is not ready: it is tried again a second
	 * later.
	 */
	if (postcopy)
		w->acted = virDomainMigrateStartPostCopy(w->move->dom, 0) == 0;
	else
		w->acted = virDomainSuspend(w->move->dom) == 0;
}

enum virt_call_result migrate_call(const struct migrate_move *move, bool *ret_aborted,
				   GError **error)
{
	struct watch watch = { .move = move, .begun_us = g_get_monotonic_time() };
	struct call *c = g_new0(struct call, 1);
	struct virt_job job = move->job;
	enum virt_call_result r;

	job.dom = move->dom;
	job.operation = VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT;
	job.func = migrate;
	job.data = c;
	job.free_data = call_free;
	job.progress = on_progress;
	job.progress_data = &watch;
	virDomainRef(move->dom);
	virConnectRef(move->dest);
	c->dom = move->dom;
	c->dest = move->dest;
	c->dest_uri = g_strdup(move->dest_uri);
	c->how = migrate_options_ref(move->how);
	r = virt_job_run(&job, ret_aborted, error);
	if (r != VIRT_CALL_TIMED_OUT)
		call_free(c);

	return r;
}

void migrate_sides_clear(struct migrate_sides *sides)
{
	g_clear_pointer(&sides->source, virDomainFree);
	g_clear_pointer(&sides->dest, virDomainFree);
}

static bool look(virConnect *conn, const char *uuid, virDomain **ret, struct virt_state *state,
		 GError **error)
{
	g_autoptr(GError) cause = NULL;

	*ret = virt_domain(conn, uuid, NULL, &cause);
	*state = (struct virt_state){ .gone = true };
	if (vmm_is(cause, VMM_ERROR_NOT_FOUND))
		return true;
	if (cause)
		return vmm_pass(error, &cause);
	if (!virt_state_read(*ret, state, error))
		return false;
	if (state->gone)
		g_clear_pointer(ret, virDomainFree);

	return true;
}

/*
 * Asks both hosts, and the source once more: a move that ends between two answers would look
 * like two guests, or like one that stayed and a copy to end. RET_STEADY: the source's two are
 * alike.
 */
static bool look_at_both(virConnect *source, virConnect *dest, const char *uuid,
			 struct migrate_sides *ret, bool *ret_steady, GError **error)
{
	struct virt_state again;
	g_autoptr(virDomain) dom = NULL;

	if (!look(source, uuid, &ret->source, &ret->source_state, error) ||
	    !look(dest, uuid, &ret->dest, &ret->dest_state, error) ||
	    !look(source, uuid, &dom, &again, error))
		return false;

	*ret_steady = migrate_side_of(&ret->source_state, true) == migrate_side_of(&again, true);

	return true;
}

/*
 * libvirt still moves DOM, although the answer to that was lost: what comes in at the destination
 * may be the VM in a moment, so it must not be ended.
 */
static bool is_still_moved(virDomain *dom, GError **error)
{
	int operation;

	if (!virt_domain_barrier(dom, JOB_MS, &operation, error))
		return true;
	if (operation != VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT)
		return false;
	vmm_fail(error, VMM_ERROR_BUSY, "libvirt still moves domain %s", virDomainGetName(dom));
	vmm_error_set_hint(error, "see virsh domjobinfo there; virsh domjobabort ends it");

	return true;
}

/* Sets ERROR for a location in which neither copy may be touched. */
static enum migrate_location refuse_location(enum migrate_location location, const char *uuid,
				    GError **error)
{
	if (location == MIGRATE_ORPHAN)
		vmm_fail(error, VMM_ERROR_INTERNAL,
			 "domain %s still waits at the destination for its source, which is gone",
			 uuid);
	if (location == MIGRATE_SPLIT) {
		vmm_fail(error, VMM_ERROR_INTERNAL,
			 "the memory of domain %s is on both hosts, as post-copy did not end",
			 uuid);
		vmm_error_set_hint(error,
				   "destroy neither; see virsh migrate --postcopy-resume");
	}

	return MIGRATE_LOCATION_UNKNOWN;
}

enum migrate_location migrate_locate(virConnect *source, virConnect *dest, const char *uuid,
				     gint64 until_us, struct migrate_sides *ret, GError **error)
{
	struct migrate_verdict v;
	bool steady;

	for (;;) {
		*ret = (struct migrate_sides){ 0 };
		if (!look_at_both(source, dest, uuid, ret, &steady, error))
			return MIGRATE_LOCATION_UNKNOWN;

		v = migrate_verdict_of(migrate_side_of(&ret->source_state, true),
				    migrate_side_of(&ret->dest_state, false));
		if (steady && !v.wait)
			break;
		if (!deadline_pause(until_us, PAUSE_MS))
			break;
		migrate_sides_clear(ret);
	}

	if (!steady) {
		vmm_fail(error, VMM_ERROR_INTERNAL, "domain %s changes while it is looked at",
			 uuid);
		return MIGRATE_LOCATION_UNKNOWN;
	}

	if (v.wait && v.location == MIGRATE_AT_SOURCE && is_still_moved(ret->source, error))
		return MIGRATE_LOCATION_UNKNOWN;
	if (v.location == MIGRATE_ORPHAN || v.location == MIGRATE_SPLIT)
		return refuse_location(v.location, uuid, error);

	return v.location;
}
