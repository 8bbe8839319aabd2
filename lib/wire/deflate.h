/* SPDX-License-Identifier: Apache-2.0 */
/* deflate.h - requests that wait are kept small: a VM document deflates to a sixth. */
#ifndef WIRE_DEFLATE_H
#define WIRE_DEFLATE_H

#include <glib.h>

/* BYTES deflated, with their length. The caller unrefs. */
GBytes *deflate_pack(GBytes *bytes);

/* What deflate_pack() was given. The caller unrefs. */
GBytes *deflate_unpack(GBytes *packed);

#endif
