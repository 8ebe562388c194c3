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
struct sm_ledger;
struct sm_server;

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
	int old_clone;                    /* there is no clone3 */
	int has_handlers;                 /* libraries have registered any */
	const struct sm_sandbox *sandbox; /* NULL: none. sm_hatch() fills birth->berth */
	pid_t *ledger;                    /* where each child is noted (ledger.h); NULL: nowhere */
};

/*
 * Takes what sm_hatch_launch() has passed; before the server has threads. options: sm_setup.options
 * as the server got them, NULL: none. 0 and *sock, the other end of the parent's; or -errno.
 */
int sm_hatchery_open(struct sm_hatchery *h, const struct sm_payload *payload, const char *options,
		     const char *where, int *sock);
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
 * Parent: starts a server with a hatchery, which then loads. *sock: a socket pair of this type
 * (SOCK_STREAM, SOCK_SEQPACKET) to it; whose end of file is the server's death. In its environment it
 * gets the options; LD_BIND_NOW, or each child would look up anew whatever function it is the first
 * to call (8 page faults of 29 with the payload none); and the preload that sees the libraries' fork
 * handlers (atfork/atfork.h). $SM_ATFORK names the object; without, it lies beside the program or
 * library that this code is in; empty or not found: none, and the libraries' handlers do not run.
 * 0, or -errno with the fault filled and nothing left behind.
 */
int sm_hatch_launch(struct sm_server *server, struct sm_ledger *ledger,
		    const struct sm_setup *setup, const char *strategy, int type, int *sock,
		    struct sm_fault *fault);

#endif
