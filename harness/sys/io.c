/* SPDX-License-Identifier: MIT */
/*
 * io.c - reading and writing all of a thing.
 */
#include "sys.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* Waits for events until end (an instant; < 0: for ever). 0, -ETIMEDOUT or -errno. */
static int await(int fd, short events, int64_t end)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		struct timespec ts, *limit = NULL;
		int n;

		if (end >= 0) {
			int64_t left = end - sm_now_ns();

			if (left < 0)
				left = 0;
			ts.tv_sec = left / 1000000000;
			ts.tv_nsec = left % 1000000000;
			limit = &ts;
		}
		n = ppoll(&p, 1, limit, NULL);
		if (n > 0)
			return 0; /* also on an error or hang-up: the call itself tells which */
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

int sm_read_all(int fd, void *data, size_t n, int timeout_ms)
{
	int64_t end = timeout_ms < 0 ? -1 : sm_now_ns() + (int64_t)timeout_ms * 1000000;
	char *at = data;

	while (n) {
		ssize_t got;

		if (end >= 0) {
			int err = await(fd, POLLIN, end);

			if (err)
				return err;
		}
		got = read(fd, at, n);
		if (got > 0) {
			at += got;
			n -= (size_t)got;
		} else if (got == 0) {
			return -EPIPE;
		} else if (errno == EAGAIN) {
			int err = await(fd, POLLIN, end);

			if (err)
				return err;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

int sm_write_all(int fd, const void *data, size_t n)
{
	const char *at = data;

	while (n) {
		ssize_t put = write(fd, at, n);

		if (put >= 0) {
			at += put;
			n -= (size_t)put;
		} else if (errno == EAGAIN) {
			int err = await(fd, POLLOUT, -1);

			if (err)
				return err;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

int sm_write_quietly(int fd, const void *data, size_t n)
{
	const struct timespec now = { 0, 0 };
	sigset_t pipe_only, old;
	int err;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigprocmask(SIG_BLOCK, &pipe_only, &old);
	err = sm_write_all(fd, data, n);
	if (err == -EPIPE && !sigismember(&old, SIGPIPE))
		sigtimedwait(&pipe_only, NULL, &now);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return err;
}
