/* SPDX-License-Identifier: MIT */
/*
 * spawnmark.h - the public face of libspawnmark; read this first.
 *
 * Three kinds of program include it:
 *
 *   a strategy  one way to get a child: fill a struct sm_ops.
 *   a payload   a program that loads what a child needs, then calls sm_role(). It calls
 *               sm_entered() before anything else.
 *   a host      plays the parent for one case: calls sm_host() with its strategy.
 *
 * Every struct begins with its size as the caller knows it, so that old callers keep working with
 * a newer library; a size that is too small is refused with -EINVAL. All structs are flat, so that
 * any foreign-function interface can fill them.
 *
 * Library functions return 0 or a negative errno. They never print and never exit, save where
 * their comment says that they do not return.
 */
#ifndef SPAWNMARK_H
#define SPAWNMARK_H

#include <stdint.h>
#include <sys/types.h>

#include "record.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SM_VERSION "0.1.0"

/* What a strategy promises. Conformance holds it to them. */
enum sm_trait {
	SM_CHILD_OF_PARENT = 1 << 0,  /* getppid() of the child is the host, which waits for it */
	SM_FRESH_IMAGE = 1 << 1,      /* every child is exec'd */
	SM_RUNS_ATFORK = 1 << 2,      /* fork handlers of the payload run around the clone */
	SM_OWN_SERVER = 1 << 3,       /* an exec'd server makes the children */
	SM_PARENT_LOADS = 1 << 4,     /* the host itself is the payload */
	SM_NEGATIVE_CONTROL = 1 << 5, /* unsafe by design: must be seen to leak */
	SM_METER = 1 << 6,            /* measures the meter or a floor, not a way to get a child */
	SM_REUSES_PROCESS = 1 << 7,   /* one process serves request after request */
	SM_AHEAD = 1 << 8,            /* children are made before they are asked for */
	SM_SANDBOXES = 1 << 9,        /* heeds setup->plan_fd; others refuse one */
	SM_GIVES_PIDFD = 1 << 10,     /* child->pidfd, made by the clone itself */
};

/* Where a request failed; sent from child or server to parent as {stage, errno}. */
enum sm_stage {
	SM_STAGE_NONE,
	SM_STAGE_ARGUMENT, /* the caller's struct is not acceptable */
	SM_STAGE_PIPE,     /* a pipe or socket pair could not be made */
	SM_STAGE_SOCKET,   /* the named socket: directory, bind, mode, listen */
	SM_STAGE_CLONE,    /* fork, vfork or clone */
	SM_STAGE_STDIO,    /* dup2 onto 0, 1, 2 */
	SM_STAGE_CLOSE,    /* closing every other descriptor */
	SM_STAGE_CHDIR,
	SM_STAGE_EXEC,
	SM_STAGE_PRELOAD, /* the server died or spoke no word while it loaded the payload */
	SM_STAGE_CONNECT,
	SM_STAGE_SEND,
	SM_STAGE_RECEIVE, /* also: descriptors lost on the way (MSG_CTRUNC) */
	SM_STAGE_REPLY,   /* the other side answered what the protocol does not allow */
	SM_STAGE_TIMEOUT,
	SM_STAGE_RECORD, /* the child ended without a record */
	SM_STAGE_WORK,   /* the payload's work failed */
	SM_STAGE_CHECK,  /* the payload's result is wrong */
	SM_STAGE_WAIT,
	SM_STAGE_IMAGE,   /* the parent's ballast could not be built */
	SM_STAGE_ATTR,    /* what the request asks of the child; detail: enum sm_req_field */
	SM_STAGE_SANDBOX, /* a layer of the sandbox; detail: enum sm_layer (sandbox/sandbox.h) */
	SM_STAGE_THREADS, /* the server has more than one thread and would lose them; text: which */
};

/* Why something failed. Filled whenever a function that takes one returns an error. */
struct sm_fault {
	uint32_t size;
	int32_t stage;  /* enum sm_stage */
	int32_t err;    /* a positive errno, or 0 */
	int32_t detail; /* wait status, or what the stage says */
	char text[240]; /* one line for a person, NUL-terminated; may be empty */
};

/*
 * What the program that loads itself hands to sm_role(). Work and check return 0, or anything else
 * for failure; both run in the child, after everything is loaded. Fork handlers may be NULL; they
 * are called by strategies with SM_RUNS_ATFORK as fork(2) of the runtime would call them.
 */
struct sm_payload {
	uint32_t size;
	int (*work)(void *arg);  /* first unit of real work; its end is the instant `worked` */
	int (*check)(void *arg); /* verifies the work's result, after that instant; may be NULL */
	void (*before_fork)(void);
	void (*after_fork_parent)(void);
	void (*after_fork_child)(void);
	void *arg;
	/*
	 * Called once in a server, after loading and before its first child: what the runtime can
	 * do so that less of its memory is copied later (Python: gc.freeze()). May be NULL.
	 */
	void (*before_serve)(void);
};

/* Given once, when a strategy starts. Pointers stay valid until stop() has returned. */
struct sm_setup {
	uint32_t size;
	uint32_t timeout_ms;     /* bound on start(), which includes the server's preload */
	const char *const *argv; /* the payload: argv[0] is its path; NULL-terminated */
	const char *const *envp; /* environment of the server: never the parent's own */
	const struct sm_payload *payload; /* SM_PARENT_LOADS: this process's own; else NULL */
	/*
	 * "name=value" words with blanks between them, for strategies that have options (ops->options
	 * names them); NULL: their defaults. An unknown name or a bad value is -EINVAL.
	 */
	const char *options;
	/* A compiled sandbox (sandbox/sandbox.h) that every child enters; 0: none. The caller's. */
	int plan_fd;
};

/* Which of the optional fields of a request count. Without any, a child is as its creator. */
enum sm_req_field {
	SM_REQ_SETSID = 1 << 0, /* a session of its own; no field */
	SM_REQ_PGID = 1 << 1,   /* setpgid(0, pgid); 0: a group of its own */
	SM_REQ_UMASK = 1 << 2,
	SM_REQ_SIGMASK = 1 << 3, /* without: the mask of the parent or of the server */
	SM_REQ_LIMITS = 1 << 4,
	SM_REQ_CGROUP = 1 << 5,
	SM_REQ_GROUPS = 1 << 6, /* supplementary groups; ngroups 0: none */
	SM_REQ_GID = 1 << 7,    /* real, effective and saved */
	SM_REQ_UID = 1 << 8,
	SM_REQ_FDS = 1 << 9,
};

/* A descriptor that the child gets: the caller's src becomes its dst. */
struct sm_req_fd {
	int32_t src, dst;
};

struct sm_req_limit {
	int32_t resource; /* RLIMIT_... */
	int32_t zero;
	uint64_t soft, hard; /* UINT64_MAX: none (RLIM_INFINITY) */
};

/*
 * One child, please. Pointers need to stay valid during spawn() alone. A strategy that does not
 * offer a field refuses the request with -EOPNOTSUPP, stage SM_STAGE_ATTR: never in silence.
 *
 * Descriptors come first, together with the pipes, so that no limit of the same request stands in
 * their way. The other fields are applied in the order of enum sm_req_field, after cwd, before
 * exec or payload. What can be told without a child (unknown bits, a bad src, one dst twice, more
 * descriptors than the strategy can pass on: -EMSGSIZE) is refused by spawn(). A step that fails
 * in the child is told by spawn() where the child is exec'd, else by the child as an
 * SM_RECORD_FAULT on its stdout; the payload does not run. Either way the stage is SM_STAGE_ATTR
 * and detail the field. A shorter struct, without fields, is one that asks for none.
 */
struct sm_req {
	uint32_t size;
	uint32_t timeout_ms;     /* bound on every step of spawn() that waits for somebody */
	const char *const *args; /* arguments of this request, beyond the payload's own; or NULL */
	const char *const *envp; /* the child's whole environment */
	const char *cwd;         /* NULL: leave it */

	uint32_t fields; /* enum sm_req_field */
	uint32_t umask;
	uint64_t sigmask; /* bit n - 1 stands for signal n */
	int32_t pgid;
	int32_t cgroup_fd; /* an open directory of a control group: the child is moved there */
	uint32_t uid, gid;
	const uint32_t *groups;
	const struct sm_req_limit *limits;
	/*
	 * All other descriptors are closed. One with dst 0, 1 or 2 takes the place of that pipe,
	 * and the caller gets -1 for its end. Several may share one src; any order is right.
	 */
	const struct sm_req_fd *fds;
	uint32_t ngroups, nlimits, nfds;
};

/* A child in hand. The caller owns the descriptors (the parent's ends; -1: none). */
struct sm_child {
	uint32_t size;
	pid_t pid;
	int in, out, err;
	int64_t priv; /* the strategy's own */
	int pidfd;    /* of the child; -1 where the strategy hands over none */
};

/* How a child ended. Times and counts are -1 where the strategy cannot know them. */
struct sm_exit {
	uint32_t size;
	int32_t status; /* as wait(2) gives it, core bit and all */
	int64_t utime_ns, stime_ns;
	int64_t minflt, majflt, nvcsw, nivcsw;
};

/* One strategy. start, spawn, wait and stop are mandatory; the rest may be NULL, but see server. */
struct sm_ops {
	uint32_t size;
	const char *name;    /* as scenarios spell it */
	const char *summary; /* one line for `spawnmark list` */
	uint64_t traits;     /* enum sm_trait */

	/* Sets *self. On error nothing is left behind and stop() is not called. */
	int (*start)(void **self, const struct sm_setup *setup, struct sm_fault *fault);

	/* Fills *child, or returns an error and leaves nothing behind: no process, no descriptor. */
	int (*spawn)(void *self, const struct sm_req *req, struct sm_child *child,
		     struct sm_fault *fault);

	/*
	 * Collects the child's exit. timeout_ms < 0 waits for ever (the measured path: the driver
	 * owns the deadline), otherwise -ETIMEDOUT; -EPIPE when the server that knew is dead.
	 * Does not close the child's stdio.
	 */
	int (*wait)(void *self, struct sm_child *child, int timeout_ms, struct sm_exit *exit);

	/* Ends and reaps the server, frees self. Children that still run go on. */
	void (*stop)(void *self);

	/* The server's pid, for audit and accounting. A must with SM_OWN_SERVER, else NULL. */
	pid_t (*server)(void *self);

	/* For strategies whose children have no stdout (SM_METER): what the child would say. */
	int (*record)(void *self, struct sm_child *child, struct sm_record *rec);

	/*
	 * The server half, same file: runs in the exec'd payload after it has loaded. where is
	 * what start() wrote behind the strategy's name in the job. Returns when the parent has
	 * gone; never returns in a child.
	 */
	int (*serve)(const char *where, const struct sm_payload *payload);

	/*
	 * Called before each spawn of a latency block, outside its span: what the strategy does
	 * between requests. Its CPU is on the block's account. When it returns the strategy is at
	 * rest: whatever it makes ahead is there. An open loop calls it before its first arrival
	 * and after its last child, not between: who is asked by a schedule has no time of his own.
	 * NULL: nothing to do.
	 */
	void (*idle)(void *self);

	/* SM_AHEAD: the children that wait to be asked for, at most room of them. How many. */
	int (*spares)(void *self, pid_t *pids, int room);

	/* Names of the options that setup->options may set, NULL-terminated; NULL: none. */
	const char *const *options;
};

/*
 * A payload's first act, before its imports: takes the instant `entered` of an exec'd child. The
 * second form is for a runtime that can read CLOCK_MONOTONIC before it can load this library.
 */
void sm_entered(void);
void sm_entered_at(int64_t monotonic_ns);

/*
 * A payload's last act: take the role that the job names. job NULL reads $SM_JOB. Jobs:
 *
 *   child[/ORDER]          freshly exec'd: run one child (orders: see child/orders.h)
 *   serve/STRATEGY/WHERE   be the server; each child that is cloned runs and exits inside
 *   host/STRATEGY/FD       be the parent: sm_host() on the socket FD
 *
 * Without a job (NULL and no $SM_JOB) it runs the work once and writes no record, so that every
 * payload is a plain program as well. Returns the exit status for main: 0, or 1 and more on
 * failure; -EINVAL for a job that it does not know. Does not return in a cloned child.
 *
 * A payload that needs what this kernel lacks does not call it but exits with EX_UNAVAILABLE
 * (sysexits.h), after a line on stderr: its case is then unavailable, and no failure.
 */
int sm_role(const char *job, const struct sm_payload *payload);

/*
 * A host program's main loop: obeys the driver on the socket fd until it is told to close or the
 * driver has gone. Takes ownership of fd. Returns 0 or a negative errno.
 */
int sm_host(const struct sm_ops *ops, int fd, const struct sm_payload *payload);

/*
 * The whole main() of a host program that has one strategy: sm_host() on the socket that
 * $SM_JOB=host/NAME/FD names. Returns main's exit status: 0; 1 sm_host() failed; 2 there is no such
 * job: the program was not started by `spawnmark run` or `conform` with --host NAME=COMMAND.
 */
int sm_host_main(const struct sm_ops *ops, const struct sm_payload *payload);

/* The built-in strategies, sorted by name, and a look-up; NULL: no such strategy. */
extern const struct sm_ops *const sm_strategies[];
extern const unsigned int sm_strategy_count;
const struct sm_ops *sm_strategy(const char *name);

#ifdef __cplusplus
}
#endif
#endif
