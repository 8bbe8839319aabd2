/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rbd_session.h - what we ask of Ceph without a start of rbd for each question: of one process of
 * our own (rbd_service.h), which has one connection. Each start of rbd takes as long as a clone.
 */
#ifndef KVM_IMAGE_RBD_SESSION_H
#define KVM_IMAGE_RBD_SESSION_H

#include "base/error.h"

struct rbd_session_call {
	const char *user, *conf;	/* NULL: Ceph's own */
	unsigned connect_s, answer_s;	/* that the cluster may take */
	const char *const *words;	/* rbd's command line behind its options; NULL-terminated */
};

/* NONE: nothing was begun, and rbd must do it. FAILED: ERROR is set as that of rbd would be. */
enum rbd_session_end { RBD_SESSION_NONE, RBD_SESSION_FAILED, RBD_SESSION_DONE };

/*
 * Does CALL, as "rbd --format json" would; RET: what that would print, which the caller frees.
 * SIGINT and SIGTERM cancel it. All calls of a process have the same cluster.
 */
enum rbd_session_end rbd_session_run(const struct rbd_session_call *call, char **ret,
				     GError **error);

/* Ends that process. */
void rbd_session_close(void);

#endif
