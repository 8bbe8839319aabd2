/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/timed_call.h"

#include "base/deadline.h"

struct call {
	GMutex mutex;
	GCond cond;
	bool done, left, ok;
	GError *error;
	virt_call_func *func;
	void *data;
	GDestroyNotify free_data;
};

static gint left_behind;

static void call_free(struct call *c)
{
	g_mutex_clear(&c->mutex);
	g_cond_clear(&c->cond);
	g_clear_error(&c->error);
	g_free(c);
}

static gpointer run(gpointer data)
{
	struct call *c = data;
	g_autoptr(GError) error = NULL;
	bool ok = c->func(c->data, &error), left;

	g_mutex_lock(&c->mutex);
	c->ok = ok;
	c->error = g_steal_pointer(&error);
	c->done = true;
	left = c->left;
	g_cond_signal(&c->cond);
	g_mutex_unlock(&c->mutex);
	if (left) {
		c->free_data(c->data);
		call_free(c);
		g_atomic_int_add(&left_behind, -1);
	}

	return NULL;
}

/* Waits until C has ended or MS have passed. */
static bool wait_for(struct call *c, unsigned ms)
{
	gint64 until_us = deadline_in_ms(ms);
	bool done;

	g_mutex_lock(&c->mutex);
	while (!c->done && g_cond_wait_until(&c->cond, &c->mutex, until_us))
		;
	done = c->done;
	g_mutex_unlock(&c->mutex);

	return done;
}

enum virt_call_result virt_call_watched(virt_call_func *func, void *data, GDestroyNotify free_data,
					const struct virt_call_watch *watch, GError **error)
{
	struct call *c = g_new0(struct call, 1);
	enum virt_call_result result;
	GThread *thread;
	bool left;

	g_mutex_init(&c->mutex);
	g_cond_init(&c->cond);
	c->func = func;
	c->data = data;
	c->free_data = free_data;
	thread = g_thread_new("call", run, c);
	while (!wait_for(c, watch->every_ms) && watch->goes_on(watch->data))
		;
	g_mutex_lock(&c->mutex);
	left = c->left = !c->done;
	if (left)
		g_atomic_int_inc(&left_behind);
	g_mutex_unlock(&c->mutex);
	if (left) {	/* the thread frees C, perhaps at once */
		g_thread_unref(thread);
		return VIRT_CALL_TIMED_OUT;
	}

	g_thread_join(thread);
	if (c->ok)
		result = VIRT_CALL_OK;
	else
		result = VIRT_CALL_FAILED;
	if (!c->ok)
		g_propagate_error(error, g_steal_pointer(&c->error));
	call_free(c);

	return result;
}

static bool once(void *data G_GNUC_UNUSED)
{
	return false;
}

enum virt_call_result virt_call(virt_call_func *func, void *data, GDestroyNotify free_data,
				unsigned limit_ms, GError **error)
{
	const struct virt_call_watch watch = { .every_ms = limit_ms, .goes_on = once };

	return virt_call_watched(func, data, free_data, &watch, error);
}

bool virt_call_any_abandoned(void)
{
	return g_atomic_int_get(&left_behind) > 0;
}
