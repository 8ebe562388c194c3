/* SPDX-License-Identifier: MIT */
/*
 * test_pool.c - children made ahead: how many wait when, and what a request meets when those that
 * wait are not ready, or cannot get ready.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "spawn_util.h"
#include "strategies/ledger.h"
#include "strategies/pool.h"
#include "sys/sys.h"

static void bad_options_are_refused(void **state)
{
	static const char *const bad[] = { "size=0", "size=257",         "size=x",
					   "warm=2", "refill=sometimes", "pace=2" };
	struct su s;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(su_start_options(&s, "pool", bad[i]), -EINVAL);
		assert_int_equal(s.fault.stage, SM_STAGE_ARGUMENT);
		assert_non_null(strchr(s.fault.text, bad[i][0]));
		su_nothing_left(&s);
	}
}

static void as_many_wait_as_are_asked_for(void **state)
{
	static const struct {
		const char *options;
		int n;
	} rows[] = { { "size=1", 1 }, { "size=40 refill=eager", 40 }, { "warm=yes", 16 } };
	struct su s;
	struct su_run run;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(su_start_options(&s, "pool", rows[i].options), 0);
		assert_int_equal(su_spares(&s), rows[i].n);
		for (int k = 0; k < 2 * rows[i].n; k++)
			su_good(&s, &run, NULL);
		su_rest(&s);
		assert_int_equal(su_spares(&s), rows[i].n);
		su_stop(&s);
	}
}

/* How many wait after so many children one after the other, without a rest. */
static int left_after(const char *options, int children)
{
	struct su s;
	struct su_run run;
	int n;

	assert_int_equal(su_start_options(&s, "pool", options), 0);
	for (int i = 0; i < children; i++)
		su_good(&s, &run, NULL);
	n = su_spares(&s);
	su_stop(&s);
	return n;
}

static void who_is_lazy_waits_until_none_is_left(void **state)
{
	(void)state;
	assert_int_equal(left_after("size=8 refill=lazy", 5), 3);
	assert_int_equal(left_after("size=8 refill=lazy", 8), 0);
	/* The ninth had to be asked for, and with it those that were missing. */
	assert_in_range(left_after("size=8 refill=lazy", 9), 0, 7);
}

/* What it has touched is still in the caches; of the others it is whoever came first. */
static void the_freshest_comes_first(void **state)
{
	pid_t pids[8];
	struct su s;
	struct su_run run;

	(void)state;
	assert_int_equal(su_start_options(&s, "pool", "size=4"), 0);
	for (int i = 0; i < 6; i++) {
		su_rest(&s);
		assert_int_equal(s.ops->spares(s.self, pids, 8), 4);
		su_good(&s, &run, NULL);
		assert_int_equal(run.child.pid, pids[i ? 3 : 0]);
	}
	su_good(&s, &run, NULL);
	assert_int_equal(run.child.pid, pids[0]);
	su_stop(&s);
}

/* Every idle child fails at its warm-up: start() says so, and leaves nobody. */
static void a_warm_up_that_fails_is_told_by_start(void **state)
{
	const char *extra = "SU_EXIT=3";
	struct su s;
	struct sm_setup setup = { .size = sizeof(setup), .timeout_ms = SU_WAIT_MS };

	(void)state;
	setup.argv = su_argv();
	setup.options = "warm=yes size=2";
	assert_int_equal(su_start_setup(&s, "pool", setup, extra), -EPIPE);
	assert_int_equal(s.fault.stage, SM_STAGE_RECORD);
	su_nothing_left(&s);
}

static void more_than_wait_are_served_at_a_time(void **state)
{
	const char *env[] = { "SM_JOB=child/hold", NULL };
	struct su_run run[12];
	struct su s;

	(void)state;
	assert_int_equal(su_start_options(&s, "pool", "size=4"), 0);
	for (int i = 0; i < 12; i++) {
		assert_int_equal(su_spawn(&s, &run[i], NULL, env, NULL, SU_WAIT_MS), 0);
		su_read_record(&run[i]);
		assert_int_equal(run[i].rec.kind, SM_RECORD_READY);
		assert_int_equal(run[i].rec.pid, run[i].child.pid);
		for (int k = 0; k < i; k++)
			assert_int_not_equal(run[k].child.pid, run[i].child.pid);
	}
	for (int i = 0; i < 12; i++) {
		su_finish(&s, &run[i]);
		assert_int_equal(run[i].exit.status, 0);
	}
	su_stop(&s);
}

/* Its list of them is a copy: whom a fork would be given, the parent has for somebody else. */
static void a_fork_of_the_parent_is_given_nobody(void **state)
{
	struct sm_exit end = { .size = sizeof(end) };
	struct su s;
	struct su_run run;
	pid_t pid, pids[4];

	(void)state;
	assert_int_equal(su_start_options(&s, "pool", "size=4"), 0);
	su_rest(&s);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(su_spawn(&s, &run, NULL, NULL, NULL, SU_WAIT_MS) == -ECHILD &&
				      s.fault.stage == SM_STAGE_WAIT
			      ? 0
			      : 1);
	assert_int_equal(sm_wait_child(pid, SU_WAIT_MS, &end), 0);
	assert_int_equal(end.status, 0);
	assert_int_equal(s.ops->spares(s.self, pids, 4), 4);
	su_good(&s, &run, NULL); /* and nobody was taken from it */
	assert_int_equal(run.child.pid, pids[0]);
	su_stop(&s);
}

/* What the kernel notes in a page that is shared outlives who asked for it, and no child has it. */
static void the_ledger_knows_who_was_not_told(void **state)
{
	struct sm_ledger ledger = { .newest = NULL };
	pid_t *noted, child = fork();
	int fd, status;

	(void)state;
	if (child == 0)
		pause();
	assert_int_equal(sm_ledger_orphan(&ledger), 0);
	assert_int_equal(sm_ledger_open(&ledger, &fd), 0);
	noted = sm_ledger_take(fd);
	assert_non_null(noted);
	assert_int_equal(sm_ledger_orphan(&ledger), 0);
	*noted = getppid(); /* nobody's child of ours */
	assert_int_equal(sm_ledger_orphan(&ledger), 0);
	*noted = child;
	assert_int_equal(sm_ledger_orphan(&ledger), child);
	ledger.told = child;
	assert_int_equal(sm_ledger_orphan(&ledger), 0);
	ledger.told = 0;
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(sm_ledger_orphan(&ledger), 0);
	child = fork();
	if (child == 0) { /* a write where the page was ends it */
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		signal(SIGSEGV, SIG_DFL);
		*noted = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
	sm_ledger_close(&ledger);
	sm_ledger_close(&ledger);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_options_are_refused),
		cmocka_unit_test(as_many_wait_as_are_asked_for),
		cmocka_unit_test(who_is_lazy_waits_until_none_is_left),
		cmocka_unit_test(the_freshest_comes_first),
		cmocka_unit_test(a_warm_up_that_fails_is_told_by_start),
		cmocka_unit_test(more_than_wait_are_served_at_a_time),
		cmocka_unit_test(a_fork_of_the_parent_is_given_nobody),
		cmocka_unit_test(the_ledger_knows_who_was_not_told),
	};

	if (getenv("SM_JOB"))
		return su_payload(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
