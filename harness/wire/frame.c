/* SPDX-License-Identifier: MIT */
/*
 * frame.c - see frame.h.
 *
 * On the wire: struct header, then the bytes. The descriptors ride on the header's first byte.
 */
#include "frame.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER_MAGIC 0x31666d73u /* "smf1": the digit is the version */

/* A peer that takes nothing for so long is as good as gone. */
#define SEND_WAIT_MS 10000

struct header {
	uint32_t magic;
	uint16_t type;
	uint16_t nfds;
	uint32_t bytes;
	uint32_t zero; /* room to grow: must be 0 */
};

/* One more than is allowed, so that "too many" can be told from "the table is full". */
#define FDS_ROOM (SM_FRAME_FDS_MAX + 1)

union control {
	char buf[CMSG_SPACE(sizeof(int) * FDS_ROOM)];
	struct cmsghdr align;
};

static int await(int sock, short events, int timeout_ms)
{
	struct pollfd p = { .fd = sock, .events = events };
	int n;

	do {
		n = poll(&p, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

static int peer_gone(int err)
{
	return err == ECONNRESET || err == EPIPE ? -EPIPE : -err;
}

/* Sends what msg holds, beginning with its control data, which leaves with the first byte. */
static int send_all(int sock, struct msghdr *msg)
{
	while (msg->msg_iovlen) {
		ssize_t put = sendmsg(sock, msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		size_t left;

		if (put < 0) {
			int err = errno == EINTR    ? 0
				  : errno == EAGAIN ? await(sock, POLLOUT, SEND_WAIT_MS)
						    : peer_gone(errno);
			if (err)
				return err;
			continue;
		}
		msg->msg_control = NULL;
		msg->msg_controllen = 0;
		for (left = (size_t)put; msg->msg_iovlen && left >= msg->msg_iov->iov_len;) {
			left -= msg->msg_iov->iov_len;
			msg->msg_iov++;
			msg->msg_iovlen--;
		}
		if (msg->msg_iovlen) {
			msg->msg_iov->iov_base = (char *)msg->msg_iov->iov_base + left;
			msg->msg_iov->iov_len -= left;
		}
	}
	return 0;
}

int sm_frame_send(int sock, uint16_t type, const void *data, uint32_t bytes, const int *fds,
		  unsigned int nfds)
{
	struct header header = { .magic = HEADER_MAGIC, .type = type, .bytes = bytes };
	struct iovec iov[2] = { { .iov_base = &header, .iov_len = sizeof(header) },
				{ .iov_base = (void *)data, .iov_len = bytes } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = bytes ? 2 : 1 };
	union control control;

	if (bytes > SM_FRAME_BYTES_MAX || nfds > SM_FRAME_FDS_MAX)
		return -EMSGSIZE;
	header.nfds = (uint16_t)nfds;
	if (nfds) {
		struct cmsghdr *cmsg;

		memset(&control, 0, CMSG_SPACE(sizeof(int) * nfds)); /* what is sent, no more */
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * nfds);
	}
	return send_all(sock, &msg);
}

static void close_fds(struct sm_frame *frame)
{
	for (unsigned int i = 0; i < frame->nfds; i++)
		close(frame->fds[i]);
	frame->nfds = 0;
}

/*
 * Adopts the descriptors of one recvmsg. 0; -EPROTO: more than a frame may have; -EMFILE: the
 * kernel had to drop some, because this process may not open more (net/core/scm.c:scm_detach_fds).
 */
static int take_fds(struct sm_frame *frame, struct msghdr *msg)
{
	unsigned int got = 0;
	int err = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		unsigned int n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (unsigned int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		for (unsigned int i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (frame->nfds < SM_FRAME_FDS_MAX) {
				frame->fds[frame->nfds++] = fd;
			} else {
				close(fd);
				err = -EPROTO;
			}
		}
		got += n;
	}
	if ((msg->msg_flags & MSG_CTRUNC) && !err)
		err = got < FDS_ROOM ? -EMFILE : -EPROTO;
	return err;
}

/*
 * Receives all of n bytes. With a frame, descriptors are adopted; without, none may come. Looks
 * before it waits, unless told that the wait is likely. *fds_err gets what take_fds() says:
 * a loss does not end the reading, so that the stream stays in step.
 */
static int recv_all(int sock, void *data, size_t n, struct sm_frame *frame, int timeout_ms,
		    int *fds_err)
{
	int flags = MSG_CMSG_CLOEXEC | (timeout_ms < 0 ? 0 : MSG_DONTWAIT);
	int wait = frame && timeout_ms >= 0;
	size_t done = 0;

	while (done < n) {
		union control control;
		struct iovec iov = { .iov_base = (char *)data + done, .iov_len = n - done };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t got;
		int err;

		err = wait ? await(sock, POLLIN, timeout_ms) : 0;
		if (err)
			return err;
		wait = 0;
		if (frame) {
			msg.msg_control = control.buf;
			msg.msg_controllen = sizeof(control.buf);
		}
		got = recvmsg(sock, &msg, flags);
		if (got < 0) {
			if (errno != EINTR && errno != EAGAIN)
				return peer_gone(errno);
			if (errno == EAGAIN) { /* here also when the socket is non-blocking */
				err = await(sock, POLLIN, timeout_ms);
				if (err)
					return err;
			}
			continue;
		}
		if (got == 0)
			return done || !frame ? -EPROTO : -EPIPE;
		err = frame ? take_fds(frame, &msg) : (msg.msg_flags & MSG_CTRUNC) ? -EPROTO : 0;
		if (err && !*fds_err)
			*fds_err = err;
		done += (size_t)got;
	}
	return 0;
}

/* Reads what does not fit, so that the next frame can be read. */
static int skip(int sock, uint32_t bytes, int timeout_ms)
{
	char scrap[4096];
	int err = 0, fds_err = 0;

	while (bytes && !err) {
		uint32_t n = bytes < sizeof(scrap) ? bytes : (uint32_t)sizeof(scrap);

		err = recv_all(sock, scrap, n, NULL, timeout_ms, &fds_err);
		bytes -= n;
	}
	return err;
}

int sm_frame_recv(int sock, struct sm_frame *frame, void *data, uint32_t size, int timeout_ms)
{
	struct header header;
	int fds_err = 0;
	int err;

	frame->nfds = 0;
	err = recv_all(sock, &header, sizeof(header), frame, timeout_ms, &fds_err);
	if (err)
		goto out;
	err = -EPROTO;
	if (header.magic != HEADER_MAGIC || header.zero || header.bytes > SM_FRAME_BYTES_MAX ||
	    header.nfds > SM_FRAME_FDS_MAX)
		goto out;
	if (header.bytes > size) {
		err = skip(sock, header.bytes, timeout_ms);
		if (!err)
			err = -EMSGSIZE;
		goto out;
	}
	err = recv_all(sock, data, header.bytes, NULL, timeout_ms, &fds_err);
	if (!err)
		err = fds_err;
	if (!err && frame->nfds != header.nfds)
		err = -EPROTO;
	frame->type = header.type;
	frame->bytes = header.bytes;
out:
	if (err)
		close_fds(frame);
	return err;
}
