/* SPDX-License-Identifier: Apache-2.0 */
/* vm_view.h - VMs as people read them: a table of all, or all of one. */
#ifndef VMMEXEC_VM_VIEW_H
#define VMMEXEC_VM_VIEW_H

#include <glib.h>
#include <stdbool.h>

struct json_object;

/* Prints the VMS of poll as a table on stdout; NAMES: only their names, a line each. */
void vm_view_list(struct json_object *vms, bool names);

/* Prints one of them, of poll --detail. */
void vm_view_show(struct json_object *vm);

#endif
