/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm_table.h - what monitord knows of the VMs of a host, and what it is to be told.
 *
 * Pure: it is given lists of the VMs that run, what ended others, and times; it asks nothing.
 * A VM is only said to be off once complete lists have lacked it for as long as OpenNebula wants,
 * or when its guest ended by itself; neither while an action works on it or just did.
 * Source: docs/monitoring.md, "States"; docs/facts/monitoring.md 3.2.
 */
#ifndef WATCH_VM_TABLE_H
#define WATCH_VM_TABLE_H

#include "monitor/fields.h"

struct vm_table_rules {
	gint64 missing_us;	/* for how long lists must lack a VM until it is off */
	gint64 grace_us;	/* for how long after an action its VM is left alone so */
	gint64 passing_max_us;	/* after which a passing state is one that stays */
	bool at_once;		/* a guest that ended by itself is off at once */
};

typedef struct vm_table VmTable;

VmTable *vm_table_new(const struct vm_table_rules *rules);
void vm_table_free(VmTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VmTable, vm_table_free)

/*
 * A VM of a complete list; texts are static. While it passes to another state, what was seen before
 * remains true, until it has stayed so for a while, if it then is something else.
 */
struct vm_table_seen {
	gint64 id;
	char uuid[37];
	const char *state;	/* when it passes: of a VM that was not seen before */
	bool passes;
	const char *stays;	/* or NULL */
};

/* SEEN, N of them, are all that ran at NOW_US; all times are monotonic. */
void vm_table_list(VmTable *table, const struct vm_table_seen *seen, guint n, gint64 now_us);

/*
 * A VM that monitord may know to be on; before the first list. If that lacks it, it is UNKNOWN in
 * complete reports until it is off by the rules, so that it is not missed in them.
 */
void vm_table_remember(VmTable *table, gint64 id, const char *uuid);

/* A line "ID UUID" for each VM that was not reported as off, by id. The caller frees. */
char *vm_table_on(const VmTable *table);

/* libvirt says that VM ID ended by itself: its guest shut down, or its QEMU died. */
void vm_table_ended(VmTable *table, gint64 id);

/* When an action last worked on VM ID: NOW_US if one does; 0: not known of any. */
typedef gint64 vm_table_action(gint64 id, gint64 now_us, void *data);

/*
 * Adds to OUT what changed since the last report, all VMs when COMPLETE. True: something was held
 * back because of an action that is at work. vm_table_reported() says whether it arrived.
 */
bool vm_table_report(VmTable *table, bool complete, gint64 now_us, vm_table_action *action,
		     void *data, Fields *out);
void vm_table_reported(VmTable *table, bool arrived);

#endif
