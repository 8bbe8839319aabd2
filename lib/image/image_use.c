/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image_use.h"

#include <fcntl.h>
#include <unistd.h>

/* QEMU locks bytes from 100 and from 200 on, one for each permission that it has or denies. */
enum { LOCK_START = 100, LOCK_LENGTH = 200 };

bool image_in_use(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_START,
			      .l_len = LOCK_LENGTH };

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}
