/* SPDX-License-Identifier: MIT */
/*
 * descriptors.c - looking for canaries behind the descriptors that this process holds.
 *
 * Nothing is consumed: the next child must be able to find the same bytes. 0 to 2 are left alone:
 * the child's are pipes to the host that its strategy has just made, and a byte touched there is
 * an order or a record lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "canary.h"
#include "scan.h"

/* getdents64(2): libc offers it only behind opendir(3), which allocates. */
struct dirent64_head {
	uint64_t inode;
	int64_t offset;
	uint16_t bytes;
	uint8_t type;
	char name[];
};

int sm_each_descriptor(int pid, int (*each)(int fd, void *arg), void *arg)
{
	_Alignas(struct dirent64_head) char buf[2048];
	char path[32];
	long got;
	int dir, err = 0;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	else
		snprintf(path, sizeof(path), "/proc/self/fd");
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	while (!err && (got = syscall(SYS_getdents64, dir, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < got && !err;) {
			const struct dirent64_head *e = (const void *)(buf + at);
			int fd = e->name[0] == '.' ? -1 : atoi(e->name);

			at += e->bytes;
			if (fd > STDERR_FILENO && (pid || fd != dir))
				err = each(fd, arg);
		}
	}
	if (!err && got < 0)
		err = -errno;
	close(dir);
	return err;
}

/* Peeks into a pipe by doubling its bytes into one of our own (tee(2)). Bytes in buf, or -errno. */
static ssize_t peek_pipe(int fd, void *buf, size_t n)
{
	ssize_t got;
	int own[2];

	if (pipe2(own, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	got = tee(fd, own[1], n, SPLICE_F_NONBLOCK);
	if (got > 0)
		got = read(own[0], buf, n);
	if (got < 0)
		got = -errno;
	close(own[1]);
	close(own[0]);
	return got;
}

/* The first bytes behind fd, none of them consumed. */
static ssize_t peek(int fd, mode_t mode, void *buf, size_t n)
{
	ssize_t got;

	if (S_ISFIFO(mode))
		return peek_pipe(fd, buf, n);
	if (S_ISSOCK(mode))
		got = recv(fd, buf, n, MSG_PEEK | MSG_DONTWAIT);
	else if (S_ISREG(mode))
		got = pread(fd, buf, n, 0);
	else
		return 0; /* devices: reading one may have effects */
	return got < 0 ? -errno : got;
}

static int look(int fd, void *arg)
{
	struct sm_scan *s = arg;
	char path[40], name[64];
	struct stat st;
	ssize_t got;

	if (fstat(fd, &st) < 0)
		return 0; /* a directory entry of ours, closed since */
	s->descriptors++;
	got = peek(fd, st.st_mode, s->buf, sizeof(s->buf));
	/* Empty, a write end, a socket that only listens: there is nothing to read. */
	if (got < 0 && got != -EAGAIN && got != -EBADF && got != -ENOTCONN && got != -EINVAL)
		s->fd_unread++;
	if (got <= 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	memset(name, 0, sizeof(name)); /* readlink(2) ends nothing */
	if (readlink(path, name, sizeof(name) - 1) < 0)
		name[0] = '?';
	sm_scan_buffer(s, (size_t)got, 0, fd, name);
	return 0;
}

void sm_scan_descriptors(struct sm_scan *s)
{
	s->fd_err = sm_each_descriptor(0, look, s);
}
