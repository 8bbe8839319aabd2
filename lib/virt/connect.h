/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect.h - opens connections to libvirt that cannot hang the action: opening has a time limit,
 * and keepalive ends calls that wait for a daemon that is gone.
 *
 * Source: docs/facts/libvirt.md A; actions.md 0.4.
 */
#ifndef VIRT_CONNECT_H
#define VIRT_CONNECT_H

#include <libvirt/libvirt.h>

#include "base/error.h"

/*
 * Opens URI read-write within LIMIT_MS, with keepalive, and soon with libvirt's
 * events running on a thread of their own. libvirt prints nothing. The caller
 * closes it with virt_close(). Errors: VMM_ERROR_CONNECTION when it did not answer or is not there;
 * others for a wrong URI or missing rights.
 *
 * A call may be sent up to a second late while another thread's call on CONN is in progress.
 */
virConnect *virt_open(const char *uri, unsigned limit_ms, GError **error);

/*
 * As virt_open(), for a connection that is kept and mostly idle: it wakes nobody each second, and a
 * call may be sent up to five seconds late while another thread's is in progress.
 */
virConnect *virt_open_to_keep(const char *uri, unsigned limit_ms, GError **error);

/*
 * Runs the event loop from now on; to be called before registering for an event. It is GLib's
 * default context: a program that has sources of its own there keeps the context
 * (g_main_context_acquire()) before its first virt_open(), and runs libvirt's events with them.
 */
void virt_await_events(void);

/*
 * As virt_open(), repeated for LIMIT_MS while the error is VMM_ERROR_CONNECTION: a daemon that
 * ended is started again.
 */
virConnect *virt_open_again(const char *uri, unsigned limit_ms, GError **error);

/*
 * Gives up the caller's reference on CONN, or ends a callback by the ID that its registration gave.
 *
 * Neither keeps back an answer that the action has already: each waits a second at most for the
 * daemon, and does nothing while a call that timed out is in progress, as the answer may come only
 * after that one. CONN and the callback's data stay until the program ends then.
 */
void virt_close(virConnect *conn);
void virt_stop_listening(virConnect *conn, int id);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virConnect, virt_close)

/*
 * Gives up the caller's reference on CONN, which calls that hang may use: the last of them closes
 * it. For programs that go on; waits a second at most.
 */
void virt_let_go(virConnect *conn);

#endif
