/* SPDX-License-Identifier: MIT */
/*
 * frame_util.c - see frame_util.h.
 */
#include "frame_util.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fu_pair fu_pair(void)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	return (struct fu_pair){ sv[0], sv[1] };
}

void fu_drop(struct fu_pair *p)
{
	if (p->a >= 0)
		close(p->a);
	close(p->b);
}

int fu_count_fds(void)
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

void fu_files(int *fds, int n)
{
	for (int i = 0; i < n; i++) {
		fds[i] = memfd_create("f", MFD_CLOEXEC);
		assert_true(fds[i] >= 0);
	}
}

void fu_close(const int *fds, int n)
{
	for (int i = 0; i < n; i++)
		close(fds[i]);
}

/* Sends raw bytes, the descriptors on the first of them. */
void fu_send_raw(int sock, const void *data, size_t n, const int *fds, int nfds)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * 32)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { (void *)data, n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (nfds) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)nfds);
		cmsg = CMSG_FIRSTHDR(&msg);
		assert_non_null(cmsg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)nfds);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * (size_t)nfds);
	}
	assert_int_equal(sendmsg(sock, &msg, MSG_NOSIGNAL), n);
}

/* The bytes of a frame as they go over the wire, without its descriptors. */
size_t fu_wire_bytes(char *to, size_t room, uint16_t type, const char *text, int nfds)
{
	struct fu_pair p = fu_pair();
	int fds[SM_FRAME_FDS_MAX];
	ssize_t n;

	fu_files(fds, nfds);
	assert_int_equal(
		sm_frame_send(p.a, type, text, (uint32_t)strlen(text), fds, (unsigned int)nfds), 0);
	n = recv(p.b, to, room, 0); /* recv drops the descriptors */
	fu_close(fds, nfds);
	fu_drop(&p);
	assert_int_equal(n, FU_HEADER + strlen(text));
	return (size_t)n;
}

void fu_expect(int sock, uint16_t type, const char *text, const int *fds, int nfds)
{
	struct sm_frame f;
	char buf[64] = { 0 };

	assert_int_equal(sm_frame_recv(sock, &f, buf, sizeof(buf) - 1, FU_WAIT_MS), 0);
	assert_int_equal(f.type, type);
	assert_int_equal(f.bytes, strlen(text));
	assert_string_equal(buf, text);
	assert_int_equal(f.nfds, nfds);
	for (int i = 0; i < nfds; i++) {
		assert_int_equal(inode(f.fds[i]), inode(fds[i]));
		assert_int_not_equal(f.fds[i], fds[i]);
		assert_int_equal(fcntl(f.fds[i], F_GETFD), FD_CLOEXEC);
	}
	fu_close(f.fds, nfds);
}
