/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_move.h"

/* The source is gone, and the VM starts elsewhere: docs/facts/images.md 9. */
#define PROLOG_MIGRATE_UNKNOWN "60"

/* RUNNING: what the action that moves the VM does not bring; the source is emptied after it. */
static bool copy_directory(const struct transfer_sides *s, bool running, bool is_seen,
			   GError **error)
{
	g_autofree char *id = g_uuid_string_random();
	g_autofree char *token = NULL;

	if (!transfer_sides_copy(s, id, running, is_seen, &token, error))
		return false;
	if (!token)
		return transfer_sides_tell(s, &s->from, "keep", id, error);

	return running || transfer_sides_end(s, id, token, error);
}

/* FROM: what the source says of itself. */
static bool copy_with_volumes(const struct transfer_sides *s, const struct transfer_side *from,
			      bool running, GError **error)
{
	const char *volumes = transfer_side_said(from, "volumes");
	const char *pooled = transfer_side_said(from, "pooled");
	bool has_volumes = *volumes || *pooled;
	struct transfer_side to = { .place = &s->to };
	const char *sees;
	bool ok;

	/* Their names, and where they are, belong to the datastore. */
	if (has_volumes && !transfer_sides_is_one_datastore(s))
		return vmm_fail(error, VMM_ERROR_CONFIG, "TM_MAD kvm_image does not move %s%s from "
				"datastore %s to datastore %s", volumes, pooled,
				s->from.datastore, s->to.datastore);
	if (!*volumes)
		return copy_directory(s, running, false, error);

	ok = transfer_side_ask(s, &to, volumes, true, error);
	sees = transfer_side_said(&to, "sees");
	if (ok && g_str_equal(sees, "some"))
		ok = vmm_fail(error, VMM_ERROR_CONFIG, "host %s sees some of the volumes %s of "
			      "host %s, and not the others", s->to.host, volumes, s->from.host);
	else if (ok)
		ok = copy_directory(s, running, g_str_equal(sees, "all"), error);
	transfer_side_clear(&to);

	return ok;
}

static bool fail_nowhere(const struct transfer_sides *s, GError **error)
{
	return vmm_fail(error, VMM_ERROR_NOT_FOUND, "neither %s of host %s nor %s of host %s has "
			"all of VM %s", s->from.directory, s->from.host, s->to.directory,
			s->to.host, tmpl_vm_header(s->vm->vm, "ID"));
}

static bool finish_at(const struct transfer_sides *s, const char *id,
		      const struct transfer_side *to, GError **error)
{
	bool is_whole = transfer_side_is(to, "whole") || transfer_side_is(to, "sending");
	const char *move = transfer_side_said(to, "move");

	if (!*id && is_whole)
		return true;
	if (!transfer_side_is(to, "received"))
		return fail_nowhere(s, error);
	if (!*id)
		return transfer_sides_tell(s, &s->to, "keep", move, error);
	if (!g_str_equal(move, id))
		return fail_nowhere(s, error);

	return transfer_sides_end(s, id, transfer_side_said(to, "token"), error);
}

/* A move that was killed when the destination had all: ID; "": its source is gone. */
static bool finish_move(const struct transfer_sides *s, const char *id, GError **error)
{
	struct transfer_side to = { .place = &s->to };
	bool ok = transfer_side_ask(s, &to, NULL, false, error) && finish_at(s, id, &to, error);

	transfer_side_clear(&to);

	return ok;
}

static bool move_from(const struct transfer_sides *s, const struct transfer_side *from,
		      GError **error)
{
	if (transfer_side_is(from, "none"))
		return finish_move(s, "", error) && transfer_sides_left(s, error);
	if (transfer_side_is(from, "sent"))
		return finish_move(s, transfer_side_said(from, "move"), error);
	if (transfer_side_is(from, "receiving"))
		return fail_nowhere(s, error);

	return copy_with_volumes(s, from, false, error);
}

bool transfer_move_run(const struct transfer_sides *s, GError **error)
{
	struct transfer_side from = { .place = &s->from };
	bool ok;

	if (!transfer_sides_check(s, error))
		return false;
	if (g_str_equal(tmpl_vm_header(s->vm->vm, "LCM_STATE"), PROLOG_MIGRATE_UNKNOWN))
		return finish_move(s, "", error);

	ok = transfer_side_ask(s, &from, NULL, false, error) && move_from(s, &from, error);
	transfer_side_clear(&from);

	return ok;
}

/* What was begun before, in FROM's answer. */
static bool is_begun(const struct transfer_side *from)
{
	return transfer_side_is(from, "sending") || transfer_side_is(from, "sent");
}

bool transfer_move_before(const struct transfer_sides *s, GError **error)
{
	struct transfer_side from = { .place = &s->from };
	bool ok = transfer_sides_check(s, error) &&
		  transfer_side_ask(s, &from, NULL, true, error);

	if (ok && (transfer_side_is(&from, "sent") || transfer_side_is(&from, "receiving")))
		ok = fail_nowhere(s, error);
	if (ok && !transfer_side_is(&from, "none"))
		ok = copy_with_volumes(s, &from, true, error);
	transfer_side_clear(&from);

	return ok;
}

static bool end_after(const struct transfer_sides *s, const char *id, GError **error)
{
	struct transfer_side to = { .place = &s->to };
	bool ok = transfer_sides_tell(s, &s->to, "adopt", id, error) &&
		  transfer_side_ask(s, &to, NULL, true, error);

	if (ok && !g_str_equal(transfer_side_said(&to, "move"), id))
		ok = fail_nowhere(s, error);
	if (ok)
		ok = transfer_sides_end(s, id, transfer_side_said(&to, "token"), error);
	transfer_side_clear(&to);

	return ok;
}

/* After a killed run the destination may still have to take its volumes and to forget the move. */
static bool end_again(const struct transfer_sides *s, GError **error)
{
	struct transfer_side to = { .place = &s->to };
	bool ok = transfer_side_ask(s, &to, NULL, true, error);
	const char *id = transfer_side_said(&to, "move");

	if (ok && transfer_side_is(&to, "received"))
		ok = transfer_sides_tell(s, &s->to, "adopt", id, error) &&
		     transfer_sides_tell(s, &s->to, "keep", id, error);
	transfer_side_clear(&to);

	return ok;
}

/* If both hosts share the directory, no move was noted before it: then there is nothing to do. */
bool transfer_move_after(const struct transfer_sides *s, GError **error)
{
	struct transfer_side from = { .place = &s->from };
	bool ok = transfer_sides_check(s, error) &&
		  transfer_side_ask(s, &from, NULL, true, error);

	if (ok && is_begun(&from))
		ok = end_after(s, transfer_side_said(&from, "move"), error);
	else if (ok && transfer_side_is(&from, "none"))
		ok = end_again(s, error);
	transfer_side_clear(&from);

	return ok;
}

static bool fail_moved(const struct transfer_sides *s, GError **error)
{
	vmm_fail(error, VMM_ERROR_REFUSED, "VM %s has moved from host %s to host %s: nothing is "
		 "removed there", tmpl_vm_header(s->vm->vm, "ID"), s->from.host, s->to.host);
	vmm_error_set_hint(error, "postmigrate, with the same operands, ends the move");

	return false;
}

bool transfer_move_failed(const struct transfer_sides *s, GError **error)
{
	struct transfer_side from = { .place = &s->from };
	bool ok = transfer_sides_check(s, error) &&
		  transfer_side_ask(s, &from, NULL, true, error);
	const char *id = transfer_side_said(&from, "move");

	if (ok && *transfer_side_said(&from, "moved"))
		ok = fail_moved(s, error);
	if (ok && transfer_side_is(&from, "sending"))
		ok = transfer_sides_tell(s, &s->to, "abandon", id, error) &&
		     transfer_sides_tell(s, &s->from, "keep", id, error);
	transfer_side_clear(&from);

	return ok;
}
