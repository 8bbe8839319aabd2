/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsan.c - GLib's locks for the build under ThreadSanitizer; in any other build it is empty.
 *
 * GLib takes its locks by futexes of its own, which ThreadSanitizer does not see: each hand-over
 * from thread to thread would be reported as a race. These functions replace GLib's in our
 * programs: they call GLib's own and say what has been handed over.
 */
#if defined(__SANITIZE_THREAD__)

#include <dlfcn.h>
#include <glib.h>
#include <sanitizer/tsan_interface.h>

/* GLib's own function of the name NAME, looked up once. */
#define REAL(name)                                                                                 \
	static __typeof__(&(name)) real;                                                           \
	if (!__atomic_load_n(&real, __ATOMIC_RELAXED))                                             \
	__atomic_store_n(&real, (__typeof__(real))dlsym(RTLD_NEXT, #name), __ATOMIC_RELAXED)

void g_mutex_lock(GMutex *mutex)
{
	REAL(g_mutex_lock);
	real(mutex);
	__tsan_acquire(mutex);
}

gboolean g_mutex_trylock(GMutex *mutex)
{
	REAL(g_mutex_trylock);
	gboolean taken = real(mutex);

	if (taken)
		__tsan_acquire(mutex);

	return taken;
}

void g_mutex_unlock(GMutex *mutex)
{
	REAL(g_mutex_unlock);
	__tsan_release(mutex);
	real(mutex);
}

void g_cond_wait(GCond *cond, GMutex *mutex)
{
	REAL(g_cond_wait);
	__tsan_release(mutex);
	real(cond, mutex);
	__tsan_acquire(mutex);
}

gboolean g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time)
{
	REAL(g_cond_wait_until);
	__tsan_release(mutex);
	gboolean signalled = real(cond, mutex, end_time);

	__tsan_acquire(mutex);

	return signalled;
}

void g_async_queue_push(GAsyncQueue *queue, gpointer data)
{
	REAL(g_async_queue_push);
	__tsan_release(queue);
	real(queue, data);
}

gpointer g_async_queue_pop(GAsyncQueue *queue)
{
	REAL(g_async_queue_pop);
	gpointer data = real(queue);

	__tsan_acquire(queue);

	return data;
}

gpointer g_async_queue_timeout_pop(GAsyncQueue *queue, guint64 timeout)
{
	REAL(g_async_queue_timeout_pop);
	gpointer data = real(queue, timeout);

	__tsan_acquire(queue);

	return data;
}

gpointer g_once_impl(GOnce *once, GThreadFunc func, gpointer arg)
{
	REAL(g_once_impl);
	gpointer value = real(once, func, arg);

	__tsan_release(once);
	__tsan_acquire(once);

	return value;
}

/* What a source of a main loop calls, which another thread may have attached. */
struct callback {
	GSourceFunc func;
	gpointer data;
	GDestroyNotify notify;
};

static gboolean run_callback(gpointer data)
{
	struct callback *c = data;

	__tsan_acquire(c);
	return c->func(c->data);
}

static void free_callback(gpointer data)
{
	struct callback *c = data;

	__tsan_acquire(c);
	if (c->notify)
		c->notify(c->data);
	g_free(c);
}

/* Of sources whose callback takes its data alone: all that we make ourselves on a second thread. */
void g_source_set_callback(GSource *source, GSourceFunc func, gpointer data, GDestroyNotify notify)
{
	REAL(g_source_set_callback);
	struct callback *c;

	if (g_source_get_context(source) || !notify) {
		real(source, func, data, notify);
		return;
	}

	c = g_new0(struct callback, 1);
	c->func = func;
	c->data = data;
	c->notify = notify;
	__tsan_release(c);
	real(source, run_callback, c, free_callback);
}

/* What a pool of threads runs; the tasks are handed over and back by its address. */
struct work {
	GFunc func;
	gpointer data;
};

static void run_work(gpointer task, gpointer data)
{
	struct work *w = data;

	__tsan_acquire(w);
	w->func(task, w->data);
	__tsan_release(w);
}

GThreadPool *g_thread_pool_new(GFunc func, gpointer user_data, gint max_threads, gboolean exclusive,
			       GError **error)
{
	REAL(g_thread_pool_new);
	struct work *w = g_new0(struct work, 1);

	w->func = func;
	w->data = user_data;

	return real(run_work, w, max_threads, exclusive, error);
}

gboolean g_thread_pool_push(GThreadPool *pool, gpointer data, GError **error)
{
	REAL(g_thread_pool_push);
	__tsan_release(pool->user_data);
	return real(pool, data, error);
}

/* Our pools are waited for: afterwards no thread uses the work. */
void g_thread_pool_free(GThreadPool *pool, gboolean immediate, gboolean wait_)
{
	REAL(g_thread_pool_free);
	struct work *w = pool->user_data;

	g_assert(wait_);
	real(pool, immediate, wait_);
	__tsan_acquire(w);
	g_free(w);
}

#endif
