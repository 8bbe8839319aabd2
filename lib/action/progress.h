/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.h - how far a long job is: a bar on a terminal, else a log line now and then, or JSON
 * on stdout for a program.
 */
#ifndef ACTION_PROGRESS_H
#define ACTION_PROGRESS_H

#include "action/action.h"
#include "virt/domain_job.h"

/*
 * A job of DOM that reports its progress; this action's deadline and the first signal abort it. The
 * caller adds the call that it makes.
 */
struct virt_job progress_job(const struct action_ctx *ctx, virDomain *dom);

/* Shows how far this action is; at most once a second, or as often as a terminal takes it. */
void progress_show(const struct virt_progress *progress);

/* From now on as an object on a line of stdout: {"action", "progress": {"done_bytes", …}}. */
void progress_as_json(void);

/* Takes the bar off the terminal. */
void progress_end(void);

/* Sets ERROR after such an abort: "FORMAT… was stopped by a signal" or timed out. False. */
bool progress_fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
