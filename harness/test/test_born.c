/* SPDX-License-Identifier: MIT */
/*
 * test_born.c - cloned children: what sm_child_born() makes of them, by what they tell.
 */
#include "child/child.h"
#include "child/orders.h"
#include "child/spin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "child_util.h"

static int good(void *arg)
{
	return *(int *)arg;
}

static int bad(void *arg)
{
	(void)arg;
	return -1;
}

static int hooks; /* calls of after_fork(), seen by the child's work alone */

static void after_fork(void)
{
	hooks++;
}

/* Tells on stdout what it finds; the parent compares. */
static int look_around(void *arg)
{
	char cwd[PATH_MAX], fds[900] = "";
	sigset_t mask;

	(void)arg;
	if (!getcwd(cwd, sizeof(cwd)) || sigprocmask(SIG_SETMASK, NULL, &mask))
		return 1;
	for (int fd = 0; fd < 1024; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			snprintf(fds + strlen(fds), 16, " %d", fd);
	}
	dprintf(1, "cwd=%s A=%s HOME=%s args=%s,%s hup=%d usr1=%d hooks=%d fds=%s", cwd,
		getenv("A"), getenv("HOME") ? "set" : "none",
		sm_child_args()[0] ? sm_child_args()[0] : "-",
		sm_child_args()[0] ? sm_child_args()[1] : "-", sigismember(&mask, SIGHUP),
		sigismember(&mask, SIGUSR1), hooks, fds);
	return 0;
}

static const char *const plain_env[] = { "A=1", NULL };

/* Clones as a strategy does. Descriptors, environment and mask are filled in here. */
static struct cu_child clone_child(const struct sm_payload *payload, const struct sm_birth *how)
{
	struct cu_child c = { .born_ns = sm_now_ns() };
	struct sm_birth birth = *how;
	sigset_t old;

	assert_int_equal(sm_stdio_open(&c.io), 0);
	birth.in = c.io.child[0];
	birth.out = c.io.child[1];
	birth.err = c.io.child[2];
	if (!birth.envp)
		birth.envp = plain_env;
	assert_int_equal(sm_signals_block(&old), 0);
	if (!birth.sigmask)
		birth.sigmask = &old;
	c.pid = sm_raw_clone(SIGCHLD);
	if (!c.pid) {
		alarm(CU_WAIT_MS / 1000);
		sm_child_born(payload, &birth);
	}
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	assert_true(c.pid > 0);
	sm_stdio_close_child(&c.io);
	return c;
}

static void test_born_done(void **state)
{
	int zero = 0;
	const struct sm_payload p = {
		.size = sizeof(p), .work = good, .check = good, .arg = &zero
	};
	struct sm_birth birth = { .received_ns = 11, .cloning_ns = 22 };
	struct cu_child c = clone_child(&p, &birth);
	struct sm_record rec;

	(void)state;
	assert_int_equal(cu_record(&c, &rec), 0);
	cu_expect_done(&c, &rec);
	assert_int_equal(rec.flags, 0);
	assert_int_equal(rec.received_ns, 11);
	assert_int_equal(rec.cloning_ns, 22);
	assert_int_equal(cu_record(&c, &rec), -EPIPE); /* one record */
	assert_int_equal(c.ntext, 0);
	assert_int_equal(cu_finish(&c), 0);
}

/* An instant that the strategy took before its hooks is the one that counts. */
static void test_born_entered_before(void **state)
{
	int zero = 0;
	const struct sm_payload p = { .size = sizeof(p), .work = good, .arg = &zero };
	struct sm_birth birth = { .entered_ns = 4711 };
	struct cu_child c = clone_child(&p, &birth);
	struct sm_record rec;

	(void)state;
	assert_int_equal(cu_record(&c, &rec), 0);
	assert_int_equal(rec.entered_ns, 4711);
	assert_int_equal(cu_finish(&c), 0);
}

static void look(struct sm_birth *birth, const char *want)
{
	const struct sm_payload p = { .size = sizeof(p),
				      .work = look_around,
				      .after_fork_child = after_fork };
	struct cu_child c = clone_child(&p, birth);
	struct sm_record rec;

	assert_int_equal(cu_record(&c, &rec), 0);
	cu_expect_done(&c, &rec);
	assert_string_equal(c.text, want);
	assert_int_equal(cu_finish(&c), 0);
}

static void test_born_place(void **state)
{
	const char *const args[] = { "x", "y", NULL };
	const char *const envp[] = { "A=2", "B=3", NULL };
	struct sm_birth birth = { .args = args, .envp = envp, .cwd = "/", .run_after_fork = 1 };
	struct sm_birth plain = { .cwd = "/proc" };
	sigset_t mask;

	(void)state;
	setenv("HOME", "/", 1);
	sigemptyset(&mask);
	sigaddset(&mask, SIGHUP);
	birth.sigmask = &mask;
	look(&birth, "cwd=/ A=2 HOME=none args=x,y hup=1 usr1=0 hooks=1 fds= 0 1 2");
	look(&plain, "cwd=/proc A=1 HOME=none args=-,- hup=0 usr1=0 hooks=0 fds= 0 1 2");
}

/* As fork(2) leaves it: the parent's descriptors stay, but the raw ends of the pipes do not. */
static void test_born_keeps(void **state)
{
	struct sm_birth birth = { .keep_other_fds = 1, .cwd = "/" };
	char want[1000] = "cwd=/ A=1 HOME=none args=-,- hup=0 usr1=0 hooks=0 fds=";
	struct sm_stdio io;

	(void)state;
	/* Numbers are given lowest first, so the child's own pipes will get these again. */
	assert_int_equal(sm_stdio_open(&io), 0);
	sm_stdio_close_child(&io);
	for (int fd = 0; fd < 1024; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			snprintf(want + strlen(want), 16, " %d", fd);
	}
	sm_stdio_close_parent(&io);
	look(&birth, want);
}

static void expect_birth_fault(const struct sm_payload *p, struct sm_birth *birth, int stage,
			       int err)
{
	struct cu_child c = clone_child(p, birth);
	struct sm_record rec;

	assert_int_equal(cu_record(&c, &rec), 0);
	cu_expect_fault(&c, &rec, stage, err);
	assert_int_equal(cu_record(&c, &rec), -EPIPE);
	assert_int_equal(WEXITSTATUS(cu_finish(&c)), 1);
}

static void test_born_faults(void **state)
{
	const char *const no_order[] = { "SM_JOB=child/nothing", NULL };
	const char *const not_child[] = { "SM_JOB=serve/zygote/3", NULL };
	int zero = 0;
	struct sm_payload p = { .size = sizeof(p), .work = good, .check = good, .arg = &zero };
	struct sm_birth birth = { .cwd = "/nowhere/at/all" };

	(void)state;
	expect_birth_fault(&p, &birth, SM_STAGE_CHDIR, ENOENT);
	birth = (struct sm_birth){ .envp = no_order };
	expect_birth_fault(&p, &birth, SM_STAGE_ARGUMENT, EINVAL);
	birth = (struct sm_birth){ .envp = not_child };
	expect_birth_fault(&p, &birth, SM_STAGE_ARGUMENT, EINVAL);
	birth = (struct sm_birth){ 0 };
	p.check = bad;
	expect_birth_fault(&p, &birth, SM_STAGE_CHECK, 0);
	p.work = bad;
	expect_birth_fault(&p, &birth, SM_STAGE_WORK, 0);
}

/* Without its stdin the child cannot begin, but it still can tell. */
static void test_born_stdio(void **state)
{
	int zero = 0;
	const struct sm_payload p = { .size = sizeof(p), .work = good, .arg = &zero };
	struct cu_child c = { .born_ns = sm_now_ns() };
	struct sm_record rec;

	(void)state;
	assert_int_equal(sm_stdio_open(&c.io), 0);
	c.pid = sm_raw_clone(SIGCHLD);
	if (!c.pid) {
		const struct sm_birth birth = {
			.in = 999, .out = c.io.child[1], .err = c.io.child[2], .envp = plain_env
		};

		sm_child_born(&p, &birth);
	}
	sm_stdio_close_child(&c.io);
	assert_int_equal(cu_record(&c, &rec), 0);
	cu_expect_fault(&c, &rec, SM_STAGE_STDIO, EBADF);
	assert_int_equal(WEXITSTATUS(cu_finish(&c)), 1);
}

static void test_born_hold(void **state)
{
	const char *const envp[] = { "SM_JOB=child/hold", NULL };
	int zero = 0;
	const struct sm_payload p = { .size = sizeof(p), .work = good, .arg = &zero };
	struct sm_birth birth = { .envp = envp };
	struct cu_child c = clone_child(&p, &birth);
	struct sm_record rec;

	(void)state;
	cu_expect_hold(&c);

	c = clone_child(&p, &birth); /* let go at once: no work, no fault */
	assert_int_equal(cu_record(&c, &rec), 0);
	assert_int_equal(rec.kind, SM_RECORD_READY);
	close(c.io.parent[0]);
	c.io.parent[0] = -1;
	assert_int_equal(cu_record(&c, &rec), -EPIPE);
	assert_int_equal(cu_finish(&c), 0);
}

/* Its exit status is what sm_spin() returned; what it executes beside that is always the same. */
static _Noreturn void spin_traced(uint64_t instructions)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(99);
	kill(getpid(), SIGSTOP);
	_exit(-sm_spin(instructions));
}

/* Instructions from its stop to its exit, each one counted; 0 where its like cannot be traced. */
static long steps_of_spin(uint64_t instructions)
{
	pid_t pid = fork();
	long steps = 0;
	int status;

	assert_true(pid >= 0);
	if (!pid)
		spin_traced(instructions);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (; WIFSTOPPED(status); steps++) {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 99)
		return 0;
	assert_int_equal(WEXITSTATUS(status), 0);
	return steps;
}

/* What is said to be planted is what a CPU executes, to the instruction. */
static void test_spin_is_exact(void **state)
{
	static const uint64_t counts[] = { 3, 4, 101, 1000, 2047 };
	long of_two = steps_of_spin(2);

	(void)state;
	if (!of_two) {
		print_message("ptrace(2) is refused here\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		assert_int_equal(steps_of_spin(counts[i]) - of_two, counts[i] - 2);
}

/* Done later or not at all: a number that is none, or that is too large, is refused. */
static void test_born_planted(void **state)
{
	static const char *const jobs[] = { "spin=0", "spin=1", "spin=10000", "delay=10000" };
	static const char *const bad_jobs[] = { "spin",
						"spin=",
						"spin=-2",
						"spin=2x",
						"delay",
						"delay=1us",
						"spin=92233720368547758080" };
	int zero = 0;
	const struct sm_payload p = { .size = sizeof(p), .work = good, .arg = &zero };
	const char *envp[] = { NULL, NULL };
	struct sm_birth birth = { .envp = envp };
	struct sm_record rec;
	struct cu_child c;
	char job[64];

	(void)state;
	envp[0] = job;
	for (size_t i = 0; i < sizeof(jobs) / sizeof(*jobs); i++) {
		snprintf(job, sizeof(job), "SM_JOB=child/%s", jobs[i]);
		c = clone_child(&p, &birth);
		assert_int_equal(cu_record(&c, &rec), 0);
		cu_expect_done(&c, &rec);
		assert_int_equal(cu_finish(&c), 0);
	}
	for (size_t i = 0; i < sizeof(bad_jobs) / sizeof(*bad_jobs); i++) {
		snprintf(job, sizeof(job), "SM_JOB=child/%s", bad_jobs[i]);
		c = clone_child(&p, &birth);
		assert_int_equal(cu_record(&c, &rec), 0);
		cu_expect_fault(&c, &rec, SM_STAGE_ARGUMENT, EINVAL);
		cu_finish(&c);
	}
}

/* A payload that the library does not know how to use is refused before anything runs. */
static void test_role_refuses(void **state)
{
	int zero = 0;
	struct sm_payload p = { .size = offsetof(struct sm_payload, before_serve) - 1,
				.work = good,
				.arg = &zero };

	(void)state;
	unsetenv("SM_JOB");
	assert_int_equal(sm_role(NULL, NULL), -EINVAL);
	assert_int_equal(sm_role(NULL, &p), -EINVAL);
	p.size++;
	assert_int_equal(sm_role(NULL, &p), 0);
	p.check = bad;
	assert_int_equal(sm_role(NULL, &p), 1);
	p.work = NULL;
	assert_int_equal(sm_role(NULL, &p), -EINVAL);
}

static void test_orders(void **state)
{
	const char *detail = NULL;

	(void)state;
	assert_null(sm_order("", &detail));
	assert_null(sm_order("no such order", &detail));
	assert_null(sm_order("ru", &detail));
	assert_null(sm_order("runs", &detail));
	assert_null(detail);
	for (const struct sm_order *o = sm_orders; o->name; o++) {
		char word[40];

		snprintf(word, sizeof(word), "%s=12", o->name);
		assert_ptr_equal(sm_order(word, &detail), o);
		assert_string_equal(detail, "12");
		assert_ptr_equal(sm_order(o->name, &detail), o);
		assert_null(detail);
		if (o[1].name)
			assert_true(strcmp(o->name, o[1].name) < 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_born_done),    cmocka_unit_test(test_born_entered_before),
		cmocka_unit_test(test_born_place),   cmocka_unit_test(test_born_keeps),
		cmocka_unit_test(test_born_faults),  cmocka_unit_test(test_born_stdio),
		cmocka_unit_test(test_born_hold),    cmocka_unit_test(test_role_refuses),
		cmocka_unit_test(test_orders),       cmocka_unit_test(test_spin_is_exact),
		cmocka_unit_test(test_born_planted),
	};

	alarm(120); /* a hang is a failure */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
