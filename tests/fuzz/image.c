/* SPDX-License-Identifier: Apache-2.0 */
/* image - the header of a disk image, which a user made: bounded names, or an error. */
#include "image/image_header.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void bounded(const char *name)
{
	g_assert(!name || strlen(name) <= 1023);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	g_autoptr(GError) error = NULL;
	struct image_header h;

	g_assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	if (image_header_read(fd, "image", &h, &error)) {
		g_assert(!error && h.format);
		bounded(h.backing);
		bounded(h.backing_format);
		bounded(h.data_file);
		bounded(h.create_type);
		g_assert(!h.backing || *h.backing);
		image_header_clear(&h);
	} else {
		g_assert(error);
	}

	close(fd);
	return 0;
}
