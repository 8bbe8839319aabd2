/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/stranded.h"

#include "action/other_host.h"
#include "xml/xml.h"
#include "virt/agent.h"
#include "virt/domain_note.h"
#include "virt/virt_error.h"
#include "virt/virt_host.h"
#include "virt/pause.h"
#include "vm/last_writer.h"
#include "wire/ssh.h"

enum { OPEN_MS = 30000 };

static const struct domain_note destination = { "urn:vmmexec:leaving", "leaving", "to" };

bool stranded_note(virDomain *dom, const char *host, GError **error)
{
	return domain_note_write(dom, &destination, host, error);
}

bool stranded_is_noted(virDomain *dom, bool *ret, GError **error)
{
	g_autofree char *note = NULL;
	bool ok = domain_note_read(dom, &destination, &note, error);

	*ret = note != NULL;

	return ok;
}

static bool refuse_stranded(virDomain *dom, const char *where, const char *hint, GError **error)
{
	vmm_fail(error, VMM_ERROR_REFUSED, "domain %s is paused after an interrupted migration: "
		 "%s", virDomainGetName(dom), where);
	vmm_error_set_hint(error, "%s", hint);
	return false;
}

/* The host of "PROTOCOL://HOST/system", as notes of older versions are; NULL: NOTE is none. */
static char *host_of(const struct action_ctx *ctx, const char *note)
{
	const char *protocol = conf_kvmrc_string(ctx->rc, "QEMU_PROTOCOL");
	size_t n = strlen(protocol);

	if (strncmp(note, protocol, n) != 0 || strncmp(note + n, "://", 3) != 0 ||
	    !g_str_has_suffix(note, "/system"))
		return NULL;
	note += n + 3;

	if (strlen(note) > strlen("/system"))
		return g_strndup(note, strlen(note) - strlen("/system"));

	return NULL;
}

/*
 * libvirt's URI of the host that NOTE names; NULL: it names none. A note is read as if a stranger
 * had written it: an URI may name a program, so it is ours, made of the name of a host.
 */
static char *uri_of(const struct action_ctx *ctx, const char *note)
{
	g_autofree char *older = host_of(ctx, note);
	const char *host = older ? older : note;

	if (wire_ssh_check_host(host, NULL))
		return other_host_libvirt_uri(ctx, host);

	return NULL;
}

/* The same of what DOM notes; NULL: no note, or ERROR is set. The caller frees. */
static char *noted(const struct action_ctx *ctx, virDomain *dom, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autofree char *note = NULL;
	char *uri = NULL;

	if (domain_note_read(dom, &destination, &note, &cause) && note)
		uri = uri_of(ctx, note);

	if (cause)
		vmm_pass(error, &cause);
	else if (note && !uri)
		refuse_stranded(dom, "the note of where it was moved to names no host",
		       "look for it on the other hosts; if it runs nowhere else, resume it (virsh "
		       "resume)", error);

	return uri;
}

/* Whether libvirt at URI, asked now, has nothing of DOM. */
static bool is_not_at(const struct action_ctx *ctx, virDomain *dom, const char *uri,
		      char **ret_there, GError **error)
{
	virConnect *there = virt_open(uri, action_left_ms(ctx, OPEN_MS), error);
	char uuid[VIR_UUID_STRING_BUFLEN] = "";
	g_autoptr(GError) cause = NULL;
	g_autoptr(virDomain) other = NULL;
	struct virt_state state = { .gone = true };
	bool ok = false;

	if (!there) {
		g_prefix_error(error, "cannot tell whether domain %s runs at %s: ",
			       virDomainGetName(dom), uri);
		return false;
	}

	if (virDomainGetUUIDString(dom, uuid) == 0)
		other = virt_domain(there, uuid, NULL, &cause);
	if (vmm_is(cause, VMM_ERROR_NOT_FOUND) ||
	    (other && virt_state_read(other, &state, &cause) && state.gone)) {
		ok = true;
	} else if (cause) {
		vmm_pass(error, &cause);
	} else {
		g_autofree char *where = g_strdup_printf("it is %s at %s", virt_state_name(&state),
							 uri);

		if (ret_there && virt_state_is_up(&state) && !virt_paused_for_job(&state))
			*ret_there = g_strdup(uri);
		refuse_stranded(dom, where,
				"migrate it there again, which ends what is left here; do not "
				"resume it", error);
	}

	g_clear_pointer(&other, virDomainFree);
	virt_close(there);

	return ok;
}

bool stranded_is_no_vm(const struct action_ctx *ctx, virDomain *dom, const char *checkpoint,
		       GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autofree char *to = noted(ctx, dom, &cause);
	bool ran;

	if (cause)
		return vmm_pass(error, &cause);
	if (to && !is_not_at(ctx, dom, to, NULL, error))
		return false;
	if (to && last_writer_check(dom, NULL))
		return refuse_stranded(dom, "nobody has run it since, so it is the VM",
				       "migrate it again, which resumes it first", error);
	/* Disks that are no files do not tell; what was only half restored has not touched any. */
	if (!last_writer_ran_since(dom, checkpoint, &ran, error))
		return false;
	if (!ran)
		return true;

	return refuse_stranded(dom, "its guest ran after the checkpoint was made, so it may be the "
			       "VM", "if it runs nowhere else, resume it (virsh resume); if it is "
			       "not needed, end it (virsh destroy)", error);
}

bool stranded_check_memory(virDomain *dom, const char *where, GError **error)
{
	g_autoptr(GError) cause = NULL;

	if (last_writer_check(dom, &cause))
		return true;

	vmm_fail(error, VMM_ERROR_REFUSED, "domain %s is paused after an interrupted migration, "
		 "and is not at %s now, where it may have run and ended: %s",
		 virDomainGetName(dom), where, cause->message);
	vmm_error_set_hint(error, "if it ran there, its memory here is older than its disks: end "
			   "it (virsh destroy) and start the VM anew; if it did not, resume it "
			   "(virsh resume)");

	return false;
}

/* Whether URI is that of the host where we are. */
static bool is_here(const struct action_ctx *ctx, const char *uri)
{
	virConnect *there = virt_open(uri, action_left_ms(ctx, OPEN_MS), NULL);
	g_autofree char *here = virt_host_uuid(ctx->conn);
	g_autofree char *other = there ? virt_host_uuid(there) : NULL;

	if (there)
		virt_close(there);

	return here && !g_strcmp0(here, other);
}

/* What a paused domain is, besides the VM. */
enum copy {
	NO_COPY,
	COPY_LEFT,	/* its migration from here did not end: the VM may run elsewhere */
	COPY_CAME,	/* its migration to here did not end: the VM may have run at its source */
};

/*
 * Whether the guest of DOM has not run since its memory was sent. QEMU is asked, because libvirt
 * only reports "paused by a user" if a user had paused the guest before. True also if QEMU does not
 * answer.
 */
static bool was_sent(virDomain *dom)
{
	g_autofree char *answer = virt_monitor(dom, "{\"execute\":\"query-status\"}");

	return !answer || strstr(answer, "\"postmigrate\"");
}

/* RET_TO: where DOM was moved to; NULL: it has no note. The caller frees. */
static bool find_copy(const struct action_ctx *ctx, virDomain *dom, const struct virt_state *state,
		      enum copy *ret, char **ret_to, GError **error)
{
	bool moved = state->reason == VIR_DOMAIN_PAUSED_MIGRATION;
	g_autoptr(GError) cause = NULL;
	bool came;

	*ret = NO_COPY;
	*ret_to = NULL;
	if (state->gone || state->state != VIR_DOMAIN_PAUSED)
		return true;
	if (!moved && virt_paused_for_job(state))
		return true;

	*ret_to = noted(ctx, dom, &cause);
	if (cause)
		return vmm_pass(error, &cause);
	came = !moved && *ret_to && is_here(ctx, *ret_to);
	if (came)
		*ret = COPY_CAME;
	else if (moved || (*ret_to && was_sent(dom)))
		*ret = COPY_LEFT;

	return true;
}

bool stranded_is_vm(const struct action_ctx *ctx, virDomain *dom, const struct virt_state *state,
		    GError **error)
{
	g_autofree char *to = NULL;
	enum copy copy;

	if (!find_copy(ctx, dom, state, &copy, &to, error))
		return false;
	if (copy != COPY_LEFT || !to)
		return true;
	/* What was to come in here is not the VM. */
	if (is_here(ctx, to))
		return true;

	return is_not_at(ctx, dom, to, NULL, error);
}

/* DOM has been paused here since it arrived: nothing tells whether it was resumed at its source. */
static bool check_arrival(virDomain *dom, GError **error)
{
	g_autoptr(GError) cause = NULL;

	if (last_writer_check(dom, &cause))
		return true;

	vmm_fail(error, VMM_ERROR_REFUSED, "domain %s is paused after an interrupted migration "
		 "to this host, and may have run where it came from: %s", virDomainGetName(dom),
		 cause->message);
	vmm_error_set_hint(error, "migrate it from there again, which ends that; if it ran there, "
			   "its memory here is older than its disks: end it (virsh destroy)");

	return false;
}

/* Whether DOM, a COPY of a migration to TO (or NULL), is the VM. */
static bool check_copy(const struct action_ctx *ctx, virDomain *dom, enum copy copy, const char *to,
		       char **ret_there, GError **error)
{
	if (copy == NO_COPY)
		return true;
	if (copy == COPY_CAME)
		return check_arrival(dom, error);
	if (!to)
		return refuse_stranded(dom, "it may be running on another host",
				       "if it runs nowhere else, resume it (virsh resume)", error);

	return is_not_at(ctx, dom, to, ret_there, error) && stranded_check_memory(dom, to, error);
}

bool stranded_look(const struct action_ctx *ctx, virDomain *dom, const struct virt_state *state,
		   char **ret_there, GError **error)
{
	g_autofree char *to = NULL;
	enum copy copy;

	if (!find_copy(ctx, dom, state, &copy, &to, error))
		return false;

	return check_copy(ctx, dom, copy, to, ret_there, error);
}

/* Resumes DOM, which is in STATE, if it is the VM and a job paused it; as stranded_check(). */
static bool resume_left(const struct action_ctx *ctx, virDomain *dom, struct virt_state *state,
			char **ret_there, GError **error)
{
	if (!stranded_look(ctx, dom, state, ret_there, error))
		return false;
	if (state->gone || !virt_paused_for_job(state))
		return true;

	action_log("WARN", "resuming domain %s: it is paused for a job that no longer exists",
		   virDomainGetName(dom));
	if (virDomainResume(dom) < 0)
		return virt_fail(error, "cannot resume domain %s", virDomainGetName(dom));

	return virt_state_read(dom, state, error);
}

bool stranded_check(const struct action_ctx *ctx, virDomain *dom, struct virt_state *state,
		    char **ret_there, GError **error)
{
	if (ret_there)
		*ret_there = NULL;
	if (virt_paused_for_job(state) && !virt_wait_idle(dom, state, error))
		return false;

	return resume_left(ctx, dom, state, ret_there, error);
}

bool stranded_wait_idle(const struct action_ctx *ctx, virDomain *dom, struct virt_state *ret,
			GError **error)
{
	return virt_wait_idle(dom, ret, error) && resume_left(ctx, dom, ret, NULL, error);
}
