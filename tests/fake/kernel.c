/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel.c - for LD_PRELOAD: an older Linux, without the call LACKS of the environment, or one in
 * which a process that makes the call SLOW gets its turn a second later.
 */
#include <dlfcn.h>
#include <errno.h>
#include <glib.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static bool is_lacking(const char *name)
{
	return g_strcmp0(g_getenv("LACKS"), name) == 0;
}

int setpriority(__priority_which_t which, id_t who, int value)
{
	static int (*real)(__priority_which_t which, id_t who, int value);

	if (!real)
		real = (int (*)(__priority_which_t, id_t, int))dlsym(RTLD_NEXT, "setpriority");
	if (g_strcmp0(g_getenv("SLOW"), "setpriority") == 0)
		g_usleep(G_USEC_PER_SEC);

	return real(which, who, value);
}

long syscall(long number, ...)
{
	static long (*real)(long number, ...);
	long arg[6];
	va_list ap;

	if (!real)
		real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	if ((number == SYS_clone3 && is_lacking("clone3")) ||
	    (number == SYS_close_range && is_lacking("close_range"))) {
		errno = ENOSYS;
		return -1;
	}

	return real(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}
