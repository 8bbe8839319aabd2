/* SPDX-License-Identifier: Apache-2.0 */
#include "volume_wipe.h"

#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/progress_line.h"
#include "stop_signal.h"

/* Small enough for a signal to be heard. */
#define STEP ((guint64)64 << 20)

enum { SECTOR = 512 };

/* The kernel zeroes whole sectors; those that an image fills in part get zeros behind it. */
static bool wipe_sector(int fd, guint64 *start)
{
	char zeros[SECTOR] = { 0 };
	size_t rest = (size_t)(*start % SECTOR);
	size_t len = rest ? SECTOR - rest : 0;

	if (len && pwrite(fd, zeros, len, (off_t)*start) != (ssize_t)len)
		return false;

	*start += len;

	return fdatasync(fd) == 0;
}

bool volume_wipe(int fd, const char *name, guint64 start, guint64 end, GError **error)
{
	struct progress_line line = { .what = "wiping", .total = end - start };
	bool is_terminal = isatty(STDERR_FILENO);
	guint64 first = start;
	int rc = wipe_sector(fd, &start) ? 0 : -1;
	bool goes_on = true;

	stop_signal_begin();
	while (rc == 0 && goes_on && start < end) {
		guint64 range[] = { start, MIN(STEP, end - start) };

		rc = ioctl(fd, BLKZEROOUT, range);
		start += range[1];
		if (rc == 0 && is_terminal)
			progress_line_show(&line, start - first);
		goes_on = stop_signal_check(error, "cannot wipe %s", name);
	}

	stop_signal_end();
	if (is_terminal)
		progress_line_end(&line);
	if (!goes_on)
		return false;
	if (rc == 0 && fsync(fd) == 0)
		return true;

	return vmm_fail_errno(error, errno, "cannot wipe %s", name);
}
