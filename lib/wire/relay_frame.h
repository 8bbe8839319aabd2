/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay_frame.h - what the driver and the relay on a host say to each other: frames
 * of a length, a type, the number of the step they are about, and a payload.
 *
 * The relay first says the hello, a line of text, so that the other end can
 * tell it from what login scripts print. All numbers are big-endian.
 */
#ifndef WIRE_RELAY_FRAME_H
#define WIRE_RELAY_FRAME_H

#include "base/error.h"

/* The protocol's number; a relay of another number is not used. */
enum { RELAY_PROTOCOL = 3, RELAY_MAX_FRAME = 1 << 28, RELAY_MAX_WORDS = 10000 };

enum relay_type {
	RELAY_RUN = 1,		/* to the relay: a struct relay_run */
	RELAY_CANCEL,		/* to the relay: end that step; RELAY_DONE follows */
	RELAY_DONE,		/* from the relay: a struct relay_done */
	RELAY_WORKER,		/* from the relay, of no step: its worker's memory */
};

struct relay_frame {
	enum relay_type type;
	guint32 id;
	const guint8 *data;	/* borrowed from the bytes that it was parsed from */
	size_t size;
};

enum relay_taken { RELAY_TAKEN, RELAY_INCOMPLETE, RELAY_BAD };

/* The next frame in SIZE bytes at DATA; *RET_USED: the bytes of it. */
enum relay_taken relay_frame_take(const guint8 *data, size_t size, struct relay_frame *ret,
				  size_t *ret_used);

/*
 * Only the head of the next frame, which comes first: type, id and the SIZE that its data will
 * have. So a frame is refused before it is kept. RELAY_BAD: no frame begins so.
 */
enum relay_taken relay_frame_head(const guint8 *data, size_t size, struct relay_frame *ret);

/* A word of relay_run.env that no step gets: the host's worker may make its process. */
#define RELAY_MAY_USE_WORKER "VMM_WORKER=yes"

/* A step. */
struct relay_run {
	guint32 timeout_ms;	/* 0: none */
	guint32 max_output;	/* bytes kept of its output, and again of its errors */
	guint32 grace_ms;	/* from SIGTERM to SIGKILL when it is ended; 0: half a second */
	char *cwd;		/* "": where the relay was started */
	char **argv;		/* argv[0]: an absolute path */
	char **env;		/* "VMM_NAME=VALUE" besides the relay's own; NULL: none */
	GBytes *input;
};

/* RUN as a frame about step ID. The caller unrefs. */
GBytes *relay_run_frame(guint32 id, const struct relay_run *run);

/* Parses a payload of that type. False with VMM_ERROR_INPUT: DATA is malformed. */
bool relay_run_parse(const guint8 *data, size_t size, struct relay_run *ret, GError **error);
void relay_run_clear(struct relay_run *run);

enum relay_done_flags {
	RELAY_TIMED_OUT = 1 << 0,
	RELAY_CANCELLED = 1 << 1,
	RELAY_NOT_STARTED = 1 << 2,	/* certainly */
	RELAY_BY_WORKER = 1 << 3,	/* its process was made by the host's worker */
};

/* The largest payload of a valid DONE frame for a step with that relay_run.max_output, in bytes. */
size_t relay_done_max(guint32 max_output);

/* What became of a step. */
struct relay_done {
	guint32 flags;
	gint32 status;		/* exit status; -1: a signal ended it, or it was not started */
	guint64 wall_us;
	GString *out, *err;
};

GBytes *relay_done_frame(guint32 id, const struct relay_done *done);
bool relay_done_parse(const guint8 *data, size_t size, struct relay_done *ret, GError **error);
void relay_done_clear(struct relay_done *done);

/* A RELAY_CANCEL of step ID. */
GBytes *relay_cancel_frame(guint32 id);

/*
 * The memory of the relay's worker has changed; it is said with a step that may use one, when the
 * worker has started and when it has ended: at most RELAY_WORKER_FRAMES for each such step.
 */
enum { RELAY_WORKER_SIZE = 8, RELAY_WORKER_FRAMES = 3 };

/* OWN_BYTES: worker_client_memory. The caller unrefs. */
GBytes *relay_worker_frame(guint64 own_bytes);
bool relay_worker_parse(const guint8 *data, size_t size, guint64 *ret_own_bytes, GError **error);

/* The relay's first line, of VERSION. Caller frees. */
char *relay_hello(const char *version);

/*
 * Looks for the hello in what the far end has written. RELAY_TAKEN: *RET_VERSION (caller
 * frees) of the relay, and *RET_USED bytes are behind us; RELAY_BAD: another protocol, or none.
 */
enum relay_taken relay_hello_take(const char *data, size_t size, char **ret_version,
				  size_t *ret_used);

#endif
