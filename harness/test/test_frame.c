/* SPDX-License-Identifier: MIT */
/*
 * test_frame.c - frames at every short length, with descriptors, from friend and foe.
 */
#include "wire/frame.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/sockios.h>

#include <cmocka.h>

#define LONG_MS 5000 /* bounds what must come */
#define HEADER  16

struct pair {
	int a, b; /* a sends, b receives */
};

static struct pair make_pair(void)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	return (struct pair){ sv[0], sv[1] };
}

static void drop_pair(struct pair *p)
{
	if (p->a >= 0)
		close(p->a);
	close(p->b);
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static ino_t inode(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static void make_files(int *fds, int n)
{
	for (int i = 0; i < n; i++) {
		fds[i] = memfd_create("f", MFD_CLOEXEC);
		assert_true(fds[i] >= 0);
	}
}

static void close_all(const int *fds, int n)
{
	for (int i = 0; i < n; i++)
		close(fds[i]);
}

/* Sends raw bytes, the descriptors on the first of them. */
static void send_raw(int sock, const void *data, size_t n, const int *fds, int nfds)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * 32)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { (void *)data, n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (nfds) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)nfds);
		CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)nfds);
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), fds, sizeof(int) * (size_t)nfds);
	}
	assert_int_equal(sendmsg(sock, &msg, MSG_NOSIGNAL), n);
}

/* The bytes of a frame as they go over the wire, without its descriptors. */
static size_t wire_bytes(char *to, size_t room, uint16_t type, const char *text, int nfds)
{
	struct pair p = make_pair();
	int fds[SM_FRAME_FDS_MAX];
	ssize_t n;

	make_files(fds, nfds);
	assert_int_equal(
		sm_frame_send(p.a, type, text, (uint32_t)strlen(text), fds, (unsigned int)nfds), 0);
	n = recv(p.b, to, room, 0); /* recv drops the descriptors */
	close_all(fds, nfds);
	drop_pair(&p);
	assert_int_equal(n, HEADER + strlen(text));
	return (size_t)n;
}

static void expect_frame(int sock, uint16_t type, const char *text, const int *fds, int nfds)
{
	struct sm_frame f;
	char buf[64] = { 0 };

	assert_int_equal(sm_frame_recv(sock, &f, buf, sizeof(buf) - 1, LONG_MS), 0);
	assert_int_equal(f.type, type);
	assert_int_equal(f.bytes, strlen(text));
	assert_string_equal(buf, text);
	assert_int_equal(f.nfds, nfds);
	for (int i = 0; i < nfds; i++) {
		assert_int_equal(inode(f.fds[i]), inode(fds[i]));
		assert_int_not_equal(f.fds[i], fds[i]);
		assert_int_equal(fcntl(f.fds[i], F_GETFD), FD_CLOEXEC);
	}
	close_all(f.fds, nfds);
}

static void test_round_trip(void **state)
{
	struct pair p = make_pair();
	int fds[SM_FRAME_FDS_MAX], before;

	(void)state;
	make_files(fds, SM_FRAME_FDS_MAX);
	before = count_fds();
	for (int n = 0; n <= SM_FRAME_FDS_MAX; n++) {
		assert_int_equal(sm_frame_send(p.a, 7, "hello", 5, fds, (unsigned int)n), 0);
		assert_int_equal(sm_frame_send(p.a, 8, NULL, 0, fds, (unsigned int)n), 0);
		expect_frame(p.b, 7, "hello", fds, n);
		expect_frame(p.b, 8, "", fds, n);
	}
	assert_int_equal(count_fds(), before);
	close_all(fds, SM_FRAME_FDS_MAX);
	drop_pair(&p);
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
	alarm(LONG_MS / 1000);
	for (size_t i = 0; i < n; i++) {
		send_raw(sock, bytes + i, 1, fds, i ? 0 : nfds);
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
	make_files(fds, 3);
	before = count_fds();
	for (int n = 0; n <= 3; n += 3) {
		size_t total = wire_bytes(bytes, sizeof(bytes), 3, "one by one", n);
		struct pair p = make_pair();
		pid_t pid = dribble(p.a, bytes, total, fds, n);

		expect_frame(p.b, 3, "one by one", fds, n);
		reap(pid);
		drop_pair(&p);
	}
	assert_int_equal(count_fds(), before);
	close_all(fds, 3);
}

/* Two writes, cut at every place. */
static void test_every_split(void **state)
{
	char bytes[64];
	int fds[2];
	size_t total = wire_bytes(bytes, sizeof(bytes), 4, "split", 2);

	(void)state;
	make_files(fds, 2);
	for (size_t cut = 1; cut < total; cut++) {
		struct pair p = make_pair();

		send_raw(p.a, bytes, cut, fds, 2);
		send_raw(p.a, bytes + cut, total - cut, NULL, 0);
		expect_frame(p.b, 4, "split", fds, 2);
		drop_pair(&p);
	}
	close_all(fds, 2);
}

/* The sender stops after every prefix: dead (end of file) or asleep (timeout). */
static void test_every_prefix(void **state)
{
	char bytes[64], buf[64];
	int fds[2], before;
	size_t total = wire_bytes(bytes, sizeof(bytes), 4, "short", 2);

	(void)state;
	make_files(fds, 2);
	before = count_fds();
	for (size_t cut = 0; cut < total; cut++) {
		struct pair dead = make_pair(), asleep = make_pair();
		struct sm_frame f;

		if (cut) {
			send_raw(dead.a, bytes, cut, fds, 2);
			send_raw(asleep.a, bytes, cut, fds, 2);
		}
		close(dead.a);
		dead.a = -1;
		assert_int_equal(sm_frame_recv(dead.b, &f, buf, sizeof(buf), LONG_MS),
				 cut ? -EPROTO : -EPIPE);
		assert_int_equal(f.nfds, 0);
		assert_int_equal(sm_frame_recv(asleep.b, &f, buf, sizeof(buf), 1), -ETIMEDOUT);
		assert_int_equal(f.nfds, 0);
		drop_pair(&dead);
		drop_pair(&asleep);
	}
	assert_int_equal(count_fds(), before);
	close_all(fds, 2);
}

/* The receiver has room for fewer descriptors than come: none is kept, the stream goes on. */
static void test_full_table(void **state)
{
	struct pair p = make_pair();
	int fds[SM_FRAME_FDS_MAX], before;
	struct rlimit old, limit;

	(void)state;
	make_files(fds, SM_FRAME_FDS_MAX);
	before = count_fds();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	for (int room = 0; room < SM_FRAME_FDS_MAX; room++) {
		int next = dup(p.b); /* the lowest free number */
		struct sm_frame f;
		char buf[8];

		close(next);
		assert_int_equal(sm_frame_send(p.a, 1, "x", 1, fds, SM_FRAME_FDS_MAX), 0);
		assert_int_equal(sm_frame_send(p.a, 2, "y", 1, NULL, 0), 0);
		limit = old;
		limit.rlim_cur = (rlim_t)(next + room);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		assert_int_equal(sm_frame_recv(p.b, &f, buf, sizeof(buf), LONG_MS), -EMFILE);
		assert_int_equal(f.nfds, 0);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
		assert_int_equal(count_fds(), before);
		expect_frame(p.b, 2, "y", NULL, 0);
	}
	close_all(fds, SM_FRAME_FDS_MAX);
	drop_pair(&p);
}

/* The header's count and what came must agree; data carries no descriptors. */
static void test_wrong_descriptors(void **state)
{
	char bytes[64], buf[64];
	int fds[20], before;

	(void)state;
	make_files(fds, 20);
	before = count_fds();
	for (int said = 0; said <= 3; said++) {
		size_t total = wire_bytes(bytes, sizeof(bytes), 4, "count", said);

		for (int sent = 0; sent <= 20; sent++) {
			struct pair p = make_pair();
			struct sm_frame f;
			int rc;

			send_raw(p.a, bytes, total, fds, sent);
			rc = sm_frame_recv(p.b, &f, buf, sizeof(buf), LONG_MS);
			assert_int_equal(rc, said == sent ? 0 : -EPROTO);
			close_all(f.fds, f.nfds);
			drop_pair(&p);
		}
	}
	for (int said = 0; said <= 1; said++) {
		size_t total = wire_bytes(bytes, sizeof(bytes), 4, "count", said);
		struct pair p = make_pair();
		struct sm_frame f;

		send_raw(p.a, bytes, HEADER, NULL, 0);
		send_raw(p.a, bytes + HEADER, total - HEADER, fds, 1);
		assert_int_equal(sm_frame_recv(p.b, &f, buf, sizeof(buf), LONG_MS), -EPROTO);
		drop_pair(&p);
	}
	assert_int_equal(count_fds(), before);
	close_all(fds, 20);
}

static void test_garbage(void **state)
{
	char bytes[64], buf[64];
	size_t total = wire_bytes(bytes, sizeof(bytes), 4, "junk", 0);
	unsigned int seed = 42;
	int before = count_fds(), fd;

	(void)state;
	make_files(&fd, 1);
	before++;
	for (int i = 0; i < 4; i++) { /* every byte of the magic */
		struct pair p = make_pair();
		struct sm_frame f;

		bytes[i] ^= 1;
		send_raw(p.a, bytes, total, &fd, 1);
		assert_int_equal(sm_frame_recv(p.b, &f, buf, sizeof(buf), LONG_MS), -EPROTO);
		bytes[i] ^= 1;
		drop_pair(&p);
	}
	for (int i = 0; i < 10000; i++) {
		struct pair p = make_pair();
		size_t n = 1 + (size_t)rand_r(&seed) % sizeof(buf), at = 0;
		struct sm_frame f;

		if (i % 2 && n > 8) { /* half of them past the magic */
			memcpy(buf, bytes, 4);
			at = 4;
		}
		for (; at < n; at++)
			buf[at] = (char)rand_r(&seed);
		send_raw(p.a, buf, n, &fd, i % 3 == 0);
		close(p.a);
		p.a = -1;
		assert_int_equal(sm_frame_recv(p.b, &f, buf, sizeof(buf), LONG_MS), -EPROTO);
		drop_pair(&p);
	}
	assert_int_equal(count_fds(), before);
	close(fd);
}

static void test_oversize(void **state)
{
	struct pair p = make_pair();
	uint32_t huge = SM_FRAME_BYTES_MAX + 1;
	char bytes[64], *buf = calloc(1, huge), small[8];
	int fds[SM_FRAME_FDS_MAX + 1] = { 0 };
	struct sm_frame f;
	size_t total;

	(void)state;
	assert_non_null(buf);
	assert_int_equal(sm_frame_send(p.a, 1, buf, huge, NULL, 0), -EMSGSIZE);
	assert_int_equal(sm_frame_send(p.a, 1, buf, 1, fds, SM_FRAME_FDS_MAX + 1), -EMSGSIZE);

	/* Larger than the buffer: refused, its descriptor closed, the next one is whole. */
	make_files(fds, 1);
	assert_int_equal(sm_frame_send(p.a, 1, buf, 9000, fds, 1), 0);
	assert_int_equal(sm_frame_send(p.a, 2, "next", 4, NULL, 0), 0);
	assert_int_equal(sm_frame_recv(p.b, &f, small, sizeof(small), LONG_MS), -EMSGSIZE);
	assert_int_equal(f.nfds, 0);
	expect_frame(p.b, 2, "next", NULL, 0);

	/* A header that claims more than any frame may have. */
	total = wire_bytes(bytes, sizeof(bytes), 4, "big", 0);
	memcpy(bytes + 8, &huge, sizeof(huge));
	send_raw(p.a, bytes, total, NULL, 0);
	assert_int_equal(sm_frame_recv(p.b, &f, buf, huge, LONG_MS), -EPROTO);
	close(fds[0]);
	free(buf);
	drop_pair(&p);
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
	struct pair p = make_pair();
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
		for (int i = 0; i < 20; i++) {
			if (sm_frame_send(p.a, 9, buf, SM_FRAME_BYTES_MAX, &p.a, 1))
				_exit(1);
		}
		_exit(0);
	}
	for (int n = 0; n < 20; n++) {
		memset(buf, 0, SM_FRAME_BYTES_MAX);
		assert_int_equal(
			sm_frame_recv(p.b, &f, buf, SM_FRAME_BYTES_MAX, n % 2 ? -1 : LONG_MS), 0);
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
	drop_pair(&p);
}

/* No SIGPIPE, which would end this program. */
static void test_peer_gone(void **state)
{
	struct pair p = make_pair();

	(void)state;
	close(p.b);
	p.b = dup(p.a);
	assert_int_equal(sm_frame_send(p.a, 1, "x", 1, NULL, 0), -EPIPE);
	drop_pair(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_dribble),
		cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_full_table),
		cmocka_unit_test(test_wrong_descriptors),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_oversize),
		cmocka_unit_test(test_large_under_signals),
		cmocka_unit_test(test_peer_gone),
	};

	alarm(120); /* a hang is a failure */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
