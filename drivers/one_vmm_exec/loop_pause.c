/* SPDX-License-Identifier: Apache-2.0 */
#include "loop_pause.h"

#include <time.h>

/* An idle loop turns that often, so that only a pause is longer. */
enum { TURN_S = 10, TURNS = 4 };

struct loop_pause {
	GSource source;
	const ConfCfg *cfg;
	loop_paused *paused;
	void *data;
	gint64 turned_s;	/* the last turn, by loop_clock_s() */
	gint64 paused_s;	/* what PAUSED is to be told */
};

gint64 loop_clock_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);

	return now.tv_sec;
}

static gint64 limit_of(const LoopPause *p)
{
	return conf_cfg_int(p->cfg, "journal.resume_s");
}

static gboolean prepare(GSource *source, gint *timeout_ms)
{
	gint64 turn_s = CLAMP(limit_of((LoopPause *)source) / TURNS, 1, TURN_S);

	*timeout_ms = (gint)turn_s * 1000;

	return FALSE;
}

/* Before any source of this turn is dispatched: ours has the highest priority. */
static gboolean check(GSource *source)
{
	LoopPause *p = (LoopPause *)source;
	gint64 now = loop_clock_s(), limit_s = limit_of(p);

	p->paused_s = now - p->turned_s;
	p->turned_s = now;

	return limit_s && p->paused_s > MAX(limit_s, TURNS);
}

static gboolean dispatch(GSource *source, GSourceFunc callback G_GNUC_UNUSED,
			 gpointer data G_GNUC_UNUSED)
{
	const LoopPause *p = (LoopPause *)source;

	p->paused(p->data, p->paused_s);

	return G_SOURCE_CONTINUE;
}

LoopPause *loop_pause_watch(const ConfCfg *cfg, loop_paused *paused, void *data)
{
	static GSourceFuncs functions = { .prepare = prepare, .check = check,
					  .dispatch = dispatch };
	GSource *source = g_source_new(&functions, sizeof(LoopPause));
	LoopPause *p = (LoopPause *)source;

	p->cfg = cfg;
	p->paused = paused;
	p->data = data;
	p->turned_s = loop_clock_s();
	g_source_set_priority(source, G_MININT);
	g_source_attach(source, NULL);

	return p;
}

void loop_pause_free(LoopPause *p)
{
	g_source_destroy((GSource *)p);
	g_source_unref((GSource *)p);
}
