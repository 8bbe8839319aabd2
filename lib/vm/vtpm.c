/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/vtpm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/root_helper.h"
#include "action/other_host.h"
#include "vm/checkpoint_use.h"
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

static char *mark_of(const char *directory)
{
	return g_build_filename(directory, "tpm", ".host", NULL);
}

static const char env[] = "/usr/bin/env";

/* Notes in DIRECTORY, on host AT or here (NULL), that the state is on HOST. */
static bool mark(const struct action_ctx *ctx, const char *at, const char *directory,
		 const char *host, GError **error)
{
	g_autofree char *dir = g_build_filename(directory, "tpm", NULL);
	g_autofree char *link = mark_of(directory);
	const char *const make[] = { "mkdir", "-p", "-m", "700", "--", dir, NULL };
	const char *const words[] = { "ln", "-sfn", "--", host, link, NULL };

	if (!other_host_run(ctx, at, env, make, error))
		return false;

	return other_host_run(ctx, at, env, words, error);
}

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

/* What is left on host LAST, where it ran, comes into DIRECTORY. */
static bool fetch_left(const struct action_ctx *ctx, const char *last, const char *uuid,
		       const char *directory, GError **error)
{
	g_autofree char *place = place_of(uuid), *link = mark_of(directory);
	const char *const test[] = { "test", "-e", place, NULL };
	g_autoptr(GError) cause = NULL;
	bool left = false;

	if (wire_ssh_check_host(last, &cause) &&
	    other_host_test(ctx, last, env, test, &left, &cause) &&
	    (!left || fetch(ctx, last, uuid, directory, &cause)))
		return true;
	if (!conf_kvmrc_bool(ctx->rc, "REQUIRE_TPM_STATE")) {
		action_log("WARN", "%s", cause->message);
		return true;
	}

	g_propagate_prefixed_error(error, g_steal_pointer(&cause), "the TPM's newest state may be "
				   "on host %s: ", last);
	vmm_error_set_hint(error, "if that host is lost, remove %s: the VM then starts with the "
			   "TPM as it was at its last stop", link);

	return false;
}

/* The host with the newest state of DOMAIN's TPM; NULL: it is in DIRECTORY. The caller frees. */
static char *last_host(const xmlNode *domain, const char *directory)
{
	g_autofree char *file = g_build_filename(directory, "checkpoint", NULL);
	g_autofree char *begun = checkpoint_use_path(file), *link = mark_of(directory),
			*disk = NULL;

	/* A restore died before its guest ran: what that has left is no state. */
	if (checkpoint_use_has(file) &&
	    checkpoint_use_look(domain, begun, &disk) == CHECKPOINT_DISKS_OLDER)
		return NULL;

	return g_file_read_link(link, NULL);
}

char *vtpm_mark(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
		const char *host)
{
	g_autofree char *link = mark_of(directory);
	g_autoptr(GError) error = NULL;
	char *old = g_file_read_link(link, NULL);

	if (host && vtpm_needed(domain) && !mark(ctx, NULL, directory, host, &error))
		action_log("WARN", "%s", error->message);

	return old;
}

void vtpm_unmark(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
		 const char *old)
{
	g_autofree char *link = mark_of(directory);

	if (old)
		g_free(vtpm_mark(ctx, domain, directory, old));
	else
		unlink(link);
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
	g_autofree char *last = last_host(domain, directory);
	bool here = !g_strcmp0(last, host);
	bool elsewhere = last && host && !here;

	if (!uuid)
		return true;
	if (!vtpm_needed(domain))
		return true;
	if (elsewhere && !fetch_left(ctx, last, uuid, directory, error))
		return false;

	if (has_copy(directory)) {
		const char *verb = here ? "recover" : "replace";

		if (!must_run(ctx, verb, uuid, directory, error))
			return false;
	}

	if (!host)
		return true;

	return mark(ctx, NULL, directory, host, error);
}

void vtpm_moved(const struct action_ctx *ctx, virDomain *dom, const char *host)
{
	g_autofree char *text = virt_xml(dom, NULL), *directory = NULL;
	g_autoptr(xmlDoc) doc = text ? xml_parse(text, strlen(text), "domain", NULL) : NULL;
	g_autoptr(GError) error = NULL;

	if (!doc)
		return;
	if (!vtpm_needed(xmlDocGetRootElement(doc)))
		return;
	directory = virt_vm_directory(dom, conf_kvmrc_string(ctx->rc, "LIBVIRT_MD_URI"));
	if (host && directory && !mark(ctx, host, directory, host, &error))
		action_log("WARN", "that the TPM's state is on %s is not noted: %s", host,
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

bool vtpm_is_left(const char *uuid)
{
	g_autofree char *place = place_of(uuid);
	struct stat st;

	if (!g_uuid_string_is_valid(uuid))
		return false;

	return lstat(place, &st) == 0;
}

void vtpm_collect(const struct action_ctx *ctx, const char *uuid, const char *directory, bool ran)
{
	g_autofree char *place = uuid ? place_of(uuid) : NULL;
	g_autofree char *link = directory ? mark_of(directory) : NULL;
	g_autoptr(GError) error = NULL;

	if (!uuid)
		return;
	if (!directory)
		return;
	if (!vtpm_is_left(uuid))
		return;
	vtpm_secret_remove(ctx->conn, uuid);
	if (!run(ctx, ran ? "backup" : "keep", uuid, directory, &error) ||
	    !run(ctx, "forget", uuid, directory, &error))
		action_log("WARN", "%s; it is still in %s on this host", error->message, place);
	else
		unlink(link);
}
