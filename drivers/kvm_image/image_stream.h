/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_stream.h - an image on its way from one host to another, as bytes of a pipe: "send" writes
 * them, "receive" reads them. Holes are not sent. The last frame has the checksum of all before it:
 * no file gets its name without that frame.
 *
 * "kvm-image 1\n", size, bytes of data at most, seconds and nanoseconds of the time of its last
 * change (8 bytes each); frames of an offset (8 bytes), a length (4) and so many bytes; the last
 * frame has the length 0, the size as offset, and 32 bytes of SHA-256. All numbers are big-endian.
 */
#ifndef KVM_IMAGE_IMAGE_STREAM_H
#define KVM_IMAGE_IMAGE_STREAM_H

#include "base/error.h"

/* Writes the image FD, called NAME, to descriptor OUT. SIZE: bytes that it has. */
bool image_stream_write(int fd, const char *name, guint64 size, int out, GError **error);

/*
 * Reads such bytes from descriptor IN into FD, an empty file called NAME. VMM_ERROR_CONNECTION: it
 * ends too early; VMM_ERROR_INPUT: it is no such stream; VMM_ERROR_NO_SPACE.
 */
bool image_stream_read(int in, int fd, const char *name, GError **error);

/* The same into a device that is there, has ROOM bytes, and reads as zeros. */
bool image_stream_read_into(int in, int fd, const char *name, guint64 room, GError **error);

/* Writes LEN bytes to FD, or reads so many: all of them, or VMM_ERROR_CONNECTION. */
bool image_stream_put(int fd, const void *data, size_t len, GError **error);
bool image_stream_get(int fd, void *data, size_t len, GError **error);

/* The file in DIRECTORY that stands for the SOURCE of DISK ("disk.0"). The caller frees. */
char *image_received_path(const char *directory, const char *disk);

/* Whether NAME is that of such a file, or of one that is unfinished. */
bool image_received_is(const char *name);

#endif
