/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timed_call.h - libvirt calls with a time limit. They wait without limit for a stopped daemon and
 * for a QEMU that hangs, so each call is made on a thread of its own that can be abandoned.
 *
 * Source: docs/facts/libvirt.md A, D and M.
 */
#ifndef VIRT_TIMED_CALL_H
#define VIRT_TIMED_CALL_H

#include "base/error.h"

/* Runs in a thread of its own. */
typedef bool virt_call_func(void *data, GError **error);

enum virt_call_result {
	VIRT_CALL_OK,		/* FUNC returned true */
	VIRT_CALL_FAILED,	/* FUNC returned false; ERROR is its error */
	VIRT_CALL_TIMED_OUT,	/* it is still in progress, abandoned; ERROR is not set */
};

/*
 * Calls FUNC with DATA and waits at most LIMIT_MS for it. After a time-out DATA belongs to the
 * thread, which calls FREE_DATA at its end; otherwise it stays the caller's.
 */
enum virt_call_result virt_call(virt_call_func *func, void *data, GDestroyNotify free_data,
				unsigned limit_ms, GError **error);

/* Decides, every EVERY_MS while a call is in progress, whether to continue waiting. */
struct virt_call_watch {
	unsigned every_ms;
	bool (*goes_on)(void *data);	/* false: wait no longer */
	void *data;
};

/* As virt_call(), as long as WATCH allows. */
enum virt_call_result virt_call_watched(virt_call_func *func, void *data, GDestroyNotify free_data,
					const struct virt_call_watch *watch, GError **error);

/* Whether an abandoned thread still runs: exit() is not safe then. */
bool virt_call_any_abandoned(void);

#endif
