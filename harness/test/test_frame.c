/* SPDX-License-Identifier: MIT */
/*
 * test_frame.c - frames at every short length, with descriptors.
 */
#include "frame_util.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/sockios.h>

#include <cmocka.h>

static void test_round_trip(void **state)
{
	struct fu_pair p = fu_pair();
	int fds[SM_FRAME_FDS_MAX], before;

	(void)state;
	fu_files(fds, SM_FRAME_FDS_MAX);
	before = fu_count_fds();
	for (int n = 0; n <= SM_FRAME_FDS_MAX; n++) {
		assert_int_equal(sm_frame_send(p.a, 7, "hello", 5, fds, (unsigned int)n), 0);
		assert_int_equal(sm_frame_send(p.a, 8, NULL, 0, fds, (unsigned int)n), 0);
		fu_expect(p.b, 7, "hello", fds, n);
		fu_expect(p.b, 8, "", fds, n);
	}
	assert_int_equal(fu_count_fds(), before);
	fu_close(fds, SM_FRAME_FDS_MAX);
	fu_drop(&p);
}

/* Waits until the other side has taken everything: the next byte is then a read of its own. */
static void drain(int sock)
{
	for (int queued = 1; queued;) {
		if (ioctl(sock, SIOCOUTQ, &queued) < 0)
			_exit(2);
		sched_yield();
	}
}

/* In a child: sends byte by byte, each when the one before has been read. */
static pid_t dribble(int sock, const char *bytes, size_t n, const int *fds, int nfds)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	alarm(FU_WAIT_MS / 1000);
	for (size_t i = 0; i < n; i++) {
		fu_send_raw(sock, bytes + i, 1, fds, i ? 0 : nfds);
		drain(sock);
	}
	_exit(0);
}

static void reap(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_dribble(void **state)
{
	char bytes[64];
	int fds[3], before;

	(void)state;
	fu_files(fds, 3);
	before = fu_count_fds();
	for (int n = 0; n <= 3; n += 3) {
		size_t total = fu_wire_bytes(bytes, sizeof(bytes), 3, "one by one", n);
		struct fu_pair p = fu_pair();
		pid_t pid = dribble(p.a, bytes, total, fds, n);

		fu_expect(p.b, 3, "one by one", fds, n);
		reap(pid);
		fu_drop(&p);
	}
	assert_int_equal(fu_count_fds(), before);
	fu_close(fds, 3);
}

/* Two writes, cut at every place. */
static void test_every_split(void **state)
{
	char bytes[64];
	int fds[2];
	size_t total = fu_wire_bytes(bytes, sizeof(bytes), 4, "split", 2);

	(void)state;
	fu_files(fds, 2);
	for (size_t cut = 1; cut < total; cut++) {
		struct fu_pair p = fu_pair();

		fu_send_raw(p.a, bytes, cut, fds, 2);
		fu_send_raw(p.a, bytes + cut, total - cut, NULL, 0);
		fu_expect(p.b, 4, "split", fds, 2);
		fu_drop(&p);
	}
	fu_close(fds, 2);
}

/* The sender stops after every prefix: dead (end of file) or asleep (timeout). */
static void test_every_prefix(void **state)
{
	char bytes[64], buf[64];
	int fds[2], before;
	size_t total = fu_wire_bytes(bytes, sizeof(bytes), 4, "short", 2);

	(void)state;
	fu_files(fds, 2);
	before = fu_count_fds();
	for (size_t cut = 0; cut < total; cut++) {
		struct fu_pair dead = fu_pair(), asleep = fu_pair();
		struct sm_frame f;

		if (cut) {
			fu_send_raw(dead.a, bytes, cut, fds, 2);
			fu_send_raw(asleep.a, bytes, cut, fds, 2);
		}
		close(dead.a);
		dead.a = -1;
		assert_int_equal(sm_frame_recv(dead.b, &f, buf, sizeof(buf), FU_WAIT_MS),
				 cut ? -EPROTO : -EPIPE);
		assert_int_equal(f.nfds, 0);
		assert_int_equal(sm_frame_recv(asleep.b, &f, buf, sizeof(buf), 1), -ETIMEDOUT);
		assert_int_equal(f.nfds, 0);
		fu_drop(&dead);
		fu_drop(&asleep);
	}
	assert_int_equal(fu_count_fds(), before);
	fu_close(fds, 2);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* A frame larger than the socket's buffer, while signals interrupt both ends all the time. */
static void test_large_under_signals(void **state)
{
	const struct itimerval often = { { 0, 200 }, { 0, 200 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction sa = { .sa_handler = on_alarm }, old;
	struct fu_pair p = fu_pair();
	unsigned char *buf = malloc(SM_FRAME_BYTES_MAX);
	struct sm_frame f;
	pid_t pid;

	(void)state;
	assert_non_null(buf);
	assert_int_equal(sigaction(SIGALRM, &sa, &old), 0);
	for (uint32_t i = 0; i < SM_FRAME_BYTES_MAX; i++)
		buf[i] = (unsigned char)(i * 31 >> 3);
	pid = fork();
	assert_true(pid >= 0);
	setitimer(ITIMER_REAL, &often, NULL);
	if (!pid) {
		close(p.b); /* should the reader fail, the sender ends as well */
		for (int i = 0; i < 20; i++) {
			if (sm_frame_send(p.a, 9, buf, SM_FRAME_BYTES_MAX, &p.a, 1))
				_exit(1);
		}
		_exit(0);
	}
	for (int n = 0; n < 20; n++) {
		memset(buf, 0, SM_FRAME_BYTES_MAX);
		assert_int_equal(sm_frame_recv(p.b, &f, buf, SM_FRAME_BYTES_MAX,
					       n % 2 ? -1 : FU_WAIT_MS),
				 0);
		assert_int_equal(f.nfds, 1);
		close(f.fds[0]);
		for (uint32_t i = 0; i < SM_FRAME_BYTES_MAX; i++)
			if (buf[i] != (unsigned char)(i * 31 >> 3))
				fail_msg("byte %u of frame %d is wrong", i, n);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &old, NULL);
	alarm(120);
	reap(pid);
	free(buf);
	fu_drop(&p);
}

/* No SIGPIPE, which would end this program. */
static void test_peer_gone(void **state)
{
	struct fu_pair p = fu_pair();

	(void)state;
	close(p.b);
	p.b = dup(p.a);
	assert_int_equal(sm_frame_send(p.a, 1, "x", 1, NULL, 0), -EPIPE);
	fu_drop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),          cmocka_unit_test(test_dribble),
		cmocka_unit_test(test_every_split),         cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_large_under_signals), cmocka_unit_test(test_peer_gone),
	};

	alarm(120); /* a hang is a failure */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
