/* SPDX-License-Identifier: Apache-2.0 */
/* frame - what the relay and the driver read from each other: it ends, stays inside, and a step
 * that was understood is written as it was read. */
#include "wire/relay_frame.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void try_run(const struct relay_frame *frame)
{
	struct relay_run run, again;
	struct relay_frame copy;
	size_t used;

	if (!relay_run_parse(frame->data, frame->size, &run, NULL))
		return;
	{
		g_autoptr(GBytes) bytes = relay_run_frame(frame->id, &run);
		gsize len;
		const guint8 *text = g_bytes_get_data(bytes, &len);

		g_assert(relay_frame_take(text, len, &copy, &used) == RELAY_TAKEN && used == len);
		g_assert(relay_run_parse(copy.data, copy.size, &again, NULL));
		g_assert(g_strv_equal((const char *const *)run.argv,
				      (const char *const *)again.argv));
		g_assert(g_bytes_equal(run.input, again.input));
		g_assert(run.timeout_ms == again.timeout_ms);
		relay_run_clear(&again);
	}
	relay_run_clear(&run);
}

static void try_done(const struct relay_frame *frame)
{
	struct relay_done done;

	if (!relay_done_parse(frame->data, frame->size, &done, NULL))
		return;
	{
		g_autoptr(GBytes) bytes = relay_done_frame(frame->id, &done);

		g_assert(g_bytes_get_size(bytes) == frame->size + 9);
	}
	relay_done_clear(&done);
}

static void try_worker(const struct relay_frame *frame)
{
	guint64 own_bytes;

	if (!relay_worker_parse(frame->data, frame->size, &own_bytes, NULL))
		return;
	g_assert(frame->size == RELAY_WORKER_SIZE);
	{
		g_autoptr(GBytes) bytes = relay_worker_frame(own_bytes);
		const guint8 *text = g_bytes_get_data(bytes, NULL);

		g_assert(memcmp(text + 9, frame->data, frame->size) == 0);
	}
}

/* The head says what the whole frame will be. Always true. */
static bool has_its_head(const guint8 *data, size_t size)
{
	struct relay_frame head = { 0 }, whole = { 0 };
	size_t used;
	enum relay_taken first = relay_frame_head(data, size, &head);

	if (relay_frame_take(data, size, &whole, &used) != RELAY_TAKEN)
		return true;
	g_assert(first == RELAY_TAKEN && head.size == whole.size);
	g_assert(head.id == whole.id && head.type == whole.type);
	return true;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	g_autofree guint8 *copy = g_memdup2(data, size);	/* so that ASan sees its end */
	g_autofree char *version = NULL;
	struct relay_frame frame;
	size_t at = 0, used;

	if (relay_hello_take(copy ? (const char *)copy : "", size, &version, &used) == RELAY_TAKEN)
		at = used;
	g_assert(at <= size);
	while (at < size && has_its_head(copy + at, size - at) &&
	       relay_frame_take(copy + at, size - at, &frame, &used) == RELAY_TAKEN) {
		try_run(&frame);
		try_done(&frame);
		try_worker(&frame);
		at += used;
		g_assert(at <= size);
	}
	return 0;
}
