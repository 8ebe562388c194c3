/* SPDX-License-Identifier: MIT */
/*
 * test_recycle.c - the worker that serves one request after the other: what stays, what is given
 * back, and what becomes of one that ends.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "spawn_util.h"
#include "sys/sys.h"

static void one_process_serves_all(void **state)
{
	struct su s;
	struct su_run run;
	pid_t worker;
	int fds, own;

	(void)state;
	assert_int_equal(su_start(&s, "recycle", NULL), 0);
	worker = s.ops->server(s.self);
	su_good(&s, &run, NULL);
	fds = su_count_fds(worker);
	own = su_count_fds(getpid());
	for (int i = 0; i < 100; i++) {
		su_good(&s, &run, NULL);
		assert_int_equal(run.child.pid, worker);
		assert_int_equal(run.rec.pid, worker);
		assert_int_equal(run.rec.ppid, getpid());
		assert_true(run.request_ns <= run.rec.received_ns);
		assert_true(run.rec.received_ns <= run.rec.entered_ns);
		assert_true(run.rec.ready_ns <= run.rec.worked_ns);
		assert_true(run.exit.utime_ns >= 0 && run.exit.minflt >= run.rec.minflt);
	}
	assert_in_range(run.rec.minflt, 0, 20); /* of this request alone: loading took more */
	assert_int_equal(su_count_fds(worker), fds);
	assert_int_equal(su_count_fds(getpid()), own);
	su_stop(&s);
}

static void a_request_is_given_back(void **state)
{
	const char *args[] = { "one", NULL }, *env[] = { "SU_TELL=1", "SU_MORE=1", NULL };
	const char *plain[] = { "SU_TELL=1", NULL };
	struct su s;
	struct su_run run;

	(void)state;
	assert_int_equal(su_start(&s, "recycle", NULL), 0);
	assert_int_equal(su_spawn(&s, &run, args, env, "/proc", SU_WAIT_MS), 0);
	su_finish(&s, &run);
	assert_non_null(strstr(run.out, "env=4\ncwd=/proc\n"));
	assert_non_null(strstr(run.out, "arg=3:one\n"));
	assert_int_equal(su_spawn(&s, &run, NULL, plain, NULL, SU_WAIT_MS), 0);
	su_finish(&s, &run);
	assert_non_null(strstr(run.out, "env=3\n"));
	assert_null(strstr(run.out, "cwd=/proc\n"));
	assert_null(strstr(run.out, "arg="));
	su_stop(&s);
}

static void a_second_request_is_refused_while_one_runs(void **state)
{
	const char *env[] = { "SM_JOB=child/hold", NULL };
	struct su s;
	struct su_run run, other;

	(void)state;
	assert_int_equal(su_start(&s, "recycle", NULL), 0);
	assert_int_equal(su_spawn(&s, &run, NULL, env, NULL, SU_WAIT_MS), 0);
	su_read_record(&run);
	assert_int_equal(run.rec.kind, SM_RECORD_READY);
	assert_int_equal(su_spawn(&s, &other, NULL, env, NULL, SU_WAIT_MS), -EBUSY);
	assert_int_equal(s.fault.stage, SM_STAGE_ARGUMENT);
	assert_int_equal(s.ops->wait(s.self, &run.child, 50, &run.exit), -ETIMEDOUT);
	su_finish(&s, &run);
	assert_int_equal(run.exit.status, 0);
	su_good(&s, &run, NULL);
	su_stop(&s);
}

static void a_worker_that_ends_is_told_and_replaced(void **state)
{
	const char *const how[] = { "SU_KILL=9", "SU_KILL=15", "SU_EXIT=7" };
	struct su s;
	struct su_run run;
	pid_t gone;

	(void)state;
	assert_int_equal(su_start(&s, "recycle", NULL), 0);
	for (int i = 0; i < 3; i++) {
		const char *env[] = { how[i], NULL };
		pid_t worker = s.ops->server(s.self);

		assert_int_equal(su_spawn(&s, &run, NULL, env, NULL, SU_WAIT_MS), 0);
		assert_int_equal(run.child.pid, worker);
		su_finish(&s, &run);
		if (i < 2)
			assert_int_equal(WTERMSIG(run.exit.status), i ? 15 : 9);
		else
			assert_int_equal(WEXITSTATUS(run.exit.status), 7);
		su_good(&s, &run, NULL);
		if (i < 2)
			assert_int_not_equal(run.child.pid, worker);
	}
	gone = s.ops->server(s.self);
	kill(gone, SIGKILL); /* at rest */
	assert_int_equal(su_await_end(gone), 0);
	su_good(&s, &run, NULL);
	su_stop(&s);
}

static void what_cannot_be_given_back_is_refused(void **state)
{
	struct su s;
	struct su_run run;

	(void)state;
	assert_int_equal(su_start(&s, "recycle", NULL), 0);
	for (uint32_t bit = 1; bit <= SM_REQ_FDS; bit <<= 1) {
		struct sm_req req = { .timeout_ms = SU_WAIT_MS, .fields = bit };
		int given_back = bit == SM_REQ_UMASK || bit == SM_REQ_SIGMASK;

		req.groups = &(uint32_t){ 0 };
		assert_int_equal(su_spawn_req(&s, &run, &req, NULL), given_back ? 0 : -EOPNOTSUPP);
		if (given_back) {
			su_finish(&s, &run);
			continue;
		}
		assert_int_equal(s.fault.stage, SM_STAGE_ATTR);
		assert_int_equal(s.fault.detail, (int)bit);
	}
	su_good(&s, &run, NULL);
	su_stop(&s);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_process_serves_all),
		cmocka_unit_test(a_request_is_given_back),
		cmocka_unit_test(a_second_request_is_refused_while_one_runs),
		cmocka_unit_test(a_worker_that_ends_is_told_and_replaced),
		cmocka_unit_test(what_cannot_be_given_back_is_refused),
	};

	if (getenv("SM_JOB"))
		return su_payload(argc, argv);
	sm_close_from(3, -1);
	return cmocka_run_group_tests_name("recycle", tests, NULL, NULL);
}
