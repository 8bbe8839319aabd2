/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/exec_results.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/text.h"
#include "virt/agent.h"
#include "vm/guest_exec.h"

/* One guest that hangs costs the others that much, once in a while. */
enum { PING_S = 3, PAUSE_S = 60 };

/* When guests may be asked again, monotonic, by the names of their files. Of one thread. */
static GHashTable *pauses;

/* The ids of VMs with a file. */
static GPtrArray *expected(void)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = g_dir_open(GUEST_DIRECTORY, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		const char *id = name + strlen("one-");

		if (g_str_has_prefix(name, "one-") && text_is_digits(id))
			g_ptr_array_add(names, g_strdup(name));
	}

	return names;
}

bool exec_results_expected(void)
{
	g_autoptr(GPtrArray) names = expected();

	return names->len > 0;
}

static bool is_paused(const char *name)
{
	const gint64 *until_us = pauses ? g_hash_table_lookup(pauses, name) : NULL;

	return until_us && g_get_monotonic_time() < *until_us;
}

static void pause_asking(const char *name)
{
	gint64 until_us = g_get_monotonic_time() + (gint64)PAUSE_S * G_USEC_PER_SEC;

	if (!pauses)
		pauses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_hash_table_insert(pauses, g_strdup(name), g_memdup2(&until_us, sizeof(until_us)));
}

static void add_bytes(Fields *vm, const char *name, const GString *bytes)
{
	g_autofree char *base64 = g_base64_encode((const guchar *)bytes->str, bytes->len);

	fields_add(vm, name, FIELDS_QUOTED, "%s", base64);
}

/* A signal leaves no exit status; neither is there one when the output was too large to get. */
static void add_result(Fields *out, const char *name, gint64 pid,
		       const struct guest_exec_status *s)
{
	g_autofree char *code = s->code < 0 ? g_strdup("") : g_strdup_printf("%d", s->code);
	Fields *vm = fields_add_vector(out, "VM", FIELDS_VM);

	fields_add(vm, "ID", FIELDS_QUOTED, "%s", name + strlen("one-"));
	fields_add(vm, "PID", FIELDS_QUOTED, "%" G_GINT64_FORMAT, pid);
	fields_add(vm, "STATUS", FIELDS_QUOTED, "%s", s->lost ? "ERROR" : "DONE");
	fields_add(vm, "RETURN_CODE", FIELDS_QUOTED, "%s", code);
	add_bytes(vm, "STDOUT", s->out);
	add_bytes(vm, "STDERR", s->err);
}

/*
 * An agent gives a result once, even if by then nobody waits for it: so it is first asked whether
 * it is there, and then waited for as long as an action would.
 */
static bool is_answering(virDomain *dom)
{
	g_autofree char *answer = virt_agent(dom, "{\"execute\":\"guest-ping\"}", PING_S, NULL);

	return answer != NULL;
}

static void ask_one(Fields *out, virConnect *conn, const char *name)
{
	g_autoptr(virDomain) dom = is_paused(name) ? NULL : virDomainLookupByName(conn, name);
	struct guest_exec_status status = { 0 };
	gint64 pid;

	if (!dom || !guest_exec_recall(dom, &pid, NULL) || !pid)
		return;

	if (!is_answering(dom) || !guest_exec_ask(dom, pid, &status, NULL)) {
		pause_asking(name);
		return;
	}

	if (status.exited) {
		add_result(out, name, pid, &status);
		guest_exec_forget(dom);
	}

	guest_exec_status_clear(&status);
}

void exec_results_add(Fields *out, virConnect *conn)
{
	g_autoptr(GPtrArray) names = expected();
	int lock;

	if (names->len == 0)
		return;
	lock = open(GUEST_DIRECTORY "/.exec-lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0)
		return;

	if (flock(lock, LOCK_EX | LOCK_NB) == 0)
		for (guint i = 0; i < names->len; i++)
			ask_one(out, conn, names->pdata[i]);
	close(lock);
}
