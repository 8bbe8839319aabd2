/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/relay_frame.h"

enum { HEADER = 9, LENGTH = 4, MAX_NOISE = 65536 };
/* Of a DONE: its numbers; what each text may have beyond max_output, as "[9 bytes left out]". */
enum { DONE_NUMBERS = 24, DONE_SLACK = 4096 };

static const char hello[] = "vmmexec-relay ";

static void put32(GByteArray *to, guint32 n)
{
	n = GUINT32_TO_BE(n);
	g_byte_array_append(to, (const guint8 *)&n, sizeof(n));
}

static void put64(GByteArray *to, guint64 n)
{
	put32(to, (guint32)(n >> 32));
	put32(to, (guint32)n);
}

static void put_text(GByteArray *to, const void *text, size_t size)
{
	put32(to, (guint32)size);
	g_byte_array_append(to, text, (guint)size);
}

static guint32 get32(const guint8 *at)
{
	guint32 n;

	memcpy(&n, at, sizeof(n));
	return GUINT32_FROM_BE(n);
}

static GByteArray *frame_begin(enum relay_type type, guint32 id)
{
	GByteArray *frame = g_byte_array_new();
	guint8 byte = type;

	put32(frame, 0);
	g_byte_array_append(frame, &byte, 1);
	put32(frame, id);

	return frame;
}

/* Takes FRAME. */
static GBytes *frame_end(GByteArray *frame)
{
	guint32 n = GUINT32_TO_BE(frame->len - LENGTH);

	memcpy(frame->data, &n, sizeof(n));
	return g_byte_array_free_to_bytes(frame);
}

enum relay_taken relay_frame_take(const guint8 *data, size_t size, struct relay_frame *ret,
				  size_t *ret_used)
{
	guint32 length;

	if (size < LENGTH)
		return RELAY_INCOMPLETE;

	length = get32(data);
	if (length < HEADER - LENGTH)
		return RELAY_BAD;
	if (length > RELAY_MAX_FRAME)
		return RELAY_BAD;
	if (size < (size_t)length + LENGTH)
		return RELAY_INCOMPLETE;
	if (data[LENGTH] < RELAY_RUN)
		return RELAY_BAD;
	if (data[LENGTH] > RELAY_WORKER)
		return RELAY_BAD;

	*ret = (struct relay_frame){
		.type = data[LENGTH], .id = get32(data + LENGTH + 1),
		.data = data + HEADER, .size = length + LENGTH - HEADER,
	};
	*ret_used = (size_t)length + LENGTH;
	return RELAY_TAKEN;
}

enum relay_taken relay_frame_head(const guint8 *data, size_t size, struct relay_frame *ret)
{
	guint32 length;

	if (size < LENGTH)
		length = 0;
	else
		length = get32(data);

	if (size < HEADER)
		return RELAY_INCOMPLETE;
	if (length < HEADER - LENGTH)
		return RELAY_BAD;
	if (length > RELAY_MAX_FRAME)
		return RELAY_BAD;
	if (data[LENGTH] < RELAY_RUN)
		return RELAY_BAD;
	if (data[LENGTH] > RELAY_WORKER)
		return RELAY_BAD;

	*ret = (struct relay_frame){
		.type = data[LENGTH], .id = get32(data + LENGTH + 1),
		.size = length + LENGTH - HEADER,
	};

	return RELAY_TAKEN;
}

/* What is left of a payload; BAD once it was shorter than it said. */
struct reader {
	const guint8 *at;
	size_t left;
	bool bad;
};

static const guint8 *take_bytes(struct reader *r, size_t size)
{
	const guint8 *at = r->at;

	if (r->bad || size > r->left) {
		r->bad = true;
		return NULL;
	}

	r->at += size;
	r->left -= size;

	return at;
}

static guint32 take32(struct reader *r)
{
	const guint8 *at = take_bytes(r, 4);

	if (at)
		return get32(at);

	return 0;
}

static guint64 take64(struct reader *r)
{
	guint64 high = take32(r);

	return high << 32 | take32(r);
}

static const guint8 *take_text(struct reader *r, size_t *ret_size)
{
	*ret_size = take32(r);
	return take_bytes(r, *ret_size);
}

/* A text without NUL, or NULL. */
static char *take_word(struct reader *r)
{
	size_t size;
	const guint8 *at = take_text(r, &size);

	if (at && memchr(at, '\0', size))
		r->bad = true;
	if (r->bad)
		return NULL;

	return g_strndup((const char *)at, size);
}

/* At least LEAST words. */
static char **take_words(struct reader *r, guint32 least)
{
	guint32 count = take32(r);
	GPtrArray *words = g_ptr_array_new();

	if (count < least || count > RELAY_MAX_WORDS)
		r->bad = true;
	while (!r->bad && count--) {
		char *word = take_word(r);

		if (word)
			g_ptr_array_add(words, word);
	}

	g_ptr_array_add(words, NULL);

	return (char **)g_ptr_array_free(words, FALSE);
}

static bool judge(const struct reader *r, GError **error)
{
	if (!r->bad && !r->left)
		return true;
	return vmm_fail(error, VMM_ERROR_INPUT, "a frame of the relay's connection is damaged");
}

static void put_words(GByteArray *frame, char **words)
{
	put32(frame, words ? g_strv_length(words) : 0);
	for (char **w = words; w && *w; w++)
		put_text(frame, *w, strlen(*w));
}

/* What a step's environment may say is ours alone: never PATH, or what a loader reads. */
static void check_env(struct reader *r, char **env)
{
	for (char **e = env; *e; e++)
		if (!g_str_has_prefix(*e, "VMM_") || !strchr(*e, '='))
			r->bad = true;
}

GBytes *relay_run_frame(guint32 id, const struct relay_run *run)
{
	GByteArray *frame = frame_begin(RELAY_RUN, id);
	gsize size = 0;
	const void *input = NULL;

	if (run->input)
		input = g_bytes_get_data(run->input, &size);

	put32(frame, run->timeout_ms);
	put32(frame, run->max_output);
	put32(frame, run->grace_ms);
	put_text(frame, run->cwd, strlen(run->cwd));
	put_words(frame, run->argv);
	put_words(frame, run->env);
	put_text(frame, input ? input : "", size);

	return frame_end(frame);
}

bool relay_run_parse(const guint8 *data, size_t size, struct relay_run *ret, GError **error)
{
	struct reader r = { data, size, false };
	const guint8 *input;
	size_t len;

	ret->timeout_ms = take32(&r);
	ret->max_output = take32(&r);
	ret->grace_ms = take32(&r);
	ret->cwd = take_word(&r);
	ret->argv = take_words(&r, 1);
	ret->env = take_words(&r, 0);
	check_env(&r, ret->env);
	input = take_text(&r, &len);

	if (input)
		ret->input = g_bytes_new(input, len);
	else
		ret->input = NULL;
	if (judge(&r, error))
		return true;

	relay_run_clear(ret);

	return false;
}

void relay_run_clear(struct relay_run *run)
{
	g_clear_pointer(&run->cwd, g_free);
	g_clear_pointer(&run->argv, g_strfreev);
	g_clear_pointer(&run->env, g_strfreev);
	g_clear_pointer(&run->input, g_bytes_unref);
}

GBytes *relay_done_frame(guint32 id, const struct relay_done *done)
{
	GByteArray *frame = frame_begin(RELAY_DONE, id);

	put32(frame, done->flags);
	put32(frame, (guint32)done->status);
	put64(frame, done->wall_us);
	put_text(frame, done->out->str, done->out->len);
	put_text(frame, done->err->str, done->err->len);

	return frame_end(frame);
}

static GString *take_string(struct reader *r)
{
	size_t size;
	const guint8 *at = take_text(r, &size);

	return g_string_new_len(at ? (const char *)at : "", at ? (gssize)size : 0);
}

bool relay_done_parse(const guint8 *data, size_t size, struct relay_done *ret, GError **error)
{
	struct reader r = { data, size, false };

	ret->flags = take32(&r);
	ret->status = (gint32)take32(&r);
	ret->wall_us = take64(&r);
	ret->out = take_string(&r);
	ret->err = take_string(&r);

	if (judge(&r, error))
		return true;

	relay_done_clear(ret);

	return false;
}

size_t relay_done_max(guint32 max_output)
{
	return DONE_NUMBERS + 2 * ((size_t)max_output + DONE_SLACK);
}

void relay_done_clear(struct relay_done *done)
{
	if (done->out)
		g_string_free(done->out, TRUE);
	if (done->err)
		g_string_free(done->err, TRUE);
	done->out = done->err = NULL;
}

GBytes *relay_cancel_frame(guint32 id)
{
	return frame_end(frame_begin(RELAY_CANCEL, id));
}

GBytes *relay_worker_frame(guint64 own_bytes)
{
	GByteArray *frame = frame_begin(RELAY_WORKER, 0);

	put64(frame, own_bytes);

	return frame_end(frame);
}

bool relay_worker_parse(const guint8 *data, size_t size, guint64 *ret_own_bytes, GError **error)
{
	struct reader r = { data, size, false };
	guint64 own_bytes = take64(&r);

	if (!judge(&r, error))
		return false;

	*ret_own_bytes = own_bytes;

	return true;
}

char *relay_hello(const char *version)
{
	return g_strdup_printf("%s%d %s\n", hello, RELAY_PROTOCOL, version);
}

enum relay_taken relay_hello_take(const char *data, size_t size, char **ret_version,
				  size_t *ret_used)
{
	const char *at = memmem(data, size, hello, strlen(hello));
	const char *end = NULL;
	g_autofree char *line = NULL;
	char *version;

	if (at)
		end = memchr(at, '\n', size - (size_t)(at - data));

	if (!end)
		return size > MAX_NOISE ? RELAY_BAD : RELAY_INCOMPLETE;

	line = g_strndup(at + strlen(hello), (gsize)(end - at) - strlen(hello));
	if (g_ascii_strtoull(line, &version, 10) != RELAY_PROTOCOL)
		return RELAY_BAD;
	if (*version != ' ')
		return RELAY_BAD;

	*ret_version = g_strdup(version + 1);
	*ret_used = (size_t)(end + 1 - data);
	return RELAY_TAKEN;
}
