/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/vtpm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/root_helper.h"
#include "action/other_host.h"
#include "vm/checkpoint_use.h"
#include "vm/vtpm_note.h"
#include "vm/vtpm_secret.h"
#include "action/process.h"
#include "base/file.h"
#include "xml/xml.h"
#include "wire/ssh.h"

enum { LIMIT_MS = 60000 };

/* The next <backend> of a TPM that libvirt emulates, from <tpm> TPM on, which may be NULL. */
static xmlNode *emulator(xmlNode *tpm)
{
	for (; tpm; tpm = xml_next(tpm)) {
		xmlNode *backend = xml_child(tpm, "backend");

		if (xml_has(backend, "type", "emulator"))
			return backend;
	}

	return NULL;
}

static xmlNode *first_tpm(const xmlNode *domain)
{
	return xml_child(xml_child(domain, "devices"), "tpm");
}

bool vtpm_needed(const xmlNode *domain)
{
	return emulator(first_tpm(domain)) != NULL;
}

void vtpm_persist(xmlNode *domain)
{
	xmlNode *backend = emulator(first_tpm(domain));

	for (; backend; backend = emulator(xml_next(backend->parent)))
		if (!xmlHasProp(backend, BAD_CAST "persistent_state"))
			xmlSetProp(backend, BAD_CAST "persistent_state", BAD_CAST "yes");
}

static bool run(const struct action_ctx *ctx, const char *verb, const char *uuid,
		const char *directory, GError **error)
{
	g_autofree char *tool = root_helper_argv("vtpm_setup");
	const char *words[] = { "-n", tool, verb, uuid, directory, NULL };
	struct child_result result = { 0 };
	struct child_spec spec = { .argv = words + 1, .timeout_ms = action_left_ms(ctx, LIMIT_MS) };
	bool ok = geteuid() == 0 ? child_run(&spec, &result, error)
				 : process_run(ctx, "SUDO", "sudo", words, &result, error);

	ok = ok && child_result_check(&result, "vtpm_setup", error);
	child_result_clear(&result);
	if (!ok)
		g_prefix_error(error, "cannot %s the TPM's state of domain %s: ", verb, uuid);

	return ok;
}

/* As run(), which must be done if kvmrc says so. */
static bool must_run(const struct action_ctx *ctx, const char *verb, const char *uuid,
		     const char *directory, GError **error)
{
	g_autoptr(GError) cause = NULL;

	if (run(ctx, verb, uuid, directory, &cause))
		return true;
	if (!conf_kvmrc_bool(ctx->rc, "REQUIRE_TPM_STATE")) {
		action_log("WARN", "%s", cause->message);
		return true;
	}

	vmm_error_set_hint(&cause, "let sudo run vtpm_setup, see sudoers.example; or set "
			   "REQUIRE_TPM_STATE=no in kvmrc and lose that state");

	return vmm_pass(error, &cause);
}

static char *place_of(const char *uuid)
{
	return g_build_filename(VTPM_PLACE, uuid, NULL);
}

static const char *const files[] = { "tpm2-00.permall", "tpm-00.permall" };

static const char env[] = "/usr/bin/env";

/* File NAME of directory DIR on HOST becomes PATH here, with its time. */
static bool fetch_file(const struct action_ctx *ctx, const char *host, const char *dir,
		       const char *name, const char *path, GError **error)
{
	g_autofree char *there = g_build_filename(dir, name, NULL);
	const char *const test[] = { "test", "-e", there, NULL };
	const char *const read[] = { "base64", "-w0", "--", there, NULL };
	const char *const ask[] = { "stat", "-c", "%.9Y", "--", there, NULL };
	g_autofree char *text = NULL, *when = NULL;
	g_autofree guchar *bytes = NULL;
	struct timespec times[2] = { 0 };
	gsize len = 0;
	char *rest;
	bool is_there;

	if (!other_host_test(ctx, host, env, test, &is_there, error))
		return false;
	if (!is_there)
		return true;
	text = other_host_ask(ctx, host, env, read, error);
	if (text)
		when = other_host_ask(ctx, host, env, ask, error);
	else
		when = NULL;
	if (!when)
		return false;
	bytes = g_base64_decode(text, &len);
	times[1].tv_sec = (time_t)g_ascii_strtoll(when, &rest, 10);
	if (*rest == '.')
		times[1].tv_nsec = (long)g_ascii_strtoll(rest + 1, NULL, 10);
	else
		times[1].tv_nsec = 0;
	times[0] = times[1];
	if (!file_write(path, bytes, len, 0600, error))
		return false;

	return utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) == 0 ||
	       vmm_fail_errno(error, errno, "cannot set the time of %s", path);
}

/* Runs vtpm_setup on HOST, where it puts the state of UUID into directory DIR. */
static bool run_there(const struct action_ctx *ctx, const char *host, const char *uuid,
		      const char *dir, GError **error)
{
	g_autofree char *tool = root_helper_argv("vtpm_setup");
	const char *const as_root[] = { "keep", uuid, dir, NULL };
	const char *const by_sudo[] = { "-n", tool, "keep", uuid, dir, NULL };

	if (geteuid() == 0)
		return other_host_run(ctx, host, tool, as_root, error);

	return other_host_run(ctx, host, "/usr/bin/sudo", by_sudo, error);
}

/* The state that libvirt of HOST has kept, if it is newer than the copy in DIRECTORY. */
static bool fetch(const struct action_ctx *ctx, const char *host, const char *uuid,
		  const char *directory, GError **error)
{
	const char *const make[] = { "mktemp", "-d", "/var/tmp/vmmexec-tpm.XXXXXX", NULL };
	g_autofree char *dir = NULL, *sub = NULL;
	bool ok;

	dir = other_host_ask(ctx, host, env, make, error);
	if (!dir)
		return false;
	sub = g_build_filename(g_strchomp(dir), "tpm", NULL);
	ok = run_there(ctx, host, uuid, dir, error);
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path = g_build_filename(directory, "tpm", files[i], NULL);
		g_autofree char *there = g_build_filename(sub, files[i], NULL);
		const char *const forget[] = { "rm", "-f", "--", there, NULL };

		ok = ok && fetch_file(ctx, host, sub, files[i], path, error);
		other_host_run(ctx, host, env, forget, NULL);
	}

	other_host_run(ctx, host, env, (const char *const[]){ "rmdir", "--", sub, dir, NULL },
		       NULL);

	return ok;
}

bool vtpm_is_left(const char *uuid)
{
	g_autofree char *place = place_of(uuid);
	struct stat st;

	if (!g_uuid_string_is_valid(uuid))
		return false;

	return lstat(place, &st) == 0;
}

/* Who starts which VM, for the questions below. */
struct start {
	const struct action_ctx *ctx;
	const char *uuid, *directory, *host;
};

/* HOST, or this host, as S starts it here, has a state of it in libvirt's directory. */
static bool is_left_at(const struct start *s, const char *host, bool *ret, GError **error)
{
	g_autofree char *place = place_of(s->uuid);
	const char *const test[] = { "test", "-e", place, NULL };

	*ret = false;
	if (!g_strcmp0(host, s->host)) {
		*ret = vtpm_is_left(s->uuid);
		return true;
	}

	if (!wire_ssh_check_host(host, error))
		return false;

	return other_host_test(s->ctx, host, env, test, ret, error);
}

/* The state that HOST may have comes into the directory, unless that is here. RET: it has one. */
static bool look_at(const struct start *s, const char *host, bool *ret, GError **error)
{
	if (!is_left_at(s, host, ret, error))
		return false;
	if (!*ret)
		return true;
	if (!g_strcmp0(host, s->host))
		return true;

	return fetch(s->ctx, host, s->uuid, s->directory, error);
}

/* CAUSE (taken): host LAST, of a link in the directory, does not say whether it has the newest. */
static bool refuse_lost(const struct start *s, const char *last, bool is_to, GError *cause,
			GError **error)
{
	g_autofree char *link = vtpm_note_path(s->directory, is_to);

	if (!conf_kvmrc_bool(s->ctx->rc, "REQUIRE_TPM_STATE")) {
		action_log("WARN", "%s", cause->message);
		g_error_free(cause);
		return true;
	}

	g_propagate_prefixed_error(error, cause, "the TPM's newest state may be on host %s: ",
				   last);
	vmm_error_set_hint(error, "if that host is lost, remove %s: the VM then starts with the "
			   "TPM as it was at its last stop", link);

	return false;
}

/* RET_HERE: the newest state is in libvirt's directory here; else it is in the VM's, or comes. */
static bool find_newest(const struct start *s, const struct vtpm_note *note, bool *ret_here,
			GError **error)
{
	const char *const hosts[] = { note->host, note->to };

	*ret_here = !note->host && !s->host;
	for (size_t i = 0; i < G_N_ELEMENTS(hosts); i++) {
		GError *cause = NULL;
		bool left;

		if (!hosts[i])
			continue;
		if (!s->host)
			continue;
		if (!look_at(s, hosts[i], &left, &cause))
			return refuse_lost(s, hosts[i], i == 1, cause, error);
		if (left) {
			*ret_here = !g_strcmp0(hosts[i], s->host);
			return true;
		}
	}

	return true;
}

/* What is noted of DOMAIN's TPM in DIRECTORY; to be cleared. */
static void read_note(const xmlNode *domain, const char *directory, struct vtpm_note *ret)
{
	g_autofree char *file = g_build_filename(directory, "checkpoint", NULL);
	g_autofree char *begun = checkpoint_use_path(file), *disk = NULL;

	*ret = (struct vtpm_note){ 0 };
	/*
	 * A restore died before its guest ran: the TPM state that it left in libvirt's directory is
	 * not valid.
	 */
	if (checkpoint_use_has(file) &&
	    checkpoint_use_look(domain, begun, &disk) == CHECKPOINT_DISKS_OLDER)
		return;

	vtpm_note_read(directory, ret);
}

char *vtpm_mark(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
		const char *host)
{
	g_autoptr(GError) error = NULL;
	struct vtpm_note old;

	vtpm_note_read(directory, &old);
	g_free(old.to);
	if (host && vtpm_needed(domain) && !vtpm_note_host(ctx, directory, host, &error))
		action_log("WARN", "%s", error->message);

	return old.host;
}

void vtpm_unmark(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
		 const char *old)
{
	if (old)
		g_free(vtpm_mark(ctx, domain, directory, old));
	else
		vtpm_note_no_host(directory);
}

/* Whether DIRECTORY has a copy of the state, or a link that may lead to one. */
static bool has_copy(const char *directory)
{
	struct stat st;

	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path = g_build_filename(directory, "tpm", files[i], NULL);

		if (lstat(path, &st) == 0)
			return true;
	}

	return false;
}

bool vtpm_bring(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
		const char *host, GError **error)
{
	g_autofree char *uuid = xml_child_text(domain, "uuid");
	const struct start s = { ctx, uuid, directory, host };
	struct vtpm_note note;
	bool here, ok;

	if (!uuid)
		return true;
	if (!vtpm_needed(domain))
		return true;

	read_note(domain, directory, &note);
	ok = find_newest(&s, &note, &here, error);
	vtpm_note_clear(&note);
	if (!ok)
		return false;

	if (has_copy(directory)) {
		const char *verb = here ? "recover" : "replace";

		if (!must_run(ctx, verb, uuid, directory, error))
			return false;
	}

	if (!host)
		return true;

	return vtpm_note_write(ctx, NULL, directory, host, error);
}

/* The directory of DOM, if its TPM has a state; NULL: it has none, or that is not known. */
static char *directory_with_state(const struct action_ctx *ctx, virDomain *dom)
{
	g_autoptr(xmlDoc) doc = virt_xml_doc(dom, NULL);

	if (!doc)
		return NULL;
	if (!vtpm_needed(xmlDocGetRootElement(doc)))
		return NULL;

	return virt_vm_directory(dom, conf_kvmrc_string(ctx->rc, "LIBVIRT_MD_URI"));
}

void vtpm_moving(const struct action_ctx *ctx, virDomain *dom, const char *from, const char *to)
{
	g_autofree char *directory = directory_with_state(ctx, dom);
	g_autoptr(GError) error = NULL;

	if (directory && !vtpm_note_move(ctx, directory, from, to, &error))
		action_log("WARN", "cannot note that the TPM's state may be on %s: %s", to,
			   error->message);
}

void vtpm_stayed(const struct action_ctx *ctx, virDomain *dom)
{
	g_autofree char *directory = directory_with_state(ctx, dom);

	if (directory)
		vtpm_note_stayed(directory);
}

void vtpm_moved(const struct action_ctx *ctx, virDomain *dom, const char *host)
{
	g_autofree char *directory = directory_with_state(ctx, dom);
	g_autoptr(GError) error = NULL;

	if (host && directory && !vtpm_note_write(ctx, host, directory, host, &error))
		action_log("WARN", "cannot note that the TPM's state is on %s: %s", host,
			   error->message);
}

bool vtpm_copy(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
	       GError **error)
{
	g_autofree char *uuid = xml_child_text(domain, "uuid");

	if (!uuid)
		return true;
	if (!directory)
		return true;
	if (!vtpm_needed(domain))
		return true;

	return must_run(ctx, "backup", uuid, directory, error);
}

void vtpm_collect(const struct action_ctx *ctx, const char *uuid, const char *directory, bool ran)
{
	g_autofree char *place = uuid ? place_of(uuid) : NULL;
	g_autoptr(GError) error = NULL;

	if (!uuid)
		return;
	if (!directory)
		return;
	if (!vtpm_is_left(uuid))
		return;
	vtpm_secret_remove(ctx->conn, uuid);
	if (!run(ctx, ran ? "backup" : "keep", uuid, directory, &error)) {
		action_log("WARN", "%s; it is still in %s on this host", error->message, place);
		return;
	}

	/* Before the state here goes: without it the note would lead to another host's. */
	vtpm_note_remove(directory);
	if (!run(ctx, "forget", uuid, directory, &error))
		action_log("WARN", "%s; it is still in %s on this host", error->message, place);
}
