/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/watch_thread.h"

struct task {
	void (*work)(void *data);
	void (*done)(void *data);
	void *data;
};

static gboolean end_task(gpointer data)
{
	struct task *t = data;

	t->done(t->data);

	return G_SOURCE_REMOVE;
}

static void run_task(gpointer data, gpointer unused G_GNUC_UNUSED)
{
	struct task *t = data;

	t->work(t->data);
	g_idle_add_full(G_PRIORITY_DEFAULT, end_task, t, g_free);
}

static gpointer new_pool(gpointer unused G_GNUC_UNUSED)
{
	return g_thread_pool_new(run_task, NULL, -1, FALSE, NULL);
}

void watch_thread_run(void (*work)(void *data), void (*done)(void *data), void *data)
{
	static GOnce once = G_ONCE_INIT;
	struct task *t = g_new(struct task, 1);

	*t = (struct task){ work, done, data };
	g_thread_pool_push(g_once(&once, new_pool, NULL), t, NULL);
}
