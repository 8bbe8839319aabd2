/* SPDX-License-Identifier: Apache-2.0 */
/* verdict - where a VM is after a migration: what holds for every pair of states of two hosts. */
#include "migrate/verdict.h"

static bool has_guest(enum migrate_side side)
{
	return side == SIDE_RUNNING || side == SIDE_AWAKE;
}

static void each_pair(void (*check)(enum migrate_side s, enum migrate_side d,
				    struct migrate_verdict v))
{
	for (int s = 0; s < SIDES; s++)
		for (int d = 0; d < SIDES; d++)
			check((enum migrate_side)s, (enum migrate_side)d,
			      migrate_verdict_of((enum migrate_side)s, (enum migrate_side)d));
}

static void check_absent(enum migrate_side s, enum migrate_side d, struct migrate_verdict v)
{
	if (s == SIDE_ABSENT)
		g_assert_cmpint(v.location, !=, MIGRATE_AT_SOURCE);
	if (d == SIDE_ABSENT)
		g_assert_cmpint(v.location, !=, MIGRATE_AT_DESTINATION);
	g_assert_cmpint(v.location == MIGRATE_NOWHERE, ==,
			s == SIDE_ABSENT && d == SIDE_ABSENT);
}

static void a_host_without_the_domain_is_never_the_answer(void)
{
	each_pair(check_absent);
}

static void check_two_guests(enum migrate_side s, enum migrate_side d, struct migrate_verdict v)
{
	if (has_guest(s) && has_guest(d))
		g_assert_cmpint(v.location, ==, MIGRATE_AT_BOTH);
	if (v.location == MIGRATE_AT_BOTH)
		g_assert_true(has_guest(d));
}

static void two_guests_that_are_awake_are_reported(void)
{
	each_pair(check_two_guests);
}

static void check_running(enum migrate_side s, enum migrate_side d, struct migrate_verdict v)
{
	/* Who acts on the answer ends or resumes the other side: never one with a guest. */
	if (v.location == MIGRATE_AT_SOURCE)
		g_assert_false(has_guest(d));
	if (v.location == MIGRATE_AT_DESTINATION)
		g_assert_false(has_guest(s));
}

static void the_side_that_is_left_has_no_running_guest(void)
{
	each_pair(check_running);
}

static void check_moving(enum migrate_side s, enum migrate_side d, struct migrate_verdict v)
{
	bool moving = s == SIDE_MOVING || d == SIDE_MOVING;
	bool postcopy = s == SIDE_POSTCOPY || d == SIDE_POSTCOPY;
	bool both_there = s != SIDE_ABSENT && d != SIDE_ABSENT;

	bool may_end = d == SIDE_AWAKE && v.location == MIGRATE_AT_BOTH;

	g_assert_cmpint(v.wait, ==, moving || may_end || (postcopy && both_there));
	if (d == SIDE_MOVING)
		g_assert_cmpint(v.location, !=, MIGRATE_AT_DESTINATION);
	if (s == SIDE_MOVING && d != SIDE_ABSENT && d != SIDE_MOVING)
		g_assert_cmpint(v.location, !=, MIGRATE_AT_SOURCE);
}

static void while_libvirt_is_at_work_the_answer_is_waited_for(void)
{
	each_pair(check_moving);
}

static void check_postcopy(enum migrate_side s, enum migrate_side d, struct migrate_verdict v)
{
	bool postcopy = s == SIDE_POSTCOPY || d == SIDE_POSTCOPY;
	bool both_there = s != SIDE_ABSENT && d != SIDE_ABSENT;

	g_assert_cmpint(v.location == MIGRATE_SPLIT, ==, postcopy && both_there);
}

static void a_memory_on_two_hosts_belongs_to_neither(void)
{
	each_pair(check_postcopy);
}

static void check_side(int state, int reason, enum migrate_side source, enum migrate_side dest)
{
	const struct virt_state s = { .state = state, .reason = reason };

	g_assert_cmpint(migrate_side_of(&s, true), ==, source);
	g_assert_cmpint(migrate_side_of(&s, false), ==, dest);
}

static void the_same_pause_means_coming_in_there_and_handed_over_here(void)
{
	static const struct virt_state gone = { .gone = true };

	g_assert_cmpint(migrate_side_of(&gone, true), ==, SIDE_ABSENT);
	check_side(VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED, SIDE_RUNNING, SIDE_RUNNING);
	check_side(VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_POSTCOPY, SIDE_POSTCOPY, SIDE_POSTCOPY);
	check_side(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION, SIDE_MOVING, SIDE_MOVING);
	check_side(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP, SIDE_PAUSED, SIDE_MOVING);
	check_side(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER, SIDE_PAUSED, SIDE_PAUSED);
	check_side(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR, SIDE_PAUSED, SIDE_PAUSED);
	check_side(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY_FAILED, SIDE_POSTCOPY,
		   SIDE_POSTCOPY);
	check_side(VIR_DOMAIN_PMSUSPENDED, 0, SIDE_AWAKE, SIDE_AWAKE);
	check_side(VIR_DOMAIN_CRASHED, 0, SIDE_AWAKE, SIDE_AWAKE);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/verdict/a-host-without-the-domain-is-never-the-answer",
			a_host_without_the_domain_is_never_the_answer);
	g_test_add_func("/verdict/two-guests-that-are-awake-are-reported",
			two_guests_that_are_awake_are_reported);
	g_test_add_func("/verdict/the-side-that-is-left-has-no-running-guest",
			the_side_that_is_left_has_no_running_guest);
	g_test_add_func("/verdict/while-libvirt-is-at-work-the-answer-is-waited-for",
			while_libvirt_is_at_work_the_answer_is_waited_for);
	g_test_add_func("/verdict/a-memory-on-two-hosts-belongs-to-neither",
			a_memory_on_two_hosts_belongs_to_neither);
	g_test_add_func("/verdict/the-same-pause-means-coming-in-there-and-handed-over-here",
			the_same_pause_means_coming_in_there_and_handed_over_here);
	return g_test_run();
}
