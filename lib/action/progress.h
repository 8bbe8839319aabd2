/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h - how far a long job is: a line on a terminal, else a log line now and then. */
#ifndef ACTION_PROGRESS_H
#define ACTION_PROGRESS_H

#include "action/action.h"
#include "virt/domain_job.h"

/*
 * A job of DOM that reports its progress; this action's deadline and the first signal abort it. The
 * caller adds the call that it makes.
 */
struct virt_job progress_job(const struct action_ctx *ctx, virDomain *dom);

/* Sets ERROR after such an abort: "FORMAT… was stopped by a signal" or timed out. False. */
bool progress_fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
