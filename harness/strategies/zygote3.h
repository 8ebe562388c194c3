/* SPDX-License-Identifier: MIT */
/*
 * zygote3.h - what parent and zygote3 say to each other.
 *
 * Frames over a socket pair that has no name: READY once, then one REPLY to each SPAWN, in order.
 * SPAWN holds a packed request (request.h) and what goes beside it. REPLY with a pid brings the
 * other ends of the child's pipes, then its pidfd where the kernel has one. With an errno as
 * well it tells of a child that was killed because they could not be sent: the parent reaps it.
 */
#ifndef SM_STRATEGIES_ZYGOTE3_H
#define SM_STRATEGIES_ZYGOTE3_H

#include <stddef.h>
#include <stdint.h>

enum sm_zygote3_msg { SM_ZYGOTE3_READY = 1, SM_ZYGOTE3_SPAWN, SM_ZYGOTE3_REPLY };

struct sm_zygote3_reply {
	int32_t pid, stage, err, detail;
	int32_t pidfd;  /* 1: the last descriptor is one */
	char text[240]; /* sent only with an errno */
};

/* A reply that is sent without its text. */
#define SM_ZYGOTE3_REPLY_SHORT offsetof(struct sm_zygote3_reply, text)

#endif
