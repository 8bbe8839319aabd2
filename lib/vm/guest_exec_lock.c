/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/run_directory.h"
#include "vm/guest_exec.h"

enum { PAUSE_MS = 100, LOCK_MS = 30000 };

static int held = -1;

bool guest_exec_lock(const struct action_ctx *ctx, GError **error)
{
	gint64 until_us = action_until_us(ctx, LOCK_MS, 0);

	if (!run_directory_make(error))
		return false;
	held = open(GUEST_DIRECTORY "/.exec-lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (held < 0) {
		vmm_fail_errno(error, errno, "cannot open %s/.exec-lock", GUEST_DIRECTORY);
		run_directory_hint(error);
		return false;
	}

	while (flock(held, LOCK_EX | LOCK_NB) < 0) {
		if (!deadline_pause(until_us, PAUSE_MS))
			return vmm_fail(error, VMM_ERROR_BUSY, "%s/.exec-lock is held by another "
					"program", GUEST_DIRECTORY);
	}

	return true;
}

void guest_exec_unlock(void)
{
	if (held >= 0)
		close(held);

	held = -1;
}

virDomain *guest_exec_domain(const struct action_ctx *ctx, GError **error)
{
	const char *id = ctx->arg[0];
	g_autofree char *name = NULL;

	if (!*id || strspn(id, "0123456789") != strlen(id))
		return virt_domain(ctx->conn, id, NULL, error);
	name = g_strdup_printf("one-%s", id);

	return virt_domain(ctx->conn, name, NULL, error);
}
