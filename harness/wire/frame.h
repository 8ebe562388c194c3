/* SPDX-License-Identifier: MIT */
/*
 * frame.h - length-prefixed messages with descriptors over an AF_UNIX stream socket.
 *
 * A frame is {type, bytes, descriptors}. The descriptors ride on the header's first byte, so a
 * frame and its descriptors stay paired whatever the reads look like (unix(7)). No policy here.
 */
#ifndef SM_WIRE_FRAME_H
#define SM_WIRE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define SM_FRAME_BYTES_MAX (1u << 20)
#define SM_FRAME_FDS_MAX   253 /* SCM_MAX_FD: the kernel takes no more in one message */

/* A kilobyte: not to be cleared for each message. The first nfds are valid. */
struct sm_frame {
	uint16_t type;
	uint16_t nfds;
	uint32_t bytes;
	int fds[SM_FRAME_FDS_MAX]; /* received: close-on-exec, owned by the caller */
};

/*
 * Sends one frame; retries on EINTR and short writes, raises no SIGPIPE. fds stay the caller's.
 * Returns 0, -EPIPE when the peer has gone, -EMSGSIZE beyond the limits above, -ETIMEDOUT when
 * the peer has taken nothing for ten seconds, or -errno.
 */
int sm_frame_send(int sock, uint16_t type, const void *data, uint32_t bytes, const int *fds,
		  unsigned int nfds);

/*
 * Receives one frame into data (at most size bytes). timeout_ms bounds each wait; < 0: for ever.
 * Returns 0; -EPIPE at end of file, -EPROTO for garbage or a frame cut short, -EMSGSIZE when it
 * does not fit, -ETIMEDOUT, -EMFILE when descriptors were lost on the way (MSG_CTRUNC: the
 * receiver's table is full). On error every descriptor that did arrive has been closed. After
 * -EMFILE and -EMSGSIZE the stream stands at the next frame; after any other error give it up.
 */
int sm_frame_recv(int sock, struct sm_frame *frame, void *data, uint32_t size, int timeout_ms);

#endif
