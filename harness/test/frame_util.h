/* SPDX-License-Identifier: MIT */
/*
 * frame_util.h - for tests of frames: socket pairs, files to send, raw bytes. Asserts with cmocka.
 */
#ifndef SM_TEST_FRAME_UTIL_H
#define SM_TEST_FRAME_UTIL_H

#include "wire/frame.h"

#define FU_WAIT_MS 5000 /* bounds what must come */
#define FU_HEADER  16   /* bytes before a frame's own */

struct fu_pair {
	int a, b; /* a sends, b receives; a < 0: closed already */
};

struct fu_pair fu_pair(void);
void fu_drop(struct fu_pair *p);

int fu_count_fds(void);
void fu_files(int *fds, int n); /* n different files */
void fu_close(const int *fds, int n);

/* Sends raw bytes, the descriptors on the first of them. */
void fu_send_raw(int sock, const void *data, size_t n, const int *fds, int nfds);
/* The bytes of a frame as they go over the wire, without its descriptors. */
size_t fu_wire_bytes(char *to, size_t room, uint16_t type, const char *text, int nfds);
/* Receives one frame: this one, with these files, close-on-exec; closes what came. */
void fu_expect(int sock, uint16_t type, const char *text, const int *fds, int nfds);

#endif
