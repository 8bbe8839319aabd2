/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh_master.h - an ssh connection to a host that sessions share (ControlMaster). It is opened when
 * first needed, opened again after it was lost, and closed when idle.
 *
 *   ssh_master_wait()      calls back when the connection is up, or says why it is not
 *   ssh_master_enter()     takes one of its sessions
 *   ssh_master_leave()     gives the session back
 */
#ifndef ONE_VMM_EXEC_SSH_MASTER_H
#define ONE_VMM_EXEC_SSH_MASTER_H

#include "base/child.h"
#include "wire/ssh.h"

typedef struct ssh_master SshMaster;

/* Called once, from the loop. WHY is NULL when the connection is up, else why it is not. */
typedef void ssh_master_ready(void *data, const char *why);

/*
 * SSH is borrowed, HOST and CONTROL (the socket's path) are copied. At most
 * SESSIONS at once share it; it is closed after IDLE_S seconds without one, never if 0.
 */
SshMaster *ssh_master_new(const struct wire_ssh *ssh, const char *host, const char *control,
			  unsigned sessions, unsigned idle_s);

/* Ends it and removes its socket. Nobody may wait for it. */
void ssh_master_free(SshMaster *connection);

/* The socket's path, borrowed; NULL unless the connection is up. */
const char *ssh_master_control(const SshMaster *connection);

/*
 * Opens it unless that is under way; READY(DATA) follows. Of one that is up: when one of its
 * sessions may be free, or ssh_master_alone().
 */
void ssh_master_wait(SshMaster *connection, ssh_master_ready *ready, void *data);

/* Closes the connection if it is idle. */
void ssh_master_close_idle(SshMaster *connection);

/* Removes DATA from those who wait. False: it did not wait. */
bool ssh_master_forget(SshMaster *connection, const void *data);

/* Takes one of its sessions; false when it is not up or has no more of them. */
bool ssh_master_enter(SshMaster *connection);

/*
 * Whether a session may have a connection of its own now that this one has no more of them: some a
 * second, as sshd drops those of many that are not logged in yet (MaxStartups).
 */
bool ssh_master_alone(SshMaster *connection);

/* Gives back what ssh_master_enter() took. */
void ssh_master_leave(SshMaster *connection);

#endif
