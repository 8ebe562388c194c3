/* SPDX-License-Identifier: MIT */
/*
 * common.h - what several strategies do alike: check what the caller handed over, wait for a
 * direct child, hand out its pipes. The table of strategies is in table.c.
 */
#ifndef SM_STRATEGIES_COMMON_H
#define SM_STRATEGIES_COMMON_H

#include "../spawnmark.h"
#include "../sys/sys.h"

/* The built-in strategies, one or two to a file. */
extern const struct sm_ops sm_fork_ops;
extern const struct sm_ops sm_forkserver_ops;
extern const struct sm_ops sm_noop_ops;
extern const struct sm_ops sm_popen_ops;
extern const struct sm_ops sm_raw_ops;
extern const struct sm_ops sm_vfork_ops;
extern const struct sm_ops sm_zygote_ops;

/* The server half of forkserver, in a file of its own. */
int sm_forkserver_serve(const char *where, const struct sm_payload *payload);

/* 0, or -EINVAL with the fault filled: a size too small, no argv. */
int sm_check_setup(const struct sm_setup *setup, struct sm_fault *fault);
int sm_check_spawn(const struct sm_req *req, const struct sm_child *child, struct sm_fault *fault);

/* A timeout of the public face as poll(2) takes it. */
int sm_poll_ms(uint32_t timeout_ms);

/* Moves the parent's ends into child, which owns them from now on. */
void sm_give_stdio(struct sm_child *child, pid_t pid, struct sm_stdio *io);

/* struct sm_ops.wait of every strategy whose children are the caller's own. */
int sm_wait_direct(void *self, struct sm_child *child, int timeout_ms, struct sm_exit *exit);

#endif
