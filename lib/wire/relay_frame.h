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

/* The protocol's number; a relay that speaks another is not spoken with. */
enum { WIRE_PROTOCOL = 2, WIRE_MAX_FRAME = 1 << 28, WIRE_MAX_WORDS = 10000 };

enum wire_type {
	WIRE_RUN = 1,		/* to the relay: a struct wire_run */
	WIRE_CANCEL,		/* to the relay: end that step; WIRE_DONE follows */
	WIRE_DONE,		/* from the relay: a struct wire_done */
};

struct wire_frame {
	enum wire_type type;
	guint32 id;
	const guint8 *data;	/* of the text it was taken from */
	size_t size;
};

enum wire_taken { WIRE_TAKEN, WIRE_INCOMPLETE, WIRE_BAD };

/* The next frame in SIZE bytes at DATA; *RET_USED: the bytes of it. */
enum wire_taken wire_frame_take(const guint8 *data, size_t size, struct wire_frame *ret,
				size_t *ret_used);

/*
 * Only the head of the next frame, which comes first: type, id and the SIZE that its data will
 * have. So a frame is refused before it is kept. WIRE_BAD: no frame begins so.
 */
enum wire_taken wire_frame_head(const guint8 *data, size_t size, struct wire_frame *ret);

/* A step. */
struct wire_run {
	guint32 timeout_ms;	/* 0: none */
	guint32 max_output;	/* bytes kept of its output, and again of its errors */
	guint32 grace_ms;	/* from SIGTERM to SIGKILL when it is ended; 0: half a second */
	char *cwd;		/* "": where the relay was started */
	char **argv;		/* argv[0]: an absolute path */
	char **env;		/* "VMM_NAME=VALUE" besides the relay's own; NULL: none */
	GBytes *input;
};

/* RUN as a frame about step ID. The caller unrefs. */
GBytes *wire_run_frame(guint32 id, const struct wire_run *run);

/* False with VMM_ERROR_INPUT: DATA is no such payload. */
bool wire_run_parse(const guint8 *data, size_t size, struct wire_run *ret, GError **error);
void wire_run_clear(struct wire_run *run);

enum wire_done_flags {
	WIRE_TIMED_OUT = 1 << 0,
	WIRE_CANCELLED = 1 << 1,
	WIRE_NOT_STARTED = 1 << 2,	/* certainly */
};

/* The most data of a frame about a step with that wire_run.max_output that is told about truly. */
size_t wire_done_max(guint32 max_output);

/* What became of a step. */
struct wire_done {
	guint32 flags;
	gint32 status;		/* exit status; -1: a signal ended it, or it was not started */
	guint64 wall_us;
	GString *out, *err;
};

GBytes *wire_done_frame(guint32 id, const struct wire_done *done);
bool wire_done_parse(const guint8 *data, size_t size, struct wire_done *ret, GError **error);
void wire_done_clear(struct wire_done *done);

/* A WIRE_CANCEL of step ID. */
GBytes *wire_cancel_frame(guint32 id);

/* The relay's first line, of VERSION. Caller frees. */
char *wire_hello(const char *version);

/*
 * Looks for the hello in what the far end has written. WIRE_TAKEN: *RET_VERSION (caller
 * frees) of the relay, and *RET_USED bytes are behind us; WIRE_BAD: another protocol, or none.
 */
enum wire_taken wire_hello_take(const char *data, size_t size, char **ret_version,
				size_t *ret_used);

#endif
