/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow_loop.so - a thread enters a GLib main loop 20 ms late, for LD_PRELOAD: what another thread
 * tells that loop meanwhile is lost, as on a busy machine.
 *
 * Source: docs/facts/libvirt.md A; libvirt's client waits for its daemon in such a loop.
 */
#include <dlfcn.h>
#include <glib.h>

void g_main_loop_run(GMainLoop *loop)
{
	void (*real)(GMainLoop *) = dlsym(RTLD_NEXT, "g_main_loop_run");

	g_usleep(20000);
	real(loop);
}
