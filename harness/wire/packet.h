/* SPDX-License-Identifier: MIT */
/*
 * packet.h - messages with descriptors over a socket pair of type SOCK_SEQPACKET.
 *
 * For two processes that trust each other and talk in turns: one system call sends a message, one
 * receives it whole. What is not trusted speaks frames (frame.h).
 */
#ifndef SM_WIRE_PACKET_H
#define SM_WIRE_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "frame.h"

struct sm_packet {
	void *data;
	uint32_t bytes; /* in: room to receive, or what is sent; out: what was received */
	uint32_t nfds;
	int fds[SM_FRAME_FDS_MAX]; /* received: close-on-exec, the caller's */
};

/*
 * Sends it; raises no SIGPIPE, never waits: a peer that takes one message at a time has room. 0,
 * -EPIPE when the peer has gone, -EAGAIN, or -errno.
 */
int sm_packet_send(int sock, const struct sm_packet *packet);

/*
 * Receives one. 0; -EPIPE: the peer has gone; -EMSGSIZE: it did not fit; -EMFILE: descriptors were
 * lost on the way, the data is there; -ETIMEDOUT; or -errno. On an error no descriptor is left.
 * timeout_ms: 0 looks and does not wait; else what sm_packet_patience() was told last.
 */
int sm_packet_recv(int sock, struct sm_packet *packet, int timeout_ms);

/*
 * How long receives of this socket wait; < 0: for ever, as at first. So that each needs one system
 * call, not a poll(2) as well. 0 or -errno.
 */
int sm_packet_patience(int sock, int timeout_ms);

void sm_packet_close_fds(struct sm_packet *packet);

#endif
