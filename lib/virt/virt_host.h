/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virt_host.h - what libvirt says of its host, as it says it. NULL: it does not. The caller frees.
 *
 * At first libvirt runs each QEMU binary to find out, which takes seconds.
 */
#ifndef VIRT_VIRT_HOST_H
#define VIRT_VIRT_HOST_H

#include <libvirt/libvirt.h>

/* The capabilities of the host of CONN, as XML. */
char *virt_capabilities(virConnect *conn);

/* What tells hosts apart, as a name need not. */
char *virt_host_uuid(virConnect *conn);

/* Of domains of TYPE, "kvm" or "qemu", for guests of the host's own architecture. */
char *virt_domain_capabilities(virConnect *conn, const char *type);

/* The processor in CAPABILITIES with all its features. */
char *virt_expanded_cpu(virConnect *conn, const char *capabilities);

#endif
