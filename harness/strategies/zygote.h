/* SPDX-License-Identifier: MIT */
/*
 * zygote.h - what parent and zygote say to each other.
 *
 * Frames over a socket pair that has no name: READY once, then one REPLY to each SPAWN, in order.
 * SPAWN holds a packed request (request.h) and what goes beside it. REPLY with a pid brings the
 * other ends of the child's pipes, or, with an errno as well, tells of a child that was killed
 * because they could not be sent: it is the parent's to reap.
 */
#ifndef SM_STRATEGIES_ZYGOTE_H
#define SM_STRATEGIES_ZYGOTE_H

#include <stdint.h>

enum sm_zygote_msg { SM_ZYGOTE_READY = 1, SM_ZYGOTE_SPAWN, SM_ZYGOTE_REPLY };

struct sm_zygote_reply {
	int32_t pid, stage, err, detail;
};

#endif
