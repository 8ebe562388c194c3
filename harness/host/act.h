/* SPDX-License-Identifier: MIT */
/*
 * act.h - one child with its orders, for SM_CMD_ISOLATE. Inside of the host.
 *
 * Each step returns 0, or -errno with the host's fault filled; then the child is dead and reaped.
 */
#ifndef SM_HOST_ACT_H
#define SM_HOST_ACT_H

#include "host.h"
#include "../isolation/attack.h"

struct sm_act {
	const char *who;       /* "attacker": for messages */
	struct sm_child child; /* pid 0: none */
	pid_t program;         /* of its newest DATA: sm_host_program() */
	struct sm_reader out;
};

struct sm_acting {
	struct sm_host_state *st;
	uint32_t timeout_ms; /* bound on each step */
};

/* Spawns a child and hands it its orders. args NULL: those of every request; orders NULL: none. */
int sm_act_start(struct sm_acting *acting, struct sm_act *act, const char *who,
		 const char *const *envp, const char *const *args, const struct sm_attack *orders);
/* Its next record, which must be of this kind. */
int sm_act_record(struct sm_acting *acting, struct sm_act *act, uint32_t kind,
		  struct sm_record *rec);
/* A DATA record and what follows it: *n whole units, at most max bytes. */
int sm_act_data(struct sm_acting *acting, struct sm_act *act, void *data, size_t unit, size_t max,
		uint32_t *n);
/* The whole life of a child that tells its layout, which is sent on as that of this sibling. */
int sm_act_layout(struct sm_acting *acting, const char *const *envp, uint32_t sibling);
/* A byte on its stdin: lets go of a child that holds still. */
void sm_act_let_go(struct sm_act *act);
/* Its end, with status 0. */
int sm_act_end(struct sm_acting *acting, struct sm_act *act);
/* SIGKILL and reap; nothing when there is none. */
void sm_act_kill(struct sm_acting *acting, struct sm_act *act);

#endif
