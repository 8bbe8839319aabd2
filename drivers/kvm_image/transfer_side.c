/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_side.h"

#include "transfer_host.h"

enum { MAX_WORDS = 12, TRIES = 20, PAUSE_US = 200000 };

bool transfer_sides_parse(struct transfer_sides *ret, const char *from, const char *to,
			  const char *vm, GError **error)
{
	*ret = (struct transfer_sides){ 0 };

	return transfer_place_parse(&ret->from, from, vm, error) &&
	       transfer_place_parse(&ret->to, to, vm, error);
}

bool transfer_sides_is_one_datastore(const struct transfer_sides *s)
{
	return g_str_equal(s->from.datastore, s->to.datastore);
}

/*
 * A move does not convert a disk: its domain would not start in a datastore that keeps disks in
 * another way.
 */
static bool check_storage(const struct transfer_sides *s, GError **error)
{
	static const char *const of_files[] = { "default", "flat", "raw", "qcow2", NULL };
	const TmplAttr *storage = tmpl_set_single(s->vm->vm->datastore, "STORAGE");

	if (transfer_sides_is_one_datastore(s) || !storage)
		return true;
	if (g_strv_contains(of_files, storage->value))
		return true;

	return vmm_fail(error, VMM_ERROR_CONFIG, "TM_MAD kvm_image does not move disks from "
			"datastore %s to datastore %s, which has STORAGE = '%s'",
			s->from.datastore, s->to.datastore, storage->value);
}

/* oned must have the VM on one of both sides; the other one is where it was, or the front-end. */
bool transfer_sides_check(const struct transfer_sides *s, GError **error)
{
	if (!check_storage(s, error))
		return false;

	return transfer_vm_check(s->vm, &s->to, NULL) ||
	       transfer_vm_check(s->vm, &s->from, error);
}

bool transfer_side_ask(const struct transfer_sides *s, struct transfer_side *side,
		       const char *volumes, bool running, GError **error)
{
	const char *words[MAX_WORDS] = { "state", "-", "--json", "--directory",
					 side->place->directory };
	const struct transfer_call call = { .host = transfer_place_host(side->place),
					    .words = words, .input = s->vm->document };
	int n = 5;

	if (running)
		words[n++] = "--running";
	if (volumes) {
		words[n++] = "--volumes";
		words[n++] = volumes;
	}

	json_object_put(side->answer);
	side->answer = NULL;

	return transfer_host_ask(&call, &side->answer, error);
}

const char *transfer_side_said(const struct transfer_side *side, const char *name)
{
	return transfer_host_text(side->answer, name);
}

bool transfer_side_is(const struct transfer_side *side, const char *state)
{
	return g_str_equal(transfer_side_said(side, "state"), state);
}

/* SEND has room for two words more. */
static bool run_copy(const struct transfer_sides *s, const char *const *send,
		 const char *const *receive, char **ret_token, GError **error)
{
	const struct transfer_call from = { .host = transfer_place_host(&s->from), .words = send,
					    .input = s->vm->document };
	const struct transfer_call to = { .host = transfer_place_host(&s->to), .words = receive };
	json_object *answer = NULL;
	bool ok = transfer_host_pipe(&from, &to, &answer, error);

	*ret_token = NULL;
	if (ok && !*transfer_host_text(answer, "shared"))
		*ret_token = g_strdup(transfer_host_text(answer, "token"));
	json_object_put(answer);

	return ok;
}

/* The front-end need not see what hosts share. */
static bool is_shared(const struct transfer_sides *s)
{
	const TmplAttr *shared = tmpl_set_single(s->vm->vm->datastore, "SHARED");
	bool are_hosts = transfer_place_host(&s->from) && transfer_place_host(&s->to);

	if (!shared || !are_hosts || !transfer_sides_is_one_datastore(s))
		return false;

	return !g_ascii_strcasecmp(shared->value, "YES");
}

bool transfer_sides_copy(const struct transfer_sides *s, const char *id, bool running,
			 bool is_seen, char **ret_token, GError **error)
{
	const char *vm = tmpl_vm_header(s->vm->vm, "ID");
	const char *send[MAX_WORDS] = { "send", "-", "--all", "--directory", s->from.directory,
					"--move", id };
	const char *receive[MAX_WORDS] = { "receive", "--all", "--json", "--directory",
					   s->to.directory, "--vm", vm };
	int n = 7;

	if (running)
		send[n] = receive[n] = "--running";
	n += running;
	if (is_seen)
		send[n] = "--seen";
	if (is_shared(s))
		receive[n] = "--shared";

	return run_copy(s, send, receive, ret_token, error);
}

/* A program there whose reader has gone needs a moment to see that, and to give the lock back. */
static bool run_soon(const struct transfer_call *call, GError **error)
{
	for (int tries = 1;; tries++) {
		g_autoptr(GError) cause = NULL;

		if (transfer_host_run(call, &cause))
			return true;
		if (tries == TRIES || !vmm_is(cause, VMM_ERROR_BUSY))
			return vmm_pass(error, &cause);
		g_usleep(PAUSE_US);
	}
}

bool transfer_sides_tell(const struct transfer_sides *s, const struct transfer_place *place,
			 const char *command, const char *id, GError **error)
{
	const char *const words[] = { command, "-", "--json", "--directory", place->directory,
				      "--move", id, NULL };
	const struct transfer_call call = { .host = transfer_place_host(place), .words = words,
					    .input = s->vm->document };

	return run_soon(&call, error);
}

static bool leave(const struct transfer_sides *s, const char *id, const char *token,
		  GError **error)
{
	const char *const words[] = { "leave", "-", "--json", "--directory", s->from.directory,
				      "--move", id, "--token", token, NULL };
	const struct transfer_call call = { .host = transfer_place_host(&s->from),
					    .words = words, .input = s->vm->document };

	return transfer_host_run(&call, error);
}

bool transfer_sides_end(const struct transfer_sides *s, const char *id, const char *token,
			GError **error)
{
	if (!leave(s, id, token, error))
		return false;

	return transfer_sides_tell(s, &s->to, "keep", id, error);
}

bool transfer_sides_left(const struct transfer_sides *s, GError **error)
{
	g_autofree char *id = g_uuid_string_random();

	return leave(s, id, id, error);
}

void transfer_side_clear(struct transfer_side *side)
{
	json_object_put(side->answer);
}

void transfer_sides_clear(struct transfer_sides *s)
{
	transfer_place_clear(&s->from);
	transfer_place_clear(&s->to);
}
