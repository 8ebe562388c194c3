/* SPDX-License-Identifier: MIT */
/*
 * hatch.h - how a server of today clones a child for its parent: what zygote3 and pool share.
 *
 * clone3(CLONE_PARENT | CLONE_PIDFD | …) with all that a raw clone lacks: the fork handlers of the
 * payload and of every library run around it, libc's notion of the thread is repaired in the child,
 * a control group is entered at birth, and a server that has threads is refused (threads.h).
 *
 * CLONE_CLEAR_SIGHAND is not among the flags: it would take libc's own handlers as well (glibc's
 * SIGSETXID, without which setuid(2) in a child that has threads ends it).
 */
#ifndef SM_STRATEGIES_HATCH_H
#define SM_STRATEGIES_HATCH_H

#include "../child/child.h"
#include "threads.h"
#include "warm.h"

struct sm_atfork;
struct sm_sandbox;
struct sm_server_spec;

/* The server's own; opened once, after the payload has loaded. */
struct sm_hatchery {
	const struct sm_payload *payload;
	const struct sm_atfork *atfork; /* the libraries' handlers; NULL: not preloaded */
	sigset_t handled;               /* signals for which the payload has handlers */
	struct sm_threads threads;
	struct sm_warm warm;
	int *tid;     /* where libc keeps the thread's number; NULL: not found */
	void *robust; /* head of the list of robust mutexes, and its length; NULL: none */
	size_t robust_bytes;
	int old_clone;    /* there is no clone3 */
	int has_handlers; /* libraries have registered any */
	/* The caller's to set, once it is open; NULL: none. sm_hatch() fills birth->berth. */
	const struct sm_sandbox *sandbox;
	pid_t *ledger; /* where each child is noted (ledger.h); not by a kernel without clone3 */
};

/* 0 or -errno. options: sm_setup.options as the server got them, NULL: none. */
int sm_hatchery_open(struct sm_hatchery *h, const struct sm_payload *payload, const char *options);
void sm_hatchery_close(struct sm_hatchery *h);

/*
 * One child. birth: all but sigmask, handled, cloning_ns, entered_ns and run_after_fork is the
 * caller's to fill. cgroup_fd: where it is born, if the kernel can (then attr of the child has
 * no SM_REQ_CGROUP any more); -1: with the server. Does not return in the child unless `born`
 * does: born(arg) is what the child does once libc and handlers are in order, with all signals
 * blocked. NULL: sm_child_born(payload, birth). A born that waits for somebody has to enter
 * birth->berth first: its creator lets it through meanwhile.
 *
 * Returns the pid and *pidfd (close-on-exec, the caller's; -1 where the kernel has none), or -errno
 * with the fault filled: stage SM_STAGE_CLONE; SM_STAGE_SANDBOX; or SM_STAGE_THREADS, -EDEADLK, and its text names
 * the threads.
 */
pid_t sm_hatch(struct sm_hatchery *h, struct sm_birth *birth, int cgroup_fd,
	       void (*born)(void *arg), void *arg, int *pidfd, struct sm_fault *fault);

/*
 * Parent: what a server with a hatchery gets in its environment: the options; LD_BIND_NOW, or each
 * child would look up anew whatever function it is the first to call (8 page faults of 29 with the
 * payload none); and the preload that sees the libraries' fork handlers (atfork/atfork.h). $SM_ATFORK names the object; without, it
 * lies beside the program or library that this code is in; empty or not found: none, and the
 * libraries' handlers do not run.
 */
struct sm_hatch_env {
	char options[600];
	char preload[4096];
};
void sm_hatch_env(struct sm_hatch_env *env, const struct sm_setup *setup,
		  struct sm_server_spec *spec);

#endif
