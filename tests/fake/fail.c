/*
 * fail.so - libvirt as it is, except for one call: for LD_PRELOAD.
 *
 * VMM_FAIL_LOG=FILE  each call's name is added to FILE
 * VMM_FAIL_AT=N      the Nth call (of the whole process, from 1)
 * VMM_FAIL_HOW=      refuse: fails, nothing was done
 *                    lost:   the connection is lost before it
 *                    after:  it is done, and the connection is lost before its answer
 * A lost connection stays so for all handles until another one is opened.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <unistd.h>

typedef void raise_func(const char *file, const char *function, size_t line, int domain, int code,
			int level, const char *str1, const char *str2, const char *str3, int int1,
			int int2, const char *format, ...);

enum plan { REAL, FAIL, REAL_THEN_FAIL };

static gint calls, dead;

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
	if (!at || !how || g_ascii_strtoll(at, NULL, 10) != n)
		return REAL;
	if (g_str_equal(how, "after"))
		return REAL_THEN_FAIL;
	if (g_str_equal(how, "lost")) {
		g_atomic_int_set(&dead, 1);
		report(VIR_FROM_RPC, VIR_ERR_SYSTEM_ERROR,
		       "End of file while reading data: Input/output error");
	} else {
		report(VIR_FROM_QEMU, VIR_ERR_INTERNAL_ERROR, "injected");
	}
	return FAIL;
}

static void lose(void)
{
	g_atomic_int_set(&dead, 1);
	report(VIR_FROM_RPC, VIR_ERR_SYSTEM_ERROR,
	       "End of file while reading data: Input/output error");
}

#define WRAP(type, failure, name, parameters, arguments) \
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
		lose(); \
		return failure; \
	}
#define DOM(name) WRAP(int, -1, name, (virDomainPtr d), (d))
#define DOM_FLAGS(name) WRAP(int, -1, name, (virDomainPtr d, unsigned f), (d, f))
#define DOM_TEXT(name) WRAP(int, -1, name, (virDomainPtr d, const char *t, unsigned f), (d, t, f))

int virConnectIsAlive(virConnectPtr c)
{
	int (*func)(virConnectPtr) = real("virConnectIsAlive");

	return g_atomic_int_get(&dead) ? 0 : func(c);
}

WRAP(virConnectPtr, NULL, virConnectOpen, (const char *uri), (uri))
WRAP(virDomainPtr, NULL, virDomainLookupByName, (virConnectPtr c, const char *n), (c, n))
WRAP(virDomainPtr, NULL, virDomainLookupByUUIDString, (virConnectPtr c, const char *u), (c, u))
WRAP(virDomainPtr, NULL, virDomainCreateXML, (virConnectPtr c, const char *x, unsigned f),
     (c, x, f))
WRAP(int, -1, virDomainGetState, (virDomainPtr d, int *s, int *r, unsigned f), (d, s, r, f))
WRAP(int, -1, virDomainGetInfo, (virDomainPtr d, virDomainInfoPtr i), (d, i))
WRAP(int, -1, virDomainGetVcpusFlags, (virDomainPtr d, unsigned f), (d, f))
WRAP(char *, NULL, virDomainGetXMLDesc, (virDomainPtr d, unsigned f), (d, f))
WRAP(char *, NULL, virDomainGetMetadata, (virDomainPtr d, int t, const char *u, unsigned f),
     (d, t, u, f))
DOM(virDomainIsActive)
DOM_FLAGS(virDomainShutdownFlags)
DOM_FLAGS(virDomainReboot)
DOM_FLAGS(virDomainReset)
DOM_FLAGS(virDomainDestroyFlags)
DOM_FLAGS(virDomainPMWakeup)
DOM(virDomainShutdown)
DOM(virDomainResume)
DOM(virDomainSuspend)
WRAP(int, -1, virConnectDomainEventRegisterAny,
     (virConnectPtr c, virDomainPtr d, int e, virConnectDomainEventGenericCallback cb, void *o,
      virFreeCallback f), (c, d, e, cb, o, f))
WRAP(int, -1, virDomainSaveFlags, (virDomainPtr d, const char *p, const char *x, unsigned f),
     (d, p, x, f))
WRAP(char *, NULL, virDomainSaveImageGetXMLDesc, (virConnectPtr c, const char *p, unsigned f),
     (c, p, f))
WRAP(int, -1, virDomainRestoreFlags,
     (virConnectPtr c, const char *p, const char *x, unsigned f), (c, p, x, f))
WRAP(int, -1, virDomainGetJobStats,
     (virDomainPtr d, int *t, virTypedParameterPtr *p, int *n, unsigned f), (d, t, p, n, f))
WRAP(virDomainSnapshotPtr, NULL, virDomainSnapshotLookupByName,
     (virDomainPtr d, const char *n, unsigned f), (d, n, f))
WRAP(virDomainSnapshotPtr, NULL, virDomainSnapshotCreateXML,
     (virDomainPtr d, const char *x, unsigned f), (d, x, f))
WRAP(char *, NULL, virDomainSnapshotGetXMLDesc, (virDomainSnapshotPtr s, unsigned f), (s, f))
WRAP(int, -1, virDomainSnapshotDelete, (virDomainSnapshotPtr s, unsigned f), (s, f))
WRAP(int, -1, virDomainRevertToSnapshot, (virDomainSnapshotPtr s, unsigned f), (s, f))
WRAP(int, -1, virDomainListAllSnapshots,
     (virDomainPtr d, virDomainSnapshotPtr **s, unsigned f), (d, s, f))
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
WRAP(char *, NULL, virDomainQemuAgentCommand,
     (virDomainPtr d, const char *c, int t, unsigned f), (d, c, t, f))
WRAP(int, -1, virConnectGetAllDomainStats,
     (virConnectPtr c, unsigned s, virDomainStatsRecordPtr **r, unsigned f), (c, s, r, f))
WRAP(int, -1, virDomainListGetStats,
     (virDomainPtr *d, unsigned s, virDomainStatsRecordPtr **r, unsigned f), (d, s, r, f))
