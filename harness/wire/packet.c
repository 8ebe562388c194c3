/* SPDX-License-Identifier: MIT */
/*
 * packet.c - see packet.h.
 */
#include "packet.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "../sys/sys.h"

union control {
	char buf[CMSG_SPACE(sizeof(int) * SM_FRAME_FDS_MAX)];
	struct cmsghdr align;
};

static int gone(int err)
{
	return err == ECONNRESET || err == ECONNREFUSED || err == EPIPE || err == ENOTCONN ? -EPIPE
											   : -err;
}

int sm_packet_send(int sock, const struct sm_packet *packet)
{
	struct iovec iov = { .iov_base = packet->data, .iov_len = packet->bytes };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t fd_bytes = sizeof(int) * packet->nfds;
	union control control;
	ssize_t put;

	if (packet->nfds > SM_FRAME_FDS_MAX)
		return -EMSGSIZE;
	if (packet->nfds) {
		struct cmsghdr *cmsg = &control.align;

		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(fd_bytes);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(fd_bytes);
		memcpy(CMSG_DATA(cmsg), packet->fds, fd_bytes);
	}
	do {
		put = sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (put < 0 && errno == EINTR);
	return put < 0 ? gone(errno) : 0;
}

void sm_packet_close_fds(struct sm_packet *packet)
{
	for (uint32_t i = 0; i < packet->nfds; i++)
		close(packet->fds[i]);
	packet->nfds = 0;
}

static void adopt(struct sm_packet *packet, struct msghdr *msg)
{
	packet->nfds = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(packet->fds, CMSG_DATA(c), n);
		packet->nfds = (uint32_t)(n / sizeof(int));
	}
}

/* After a signal the wait goes on, for what is left of it. 0, -ETIMEDOUT or -errno. */
static int wait_on(int sock, int64_t began_ns, int timeout_ms)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	int64_t left_ms = -1;
	int n;

	do {
		if (timeout_ms >= 0)
			left_ms = timeout_ms - (sm_now_ns() - began_ns) / 1000000;
		if (timeout_ms >= 0 && left_ms <= 0)
			return -ETIMEDOUT;
		n = poll(&p, 1, (int)left_ms);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n ? 0 : -ETIMEDOUT;
}

static ssize_t receive(int sock, struct msghdr *msg, int timeout_ms)
{
	int64_t began_ns = timeout_ms > 0 ? sm_now_ns() : 0;
	int flags = MSG_CMSG_CLOEXEC | (timeout_ms ? 0 : MSG_DONTWAIT);

	for (;;) {
		ssize_t got = recvmsg(sock, msg, flags);
		int err;

		if (got >= 0)
			return got;
		if (errno == EAGAIN)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return gone(errno);
		err = timeout_ms ? wait_on(sock, began_ns, timeout_ms) : 0;
		if (err)
			return err;
	}
}

int sm_packet_recv(int sock, struct sm_packet *packet, int timeout_ms)
{
	struct iovec iov = { .iov_base = packet->data, .iov_len = packet->bytes };
	union control control;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.buf,
			      .msg_controllen = sizeof(control.buf) };
	ssize_t got;
	int err = 0;

	packet->nfds = packet->bytes = 0;
	got = receive(sock, &msg, timeout_ms);
	if (got < 0)
		return (int)got;
	if (got == 0)
		return -EPIPE;
	adopt(packet, &msg);
	packet->bytes = (uint32_t)got;
	if (msg.msg_flags & MSG_TRUNC)
		err = -EMSGSIZE;
	else if (msg.msg_flags & MSG_CTRUNC)
		err = -EMFILE;
	if (err)
		sm_packet_close_fds(packet);
	return err;
}

int sm_packet_patience(int sock, int timeout_ms)
{
	struct timeval tv = { 0 }; /* zero is no bound; so the shortest one is a microsecond */

	if (timeout_ms >= 0) {
		tv.tv_sec = timeout_ms / 1000;
		tv.tv_usec = timeout_ms ? timeout_ms % 1000 * 1000 : 1;
	}
	return setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) < 0 ? -errno : 0;
}
