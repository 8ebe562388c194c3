/* SPDX-License-Identifier: MIT */
/*
 * zygote3.h - what parent and zygote3 say to each other.
 *
 * Packets (wire/packet.h) over a socket pair that has no name: the server says an empty reply when
 * it is ready, then one to each request, in order. A request is what request.h packs, and what goes
 * beside it. A reply with a pid brings the other ends of the child's pipes, then its pidfd where
 * the kernel has one. With an errno as well it tells of a child that was killed because they could
 * not be sent: the parent reaps it.
 */
#ifndef SM_STRATEGIES_ZYGOTE3_H
#define SM_STRATEGIES_ZYGOTE3_H

#include <stddef.h>
#include <stdint.h>

struct sm_zygote3_reply {
	int32_t pid, stage, err, detail;
	int32_t pidfd;  /* 1: the last descriptor is one */
	char text[240]; /* sent only with an errno */
};

/* A reply that is sent without its text. */
#define SM_ZYGOTE3_REPLY_SHORT offsetof(struct sm_zygote3_reply, text)

#endif
