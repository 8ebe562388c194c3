/* SPDX-License-Identifier: MIT */
/*
 * fd_util.c - see fd_util.h.
 */
#include "fd_util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check/check.h"
#include "sys/sys.h"

static DIR *open_list(pid_t pid)
{
	char path[64];

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	else
		snprintf(path, sizeof(path), "/proc/self/fd");
	return opendir(path);
}

/* What descriptor `name` is: "/memfd:check", "pipe:[77]". */
static void what_is(DIR *dir, const char *name, char *what, size_t size)
{
	ssize_t n = readlinkat(dirfd(dir), name, what, size - 1);

	what[n > 0 ? n : 0] = '\0';
}

int sm_fd_list(pid_t pid, char *text, size_t size)
{
	DIR *dir = open_list(pid);
	size_t at = 0;
	int n = 0;

	if (!dir)
		return -errno;
	text[0] = '\0';
	for (const struct dirent *e; (e = readdir(dir));) {
		char what[128];
		int put;

		if (e->d_name[0] == '.' || (!pid && atoi(e->d_name) == dirfd(dir)))
			continue;
		n++;
		what_is(dir, e->d_name, what, sizeof(what));
		put = snprintf(text + at, size - at, "%s%s%s%s", at ? " " : "", e->d_name,
			       atoi(e->d_name) > 2 ? "=" : "", atoi(e->d_name) > 2 ? what : "");
		if (put > 0 && (size_t)put < size - at)
			at += (size_t)put;
	}
	closedir(dir);
	return n;
}

unsigned long sm_fd_inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : st.st_ino;
}

int sm_fd_holds(pid_t pid, unsigned long inode)
{
	DIR *dir = open_list(pid);
	char end[32];
	int n = 0;

	if (!dir)
		return -errno;
	snprintf(end, sizeof(end), ":[%lu]", inode);
	for (const struct dirent *e; (e = readdir(dir));) {
		char what[128];
		size_t len;

		what_is(dir, e->d_name, what, sizeof(what));
		len = strlen(what);
		n += len >= strlen(end) && !strcmp(what + len - strlen(end), end);
	}
	closedir(dir);
	return n;
}

int sm_fd_child_lists(struct sm_cell *c)
{
	char text[900];
	int n = sm_fd_list(0, text, sizeof(text));

	if (n < 0)
		return sm_broken(c, "/proc/self/fd: %s", strerror(-n));
	c->answer.n[0] = n;
	return sm_judge(c, n == 3, "the child has %d open: %s", n, text);
}

int sm_fd_expose(int fd, int least)
{
	int to = fcntl(fd, F_DUPFD, least);

	return to < 0 ? -errno : to;
}

int sm_fd_limit(pid_t pid, rlim_t soft, struct rlimit *was)
{
	struct rlimit limit;

	if (prlimit(pid, RLIMIT_NOFILE, NULL, &limit) < 0)
		return -errno;
	if (was)
		*was = limit;
	limit.rlim_cur = soft;
	return prlimit(pid, RLIMIT_NOFILE, &limit, NULL) < 0 ? -errno : 0;
}

bool sm_fd_ends(int fd)
{
	int64_t end = sm_now_ns() + (int64_t)SM_STEP_MS / 2 * 1000000;
	char scrap[4096];

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = (end - sm_now_ns()) / 1000000;
		ssize_t n;
		int ready = left < 0 ? 0 : poll(&p, 1, (int)left + 1);

		if (ready == 0)
			return false;
		if (ready < 0 && errno == EINTR) /* read() would wait without a bound */
			continue;
		n = read(fd, scrap, sizeof(scrap));
		if (n == 0)
			return true;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return false;
	}
}
