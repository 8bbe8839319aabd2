/* SPDX-License-Identifier: Apache-2.0 */
/* What monitord is told of VMs, against a model of guests, actions, lists and lost messages. */
#include <stdio.h>
#include <string.h>

#include "watch/vm_table.h"

enum { VMS = 6, STEPS = 20000, MISSING = 50, GRACE = 300 };

struct model {
	const char *state[VMS];		/* what is true; NULL: off */
	gint64 off_since[VMS];		/* first list that lacked it */
	gint64 action[VMS];		/* last time of an action that is known */
	bool held[VMS];
	char told[VMS][16];		/* monitord's picture */
	gint64 now;
	bool overdue;			/* a message was lost */
};

static const struct vm_table_rules rules = { .missing_us = MISSING, .grace_us = GRACE };

static gint64 last_action(gint64 id, gint64 now_us, void *data)
{
	struct model *m = data;

	if (m->held[id])
		m->action[id] = now_us;

	return m->action[id];
}

static void list(VmTable *table, struct model *m)
{
	struct vm_table_seen seen[VMS];
	guint n = 0;

	for (int i = 0; i < VMS; i++) {
		if (m->state[i]) {
			m->off_since[i] = 0;
			seen[n] = (struct vm_table_seen){ .id = i, .state = m->state[i] };
			g_snprintf(seen[n++].uuid, sizeof(seen[0].uuid), "uuid-%d", i);
		} else if (!m->off_since[i]) {
			m->off_since[i] = m->now;
		}
	}

	vm_table_list(table, seen, n, m->now);
}

/* monitord takes each state but UNKNOWN, and misses VMs in a complete list. */
static void take(struct model *m, const char *text, bool complete)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	bool listed[VMS] = { false };

	for (char **l = lines; *l; l++) {
		char state[16];
		int id;

		if (sscanf(*l, "VM = [ ID=\"%d\", DEPLOY_ID=\"%*[^\"]\",  STATE=\"%15[A-Z]", &id,
			   state) != 2)
			continue;
		listed[id] = true;
		if (!strcmp(state, "POWEROFF")) {
			gint64 since = MAX(m->off_since[id], m->action[id]);

			g_assert_null(m->state[id]);
			g_assert_false(m->held[id]);
			g_assert_cmpint(m->now - since, >=, MISSING);
		}

		if (strcmp(state, "UNKNOWN"))
			g_strlcpy(m->told[id], state, sizeof(m->told[id]));
	}

	for (int i = 0; i < VMS && complete; i++) {
		if (listed[i] || !*m->told[i])
			continue;
		/* Missed: then it has been reported as off. */
		g_assert_cmpstr(m->told[i], ==, "POWEROFF");
	}
}

static void report(VmTable *table, struct model *m, bool complete, bool arrives)
{
	g_autoptr(Fields) out = fields_new();
	g_autofree char *text = NULL;

	vm_table_report(table, complete, m->now, last_action, m, out);
	text = fields_template(out);
	if (arrives)
		take(m, text, complete);
	vm_table_reported(table, arrives);
}

static void change(struct model *m)
{
	static const char *const states[] = { "RUNNING", "RUNNING", "SUSPENDED", "FAILURE", NULL };
	int i = g_test_rand_int_range(0, VMS);

	if (g_test_rand_int_range(0, 3) == 0)
		m->held[i] = !m->held[i];
	else
		m->state[i] = states[g_test_rand_int_range(0, G_N_ELEMENTS(states))];
}

/* All actions end, and monitord has had the time that a VM must be missing. */
static void check_picture(VmTable *table, struct model *m)
{
	for (int i = 0; i < VMS; i++)
		m->held[i] = false;
	for (int i = 0; i < 2; i++) {
		list(table, m);
		report(table, m, false, true);
		m->now += MISSING + 1;
	}

	list(table, m);
	report(table, m, false, true);
	for (int i = 0; i < VMS; i++) {
		if (m->state[i])
			g_assert_cmpstr(m->told[i], ==, m->state[i]);
		else if (*m->told[i])
			g_assert_cmpstr(m->told[i], ==, "POWEROFF");
	}
}

static void test_random(void)
{
	g_autoptr(VmTable) table = vm_table_new(&rules);
	struct model m = { .now = 1000 };

	for (int i = 0; i < STEPS; i++) {
		m.now += g_test_rand_int_range(1, 20);
		if (g_test_rand_int_range(0, 3) == 0)
			change(&m);
		list(table, &m);
		report(table, &m, g_test_rand_int_range(0, 10) == 0,
		       g_test_rand_int_range(0, 5) != 0);
		if (i % 100 == 99)
			check_picture(table, &m);
	}
}

static char *one_report(VmTable *table, bool complete, gint64 now, struct model *m)
{
	g_autoptr(Fields) out = fields_new();

	vm_table_report(table, complete, now, last_action, m, out);
	vm_table_reported(table, true);

	return fields_template(out);
}

static void test_by_itself(void)
{
	const struct vm_table_rules at_once = { MISSING, GRACE, .at_once = true };
	const struct vm_table_seen seen = { .id = 1, .uuid = "u", .state = "RUNNING" };
	struct model m = { .now = 0 };

	/* An action was at work when the second guest ended. */
	for (int busy = 0; busy < 2; busy++) {
		g_autoptr(VmTable) table = vm_table_new(&at_once);
		g_autofree char *first = NULL, *second = NULL, *all = NULL;

		m.action[1] = busy ? 990 : 0;
		vm_table_list(table, &seen, 1, 1000);
		first = one_report(table, false, 1000, &m);
		g_assert_nonnull(strstr(first, "RUNNING"));
		vm_table_ended(table, 1);
		vm_table_list(table, NULL, 0, 1001);
		all = one_report(table, true, 1001, &m);
		second = one_report(table, false, 1002, &m);
		if (busy)
			g_assert_nonnull(strstr(all, "STATE=\"RUNNING\""));
		else
			g_assert_nonnull(strstr(all, "STATE=\"POWEROFF\""));
		g_assert_cmpstr(second, ==, "");
	}
}

static void test_remembered(void)
{
	g_autoptr(VmTable) table = vm_table_new(&rules);
	const struct vm_table_seen seen = { .id = 2, .uuid = "v", .state = "RUNNING" };
	struct model m = { .now = 0 };
	g_autofree char *first = NULL, *early = NULL, *off = NULL, *on = NULL;

	vm_table_remember(table, 1, "u");
	vm_table_remember(table, 2, "v");
	vm_table_list(table, &seen, 1, 1000);	/* however long that took */
	first = one_report(table, true, 1000, &m);
	g_assert_nonnull(strstr(first, "ID=\"1\", DEPLOY_ID=\"u\",  STATE=\"UNKNOWN\""));
	g_assert_nonnull(strstr(first, "ID=\"2\", DEPLOY_ID=\"v\",  STATE=\"RUNNING\""));
	vm_table_list(table, &seen, 1, 1000 + MISSING - 1);
	early = one_report(table, false, 1000 + MISSING - 1, &m);
	g_assert_cmpstr(early, ==, "");
	off = one_report(table, false, 1000 + MISSING, &m);
	g_assert_nonnull(strstr(off, "ID=\"1\", DEPLOY_ID=\"u\",  STATE=\"POWEROFF\""));
	on = vm_table_on(table);
	g_assert_cmpstr(on, ==, "2 v\n");
}

static void test_held_is_unknown(void)
{
	const struct vm_table_seen seen = { .id = 1, .uuid = "u", .state = "RUNNING" };
	g_autoptr(VmTable) table = vm_table_new(&rules);
	struct model m = { .held[1] = true };
	g_autofree char *changes = NULL, *all = NULL, *later = NULL;

	vm_table_list(table, &seen, 1, 1000);
	changes = one_report(table, false, 1000, &m);
	g_assert_cmpstr(changes, ==, "");
	all = one_report(table, true, 1000, &m);
	g_assert_nonnull(strstr(all, "ID=\"1\", DEPLOY_ID=\"u\",  STATE=\"UNKNOWN\""));
	m.held[1] = false;
	later = one_report(table, false, 1001, &m);
	g_assert_nonnull(strstr(later, "RUNNING"));
}

/* libvirt calls a paused guest "shutting down", too, while its QEMU ends. */
static void test_ending(void)
{
	g_autoptr(VmTable) table = vm_table_new(&rules);
	struct vm_table_seen seen = { .id = 1, .uuid = "u", .state = "SUSPENDED" };
	struct model m = { .now = 0 };
	g_autofree char *paused = NULL, *ending = NULL, *other = NULL;

	vm_table_list(table, &seen, 1, 1000);
	paused = one_report(table, false, 1000, &m);
	g_assert_nonnull(strstr(paused, "SUSPENDED"));
	seen.state = "RUNNING";
	seen.passes = true;
	vm_table_list(table, &seen, 1, 1001);
	ending = one_report(table, false, 1001, &m);
	g_assert_cmpstr(ending, ==, "");
	g_strlcpy(seen.uuid, "v", sizeof(seen.uuid));
	vm_table_list(table, &seen, 1, 1002);
	other = one_report(table, false, 1002, &m);
	g_assert_nonnull(strstr(other, "ID=\"1\", DEPLOY_ID=\"v\",  STATE=\"RUNNING\""));
}

/* One that is not known yet is left open; one that is known stays what it was, to the end. */
static void test_passing(void)
{
	const struct vm_table_rules limited = { .missing_us = MISSING, .passing_max_us = 10 };
	g_autoptr(VmTable) table = vm_table_new(&limited);
	struct vm_table_seen seen = { .id = 1, .uuid = "u", .state = "UNKNOWN", .passes = true };
	struct model m = { .now = 0 };
	g_autofree char *unknown = NULL, *paused = NULL, *passing = NULL, *whole = NULL;

	vm_table_list(table, &seen, 1, 1000);
	unknown = one_report(table, false, 1000, &m);
	g_assert_nonnull(strstr(unknown, "STATE=\"UNKNOWN\""));
	seen = (struct vm_table_seen){ .id = 1, .uuid = "u", .state = "SUSPENDED" };
	vm_table_list(table, &seen, 1, 1001);
	paused = one_report(table, false, 1001, &m);
	g_assert_nonnull(strstr(paused, "STATE=\"SUSPENDED\""));
	seen = (struct vm_table_seen){ .id = 1, .uuid = "u", .state = "UNKNOWN", .passes = true };
	for (gint64 now = 1002; now < 1100; now++)
		vm_table_list(table, &seen, 1, now);
	passing = one_report(table, false, 1100, &m);
	g_assert_cmpstr(passing, ==, "");
	whole = one_report(table, true, 1100, &m);
	g_assert_nonnull(strstr(whole, "STATE=\"SUSPENDED\""));
}

/* A guest that was reverted to a snapshot of a paused one. */
static void test_stays(void)
{
	const struct vm_table_rules limited = { .missing_us = MISSING, .passing_max_us = 10 };
	g_autoptr(VmTable) table = vm_table_new(&limited);
	struct vm_table_seen seen = { .id = 1, .uuid = "u", .state = "RUNNING" };
	struct model m = { .now = 0 };
	g_autofree char *begin = NULL, *soon = NULL, *again = NULL, *late = NULL;

	vm_table_list(table, &seen, 1, 1000);
	begin = one_report(table, false, 1000, &m);
	seen.passes = true;
	seen.state = "UNKNOWN";
	seen.stays = "SUSPENDED";
	vm_table_list(table, &seen, 1, 1001);
	vm_table_list(table, &seen, 1, 1010);
	soon = one_report(table, false, 1010, &m);
	g_assert_cmpstr(soon, ==, "");
	seen.stays = NULL;		/* on another way meanwhile */
	vm_table_list(table, &seen, 1, 1011);
	seen.stays = "SUSPENDED";
	vm_table_list(table, &seen, 1, 1012);
	again = one_report(table, false, 1012, &m);
	g_assert_cmpstr(again, ==, "");
	vm_table_list(table, &seen, 1, 1022);
	late = one_report(table, false, 1022, &m);
	g_assert_nonnull(strstr(late, "STATE=\"SUSPENDED\""));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vm_table/random guests, actions and lost messages", test_random);
	g_test_add_func("/vm_table/a guest that ended by itself", test_by_itself);
	g_test_add_func("/vm_table/a VM that ended while no agent ran", test_remembered);
	g_test_add_func("/vm_table/a VM that is about to end is what it was before", test_ending);
	g_test_add_func("/vm_table/a VM on its way to another state", test_passing);
	g_test_add_func("/vm_table/a state that only seemed to pass", test_stays);
	g_test_add_func("/vm_table/a VM that an action holds is unknown", test_held_is_unknown);

	return g_test_run();
}
