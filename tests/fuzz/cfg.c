/* SPDX-License-Identifier: Apache-2.0 */
/* cfg - vmm_exec.cfg: read, or refused with its place. */
#include "conf/cfg.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
const char *__lsan_default_suppressions(void);

/* Its lexer leaves a string behind at a syntax error. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static int fd = -1;
	g_autofree char *path = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(ConfCfg) cfg = NULL;

	if (fd < 0)
		fd = memfd_create("cfg", MFD_CLOEXEC);
	g_assert(fd >= 0 && ftruncate(fd, 0) == 0 &&
		 pwrite(fd, data, size, 0) == (ssize_t)size);
	path = g_strdup_printf("/proc/self/fd/%d", fd);
	cfg = conf_cfg_load(path, &error);
	g_assert(!cfg == !!error);
	if (!cfg)
		return 0;
	for (size_t i = 0; conf_cfg_host_name(cfg, i); i++)
		conf_cfg_host(cfg, conf_cfg_host_name(cfg, i), "transport");
	g_assert(conf_cfg_int(cfg, "limits.children") >= 4);
	g_assert(conf_cfg_string(cfg, "domain.bridges"));
	return 0;
}
