/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold.so - stops a program before it sends a certain call to libvirt's daemon, for LD_PRELOAD:
 * there it can be killed, or other things can happen before the call.
 *
 * HOLD_CALL=NUMBER  the call, by its number in libvirt's protocol: 307 is the last word of a move,
 *                   to the source, REMOTE_PROC_DOMAIN_MIGRATE_CONFIRM3_PARAMS; 392 is
 *                   REMOTE_PROC_DOMAIN_DETACH_DEVICE_ALIAS
 * HOLD_FILE=FILE    is made then; once it is removed the program goes on
 *
 * Source: libvirt's remote_protocol.x; a message begins with its length, program, version, number
 * and type, each in four bytes, the first one first.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PROGRAM = 0x20008086, CALL = 0, PAUSE_US = 10000 };

static int is_held(const void *bytes, size_t len)
{
	const char *call = getenv("HOLD_CALL");
	uint32_t head[5];

	if (!call || len < sizeof(head))
		return 0;
	memcpy(head, bytes, sizeof(head));
	if (ntohl(head[1]) != PROGRAM || ntohl(head[4]) != CALL)
		return 0;

	return ntohl(head[3]) == (uint32_t)strtoul(call, NULL, 10);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	if (is_held(bytes, len)) {
		close(open(getenv("HOLD_FILE"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
		while (access(getenv("HOLD_FILE"), F_OK) == 0)
			usleep(PAUSE_US);
	}

	return syscall(SYS_write, fd, bytes, len);
}
