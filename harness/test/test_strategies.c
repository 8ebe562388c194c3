/* SPDX-License-Identifier: MIT */
/*
 * test_strategies.c - what every strategy must do alike, with real processes. Faults and what
 * belongs to servers alone are in test_servers.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "spawn_util.h"
#include "sys/sys.h"

/* Whatever else the table has, these are there. */
static const char *const known[] = { "fork",        "forkserver", "pool",   "popen",
				     "posix_spawn", "recycle",    "shell",  "subreaper",
				     "vfork",       "zygote",     "zygote3" };

static uint64_t traits(const struct su *s)
{
	return s->ops->traits;
}

/* What stands between is the machine's /bin/sh: dash stays there, bash becomes the child. */
static int is_shell(const struct su *s)
{
	return strcmp(s->ops->name, "shell") == 0;
}

static void the_table_is_sorted_and_whole(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_non_null(sm_strategy(known[i]));
	for (unsigned int i = 0; i < sm_strategy_count; i++) {
		const struct sm_ops *ops = sm_strategies[i];

		assert_true(i == 0 || strcmp(sm_strategies[i - 1]->name, ops->name) < 0);
		assert_ptr_equal(sm_strategy(ops->name), ops);
		assert_int_equal(ops->size, sizeof(*ops));
		assert_true(ops->start && ops->spawn && ops->wait && ops->stop && ops->summary);
		assert_int_equal(!!(ops->traits & SM_OWN_SERVER), ops->server && ops->serve);
		assert_int_equal(!!(ops->traits & SM_METER), !!ops->record);
	}
	assert_null(sm_strategy("zygot"));
	assert_null(sm_strategy(NULL));
}

static void a_child_has_the_parent_that_the_traits_say(void **state)
{
	struct su s;
	struct su_run run;

	assert_int_equal(su_start(&s, *state, NULL), 0);
	su_good(&s, &run, NULL);
	if (is_shell(&s) && run.rec.pid != run.child.pid) { /* which stays between */
		assert_int_equal(run.rec.ppid, run.child.pid);
	} else {
		assert_int_equal(run.rec.pid, run.child.pid);
		assert_int_equal(run.rec.ppid, s.ops->server && !(traits(&s) & SM_CHILD_OF_PARENT)
						       ? s.ops->server(s.self)
						       : getpid());
	}
	if (traits(&s) & SM_CHILD_OF_PARENT || is_shell(&s))
		assert_true(run.exit.utime_ns >= 0 && run.exit.minflt > 0);
	else
		assert_int_equal(run.exit.utime_ns, -1);
	su_stop(&s);
}

static void the_instants_are_in_order(void **state)
{
	struct su s;
	struct su_run run;

	assert_int_equal(su_start(&s, *state, NULL), 0);
	su_good(&s, &run, NULL);
	assert_true(run.request_ns <= run.rec.entered_ns);
	assert_true(run.rec.entered_ns <= run.rec.ready_ns);
	assert_true(run.rec.ready_ns <= run.rec.worked_ns);
	assert_true(run.rec.worked_ns <= sm_now_ns());
	if (traits(&s) & SM_OWN_SERVER && !(traits(&s) & SM_AHEAD)) { /* not asked by the request */
		assert_true(run.request_ns <= run.rec.received_ns);
		assert_true(run.rec.received_ns <= run.rec.cloning_ns);
		assert_true(run.rec.cloning_ns <= run.rec.entered_ns);
	}
	su_stop(&s);
}

static void stdio_goes_round(void **state)
{
	const char *env[] = { "SU_ECHO=1", NULL };
	struct su s;
	struct su_run run;

	assert_int_equal(su_start(&s, *state, NULL), 0);
	assert_int_equal(su_spawn(&s, &run, NULL, env, NULL, SU_WAIT_MS), 0);
	assert_int_equal(write(run.child.in, "hello\n", 6), 6);
	su_finish(&s, &run);
	assert_string_equal(run.out, "out:hello\n");
	assert_string_equal(run.err, "err:hello\n");
	assert_int_equal(run.exit.status, 0);
	su_stop(&s);
}

static void arguments_environment_and_directory_arrive(void **state)
{
	const char *args[] = { "one", "", "--", "three words here", NULL };
	const char *env[] = { "SU_TELL=1", NULL };
	struct su s;
	struct su_run run;

	assert_int_equal(su_start(&s, *state, NULL), 0);
	assert_int_equal(su_spawn(&s, &run, args, env, "/proc", SU_WAIT_MS), 0);
	su_finish(&s, &run);
	/* exactly what was given, where no shell adds its own */
	assert_non_null(strstr(run.out, is_shell(&s) ? "\ncwd=/proc\n" : "env=3\ncwd=/proc\n"));
	assert_non_null(strstr(run.out, "arg=3:one\narg=0:\narg=2:--\narg=16:three words here\n"));
	assert_int_equal(su_spawn(&s, &run, NULL, env, NULL, SU_WAIT_MS), 0);
	su_finish(&s, &run);
	assert_null(strstr(run.out, "arg="));
	su_stop(&s);
}

static void a_large_request_arrives_and_a_too_large_one_is_refused(void **state)
{
	static char big[110 << 10];
	const char *args[] = { big, NULL };
	const char *many[512 + 1] = { NULL };
	const char *env[] = { "SU_TELL=1", NULL };
	struct su s;
	struct su_run run;

	memset(big, 'x', sizeof(big) - 1);
	for (size_t i = 0; i < 512; i++)
		many[i] = "x";
	assert_int_equal(su_start(&s, *state, NULL), 0);
	assert_int_equal(su_spawn(&s, &run, args, env, NULL, SU_WAIT_MS), 0);
	su_finish(&s, &run);
	assert_non_null(strstr(run.out, "arg=112639:xxx"));
	if (strcmp(*state, "fork") != 0) { /* which sends nothing to anybody */
		int err = su_spawn(&s, &run, many, env, NULL, SU_WAIT_MS);

		/* Their servers never read a request: the child refuses. */
		if (strcmp(*state, "forkserver") == 0 || traits(&s) & SM_AHEAD)
			su_finish(&s, &run);
		else
			assert_int_equal(err, -E2BIG);
		if (traits(&s) & SM_AHEAD) /* it is there, and says so */
			assert_int_equal(run.rec.kind, SM_RECORD_FAULT);
		else
			assert_int_equal(run.rec.magic, 0);
	}
	su_good(&s, &run, NULL);
	su_stop(&s);
}

static void the_exit_status_is_exact(void **state)
{
	static const int codes[] = { 0, 1, 2, 126, 127, 128, 255 };
	static const int signals[] = { SIGHUP, SIGKILL, SIGTERM, SIGUSR1, SIGALRM };
	struct su s;
	struct su_run run;
	char one[32];
	const char *env[] = { one, NULL };

	assert_int_equal(su_start(&s, *state, NULL), 0);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		snprintf(one, sizeof(one), "SU_EXIT=%d", codes[i]);
		assert_int_equal(su_spawn(&s, &run, NULL, env, NULL, SU_WAIT_MS), 0);
		su_finish(&s, &run);
		assert_true(WIFEXITED(run.exit.status));
		assert_int_equal(WEXITSTATUS(run.exit.status), codes[i]);
	}
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		snprintf(one, sizeof(one), "SU_KILL=%d", signals[i]);
		assert_int_equal(su_spawn(&s, &run, NULL, env, NULL, SU_WAIT_MS), 0);
		su_finish(&s, &run);
		if (is_shell(&s) && WIFEXITED(run.exit.status)) {
			assert_int_equal(WEXITSTATUS(run.exit.status), 128 + signals[i]);
			continue;
		}
		assert_true(WIFSIGNALED(run.exit.status));
		assert_int_equal(WTERMSIG(run.exit.status), signals[i]);
	}
	su_stop(&s);
}

static void a_wait_with_a_deadline_keeps_it(void **state)
{
	const char *env[] = { "SM_JOB=child/hold", NULL };
	struct su s;
	struct su_run run;
	int64_t began;

	assert_int_equal(su_start(&s, *state, NULL), 0);
	assert_int_equal(su_spawn(&s, &run, NULL, env, NULL, SU_WAIT_MS), 0);
	began = su_now_ms();
	assert_int_equal(s.ops->wait(s.self, &run.child, 50, &run.exit), -ETIMEDOUT);
	assert_in_range(su_now_ms() - began, 45, 2000);
	su_finish(&s, &run); /* and the status is still to be had */
	assert_int_equal(run.exit.status, 0);
	su_stop(&s);
}

static void two_hundred_spawns_leave_nothing(void **state)
{
	struct su s;
	struct su_run run;
	pid_t server;
	int fds;

	assert_int_equal(su_start(&s, *state, NULL), 0);
	server = s.ops->server ? s.ops->server(s.self) : 0;
	su_good(&s, &run, NULL);
	su_rest(&s);
	fds = su_count_fds(getpid());
	for (int i = 0; i < 200; i++)
		su_good(&s, &run, NULL);
	su_rest(&s);
	assert_int_equal(su_count_fds(getpid()), fds);
	assert_int_equal(su_count_children(getpid()), s.children + !!server + su_spares(&s));
	if (server) {
		su_await_fds(server, su_resting_fds(*state));
		assert_int_equal(su_count_children(server), 0);
		assert_int_equal(kill(server, 0), 0);
	}
	su_stop(&s);
}

/* Fills open[] with the descriptors of pid, as a set of bits. */
static unsigned int open_set(pid_t pid)
{
	unsigned int set = 0;
	char path[64], target[64];

	for (unsigned int fd = 0; fd < 32; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%u", pid, fd);
		if (readlink(path, target, sizeof(target)) >= 0)
			set |= 1u << fd;
	}
	return set;
}

/* Several at a time, so that a sibling's descriptors would be seen. */
static void a_child_holds_exactly_its_stdio(void **state)
{
	const char *env[] = { "SM_JOB=child/hold", NULL };
	int extra = open("/dev/null", O_RDONLY); /* not close-on-exec, on purpose */
	struct su s;
	struct su_run run[4];

	assert_true(extra > 2 && extra < 32);
	assert_int_equal(su_start(&s, *state, NULL), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(su_spawn(&s, &run[i], NULL, env, NULL, SU_WAIT_MS), 0);
		su_read_record(&run[i]);
		assert_int_equal(run[i].rec.kind, SM_RECORD_READY);
		if (traits(&s) & SM_NEGATIVE_CONTROL) { /* must be seen to leak */
			assert_true(open_set(run[i].child.pid) & 1u << extra);
		} else {
			assert_int_equal(open_set(run[i].child.pid), 7);
			assert_int_equal(su_count_fds(run[i].child.pid), 3);
		}
	}
	if (!(traits(&s) & SM_NEGATIVE_CONTROL)) {
		/* No sibling holds its pipes: its end is an end of file while the others live. */
		kill(run[1].child.pid, SIGKILL);
		su_finish(&s, &run[1]);
		assert_int_equal(WTERMSIG(run[1].exit.status), SIGKILL);
		assert_int_equal(kill(run[0].child.pid, 0), 0);
	} else {
		kill(run[3].child.pid, SIGKILL);
		kill(run[2].child.pid, SIGKILL);
		su_finish(&s, &run[3]);
		su_finish(&s, &run[2]);
	}
	for (int i = 3; i >= 0; i--) {
		if (run[i].exit.status)
			continue;
		kill(run[i].child.pid, SIGKILL);
		su_finish(&s, &run[i]);
	}
	close(extra);
	s.fds--;
	su_stop(&s);
}

static void a_burst_of_exits_loses_no_status(void **state)
{
	static struct su_run run[32];
	struct su s;
	const char *env[] = { "SM_JOB=child/hold", NULL };

	assert_int_equal(su_start(&s, *state, NULL), 0);
	for (int i = 0; i < 32; i++) {
		assert_int_equal(su_spawn(&s, &run[i], NULL, env, NULL, SU_WAIT_MS), 0);
		su_read_record(&run[i]);
	}
	for (int i = 0; i < 32; i++) /* each by a signal of its own, in a row */
		kill(run[i].child.pid, i % 2 ? SIGKILL : SIGTERM);
	for (int i = 31; i >= 0; i--) {
		su_finish(&s, &run[i]);
		assert_int_equal(WTERMSIG(run[i].exit.status), i % 2 ? SIGKILL : SIGTERM);
	}
	su_stop(&s);
}

static void on_usr1(int sig)
{
	(void)sig;
}

static void a_child_has_no_handlers_and_a_clear_mask(void **state)
{
	const char *env[] = { "SM_JOB=child/hold", NULL };
	struct sigaction sa = { .sa_handler = on_usr1 }, old;
	unsigned long long usr1 = 1ull << (SIGUSR1 - 1), chld = 1ull << (SIGCHLD - 1);
	struct su s;
	struct su_run run;
	pid_t pid;

	assert_int_equal(sigaction(SIGUSR1, &sa, &old), 0);
	assert_int_equal(su_start(&s, *state, NULL), 0);
	assert_int_equal(su_spawn(&s, &run, NULL, env, NULL, SU_WAIT_MS), 0);
	su_read_record(&run);
	pid = run.rec.pid;
	assert_int_equal(su_status(pid, "SigBlk", 16), su_status(getpid(), "SigBlk", 16));
	assert_int_equal(su_status(pid, "SigCgt", 16) & (usr1 | chld), 0);
	assert_int_equal(su_status(pid, "SigIgn", 16), su_status(getpid(), "SigIgn", 16));
	su_finish(&s, &run);
	assert_true(su_status(getpid(), "SigCgt", 16) & usr1); /* ours is untouched */
	sigaction(SIGUSR1, &old, NULL);
	su_stop(&s);
}

static void fork_hooks_run_where_the_traits_say(void **state)
{
	struct su s;
	struct su_run run;

	assert_int_equal(su_start(&s, *state, NULL), 0);
	su_good(&s, &run, "SU_TELL=1");
	if (strcmp(*state, "forkserver") == 0) /* in a server of its own: before once, child once */
		assert_non_null(strstr(run.out, "hooks=101\n"));
	else if (traits(&s) & SM_RUNS_ATFORK)
		assert_null(strstr(run.out, "hooks=0\n"));
	else
		assert_non_null(strstr(run.out, "hooks=0\n"));
	su_stop(&s);
}

static int without_stdio(void *arg)
{
	struct su s;
	struct su_run run;
	struct rlimit core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &core);
	close(0);
	close(1);
	close(2);
	if (su_start(&s, arg, NULL))
		return 1;
	if (su_spawn(&s, &run, NULL, NULL, NULL, SU_WAIT_MS))
		return 2;
	su_read_record(&run);
	close(run.child.in);
	if (s.ops->wait(s.self, &run.child, SU_WAIT_MS, &run.exit))
		return 3;
	s.ops->stop(s.self);
	return run.rec.kind != SM_RECORD_DONE || run.exit.status ? 4 : 0;
}

static void it_works_when_the_parent_has_no_stdio(void **state)
{
	su_in_fork(without_stdio, *state);
}

static void a_directory_that_is_not_there_is_told(void **state)
{
	struct su s;
	struct su_run run;
	int err;

	assert_int_equal(su_start(&s, *state, NULL), 0);
	err = su_spawn(&s, &run, NULL, NULL, "/nonexistent", SU_WAIT_MS);
	if (traits(&s) & SM_FRESH_IMAGE) {
		assert_int_equal(err, -ENOENT);
		assert_int_equal(s.fault.stage,
				 strcmp(*state, "posix_spawn") ? SM_STAGE_CHDIR : SM_STAGE_EXEC);
		assert_int_equal(s.fault.err, ENOENT);
	} else { /* the child is there, and says it where its record was to come */
		assert_int_equal(err, 0);
		su_finish(&s, &run);
		assert_int_equal(run.rec.kind, SM_RECORD_FAULT);
		assert_int_equal(run.rec.stage, SM_STAGE_CHDIR);
		assert_int_equal(run.rec.err, ENOENT);
		assert_int_not_equal(run.exit.status, 0);
	}
	su_good(&s, &run, NULL);
	su_stop(&s);
}

static void a_program_that_is_not_there_is_told(void **state)
{
	const char *argv[] = { "/nonexistent/program", NULL };
	struct su s;
	struct su_run run;
	int err = su_start_argv(&s, *state, argv, NULL, SU_WAIT_MS);

	if (traits(&s) & SM_PARENT_LOADS) { /* never exec's */
		assert_int_equal(err, 0);
		su_stop(&s);
		return;
	}
	if (traits(&s) & SM_FRESH_IMAGE) {
		assert_int_equal(err, 0);
		err = su_spawn(&s, &run, NULL, NULL, NULL, SU_WAIT_MS);
		if (is_shell(&s)) { /* it says so itself */
			assert_int_equal(err, 0);
			su_finish(&s, &run);
			assert_int_equal(run.exit.status, 127 << 8);
			assert_non_null(strstr(run.err, argv[0]));
			su_stop(&s);
			return;
		}
		s.ops->stop(s.self);
	}
	assert_int_equal(err, -ENOENT);
	assert_int_equal(s.fault.stage, SM_STAGE_EXEC);
	assert_int_equal(s.fault.err, ENOENT);
	su_nothing_left(&s);
}

static void a_struct_that_is_too_small_is_refused(void **state)
{
	struct sm_setup setup = { .size = 4 };
	struct sm_fault fault = { .size = sizeof(fault) };
	struct sm_req req = { .size = 4 };
	struct su s;
	struct sm_child child = { .size = sizeof(child) };
	void *self = NULL;

	assert_int_equal(sm_strategy(*state)->start(&self, &setup, &fault), -EINVAL);
	assert_int_equal(fault.stage, SM_STAGE_ARGUMENT);
	assert_int_equal(su_start(&s, *state, NULL), 0);
	assert_int_equal(s.ops->spawn(s.self, &req, &child, &fault), -EINVAL);
	su_stop(&s);
}

static void a_setup_of_an_older_caller_is_enough(void **state)
{
	struct su s;
	struct su_run run;

	assert_int_equal(su_start_old(&s, *state), 0);
	su_good(&s, &run, NULL);
	su_stop(&s);
}

/* Lowers our own limit so that the n-th new descriptor fails, for every n until none does. */
static void a_full_table_in_the_parent_is_a_clean_error(void **state)
{
	struct rlimit old, low;
	struct su s;
	struct su_run run;
	int n, err = -1;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(su_start(&s, *state, NULL), 0);
	low = old;
	for (n = 0; n < 64 && err; n++) {
		int fds = su_count_fds(getpid());

		low.rlim_cur = (rlim_t)su_lowest_free_fd() + (rlim_t)n;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
		err = su_spawn(&s, &run, NULL, NULL, NULL, SU_WAIT_MS);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
		if (!err) {
			su_finish(&s, &run);
			break;
		}
		assert_int_equal(err, -EMFILE);
		assert_int_not_equal(s.fault.stage, SM_STAGE_NONE);
		assert_int_equal(su_count_fds(getpid()), fds);
		assert_int_equal(su_count_children(getpid()), s.children + !!s.ops->server);
		su_good(&s, &run, NULL);
	}
	assert_int_equal(err, 0);
	if (!(traits(&s) & SM_AHEAD))      /* has them already */
		assert_in_range(n, 3, 20); /* three descriptors are the least that a child costs */
	su_stop(&s);
}

/* One test: a property and a strategy. */
static struct CMUnitTest tests[32 * SU_REAL_MAX + 1];
static char names[32 * SU_REAL_MAX + 1][96];
static size_t ntests;

static void add(const char *property, CMUnitTestFunction fn)
{
	const char *real;

	for (unsigned int i = 0; i < SU_REAL_MAX && (real = su_real(i)); i++) {
		snprintf(names[ntests], sizeof(names[0]), "%s: %s", real, property);
		tests[ntests] = (struct CMUnitTest){ names[ntests], fn, NULL, NULL,
						     (void *)(uintptr_t)real };
		ntests++;
	}
}

#define ADD(fn) add(#fn, fn)

int main(int argc, char **argv)
{
	if (getenv("SM_JOB"))
		return su_payload(argc, argv);
	sm_close_from(3, -1); /* what the caller leaked is no part of the counts */
	tests[ntests++] = (struct CMUnitTest)cmocka_unit_test(the_table_is_sorted_and_whole);
	ADD(a_child_has_the_parent_that_the_traits_say);
	ADD(a_setup_of_an_older_caller_is_enough);
	ADD(the_instants_are_in_order);
	ADD(stdio_goes_round);
	ADD(arguments_environment_and_directory_arrive);
	ADD(a_large_request_arrives_and_a_too_large_one_is_refused);
	ADD(the_exit_status_is_exact);
	ADD(a_wait_with_a_deadline_keeps_it);
	ADD(two_hundred_spawns_leave_nothing);
	ADD(a_child_holds_exactly_its_stdio);
	ADD(a_burst_of_exits_loses_no_status);
	ADD(a_child_has_no_handlers_and_a_clear_mask);
	ADD(fork_hooks_run_where_the_traits_say);
	ADD(it_works_when_the_parent_has_no_stdio);
	ADD(a_directory_that_is_not_there_is_told);
	ADD(a_program_that_is_not_there_is_told);
	ADD(a_struct_that_is_too_small_is_refused);
	ADD(a_full_table_in_the_parent_is_a_clean_error);
	return _cmocka_run_group_tests("strategies", tests, ntests, NULL, NULL);
}
