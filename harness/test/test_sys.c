/* SPDX-License-Identifier: MIT */
/*
 * test_sys.c - the kernel layer but descriptors: waiting, cloning, signals, reading, faults.
 */
#include "sys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "forked.h"

/* A child that lives until its pipe is closed, then ends with status 7. */
static pid_t sleeper(int *hold)
{
	int ends[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		alarm(20);
		close(ends[1]);
		while (read(ends[0], &c, 1) < 0)
			;
		_exit(7);
	}
	close(ends[0]);
	*hold = ends[1];
	return pid;
}

static void on_signal(int sig)
{
	(void)sig;
}

enum kernel { KERNEL_NOW, KERNEL_OLD };

static void expect_wait(int timeout_ms)
{
	struct sm_exit ex = { .size = sizeof(ex), .utime_ns = -9, .stime_ns = -9, .minflt = -9 };
	int hold;
	pid_t pid = sleeper(&hold);
	int64_t begin = sm_now_ns();

	FK_NEED(sm_wait_child(pid, 0, &ex) == -ETIMEDOUT);
	FK_NEED(sm_wait_child(pid, 30, &ex) == -ETIMEDOUT);
	FK_NEED(sm_now_ns() - begin >= 30000000);
	FK_NEED(ex.utime_ns == -9); /* untouched */
	close(hold);
	begin = sm_now_ns();
	FK_NEED(sm_wait_child(pid, timeout_ms, &ex) == 0);
	FK_NEED(sm_now_ns() - begin < 5000000000); /* at its end, not at the deadline */
	FK_NEED(WIFEXITED(ex.status) && WEXITSTATUS(ex.status) == 7);
	FK_NEED(ex.utime_ns >= 0 && ex.stime_ns >= 0 && ex.minflt > 0);
	FK_NEED(ex.majflt >= 0 && ex.nvcsw >= 0 && ex.nivcsw >= 0);
	FK_NEED(sm_wait_child(pid, timeout_ms, &ex) == -ECHILD); /* reaped once */
}

/* arg: enum kernel; the old one lacks pidfd_open. First in peace, then among signals. */
static void wait_body(const void *arg)
{
	const struct itimerval often = { { 0, 3000 }, { 0, 3000 } };
	const struct sigaction sa = { .sa_handler = on_signal };
	const enum kernel *kernel = arg;
	int before;

	if (*kernel != KERNEL_NOW)
		fk_forget_calls(SYS_pidfd_open, SYS_pidfd_open);
	before = fk_count_fds();
	expect_wait(10000);
	FK_NEED(!sigaction(SIGALRM, &sa, NULL));
	FK_NEED(!setitimer(ITIMER_REAL, &often, NULL));
	expect_wait(10000);
	expect_wait(-1);
	FK_NEED(fk_count_fds() == before);
}

static void test_wait(void **state)
{
	const enum kernel now = KERNEL_NOW, old = KERNEL_OLD;
	struct sm_exit small = { .size = sizeof(small) - 1 };
	int hold;
	pid_t pid;

	(void)state;
	fk_in_child(wait_body, &now);
	fk_in_child(wait_body, &old);

	pid = sleeper(&hold);
	assert_int_equal(sm_wait_child(pid, -1, &small), -EINVAL);
	assert_int_equal(sm_wait_child(0, 0, NULL), -EINVAL);
	assert_int_equal(sm_wait_child(-1, 0, NULL), -EINVAL);
	close(hold);
	assert_int_equal(sm_wait_child(pid, 10000, NULL), 0);
}

static void kill_body(const void *arg)
{
	int hold, status;
	pid_t pid;

	(void)arg;
	FK_NEED(setsid() > 0); /* what goes wrong here hits this child alone */
	sm_kill_child(0);
	pid = sleeper(&hold);
	sm_kill_child(pid);
	FK_NEED(waitpid(pid, &status, WNOHANG) < 0 && errno == ECHILD);
	sm_kill_child(pid); /* gone already: no harm */
}

static void test_kill(void **state)
{
	(void)state;
	fk_in_child(kill_body, NULL);
}

static void test_raw_clone(void **state)
{
	struct sm_exit ex = { .size = sizeof(ex) };
	pid_t parent = getpid(), pid = sm_raw_clone(SIGCHLD);

	(void)state;
	if (!pid)
		_exit(getppid() == parent && getpid() != parent ? 5 : 6);
	assert_true(pid > 0);
	assert_int_equal(sm_wait_child(pid, 10000, &ex), 0);
	assert_true(WIFEXITED(ex.status));
	assert_int_equal(WEXITSTATUS(ex.status), 5);

	pid = sm_raw_clone(0); /* ends without a signal: still ours to wait for */
	if (!pid)
		_exit(4);
	assert_true(pid > 0);
	assert_int_equal(sm_wait_child(pid, 10000, &ex), 0);
	assert_int_equal(WEXITSTATUS(ex.status), 4);

	/* clone(2): CLONE_SIGHAND without CLONE_VM */
	assert_int_equal(sm_raw_clone(0x800 | SIGCHLD), -EINVAL);
}

static void signals_body(const void *arg)
{
	const struct sigaction handler = { .sa_handler = on_signal };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction now;
	sigset_t mask, old, all, handled;

	(void)arg;
	sigemptyset(&mask);
	sigaddset(&mask, SIGHUP);
	FK_NEED(!sigprocmask(SIG_SETMASK, &mask, NULL));
	FK_NEED(!sigaction(SIGUSR1, &handler, NULL));
	FK_NEED(!sigaction(SIGRTMAX, &handler, NULL));
	FK_NEED(!sigaction(SIGUSR2, &ignore, NULL));

	FK_NEED(!sm_signals_block(&old));
	FK_NEED(sigismember(&old, SIGHUP) == 1 && sigismember(&old, SIGUSR1) == 0);
	FK_NEED(!sigprocmask(SIG_SETMASK, NULL, &all));
	FK_NEED(sigismember(&all, SIGUSR1) == 1 && sigismember(&all, SIGRTMAX) == 1);

	sm_signals_handled(&handled);
	FK_NEED(sigismember(&handled, SIGUSR1) == 1 && sigismember(&handled, SIGRTMAX) == 1);
	FK_NEED(sigismember(&handled, SIGUSR2) == 0 && sigismember(&handled, SIGTERM) == 0);
	sigdelset(&handled, SIGRTMAX);
	sm_signals_restore(&old, &handled);
	FK_NEED(!sigaction(SIGUSR1, NULL, &now) && now.sa_handler == SIG_DFL);
	FK_NEED(!sigaction(SIGRTMAX, NULL, &now) && now.sa_handler != SIG_DFL);
	FK_NEED(!sm_signals_block(&old));

	sm_signals_restore(&old, NULL);
	FK_NEED(!sigaction(SIGUSR1, NULL, &now) && now.sa_handler == SIG_DFL);
	FK_NEED(!sigaction(SIGRTMAX, NULL, &now) && now.sa_handler == SIG_DFL);
	FK_NEED(!sigaction(SIGUSR2, NULL, &now) && now.sa_handler == SIG_IGN);
	FK_NEED(!sigprocmask(SIG_SETMASK, NULL, &all));
	FK_NEED(sigismember(&all, SIGHUP) == 1 && sigismember(&all, SIGUSR1) == 0);
}

static void test_signals(void **state)
{
	(void)state;
	fk_in_child(signals_body, NULL);
}

static void io_body(const void *arg)
{
	const size_t size = 300000; /* more than a pipe holds */
	const struct itimerval often = { { 0, 500 }, { 0, 500 } };
	const struct sigaction sa = { .sa_handler = on_signal };
	unsigned char *buf = malloc(size);
	int ends[2], status;
	int64_t begin;
	pid_t pid;

	(void)arg;
	FK_NEED(buf && !pipe2(ends, O_CLOEXEC));
	begin = sm_now_ns();
	FK_NEED(sm_read_all(ends[0], buf, 1, 20) == -ETIMEDOUT);
	FK_NEED(sm_now_ns() - begin >= 20000000);
	FK_NEED(sm_read_all(ends[0], buf, 0, 0) == 0);
	for (int round = 0; round < 3; round++) {
		int nonblock = round == 1;

		FK_NEED(!fcntl(ends[0], F_SETFL, nonblock ? O_NONBLOCK : 0));
		FK_NEED(!fcntl(ends[1], F_SETFL, nonblock ? O_NONBLOCK : 0));
		pid = fork();
		FK_NEED(pid >= 0);
		FK_NEED(!sigaction(SIGALRM, &sa, NULL));
		FK_NEED(!setitimer(ITIMER_REAL, &often, NULL)); /* in both: no child inherits it */
		if (!pid) {
			close(ends[0]); /* should the reader fail, the writer ends by SIGPIPE */
			for (size_t i = 0; i < size; i++)
				buf[i] = (unsigned char)(i >> 5);
			_exit(sm_write_all(ends[1], buf, size) ? 1 : 0);
		}
		FK_NEED(sm_read_all(ends[0], buf, size, round ? -1 : 10000) == 0);
		for (size_t i = 0; i < size; i++)
			FK_NEED(buf[i] == (unsigned char)(i >> 5));
		while (waitpid(pid, &status, 0) < 0)
			FK_NEED(errno == EINTR);
		FK_NEED(status == 0);
	}
	FK_NEED(write(ends[1], "ab", 2) == 2);
	close(ends[1]);
	FK_NEED(sm_read_all(ends[0], buf, 3, 1000) == -EPIPE);
	FK_NEED(sm_read_all(99, buf, 1, -1) == -EBADF);
	FK_NEED(sm_write_all(99, buf, 1) == -EBADF);
	free(buf);
}

static void test_io(void **state)
{
	(void)state;
	fk_in_child(io_body, NULL);
}

static void test_fault(void **state)
{
	struct sm_fault fault = { .size = sizeof(fault), .detail = 9 };
	char longer[1000];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(sm_fail(&fault, SM_STAGE_EXEC, ENOENT, longer), -ENOENT);
	assert_int_equal(fault.stage, SM_STAGE_EXEC);
	assert_int_equal(fault.err, ENOENT);
	assert_int_equal(fault.detail, 0);
	assert_int_equal(strlen(fault.text), sizeof(fault.text) - 1);
	assert_int_equal(sm_fail(&fault, SM_STAGE_PIPE, 0, NULL), -EPROTO);
	assert_string_equal(fault.text, "");
	assert_int_equal(sm_fail(NULL, SM_STAGE_PIPE, EMFILE, "no"), -EMFILE);
	fault.size = 8; /* an old caller's: not written beyond */
	sm_fail(&fault, SM_STAGE_SEND, EIO, "no");
	assert_int_equal(fault.stage, SM_STAGE_PIPE);

	for (int i = 0; i <= SM_STAGE_ATTR; i++) {
		for (int k = 0; k < i; k++)
			assert_string_not_equal(sm_stage_name(i), sm_stage_name(k));
	}
	assert_string_equal(sm_stage_name(SM_STAGE_NONE), "none");
	assert_string_equal(sm_stage_name(SM_STAGE_EXEC), "exec");
	assert_string_equal(sm_stage_name(SM_STAGE_TIMEOUT), "timeout");
	assert_string_equal(sm_stage_name(SM_STAGE_ATTR), "attr");
	assert_string_equal(sm_stage_name(-1), "unknown");
	assert_string_equal(sm_stage_name(SM_STAGE_SANDBOX), "sandbox");
	assert_string_equal(sm_stage_name(SM_STAGE_THREADS), "threads");
	assert_string_equal(sm_stage_name(SM_STAGE_THREADS + 1), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wait),      cmocka_unit_test(test_kill),
		cmocka_unit_test(test_raw_clone), cmocka_unit_test(test_signals),
		cmocka_unit_test(test_io),        cmocka_unit_test(test_fault),
	};

	alarm(120); /* a hang is a failure */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
