/* SPDX-License-Identifier: Apache-2.0 */
#include "image_checksum.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/progress_line.h"
#include "image_file.h"
#include "stop_signal.h"

#define KIND "sha256:"

enum { DIGITS = 64, PIECE = 1 << 20 };

bool image_checksum_is_valid(const char *wanted, GError **error)
{
	const char *digits = wanted + strlen(KIND);

	if (g_str_has_prefix(wanted, KIND) && strlen(digits) == DIGITS &&
	    strspn(digits, "0123456789abcdefABCDEF") == DIGITS)
		return true;

	return vmm_fail(error, VMM_ERROR_USAGE, "--checksum %s: not sha256: and %d hexadecimal "
			"digits", wanted, DIGITS);
}

static bool add_all(GChecksum *sum, int fd, const char *path, GError **error)
{
	g_autofree guchar *piece = g_malloc(PIECE);
	struct progress_line line = { .what = "reading" };
	struct stat st;
	guint64 done = 0;
	ssize_t n;

	if (fstat(fd, &st) == 0)
		line.total = (guint64)st.st_size;

	while ((n = read(fd, piece, PIECE)) != 0) {
		if (!stop_signal_check(error, "cannot read %s", path))
			return false;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return vmm_fail_errno(error, errno, "cannot read %s", path);

		g_checksum_update(sum, piece, n);
		done += (guint64)n;
		if (isatty(STDERR_FILENO))
			progress_line_show(&line, done);
	}

	progress_line_end(&line);

	return true;
}

bool image_checksum_verify(const char *path, const char *wanted, GError **error)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	int fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	const char *found;
	bool ok;

	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot read %s", path);

	/* The file may be a download, which must be removed even after a signal. */
	stop_signal_begin();
	ok = add_all(sum, fd, path, error);
	stop_signal_end();
	close(fd);
	if (!ok)
		return image_file_name_handles(error);

	found = g_checksum_get_string(sum);
	if (g_ascii_strcasecmp(found, wanted + strlen(KIND)) == 0)
		return true;

	vmm_fail(error, VMM_ERROR_INPUT, "%s has checksum " KIND "%s, not %s", path, found, wanted);
	vmm_error_set_hint(error, "fetch it again, or ask its publisher");

	return image_file_name_handles(error);
}
