/* SPDX-License-Identifier: MIT */
/*
 * test_arrive.c - the open loop of a real host: every arrival is asked for on time and told, and
 * a stall is in the latency of all that arrive meanwhile.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host_util.h"
#include "../sys/sys.h"

#define MS INT64_C(1000000)

static struct host host; /* too big for a stack frame */

/* A test that failed leaves its host behind: it must not fail the others. */
static int clean_up(void **state)
{
	(void)state;
	if (host.pid) {
		sm_kill_child(host.pid);
		close(host.sock);
	}
	host.pid = 0;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return 0;
}

static struct sm_cmd_arrive steady(double rate, uint32_t duration_ms)
{
	return (struct sm_cmd_arrive){ .start_at_ns = sm_now_ns() + 5 * MS,
				       .rate = rate,
				       .arrivals = SM_ARRIVALS_STEADY,
				       .burst = 1,
				       .duration_ms = duration_ms,
				       .limit = 64,
				       .give_up_ms = 5000,
				       .timeout_ms = 5000 };
}

static int compare(const void *a, const void *b)
{
	const struct sm_sample *x = a, *y = b;

	return (x->intended_ns > y->intended_ns) - (x->intended_ns < y->intended_ns);
}

/* ARRIVE; its samples, which come as children end, in the order of the schedule. */
static int arrive(const struct sm_cmd_arrive *cmd)
{
	int end = host_do(&host, SM_CMD_ARRIVE, cmd, sizeof(*cmd));

	qsort(host.a.samples, host.a.nsamples, sizeof(host.a.samples[0]), compare);
	return end;
}

static void start(const char *strategy, const char *const *argv)
{
	host_start(&host, strategy);
	assert_int_equal(host_open(&host, argv, NULL), SM_MSG_DONE);
}

static void every_strategy_serves_a_schedule(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < sm_strategy_count; i++) {
		struct sm_cmd_arrive cmd = steady(100, 100);
		int before;

		print_message("           %s\n", sm_strategies[i]->name);
		start(sm_strategies[i]->name, NULL);
		before = count_fds(host.pid);
		for (int k = 0; k < 2; k++) {
			cmd.start_at_ns = sm_now_ns() + 5 * MS;
			assert_int_equal(arrive(&cmd), SM_MSG_DONE);
			assert_true(host.a.done.began_ns >= cmd.start_at_ns);
			assert_int_equal(host.a.nsamples, 10);
			assert_int_equal(host.a.done.children, 10);
			assert_int_equal(host.a.done.offered, 10);
			assert_int_equal(host.a.done.failed + host.a.done.missed, 0);
			for (int n = 0; n < 10; n++) {
				const struct sm_sample *s = &host.a.samples[n];

				assert_int_equal(s->intended_ns,
						 host.a.done.began_ns + 10 * MS * n);
				assert_true(s->request_ns >= s->intended_ns);
				assert_true(s->ready_ns >= s->request_ns);
				assert_true(s->reaped_ns >= s->recorded_ns);
				assert_int_equal(s->status, 0);
			}
		}
		if (!(sm_strategies[i]->traits & SM_AHEAD))
			assert_int_equal(count_fds(host.pid), before);
		host_close(&host);
	}
}

/*
 * The server stands still for 300 ms, in which some thirty children are due. A closed loop would
 * see one slow spawn; here every one of them is late by what was left of the stall.
 */
static void a_stall_is_in_everybodys_latency(void **state)
{
	struct sm_cmd_arrive cmd;
	int hidden = 0, seen = 0;
	int64_t resumed_ns;
	pid_t server;

	(void)state;
	start("zygote", NULL);
	server = host.a.done.server_pid;
	assert_int_equal(kill(server, SIGSTOP), 0);
	cmd = steady(100, 500);
	host_say(&host, SM_CMD_ARRIVE, &cmd, sizeof(cmd));
	poll(NULL, 0, 305);
	resumed_ns = sm_now_ns();
	assert_int_equal(kill(server, SIGCONT), 0);
	assert_int_equal(host_finish(&host), SM_MSG_DONE);
	assert_int_equal(host.a.nsamples, 50);
	assert_int_equal(host.a.done.failed + host.a.done.missed, 0);
	for (int i = 0; i < 50; i++) {
		const struct sm_sample *s = &host.a.samples[i];

		if (s->intended_ns < resumed_ns)
			assert_true(s->ready_ns > resumed_ns);
		seen += s->ready_ns - s->intended_ns > 100 * MS;
		hidden += s->ready_ns - s->request_ns > 100 * MS;
	}
	assert_true(seen >= 19);
	assert_true(hidden <= seen / 2); /* 1, but on a machine that stalls by itself */
	host_close(&host);
}

/* A shell that does this. */
static const char *const *shell(const char *before, const char *after)
{
	static char script[8192];
	static const char *argv[] = { "/bin/sh", "-c", script, NULL };

	snprintf(script, sizeof(script), "%s%s%s", before, built("payloads/none"), after);
	return argv;
}

/* Children that end 300 ms after they have reported keep nobody waiting. */
static void a_slow_exit_does_not_hold_up_the_next(void **state)
{
	struct sm_cmd_arrive cmd;
	int late = 0;

	(void)state;
	start("vfork", shell("", "; sleep 0.3"));
	cmd = steady(40, 250);
	assert_int_equal(arrive(&cmd), SM_MSG_DONE);
	assert_int_equal(host.a.done.children, 10);
	for (int i = 0; i < 10; i++) {
		const struct sm_sample *s = &host.a.samples[i];

		assert_true(s->reaped_ns - s->recorded_ns > 200 * MS);
		late += s->request_ns - s->intended_ns > 200 * MS;
	}
	assert_true(late < 5);
	host_close(&host);
}

static int in_flight_at(int64_t at_ns)
{
	int n = 0;

	for (uint32_t k = 0; k < host.a.nsamples; k++)
		n += host.a.samples[k].request_ns <= at_ns && host.a.samples[k].reaped_ns > at_ns;
	return n;
}

/* More than can be served: never more than the limit at once, and an end that is told. */
static void too_many_are_given_up(void **state)
{
	struct sm_cmd_arrive cmd;
	int most = 0;

	(void)state;
	start("popen", NULL);
	cmd = steady(100000, 1000);
	cmd.limit = 3;
	cmd.give_up_ms = 50;
	assert_int_equal(arrive(&cmd), SM_MSG_DONE);
	assert_int_equal(host.a.done.offered, 100000);
	assert_true(host.a.done.missed > 90000);
	assert_int_equal(host.a.done.children + host.a.done.missed, 100000);
	assert_int_equal(host.a.nsamples, host.a.done.children);
	assert_true(host.a.done.ended_ns - host.a.done.began_ns < 900 * MS);
	for (uint32_t i = 0; i < host.a.nsamples; i++) {
		int n = in_flight_at(host.a.samples[i].request_ns);

		most = n > most ? n : most;
	}
	assert_int_equal(most, 3);
	host_close(&host);
}

static void a_burst_comes_at_once(void **state)
{
	struct sm_cmd_arrive cmd = steady(200, 200);

	(void)state;
	start("zygote", NULL);
	cmd.arrivals = SM_ARRIVALS_BURST;
	cmd.burst = 20;
	assert_int_equal(arrive(&cmd), SM_MSG_DONE);
	assert_int_equal(host.a.done.children, 40);
	for (int i = 0; i < 40; i++)
		assert_int_equal(host.a.samples[i].intended_ns,
				 host.a.done.began_ns + (i < 20 ? 0 : 100 * MS));
	host_close(&host);
}

static void failures_are_told_and_cost_their_sample(void **state)
{
	const char *const nowhere[] = { "/nonexistent/program", NULL };
	const char *const sleeper[] = { "/bin/sleep", "1000", NULL };
	struct sm_cmd_arrive cmd;

	(void)state;
	start("popen", nowhere);
	cmd = steady(100, 50);
	assert_int_equal(arrive(&cmd), SM_MSG_DONE);
	assert_int_equal(host.a.done.failed, 5);
	assert_int_equal(host.a.samples[4].stage, SM_STAGE_EXEC);
	assert_true(host.a.samples[4].intended_ns > 0);
	assert_int_equal(host.a.notes[0].count, 5);
	host_close(&host);

	start("vfork", sleeper);
	cmd = steady(100, 50);
	cmd.timeout_ms = 100;
	assert_int_equal(arrive(&cmd), SM_MSG_DONE);
	assert_int_equal(host.a.done.failed, 5);
	assert_int_equal(host.a.samples[4].stage, SM_STAGE_TIMEOUT);
	assert_int_equal(host.a.samples[4].status, SIGKILL);
	host_close(&host);
}

/* Of a strategy in a forked host: shared, so that we see it. */
struct watched {
	int idles, spawns, early; /* spawns before the first idle(), or after another */
};
static struct watched *watched;

static void count_idle(void *self)
{
	(void)self;
	watched->idles++;
}

static int watch_spawn(void *self, const struct sm_req *req, struct sm_child *child,
		       struct sm_fault *fault)
{
	watched->spawns++;
	watched->early += watched->idles != 1;
	return sm_strategy("vfork")->spawn(self, req, child, fault);
}

static void the_strategy_rests_before_and_after(void **state)
{
	struct sm_cmd_arrive cmd;
	struct sm_ops ops = *sm_strategy("vfork");
	int pair[2];

	(void)state;
	watched = mmap(NULL, sizeof(*watched), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	assert_ptr_not_equal(watched, MAP_FAILED);
	ops.idle = count_idle;
	ops.spawn = watch_spawn;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	memset(&host, 0, sizeof(host));
	host.sock = pair[0];
	host.pid = fork();
	assert_true(host.pid >= 0);
	if (host.pid == 0) {
		close(pair[0]);
		_exit(sm_host(&ops, pair[1], NULL) != 0);
	}
	close(pair[1]);
	assert_int_equal(host_open(&host, NULL, NULL), SM_MSG_DONE);
	cmd = steady(100, 50);
	assert_int_equal(arrive(&cmd), SM_MSG_DONE);
	assert_int_equal(watched->idles, 2);
	assert_int_equal(watched->spawns, 5);
	assert_int_equal(watched->early, 0);
	host_close(&host);
	munmap(watched, sizeof(*watched));
}

static void wrong_commands_are_refused(void **state)
{
	struct sm_cmd_arrive good = steady(100, 10), bad[7];

	(void)state;
	start("popen", NULL);
	for (size_t i = 0; i < 7; i++)
		bad[i] = good;
	bad[0].rate = 0;
	bad[1].limit = 0;
	bad[2].limit = SM_IN_FLIGHT_MAX + 1;
	bad[3].timeout_ms = 0;
	bad[4].burst = 0;
	bad[5].arrivals = 9;
	bad[6].start_at_ns = sm_now_ns() + 120000 * MS;
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(arrive(&bad[i]), SM_MSG_FAULT);
		assert_int_equal(host.a.fault.stage, SM_STAGE_ARGUMENT);
		assert_non_null(strstr(host.a.fault.text, "arrive: "));
	}
	assert_int_equal(host_do(&host, SM_CMD_ARRIVE, &good, 8), SM_MSG_FAULT);
	good.start_at_ns = 0; /* long past: now */
	assert_int_equal(arrive(&good), SM_MSG_DONE);
	assert_int_equal(host.a.done.children, 1);
	host_close(&host);
}

static void nothing_outlives_a_driver_that_has_gone(void **state)
{
	struct sm_cmd_arrive cmd;

	(void)state;
	start("zygote", NULL);
	cmd = steady(2000, 600000);
	host_say(&host, SM_CMD_ARRIVE, &cmd, sizeof(cmd));
	assert_int_equal(host_read(&host), SM_MSG_SAMPLES);
	assert_int_equal(host_join(&host), 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* we are the subreaper */
	assert_int_equal(errno, ECHILD);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_strategy_serves_a_schedule, clean_up),
		cmocka_unit_test_teardown(a_stall_is_in_everybodys_latency, clean_up),
		cmocka_unit_test_teardown(a_slow_exit_does_not_hold_up_the_next, clean_up),
		cmocka_unit_test_teardown(too_many_are_given_up, clean_up),
		cmocka_unit_test_teardown(a_burst_comes_at_once, clean_up),
		cmocka_unit_test_teardown(failures_are_told_and_cost_their_sample, clean_up),
		cmocka_unit_test_teardown(the_strategy_rests_before_and_after, clean_up),
		cmocka_unit_test_teardown(wrong_commands_are_refused, clean_up),
		cmocka_unit_test_teardown(nothing_outlives_a_driver_that_has_gone, clean_up),
	};

	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) /* so that nothing can hide */
		return 1;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
