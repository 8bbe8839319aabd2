/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fail.so - libvirt as it is, except for one call: for LD_PRELOAD.
 *
 * VMM_FAIL_LOG=FILE  each call's name is added to FILE
 * VMM_FAIL_AT=N      the Nth call (of the whole process, from 1), or each of that name
 * VMM_FAIL_HOW=      refuse: fails with code VMM_FAIL_CODE of libvirt, nothing was done
 *                    lost:   the connection is lost before it
 *                    after:  it is done, and the connection is lost before its answer
 *                    kill:   it is done, and this process is killed before its answer
 *                    late:   its answer is lost at once, and it continues. AT: virDomainMigrate3,
 *                            which ends between the two next questions for a domain of some
 *                            UUID; virDomainMigrateToURI3, which ends when it ends; or
 *                            virDomainBlockJobAbort, which is done before the next question for
 *                            such a job
 *                    hang:   it never returns (AT: virConnectClose or
 *                            virConnectDomainEventDeregisterAny, which are not in the log)
 *                    ended:  the domain has ended by the time that its job is asked for
 * VMM_FAIL_REASON=R  a paused domain is paused for reason R (virDomainPausedReason)
 *
 * A lost connection stays so for all handles until another one is opened. What a call gave that
 * was done is freed here, as nobody is told of it. A process that ends by _exit() is looked at for
 * leaks as well.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <signal.h>
#include <unistd.h>

typedef void raise_func(const char *file, const char *function, size_t line, int domain, int code,
			int level, const char *str1, const char *str2, const char *str3, int int1,
			int int2, const char *format, ...);

enum plan { REAL, FAIL, REAL_THEN_FAIL };

static gint calls, dead;
static GThread *late;	/* makes the call that goes on */
static gint late_questions;

/* For the action alone: what it starts is run as it is. */
static void __attribute__((constructor)) begin(void)
{
	unsetenv("LD_PRELOAD");
}

static void *real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static void report(int domain, int code, const char *text)
{
	raise_func *raise = (raise_func *)dlsym(RTLD_DEFAULT, "virRaiseErrorFull");

	if (raise)
		raise(__FILE__, __func__, __LINE__, domain, code, VIR_ERR_ERROR, text, text, NULL,
		      0, 0, "%s", text);
}

static void note(const char *name)
{
	const char *path = g_getenv("VMM_FAIL_LOG");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;

	if (fd >= 0) {
		dprintf(fd, "%s\n", name);
		close(fd);
	}
}

static enum plan plan(const char *name)
{
	const char *at = g_getenv("VMM_FAIL_AT"), *how = g_getenv("VMM_FAIL_HOW");
	gint n = g_atomic_int_add(&calls, 1) + 1;

	note(name);
	if (g_str_equal(name, "virConnectOpen"))
		g_atomic_int_set(&dead, 0);
	if (g_atomic_int_get(&dead)) {
		report(VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR, "client socket is closed");
		return FAIL;
	}
	if (!at || !how || (g_ascii_strtoll(at, NULL, 10) != n && !g_str_equal(at, name)))
		return REAL;
	if (g_str_equal(how, "late"))
		return REAL;
	if (g_str_equal(how, "after") || g_str_equal(how, "kill"))
		return REAL_THEN_FAIL;
	if (g_str_equal(how, "lost")) {
		g_atomic_int_set(&dead, 1);
		report(VIR_FROM_RPC, VIR_ERR_SYSTEM_ERROR,
		       "End of file while reading data: Input/output error");
	} else {
		const char *code = g_getenv("VMM_FAIL_CODE");

		report(VIR_FROM_QEMU, code ? (int)g_ascii_strtoll(code, NULL, 10) :
		       VIR_ERR_INTERNAL_ERROR, "injected");
	}
	return FAIL;
}

static void lose(void)
{
	if (!g_strcmp0(g_getenv("VMM_FAIL_HOW"), "kill"))
		kill(getpid(), SIGKILL);
	g_atomic_int_set(&dead, 1);
	report(VIR_FROM_RPC, VIR_ERR_SYSTEM_ERROR,
	       "End of file while reading data: Input/output error");
}

/* UNDO: frees what RESULT and the output parameters have, and leaves none in these. */
#define GIVES(type, failure, name, parameters, arguments, undo) \
	type name parameters \
	{ \
		type (*func) parameters = real(#name); \
		enum plan wanted = plan(#name); \
		type result; \
		if (wanted == FAIL) \
			return failure; \
		result = func arguments; \
		if (wanted == REAL) \
			return result; \
		if (result != failure) \
			undo; \
		lose(); \
		return failure; \
	}
#define WRAP(type, failure, name, parameters, arguments) \
	GIVES(type, failure, name, parameters, arguments, (void)0)
#define GIVES_TEXT(name, parameters, arguments) \
	GIVES(char *, NULL, name, parameters, arguments, free(result))
#define GIVES_DOMAIN(name, parameters, arguments) \
	GIVES(virDomainPtr, NULL, name, parameters, arguments, virDomainFree(result))
#define GIVES_SNAPSHOT(name, parameters, arguments) \
	GIVES(virDomainSnapshotPtr, NULL, name, parameters, arguments, \
	      virDomainSnapshotFree(result))
#define DOM(name) WRAP(int, -1, name, (virDomainPtr d), (d))
#define DOM_FLAGS(name) WRAP(int, -1, name, (virDomainPtr d, unsigned f), (d, f))
#define DOM_TEXT(name) WRAP(int, -1, name, (virDomainPtr d, const char *t, unsigned f), (d, t, f))

int virConnectIsAlive(virConnectPtr c)
{
	int (*func)(virConnectPtr) = real("virConnectIsAlive");

	return g_atomic_int_get(&dead) ? 0 : func(c);
}

static void hang_at(const char *name)
{
	gboolean hangs = !g_strcmp0(g_getenv("VMM_FAIL_HOW"), "hang");

	while (hangs && !g_strcmp0(g_getenv("VMM_FAIL_AT"), name))
		pause();
}

int virConnectClose(virConnectPtr c)
{
	int (*func)(virConnectPtr) = real("virConnectClose");

	hang_at("virConnectClose");
	return func(c);
}

int virConnectDomainEventDeregisterAny(virConnectPtr c, int id)
{
	int (*func)(virConnectPtr, int) = real("virConnectDomainEventDeregisterAny");

	hang_at("virConnectDomainEventDeregisterAny");
	return func(c, id);
}

/* As exit() would; in the handler of a signal nothing can be looked at. */
void _exit(int status)
{
	void (*end)(int) = real("_exit");
	int (*leaks)(void) = (int (*)(void))dlsym(RTLD_DEFAULT,
						  "__lsan_do_recoverable_leak_check");
	struct sigaction sa;

	if (leaks && sigaction(SIGALRM, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN && leaks())
		status = 23;
	end(status);
	abort();
}

static void free_snapshots(virDomainSnapshotPtr **list, int n)
{
	for (int i = 0; i < n; i++)
		virDomainSnapshotFree((*list)[i]);
	free(*list);
	*list = NULL;
}

static void free_records(virDomainStatsRecordPtr **list)
{
	virDomainStatsRecordListFree(*list);
	*list = NULL;
}

static void free_params(virTypedParameterPtr *list, int *n)
{
	virTypedParamsFree(*list, *n);
	*list = NULL;
	*n = 0;
}

/* One that failed has no callback any more: when its answer is lost it was not made. */
int virConnectDomainEventRegisterAny(virConnectPtr c, virDomainPtr d, int event,
				     virConnectDomainEventGenericCallback callback, void *data,
				     virFreeCallback free_data)
{
	int (*func)(virConnectPtr, virDomainPtr, int, virConnectDomainEventGenericCallback, void *,
		    virFreeCallback) = real(__func__);
	enum plan wanted = plan(__func__);

	if (wanted == REAL)
		return func(c, d, event, callback, data, free_data);
	if (wanted == REAL_THEN_FAIL)
		lose();
	return -1;
}

GIVES(virConnectPtr, NULL, virConnectOpen, (const char *uri), (uri), virConnectClose(result))
WRAP(int, -1, virConnectGetLibVersion, (virConnectPtr c, unsigned long *v), (c, v))
GIVES_TEXT(virConnectGetCapabilities, (virConnectPtr c), (c))
GIVES_TEXT(virConnectGetDomainCapabilities,
	   (virConnectPtr c, const char *e, const char *a, const char *m, const char *v,
	    unsigned f), (c, e, a, m, v, f))
WRAP(int, -1, virConnectCompareHypervisorCPU,
     (virConnectPtr c, const char *e, const char *a, const char *m, const char *v, const char *x,
      unsigned f), (c, e, a, m, v, x, f))
GIVES(int, -1, virConnectGetAllDomainStats,
      (virConnectPtr c, unsigned s, virDomainStatsRecordPtr **r, unsigned f), (c, s, r, f),
      free_records(r))
GIVES(int, -1, virDomainListGetStats,
      (virDomainPtr *d, unsigned s, virDomainStatsRecordPtr **r, unsigned f), (d, s, r, f),
      free_records(r))

GIVES_DOMAIN(virDomainLookupByName, (virConnectPtr c, const char *n), (c, n))
virDomainPtr virDomainLookupByUUIDString(virConnectPtr c, const char *uuid)
{
	virDomainPtr (*func)(virConnectPtr, const char *) = real(__func__);
	enum plan wanted = plan(__func__);
	virDomainPtr result;

	if (wanted == FAIL)
		return NULL;
	if (late && g_atomic_int_add(&late_questions, 1) == 1)
		virDomainFree(g_thread_join(g_steal_pointer(&late)));
	result = func(c, uuid);
	if (wanted == REAL)
		return result;
	if (result)
		virDomainFree(result);
	lose();
	return NULL;
}
GIVES_DOMAIN(virDomainCreateXML, (virConnectPtr c, const char *x, unsigned f), (c, x, f))
int virDomainGetState(virDomainPtr d, int *state, int *reason, unsigned flags)
{
	int (*func)(virDomainPtr, int *, int *, unsigned) = real(__func__);
	const char *wanted = g_getenv("VMM_FAIL_REASON");
	enum plan p = plan(__func__);
	int rc = p == FAIL ? -1 : func(d, state, reason, flags);

	if (p == REAL && rc == 0 && wanted && reason && *state == VIR_DOMAIN_PAUSED)
		*reason = (int)g_ascii_strtoll(wanted, NULL, 10);
	if (p == REAL_THEN_FAIL)
		lose();
	return p == REAL ? rc : -1;
}
WRAP(int, -1, virDomainGetInfo, (virDomainPtr d, virDomainInfoPtr i), (d, i))
WRAP(int, -1, virDomainGetVcpusFlags, (virDomainPtr d, unsigned f), (d, f))
GIVES_TEXT(virDomainGetXMLDesc, (virDomainPtr d, unsigned f), (d, f))
GIVES_TEXT(virDomainGetMetadata, (virDomainPtr d, int t, const char *u, unsigned f), (d, t, u, f))
WRAP(int, -1, virDomainSetMetadata,
     (virDomainPtr d, int t, const char *m, const char *k, const char *u, unsigned f),
     (d, t, m, k, u, f))
DOM(virDomainIsActive)
DOM(virDomainIsPersistent)
DOM(virDomainResume)
DOM(virDomainShutdown)
DOM(virDomainSuspend)
DOM_FLAGS(virDomainShutdownFlags)
DOM_FLAGS(virDomainReboot)
DOM_FLAGS(virDomainReset)
DOM_FLAGS(virDomainDestroyFlags)
DOM_FLAGS(virDomainPMWakeup)
WRAP(int, -1, virDomainSetTime, (virDomainPtr d, long long s, unsigned n, unsigned f),
     (d, s, n, f))
GIVES_TEXT(virDomainQemuAgentCommand, (virDomainPtr d, const char *c, int t, unsigned f),
	   (d, c, t, f))

WRAP(int, -1, virDomainSaveFlags, (virDomainPtr d, const char *p, const char *x, unsigned f),
     (d, p, x, f))
GIVES_TEXT(virDomainSaveImageGetXMLDesc, (virConnectPtr c, const char *p, unsigned f), (c, p, f))
WRAP(int, -1, virDomainRestoreFlags,
     (virConnectPtr c, const char *p, const char *x, unsigned f), (c, p, x, f))
DOM(virDomainAbortJob)
/* As a daemon that was started anew ends a domain once it has looked at it. */
static virDomainPtr ended(virDomainPtr d)
{
	if (!g_strcmp0(g_getenv("VMM_FAIL_HOW"), "ended"))
		virDomainDestroy(d);

	return d;
}

GIVES(int, -1, virDomainGetJobStats,
      (virDomainPtr d, int *t, virTypedParameterPtr *p, int *n, unsigned f), (ended(d), t, p, n, f),
      free_params(p, n))
/* The parameters belong to the caller, who keeps them to its end. */
struct migrate_args {
	virDomainPtr dom;
	virConnectPtr dest;
	char *uri;
	virTypedParameterPtr params;
	unsigned n, flags;
};

typedef virDomainPtr migrate_func(virDomainPtr d, virConnectPtr c, virTypedParameterPtr p,
				  unsigned n, unsigned f);

static void *go_on(void *data)
{
	struct migrate_args *a = data;
	migrate_func *func = real("virDomainMigrate3");
	virDomainPtr moved = func(a->dom, a->dest, a->params, a->n, a->flags);

	virDomainFree(a->dom);
	g_free(a);
	return moved;
}

virDomainPtr virDomainMigrate3(virDomainPtr d, virConnectPtr c, virTypedParameterPtr p,
			       unsigned n, unsigned f)
{
	migrate_func *func = real(__func__);
	enum plan wanted = plan(__func__);
	virDomainPtr result;

	if (wanted == FAIL)
		return NULL;
	if (!g_strcmp0(g_getenv("VMM_FAIL_HOW"), "late")) {
		struct migrate_args *args = g_new(struct migrate_args, 1);

		*args = (struct migrate_args){ d, c, NULL, p, n, f };
		virDomainRef(d);
		late = g_thread_new("late", go_on, args);
		report(VIR_FROM_RPC, VIR_ERR_SYSTEM_ERROR, "the answer is lost");
		return NULL;
	}

	result = func(d, c, p, n, f);
	if (wanted == REAL)
		return result;
	if (result)
		virDomainFree(result);
	lose();
	return NULL;
}

typedef int migrate_to_func(virDomainPtr d, const char *u, virTypedParameterPtr p, unsigned n,
			    unsigned f);

static void *go_on_to(void *data)
{
	struct migrate_args *a = data;
	migrate_to_func *func = real("virDomainMigrateToURI3");

	func(a->dom, a->uri, a->params, a->n, a->flags);
	virDomainFree(a->dom);
	g_free(a->uri);
	g_free(a);
	return NULL;
}

int virDomainMigrateToURI3(virDomainPtr d, const char *u, virTypedParameterPtr p, unsigned n,
			   unsigned f)
{
	migrate_to_func *func = real(__func__);
	enum plan wanted = plan(__func__);
	int result;

	if (wanted == FAIL)
		return -1;
	if (!g_strcmp0(g_getenv("VMM_FAIL_HOW"), "late")) {
		struct migrate_args *args = g_new(struct migrate_args, 1);

		*args = (struct migrate_args){ d, NULL, g_strdup(u), p, n, f };
		virDomainRef(d);
		g_thread_unref(g_thread_new("late", go_on_to, args));
		g_usleep(G_USEC_PER_SEC);
		report(VIR_FROM_RPC, VIR_ERR_SYSTEM_ERROR, "the answer is lost");
		return -1;
	}

	result = func(d, u, p, n, f);
	if (wanted == REAL)
		return result;
	lose();
	return -1;
}
DOM_FLAGS(virDomainMigrateStartPostCopy)

GIVES_SNAPSHOT(virDomainSnapshotLookupByName, (virDomainPtr d, const char *n, unsigned f),
	       (d, n, f))
GIVES_SNAPSHOT(virDomainSnapshotCreateXML, (virDomainPtr d, const char *x, unsigned f),
	       (d, x, f))
GIVES_TEXT(virDomainSnapshotGetXMLDesc, (virDomainSnapshotPtr s, unsigned f), (s, f))
WRAP(int, -1, virDomainSnapshotIsCurrent, (virDomainSnapshotPtr s, unsigned f), (s, f))
WRAP(int, -1, virDomainSnapshotDelete, (virDomainSnapshotPtr s, unsigned f), (s, f))
WRAP(int, -1, virDomainRevertToSnapshot, (virDomainSnapshotPtr s, unsigned f), (s, f))
GIVES(int, -1, virDomainListAllSnapshots,
      (virDomainPtr d, virDomainSnapshotPtr **s, unsigned f), (d, s, f),
      free_snapshots(s, result))

DOM_TEXT(virDomainAttachDeviceFlags)
DOM_TEXT(virDomainUpdateDeviceFlags)
DOM_TEXT(virDomainDetachDeviceAlias)
WRAP(int, -1, virDomainSetMemoryFlags, (virDomainPtr d, unsigned long m, unsigned f), (d, m, f))
WRAP(int, -1, virDomainSetVcpusFlags, (virDomainPtr d, unsigned n, unsigned f), (d, n, f))
WRAP(int, -1, virDomainGetBlockInfo,
     (virDomainPtr d, const char *t, virDomainBlockInfoPtr i, unsigned f), (d, t, i, f))
WRAP(int, -1, virDomainBlockResize,
     (virDomainPtr d, const char *t, unsigned long long n, unsigned f), (d, t, n, f))
WRAP(int, -1, virDomainSetBlockIoTune,
     (virDomainPtr d, const char *t, virTypedParameterPtr p, int n, unsigned f), (d, t, p, n, f))
WRAP(int, -1, virDomainSetInterfaceParameters,
     (virDomainPtr d, const char *t, virTypedParameterPtr p, int n, unsigned f), (d, t, p, n, f))
WRAP(int, -1, virDomainBlockCopy,
     (virDomainPtr d, const char *t, const char *x, virTypedParameterPtr p, int n, unsigned f),
     (d, t, x, p, n, f))

static struct {
	virDomainPtr dom;
	char *disk;
	unsigned flags;
} late_abort;

int virDomainBlockJobAbort(virDomainPtr d, const char *t, unsigned f)
{
	int (*func)(virDomainPtr, const char *, unsigned) = real(__func__);
	const char *at = g_getenv("VMM_FAIL_AT"), *how = g_getenv("VMM_FAIL_HOW");
	enum plan wanted = plan(__func__);
	int result;

	if (wanted == FAIL)
		return -1;
	if (!g_strcmp0(how, "late") && !g_strcmp0(at, __func__) && !late_abort.disk) {
		virDomainRef(d);
		late_abort.dom = d;
		late_abort.disk = g_strdup(t);
		late_abort.flags = f;
		report(VIR_FROM_RPC, VIR_ERR_SYSTEM_ERROR, "the answer is lost");
		return -1;
	}

	result = func(d, t, f);
	if (wanted == REAL)
		return result;
	lose();
	return -1;
}

int virDomainGetBlockJobInfo(virDomainPtr d, const char *t, virDomainBlockJobInfoPtr i,
			     unsigned f)
{
	int (*func)(virDomainPtr, const char *, virDomainBlockJobInfoPtr, unsigned) =
		real(__func__);
	int (*end)(virDomainPtr, const char *, unsigned) = real("virDomainBlockJobAbort");
	enum plan wanted = plan(__func__);
	int result;

	if (wanted == FAIL)
		return -1;
	if (late_abort.dom) {
		end(late_abort.dom, late_abort.disk, late_abort.flags);
		virDomainFree(g_steal_pointer(&late_abort.dom));
	}

	result = func(d, t, i, f);
	if (wanted == REAL)
		return result;
	lose();
	return -1;
}
