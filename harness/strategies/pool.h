/* SPDX-License-Identifier: MIT */
/*
 * pool.h - children made ahead: what parent, server and idle child say to each other, and what the
 * files of the strategy share.
 *
 *   pool.c        the parent: the strategy's face, and a request on its way to an idle child
 *   pool_keep.c   the parent: its server, and keeping the pool full
 *   pool_spare.c  the parent: the idle children that it knows of
 *   pool_serve.c  the server: makes them
 *   pool_child.c  an idle child: gets ready, waits, takes its request
 *
 * Between parent and server, frames over a socket pair without a name. READY once; then MAKE
 * whenever more are wanted, and a SPARE for each that was made, with the other ends of its control
 * socket and its pipes, and its pidfd.
 *
 * Between parent and idle child, datagrams (SOCK_SEQPACKET) over the child's own control socket:
 * one struct sm_pool_hello from the child, when it waits; one packed request (request.h) to it, with
 * the descriptors that go beside. End of file ends it. No request ever gets to the server.
 */
#ifndef SM_STRATEGIES_POOL_H
#define SM_STRATEGIES_POOL_H

#include "../child/child.h"
#include "../spawnmark.h"
#include "ledger.h"
#include "option.h"
#include "request.h"
#include "server.h"

#define SM_POOL_SIZE_MAX 256

/* When a child that was handed out is replaced. */
enum sm_pool_refill {
	SM_POOL_EAGER, /* it is asked for right at the hand-out */
	SM_POOL_LAZY,  /* between requests (idle), or when none is left */
	SM_POOL_PACED, /* asked for when it has ended, or half of the pool is gone; and made when it
			  has been quiet for a while */
};

struct sm_pool_options {
	uint32_t size;
	int warm, refill;
};

/* In parent and server. 0, or -EINVAL with the fault filled. */
int sm_pool_options(struct sm_pool_options *o, const char *text, struct sm_fault *fault);
extern const char *const sm_pool_option_names[];

enum sm_pool_msg { SM_POOL_READY = 1, SM_POOL_MAKE, SM_POOL_SPARE };

enum sm_pool_pace {
	SM_POOL_AT_EASE,
	SM_POOL_HURRY,   /* somebody waits for all that are due */
	SM_POOL_NO_MORE, /* those that are due are called off; the answer says how many */
};

struct sm_pool_make {
	uint32_t n;
	uint32_t pace; /* enum sm_pool_pace */
};

/* With a pid and an error: it was killed, and is the parent's to reap. */
struct sm_pool_made {
	int32_t pid;  /* 0: none */
	uint32_t off; /* so many that were asked for will not come */
	struct sm_fault fault;
};

/*
 * The descriptors of a SPARE, in this order. The parent has the child's end of the control socket
 * as well: so the child's close() before its payload runs is not the last one, which costs more
 * than all else that it does by then.
 */
enum {
	SM_POOL_CONTROL,
	SM_POOL_FAR_END,
	SM_POOL_IN,
	SM_POOL_OUT,
	SM_POOL_ERR,
	SM_POOL_PIDFD,
	SM_POOL_FDS
};

struct sm_pool_hello {
	int32_t stage, err, detail; /* SM_STAGE_NONE: it waits; else why not. detail: the layer */
};

/* ---- parent ---- */

struct sm_pool_spare {
	pid_t pid;
	int fds[SM_POOL_FDS];
	int waits; /* 1: it has said so */
};

/* Of one that has ended, or soon will: to be reaped. */
struct sm_pool_grave {
	pid_t pid;
	int pidfd; /* -1: none */
};
#define SM_POOL_GRAVES (2 * SM_POOL_SIZE_MAX)

/*
 * The idle children in the order in which they came; and those that will serve nobody. Where
 * all are in one pid namespace, its init cannot be reaped before the others: nobody waits for it,
 * it is looked for again.
 */
struct sm_pool_spares {
	struct sm_pool_spare at[SM_POOL_SIZE_MAX];
	uint32_t n, graves;
	int fresh; /* the last one has come since one was taken */
	struct sm_pool_grave grave[SM_POOL_GRAVES];
};

/* n: SM_POOL_FDS, or one less where the kernel has no pidfd. */
void sm_pool_spare_add(struct sm_pool_spares *s, pid_t pid, const int *fds, unsigned int n);
/*
 * Takes one out: the one that has come since the last was taken, if it is known to wait, for what it
 * has touched is still in the caches (16 warm ones: a small work takes it 0.11 ms, and 0.40 the
 * others). Else the one that came first. 0 or -ENOENT.
 */
int sm_pool_spare_take(struct sm_pool_spares *s, struct sm_pool_spare *spare);
/* Puts back the one that was taken last. */
void sm_pool_spare_give_back(struct sm_pool_spares *s, const struct sm_pool_spare *spare);
/*
 * Waits for its hello, until end_ns (0: only looks). 0; -ETIMEDOUT (0 when it only looks); -EPIPE:
 * it has ended; or another -errno with the fault filled: it cannot wait.
 */
int sm_pool_spare_hear(struct sm_pool_spare *spare, int64_t end_ns, struct sm_fault *fault);
/* Does it live, and run? No: it is dead or stopped, and can serve nobody. */
int sm_pool_spare_fit(const struct sm_pool_spare *spare);
/* One that is not among them: to be killed and reaped. */
void sm_pool_spares_bury(struct sm_pool_spares *s, pid_t pid);
/* Kills and closes one that was taken out, or the i-th; it is reaped later. */
void sm_pool_spare_kill(struct sm_pool_spares *s, struct sm_pool_spare *spare);
void sm_pool_spares_drop(struct sm_pool_spares *s, uint32_t i);
/* Reaps those that have ended, until none is left that should; timeout_ms 0: one look. */
void sm_pool_spares_reap(struct sm_pool_spares *s, int timeout_ms);
/* Kills those that are not fit, and looks once for what can be reaped. */
void sm_pool_spares_sift(struct sm_pool_spares *s);
/* Ends and reaps them all. */
void sm_pool_spares_end(struct sm_pool_spares *s);

struct sm_pool {
	struct sm_setup setup; /* a copy: the caller's need not live, what it points to does */
	struct sm_pool_options options;
	struct sm_server server;
	struct sm_ledger ledger; /* the server's */
	pid_t owner;             /* whose children they are */
	int sock;                /* to the server; -1: there is none */
	int loaded;              /* it has said that it is ready */
	uint32_t asked;          /* children that it has not made yet */
	int last[2]; /* control socket of the child that was handed out last; -1: closed */
	struct sm_pool_spares spares;
	struct sm_places places; /* of the request in hand; untouched by those without */
	char buf[SM_REQUEST_BYTES_MAX] SM_REQUEST_ALIGNED;
};

/* Launches the server and waits until it has loaded. 0, or -errno with the fault filled. */
int sm_pool_open(struct sm_pool *p, struct sm_fault *fault);
/* Ends the server, and all idle children with it. */
void sm_pool_close(struct sm_pool *p);
/* Takes what has come; sorts out who is dead or stopped, and reaps. Waits for nobody. */
void sm_pool_look(struct sm_pool *p);
/* Asks for as many as are missing, of a new server where the old one has died; waits for none. */
void sm_pool_ask(struct sm_pool *p);
/*
 * Waits for one more idle child; asks for it, of a new server where the old one has died. 0;
 * -ETIMEDOUT; or another -errno. On error the fault is filled.
 */
int sm_pool_await(struct sm_pool *p, int64_t end_ns, struct sm_fault *fault);
/* Until the pool is full and all of it waits. 0, or -errno with the fault filled. */
int sm_pool_fill(struct sm_pool *p, int64_t end_ns, struct sm_fault *fault);

/* ---- server and child ---- */

int sm_pool_serve(const char *where, const struct sm_payload *payload);

/* Code that runs between request and payload: a mapping of a file. */
struct sm_pool_code {
	void *at;
	size_t bytes;
};
#define SM_POOL_CODES 8

/* All that an idle child needs; made in the server, where memory may be allocated. */
struct sm_pool_cradle {
	const struct sm_payload *payload;
	struct sm_birth birth;
	int control; /* the child's end */
	int warm;
	int interruptible; /* the server found SIGINT at its default: so does who has a request */
	struct sm_pool_code code[SM_POOL_CODES];
	int ncode;
	struct sm_request request;
	struct sm_places places;
	sigset_t mask;
	char buf[SM_REQUEST_BYTES_MAX] SM_REQUEST_ALIGNED;
};

/* arg: a struct sm_pool_cradle; for sm_hatch(). Does not return. */
void sm_pool_idle(void *arg);

#endif
