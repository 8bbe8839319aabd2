/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virt_link.h - a connection to libvirt that is made again whenever it was lost, on a thread of its
 * own: a daemon that hangs or is away holds up nobody.
 */
#ifndef WATCH_VIRT_LINK_H
#define WATCH_VIRT_LINK_H

#include <libvirt/libvirt.h>

#include "base/error.h"

/* A domain began, ended, was paused…: libvirt's event and its detail. */
struct virt_link_event {
	char *name;
	int event, detail;
};

/* All are called from the default main loop; each may be NULL. */
struct virt_link_calls {
	void (*up)(void *data);
	void (*down)(const char *reason, void *data);
	void (*event)(const struct virt_link_event *event, void *data);
};

typedef struct virt_link VirtLink;

/* Begins to connect to URI; the link is never freed, as its thread may hang in libvirt. */
VirtLink *virt_link_new(const char *uri, const struct virt_link_calls *calls, void *data);

/* The connection, referenced: virConnectClose(). NULL: it is away. Any thread. */
virConnect *virt_link_conn(VirtLink *link);

/* Calls hang on CONN, where they may delay others: if it is the one in use, another is opened. */
void virt_link_renew(VirtLink *link, const virConnect *conn);

#endif
