/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/deflate.h"

#include <zlib.h>

/* Small tables: clearing them would cost more than the work on a document of 10 KiB. */
enum { WINDOW_BITS = 12, MEMORY_LEVEL = 5 };

GBytes *deflate_pack(GBytes *bytes)
{
	gsize size;
	const void *data = g_bytes_get_data(bytes, &size);
	guint64 length = size;
	z_stream z = { .next_in = (Bytef *)data, .avail_in = (uInt)size };
	size_t bound;
	guint8 *out;

	g_assert(size <= G_MAXUINT32);
	if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		g_error("no memory to deflate a request");
	bound = deflateBound(&z, size);
	out = g_malloc(sizeof(length) + bound);
	memcpy(out, &length, sizeof(length));
	z.next_out = out + sizeof(length);
	z.avail_out = (uInt)bound;
	deflate(&z, Z_FINISH);		/* there is room: it ends in one call */
	bound = z.total_out;
	deflateEnd(&z);

	return g_bytes_new_take(g_realloc(out, sizeof(length) + bound), sizeof(length) + bound);
}

GBytes *deflate_unpack(GBytes *packed)
{
	gsize size;
	const guint8 *in = g_bytes_get_data(packed, &size);
	guint64 length;
	uLongf unpacked;
	guint8 *out;

	memcpy(&length, in, sizeof(length));
	unpacked = length;
	out = g_malloc(length + 1);

	if (uncompress(out, &unpacked, in + sizeof(length), size - sizeof(length)) != Z_OK)
		g_error("cannot inflate a waiting request");

	return g_bytes_new_take(out, unpacked);
}
