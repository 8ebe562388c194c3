/* SPDX-License-Identifier: MIT */
/*
 * test_sys.c - the kernel layer. What would disturb this process is tried in a forked child, which
 * answers by its exit status: 0, or the line that failed.
 */
#include "sys/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cmocka.h>

/* In a child. A status has 8 bits: the line number's low ones tell where to look. */
#define NEED(cond)                                                            \
	do {                                                                  \
		if (!(cond)) {                                                \
			dprintf(2, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			_exit(__LINE__ % 255 + 1);                            \
		}                                                             \
	} while (0)

static void in_child(void (*body)(const void *arg), const void *arg)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		alarm(20);
		body(arg);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	NEED(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3; /* ".", ".." and the directory itself */
}

/* From now on these system calls answer ENOSYS, as on a kernel that does not have them. */
static void forget_calls(unsigned int first, unsigned int second)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, first, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, second, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	NEED(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	NEED(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog));
}

static ino_t inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : st.st_ino;
}

/* Descriptors 0..5 are six files; arg: which of them are to become 0, 1, 2. */
static void install_body(const void *arg)
{
	const int *fds = arg;
	ino_t ino[6];

	for (int i = 0; i < 6; i++) {
		int fd = memfd_create("f", MFD_CLOEXEC);

		NEED(fd >= 0);
		ino[i] = inode(fd);
		NEED(fcntl(fd, F_DUPFD_CLOEXEC, 100 + i) == 100 + i);
		close(fd);
	}
	for (int i = 0; i < 6; i++)
		NEED(dup3(100 + i, i, O_CLOEXEC) == i);
	NEED(!sm_close_from(6, -1));
	NEED(!sm_stdio_install(fds));
	for (int i = 0; i < 3; i++) {
		NEED(inode(i) == ino[fds[i]]);
		NEED(fcntl(i, F_GETFD) == 0); /* survives an exec */
	}
	NEED(count_fds() == 6); /* helpers are gone, other sources are left */
}

static void test_stdio_install(void **state)
{
	(void)state;
	for (int n = 0; n < 6 * 6 * 6; n++) {
		const int fds[3] = { n / 36, n / 6 % 6, n % 6 };

		in_child(install_body, fds);
	}
}

static void install_bad_body(const void *arg)
{
	const int *fds = arg;
	int before = count_fds();

	NEED(sm_stdio_install(fds) == -EBADF);
	NEED(count_fds() == before);
}

static void test_stdio_install_bad(void **state)
{
	const int closed[3] = { 0, 1, 99 }, none[3] = { -1, 1, 2 }, swapped[3] = { 1, 0, -1 };

	(void)state;
	in_child(install_bad_body, closed);
	in_child(install_bad_body, none);
	in_child(install_bad_body, swapped);
}

static void test_stdio_open(void **state)
{
	struct sm_stdio io;
	char c = 0;

	(void)state;
	assert_int_equal(sm_stdio_open(&io), 0);
	for (int i = 0; i < 3; i++) {
		int from = i ? io.parent[i] : io.child[i], to = i ? io.child[i] : io.parent[i];

		assert_int_equal(fcntl(from, F_GETFD), FD_CLOEXEC);
		assert_int_equal(fcntl(to, F_GETFD), FD_CLOEXEC);
		assert_int_equal(write(to, "012" + i, 1), 1);
		assert_int_equal(read(from, &c, 1), 1);
		assert_int_equal(c, '0' + i);
	}
	sm_stdio_close_child(&io);
	sm_stdio_close_child(&io);
	assert_int_equal(io.child[0], -1);
	assert_int_equal(read(io.parent[1], &c, 1), 0);
	sm_stdio_close_parent(&io);
	sm_stdio_close_parent(&io);
	assert_int_equal(io.parent[2], -1);
}

/* Room for n descriptors more: six or nothing. */
static void stdio_limit_body(const void *arg)
{
	const int *room = arg;
	struct rlimit limit, old;
	struct sm_stdio io;
	int before, rc;

	NEED(!sm_close_from(3, -1));
	before = count_fds();
	NEED(!getrlimit(RLIMIT_NOFILE, &old));
	limit = old;
	limit.rlim_cur = (rlim_t)(3 + *room);
	NEED(!setrlimit(RLIMIT_NOFILE, &limit));
	rc = sm_stdio_open(&io);
	NEED(!setrlimit(RLIMIT_NOFILE, &old));
	NEED(rc == (*room < 6 ? -EMFILE : 0));
	NEED(count_fds() == before + (*room < 6 ? 0 : 6));
}

static void test_stdio_open_limit(void **state)
{
	(void)state;
	for (int room = 0; room <= 6; room++)
		in_child(stdio_limit_body, &room);
}

enum kernel { KERNEL_NOW, KERNEL_NO_CLOSE_RANGE, KERNEL_NO_LIST };

struct close_case {
	int lowest, keep;
	enum kernel kernel;
};

static void close_from_body(const void *arg)
{
	static const int fds[] = { 3, 4, 5, 6, 7, 8, 63, 64, 65, 200, 201, 900 };
	const struct close_case *c = arg;
	const struct rlimit limit = { 1024, 1024 };

	NEED(!setrlimit(RLIMIT_NOFILE, &limit)); /* close_each() should not take a second */
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		NEED(dup2(2, fds[i]) == fds[i]);
	if (c->kernel == KERNEL_NO_CLOSE_RANGE)
		forget_calls(SYS_close_range, SYS_close_range);
	if (c->kernel == KERNEL_NO_LIST)
		forget_calls(SYS_close_range, SYS_getdents64);
	NEED(!sm_close_from(c->lowest, c->keep));
	for (int fd = 0; fd < 1024; fd++) {
		int open_now = fcntl(fd, F_GETFD) >= 0;

		if (fd < c->lowest)
			continue;
		NEED(open_now == (fd == c->keep));
	}
	for (int fd = 0; fd < 9 && fd < c->lowest; fd++)
		NEED(fcntl(fd, F_GETFD) >= 0);
}

static void test_close_from(void **state)
{
	static const int lowest[] = { 3, 4, 64 }, keep[] = { -1, 1, 3, 4, 8, 64, 900 };

	(void)state;
	for (int k = KERNEL_NOW; k <= KERNEL_NO_LIST; k++) {
		for (size_t i = 0; i < 3 * 7; i++) {
			const struct close_case c = { lowest[i / 7], keep[i % 7], (enum kernel)k };

			in_child(close_from_body, &c);
		}
	}
	assert_int_equal(sm_close_from(-1, -1), -EINVAL);
}

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

static void expect_wait(int timeout_ms)
{
	struct sm_exit ex = { .size = sizeof(ex), .utime_ns = -9, .stime_ns = -9, .minflt = -9 };
	int hold;
	pid_t pid = sleeper(&hold);
	int64_t begin = sm_now_ns();

	NEED(sm_wait_child(pid, 0, &ex) == -ETIMEDOUT);
	NEED(sm_wait_child(pid, 30, &ex) == -ETIMEDOUT);
	NEED(sm_now_ns() - begin >= 30000000);
	NEED(ex.utime_ns == -9); /* untouched */
	close(hold);
	NEED(sm_wait_child(pid, timeout_ms, &ex) == 0);
	NEED(WIFEXITED(ex.status) && WEXITSTATUS(ex.status) == 7);
	NEED(ex.utime_ns >= 0 && ex.stime_ns >= 0 && ex.minflt > 0);
	NEED(ex.majflt >= 0 && ex.nvcsw >= 0 && ex.nivcsw >= 0);
	NEED(sm_wait_child(pid, timeout_ms, &ex) == -ECHILD); /* reaped once */
}

/* arg: enum kernel; the old one lacks pidfd_open. Signals come all the time. */
static void wait_body(const void *arg)
{
	const struct itimerval often = { { 0, 3000 }, { 0, 3000 } };
	const struct sigaction sa = { .sa_handler = on_signal };
	const enum kernel *kernel = arg;
	int before;

	NEED(!sigaction(SIGALRM, &sa, NULL));
	NEED(!setitimer(ITIMER_REAL, &often, NULL));
	if (*kernel != KERNEL_NOW)
		forget_calls(SYS_pidfd_open, SYS_pidfd_open);
	before = count_fds();
	expect_wait(10000);
	expect_wait(-1);
	NEED(count_fds() == before);
}

static void test_wait(void **state)
{
	const enum kernel now = KERNEL_NOW, old = KERNEL_NO_CLOSE_RANGE;
	struct sm_exit small = { .size = sizeof(small) - 1 };
	int hold;
	pid_t pid;

	(void)state;
	in_child(wait_body, &now);
	in_child(wait_body, &old);

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
	NEED(setsid() > 0); /* what goes wrong here hits this child alone */
	sm_kill_child(0);
	pid = sleeper(&hold);
	sm_kill_child(pid);
	NEED(waitpid(pid, &status, WNOHANG) < 0 && errno == ECHILD);
	sm_kill_child(pid); /* gone already: no harm */
}

static void test_kill(void **state)
{
	(void)state;
	in_child(kill_body, NULL);
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
	sigset_t mask, old, all;

	(void)arg;
	sigemptyset(&mask);
	sigaddset(&mask, SIGHUP);
	NEED(!sigprocmask(SIG_SETMASK, &mask, NULL));
	NEED(!sigaction(SIGUSR1, &handler, NULL));
	NEED(!sigaction(SIGRTMAX, &handler, NULL));
	NEED(!sigaction(SIGUSR2, &ignore, NULL));

	NEED(!sm_signals_block(&old));
	NEED(sigismember(&old, SIGHUP) == 1 && sigismember(&old, SIGUSR1) == 0);
	NEED(!sigprocmask(SIG_SETMASK, NULL, &all));
	NEED(sigismember(&all, SIGUSR1) == 1 && sigismember(&all, SIGRTMAX) == 1);

	sm_signals_restore(&old);
	NEED(!sigaction(SIGUSR1, NULL, &now) && now.sa_handler == SIG_DFL);
	NEED(!sigaction(SIGRTMAX, NULL, &now) && now.sa_handler == SIG_DFL);
	NEED(!sigaction(SIGUSR2, NULL, &now) && now.sa_handler == SIG_IGN);
	NEED(!sigprocmask(SIG_SETMASK, NULL, &all));
	NEED(sigismember(&all, SIGHUP) == 1 && sigismember(&all, SIGUSR1) == 0);
}

static void test_signals(void **state)
{
	(void)state;
	in_child(signals_body, NULL);
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
	NEED(buf && !pipe2(ends, O_CLOEXEC));
	begin = sm_now_ns();
	NEED(sm_read_all(ends[0], buf, 1, 20) == -ETIMEDOUT);
	NEED(sm_now_ns() - begin >= 20000000);
	NEED(sm_read_all(ends[0], buf, 0, 0) == 0);
	for (int nonblock = 0; nonblock < 2; nonblock++) {
		NEED(!fcntl(ends[0], F_SETFL, nonblock ? O_NONBLOCK : 0));
		NEED(!fcntl(ends[1], F_SETFL, nonblock ? O_NONBLOCK : 0));
		pid = fork();
		NEED(pid >= 0);
		NEED(!sigaction(SIGALRM, &sa, NULL) && !setitimer(ITIMER_REAL, &often, NULL));
		if (!pid) {
			for (size_t i = 0; i < size; i++)
				buf[i] = (unsigned char)(i >> 5);
			_exit(sm_write_all(ends[1], buf, size) ? 1 : 0);
		}
		NEED(sm_read_all(ends[0], buf, size, nonblock ? -1 : 10000) == 0);
		for (size_t i = 0; i < size; i++)
			NEED(buf[i] == (unsigned char)(i >> 5));
		while (waitpid(pid, &status, 0) < 0)
			NEED(errno == EINTR);
		NEED(status == 0);
	}
	NEED(write(ends[1], "ab", 2) == 2);
	close(ends[1]);
	NEED(sm_read_all(ends[0], buf, 3, 1000) == -EPIPE);
	NEED(sm_read_all(99, buf, 1, -1) == -EBADF);
	NEED(sm_write_all(99, buf, 1) == -EBADF);
	free(buf);
}

static void test_io(void **state)
{
	(void)state;
	in_child(io_body, NULL);
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

	for (int i = 0; i <= SM_STAGE_IMAGE; i++) {
		for (int k = 0; k < i; k++)
			assert_string_not_equal(sm_stage_name(i), sm_stage_name(k));
	}
	assert_string_equal(sm_stage_name(SM_STAGE_NONE), "none");
	assert_string_equal(sm_stage_name(SM_STAGE_EXEC), "exec");
	assert_string_equal(sm_stage_name(SM_STAGE_TIMEOUT), "timeout");
	assert_string_equal(sm_stage_name(SM_STAGE_IMAGE), "image");
	assert_string_equal(sm_stage_name(-1), "unknown");
	assert_string_equal(sm_stage_name(SM_STAGE_IMAGE + 1), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stdio_install), cmocka_unit_test(test_stdio_install_bad),
		cmocka_unit_test(test_stdio_open),    cmocka_unit_test(test_stdio_open_limit),
		cmocka_unit_test(test_close_from),    cmocka_unit_test(test_wait),
		cmocka_unit_test(test_kill),          cmocka_unit_test(test_raw_clone),
		cmocka_unit_test(test_signals),       cmocka_unit_test(test_io),
		cmocka_unit_test(test_fault),
	};

	alarm(120); /* a hang is a failure */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
