/*
 * one_vmm_exec - the KVM driver that OpenNebula's oned starts: one line in for
 * an action on a VM, one line out for its result.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server.h"

/*
 * oned closes our stderr, and its own descriptors leak to us: without this the
 * next pipe would become descriptor 2 and take every warning as its data.
 */
static void settle_descriptors(void)
{
	int fd;

	while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
		;
	if (fd > STDERR_FILENO)
		close(fd);
	close_range(STDERR_FILENO + 1, ~0U, 0);
}

/* A connection takes a few descriptors, and there may be a thousand hosts. */
static void allow_many_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = MIN(limit.rlim_max, 65536);
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	struct settings settings;
	g_autoptr(GError) error = NULL;
	int status = 255;

	settle_descriptors();
	allow_many_descriptors();
	g_log_writer_default_set_use_stderr(TRUE);	/* stdout is the protocol */
	signal(SIGPIPE, SIG_IGN);
	if (settings_load(argc, argv, &settings, &error))
		server_run(&settings, &status, &error);
	if (error)
		fprintf(stderr, "one_vmm_exec: %s [%s]\n", error->message, vmm_error_class(error));
	settings_clear(&settings);
	return status;
}
