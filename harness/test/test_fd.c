/* SPDX-License-Identifier: MIT */
/*
 * test_fd.c - descriptors: pipes for a child, putting them in place, closing the others.
 */
#include "sys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "forked.h"

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

		FK_NEED(fd >= 0);
		ino[i] = inode(fd);
		FK_NEED(fcntl(fd, F_DUPFD_CLOEXEC, 100 + i) == 100 + i);
		close(fd);
	}
	for (int i = 0; i < 6; i++)
		FK_NEED(dup3(100 + i, i, O_CLOEXEC) == i);
	FK_NEED(!sm_close_from(6, -1));
	FK_NEED(!sm_stdio_install(fds));
	for (int i = 0; i < 3; i++) {
		FK_NEED(inode(i) == ino[fds[i]]);
		FK_NEED(fcntl(i, F_GETFD) == 0); /* survives an exec */
	}
	FK_NEED(fk_count_fds() == 6); /* helpers are gone, other sources are left */
}

static void test_stdio_install(void **state)
{
	(void)state;
	for (int n = 0; n < 6 * 6 * 6; n++) {
		const int fds[3] = { n / 36, n / 6 % 6, n % 6 };

		fk_in_child(install_body, fds);
	}
}

static void install_bad_body(const void *arg)
{
	const int *fds = arg;
	int before = fk_count_fds();

	FK_NEED(sm_stdio_install(fds) == -EBADF);
	FK_NEED(fk_count_fds() == before);
}

static void test_stdio_install_bad(void **state)
{
	const int closed[3] = { 0, 1, 99 }, none[3] = { -1, 1, 2 }, swapped[3] = { 1, 0, -1 };

	(void)state;
	fk_in_child(install_bad_body, closed);
	fk_in_child(install_bad_body, none);
	fk_in_child(install_bad_body, swapped);
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

	FK_NEED(!sm_close_from(3, -1));
	before = fk_count_fds();
	FK_NEED(!getrlimit(RLIMIT_NOFILE, &old));
	limit = old;
	limit.rlim_cur = 3 + (rlim_t)*room;
	FK_NEED(!setrlimit(RLIMIT_NOFILE, &limit));
	rc = sm_stdio_open(&io);
	FK_NEED(!setrlimit(RLIMIT_NOFILE, &old));
	FK_NEED(rc == (*room < 6 ? -EMFILE : 0));
	FK_NEED(fk_count_fds() == before + (*room < 6 ? 0 : 6));
}

static void test_stdio_open_limit(void **state)
{
	(void)state;
	for (int room = 0; room <= 6; room++)
		fk_in_child(stdio_limit_body, &room);
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

	FK_NEED(!setrlimit(RLIMIT_NOFILE, &limit)); /* close_each() should not take a second */
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		FK_NEED(dup2(2, fds[i]) == fds[i]);
	if (c->kernel == KERNEL_NO_CLOSE_RANGE)
		fk_forget_calls(SYS_close_range, SYS_close_range);
	if (c->kernel == KERNEL_NO_LIST)
		fk_forget_calls(SYS_close_range, SYS_getdents64);
	FK_NEED(!sm_close_from(c->lowest, c->keep));
	for (int fd = 0; fd < 1024; fd++) {
		int open_now = fcntl(fd, F_GETFD) >= 0;

		if (fd < c->lowest)
			continue;
		FK_NEED(open_now == (fd == c->keep));
	}
	for (int fd = 0; fd < 9 && fd < c->lowest; fd++)
		FK_NEED(fcntl(fd, F_GETFD) >= 0);
}

static void test_close_from(void **state)
{
	static const int lowest[] = { 3, 4, 64 }, keep[] = { -1, 1, 3, 4, 8, 64, 900 };

	(void)state;
	for (int k = KERNEL_NOW; k <= KERNEL_NO_LIST; k++) {
		for (size_t i = 0; i < 3 * 7; i++) {
			const struct close_case c = { lowest[i / 7], keep[i % 7], (enum kernel)k };

			fk_in_child(close_from_body, &c);
		}
	}
	assert_int_equal(sm_close_from(-1, -1), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stdio_install), cmocka_unit_test(test_stdio_install_bad),
		cmocka_unit_test(test_stdio_open),    cmocka_unit_test(test_stdio_open_limit),
		cmocka_unit_test(test_close_from),
	};

	alarm(120); /* a hang is a failure */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
