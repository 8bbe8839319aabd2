/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitord_message.h - figures as monitord reads them: "TYPE RESULT HOST_ID TIME DATA", DATA being
 * base64 of zlib of the text, which may be encrypted before.
 *
 * Source: docs/facts/monitoring.md 2 and 2.1.
 */
#ifndef MONITORD_MONITORD_MESSAGE_H
#define MONITORD_MONITORD_MESSAGE_H

#include "monitord/monitord_start.h"

/* Of more than that monitord would see nothing: it reads 65,536 bytes of a datagram. */
enum { MONITORD_UDP_BYTES = 60000 };

struct monitord_head {
	enum monitord_set_id set;
	bool ok;		/* else the text is a reason */
	gint64 host_id;
	gint64 time_s;		/* when the text was true; seconds since 1970 */
};

struct monitord_message {
	char *line;
	bool tcp;
};

/*
 * TEXT as one message or, when that is too large for UDP and a line is a VM, as several of the same
 * time; as one by TCP otherwise. A list of struct monitord_message; g_ptr_array_unref(). KEY or
 * NULL. NULL: ERROR is set.
 */
GPtrArray *monitord_pack(const struct monitord_head *head, const MonitordKey *key,
			 const char *text, GError **error);

#endif
