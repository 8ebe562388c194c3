/* SPDX-License-Identifier: MIT */
/*
 * common.h - what several strategies do alike: check what the caller handed over, wait for a
 * direct child, hand out its pipes. The table of strategies is in table.c.
 */
#ifndef SM_STRATEGIES_COMMON_H
#define SM_STRATEGIES_COMMON_H

#include "../spawnmark.h"
#include "../sys/attr.h"
#include "../sys/sys.h"

/* The built-in strategies, one or two to a file. */
extern const struct sm_ops sm_fork_ops;
extern const struct sm_ops sm_forkserver_ops;
extern const struct sm_ops sm_noop_ops;
extern const struct sm_ops sm_pool_ops;
extern const struct sm_ops sm_popen_ops;
extern const struct sm_ops sm_posix_spawn_ops;
extern const struct sm_ops sm_raw_ops;
extern const struct sm_ops sm_recycle_ops;
extern const struct sm_ops sm_shell_ops;
extern const struct sm_ops sm_subreaper_ops;
extern const struct sm_ops sm_vfork_ops;
extern const struct sm_ops sm_zygote_ops;
extern const struct sm_ops sm_zygote3_ops;

/* Server halves that are in files of their own. */
int sm_forkserver_serve(const char *where, const struct sm_payload *payload);
int sm_recycle_serve(const char *where, const struct sm_payload *payload);
int sm_zygote3_serve(const char *where, const struct sm_payload *payload);

/* 0, or -EINVAL with the fault filled: a size too small, no argv; -EOPNOTSUPP: a sandbox. */
int sm_check_setup(const struct sm_setup *setup, struct sm_fault *fault);
/* The same for a strategy with SM_SANDBOXES, which takes one. */
int sm_check_setup_sandboxed(const struct sm_setup *setup, struct sm_fault *fault);

/* What only newer callers set. */
const char *sm_setup_options(const struct sm_setup *setup); /* NULL: none */
int sm_setup_plan(const struct sm_setup *setup);            /* 0: none */
/* A copy for a server after the first. What its pointers point to stays the caller's. */
void sm_setup_keep(struct sm_setup *own, const struct sm_setup *setup);
/* Hands the pidfd over (-1: none), or closes it where the caller's struct has no place for it. */
void sm_give_pidfd(struct sm_child *child, int pidfd);

/*
 * The same for a request. An older caller's is shorter: it is copied to own, its fields zero, and
 * *req points there. Fields are checked; those for descriptors fill places.
 */
int sm_check_spawn(const struct sm_req **req, struct sm_req *own, struct sm_places *places,
		   const struct sm_child *child, struct sm_fault *fault);

/* For a strategy without any child that could have fields: 0, or -EOPNOTSUPP. */
int sm_refuse_fields(const struct sm_req *req, struct sm_fault *fault);

/* places where the request has descriptors of its own, else NULL. */
static inline struct sm_places *sm_places_of(const struct sm_req *req, struct sm_places *places)
{
	return req->fields & SM_REQ_FDS ? places : NULL;
}

/* A timeout of the public face as poll(2) takes it. */
int sm_poll_ms(uint32_t timeout_ms);

/* Moves the parent's ends into child, which owns them from now on. */
void sm_give_stdio(struct sm_child *child, pid_t pid, struct sm_stdio *io);

/* How many pipes a child gets: those that its request, of which places are built, leaves to us. */
unsigned int sm_pipes_due(const struct sm_req *req, const struct sm_places *places);
/* Hands over what a server sent with a pid: the pipes due, in their order, then its pidfd, if any. */
void sm_give_received(struct sm_child *child, pid_t pid, const struct sm_req *req,
		      const struct sm_places *places, const int *fds, int has_pidfd);
/*
 * The answer of a server did not come (err as of sm_frame_recv()); pid: of the child that it was
 * about, 0: none. That child is killed. Returns err with the fault filled.
 */
int sm_fail_answer(struct sm_fault *fault, int err, pid_t pid);

/* struct sm_ops.wait of every strategy whose children are the caller's own. */
int sm_wait_direct(void *self, struct sm_child *child, int timeout_ms, struct sm_exit *exit);

#endif
