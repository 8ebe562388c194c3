/* SPDX-License-Identifier: MIT */
/*
 * child.h - what every child does between its birth and its end, whoever made it.
 *
 * Same work in every strategy: exec'd children come here through sm_role(), cloned ones through
 * sm_child_born(), and both end in the order that $SM_JOB names.
 */
#ifndef SM_CHILD_H
#define SM_CHILD_H

#include <signal.h>

#include "../spawnmark.h"
#include "../sys/attr.h"

struct sm_berth;

/* What a process has had of page faults and context switches. */
struct sm_counters {
	int64_t minflt, majflt, nvcsw, nivcsw;
};
void sm_counters_take(struct sm_counters *counters);

/* How a cloned child was born; filled by its creator before the clone, so that it inherits it. */
struct sm_birth {
	int in, out, err;        /* the child's ends of its stdio pipes */
	const char *const *args; /* of the request */
	const char *const *envp; /* becomes environ: the whole environment */
	const char *cwd;         /* NULL: leave it */
	int64_t received_ns;     /* 0 where there is no server */
	int64_t cloning_ns;
	int64_t entered_ns;      /* taken already, because fork hooks came first; 0: not yet */
	const sigset_t *sigmask; /* restored before the payload runs */
	const sigset_t *handled; /* signals that have handlers; NULL: the child looks for itself */
	int keep_other_fds;      /* 1: leave every other descriptor open, as fork(2) does */
	int run_after_fork;      /* 1: call payload->after_fork_child (SM_RUNS_ATFORK) */
	const struct sm_req *attr; /* whose fields apply; NULL: none */
	struct sm_places *places;  /* in place of in, out, err; NULL: those. Spent by the child */
	struct sm_berth *berth;    /* its sandbox (sandbox/sandbox.h); NULL: none */
	/* Of a child made ahead (sm_child_given()). */
	int control;                     /* the one descriptor that it closes, beside its stdio */
	const struct sm_counters *since; /* when it began to wait; its record counts from there */
};

/*
 * Makes birth that of a request with fields. places: built from it, with a source for 0, 1 and 2;
 * mask: room for what it asks for.
 */
void sm_birth_fields(struct sm_birth *birth, const struct sm_req *req, struct sm_places *places,
		     sigset_t *mask);

/*
 * A cloned child's whole life: takes `entered` first of all, puts its stdio onto 0, 1, 2, closes
 * every other descriptor, takes the environment and the request's fields, and runs the order that
 * $SM_JOB in it names (none: the plain one). A step that fails is told to the parent as an
 * SM_RECORD_FAULT {stage, errno, detail} on the stdout that was meant for it. To be called with all
 * signals blocked.
 *
 * A sandbox comes after the request's fields, and before the other descriptors are closed; one
 * that the child has entered already stays as it is. cwd is a directory of the root it has then.
 */
_Noreturn void sm_child_born(const struct sm_payload *payload, const struct sm_birth *birth);

/*
 * The same for a process that serves one request after the other: it keeps its other descriptors,
 * and of the fields knows umask and sigmask. err: what became of the request so far; not 0, and it
 * is told instead of served. Returns the status that a child would have exited with, unless the
 * payload itself ends the process.
 */
int sm_child_reused(const struct sm_payload *payload, const struct sm_birth *birth, int err);

/*
 * Creator: makes such a child by a raw clone (sys/sys.h), in a sandbox of its own (NULL: none).
 * like: its birth but for cloning_ns and berth; sigmask NULL: the creator's. The pid, or -errno and the
 * layer that is to blame, -1: none. What fails later is the child's to tell.
 */
struct sm_sandbox;
pid_t sm_child_clone(const struct sm_payload *payload, const struct sm_birth *like,
		     const struct sm_sandbox *sandbox, unsigned long flags, int *layer);

/*
 * The same from the request on, for a child that was made ahead and has its stdio on 0, 1, 2 (which
 * in, out and err must say), nothing open but that and birth->control, and its signals in order. err
 * is what became of the request so far: not 0, and it is told instead of served.
 */
_Noreturn void sm_child_given(const struct sm_payload *payload, const struct sm_birth *birth,
			      enum sm_stage stage, int err);

/* Ahead of it: writes to what sm_child_given() will write to, as it is, so that it is not copied. */
void sm_child_touch(void);

/*
 * The arguments of the request that this child serves; NULL-terminated, never NULL. Cloned
 * children alone have them here: an exec'd one finds its own in argv, behind a lone `--`.
 */
const char *const *sm_child_args(void);

#endif
