/* SPDX-License-Identifier: MIT */
/*
 * check.h - what a check is, and what its halves can do.
 *
 * A check asks one property of every strategy. It is one function and one row: the function in the
 * file of its group below scenarios/conformance/, the row in the table at the end of that file.
 * All checks together are checks.so, which the host loads, and which a server and a child load
 * too when their job is a check's: so a check reaches into every process of a spawn, foreign ones
 * included. libspawnmark itself knows of checks no more than call.h says.
 *
 * Up to three halves, each in a process of its own where there is one:
 *
 *   in_creator  the process that will clone, before it serves: the server, after its payload has
 *               loaded; without a server the parent itself, just before the strategy starts. For
 *               preparing state (threads, canaries, limits) and for telling it (c->board).
 *   in_parent   the host, freshly exec'd for this check alone. It decides when the strategy
 *               starts. NULL: start, one child, its answer, its exit with status 0.
 *   in_child    every child that was spawned with sm_cell_req(): after `entered`, instead of the
 *               payload's work. What it returns is its answer. NULL: that it ran.
 *
 * A half returns what one of the verdict functions below returned. Evidence is one line, for a
 * person: what was seen, with numbers, also when the property holds.
 */
#ifndef SM_CHECK_H
#define SM_CHECK_H

#include <stdbool.h>

#include "../features/feature.h"
#include "../spawnmark.h"

/* Default bound on a check, and on each step of one that waits for somebody. */
#define SM_CHECK_MS 10000
#define SM_STEP_MS  5000

enum sm_level {
	SM_MUST,
	SM_SHOULD,
	SM_RECORD, /* seen and reported; neither outcome is an error */
};

enum sm_observed {
	SM_OBSERVED_NONE,
	SM_HOLDS,
	SM_FAILS,
	SM_SKIPS,  /* a feature is missing: which one, in the verdict */
	SM_BROKEN, /* the harness's own fault: the question could not be asked */
};

/* A payload that is not `none`: Python of the checkout's .venv. */
struct sm_check_payload {
	const char *preamble, *imports, *work; /* as the scenario keys; "" for nothing */
};

enum sm_check_flag {
	SM_CHECK_ALONE = 1 << 0,    /* asks the kernel or libc, not the strategy: run once, by the
				    strategy that `only` leaves first */
	SM_CHECK_NO_AUDIT = 1 << 1, /* leaves something behind on purpose; its comment says why */
	SM_CHECK_SLOW = 1 << 2,     /* over 300 ms here: the tests' mutants leave it out */
	SM_CHECK_ANYWHERE = 1 << 3, /* its payload must be a program that is loaded anywhere */
};

struct sm_cell;
typedef int sm_half(struct sm_cell *c);

struct sm_check {
	const char *id;     /* "identity.ppid.parent": GROUP.TOPIC[.DETAIL], stable, never reused */
	const char *row;    /* of the catalogue: "A01" */
	const char *claim;  /* one sentence, true when the check holds */
	const char *source; /* "clone(2); linux:kernel/fork.c:copy_process; LTP clone08" */
	enum sm_level level;
	uint32_t flags;      /* enum sm_check_flag */
	uint64_t needs;      /* SM_NEED(...) | ...: one that is missing skips the check */
	uint32_t timeout_ms; /* 0: SM_CHECK_MS */

	/* To whom it applies: traits of the strategy (enum sm_trait); 0: to all. */
	uint64_t only;    /* all of these */
	uint64_t without; /* none of these */

	/*
	 * What is expected: that it holds. Or that it fails, which is a documented difference, for
	 * a strategy with any trait of fails_with, or without one of fails_lacking: `why` says the
	 * reason. What traits cannot tell stands in scenarios/conformance/expect.c.
	 */
	uint64_t fails_with;
	uint64_t fails_lacking;
	const char *why;

	const struct sm_check_payload *payload; /* NULL: none */
	/* Layers, as a scenario writes them, in which every child is; NULL: none. See c->plan_fd. */
	const char *sandbox;
	sm_half *in_parent, *in_creator, *in_child;
};

#define SM_NUMBERS 32

/* What a child answers. */
struct sm_answer {
	int32_t observed, feature; /* enum sm_observed, enum sm_feature */
	int64_t n[SM_NUMBERS];     /* whatever the check wants to compare */
	char text[1024];
};

/*
 * A page that parent, creator and children share, so that a creator can tell something and wait
 * for something. Children have it mapped where they are clones of a creator that had it, and can
 * else open it with sm_board(). Use __atomic builtins, or futex through sm_board_wait().
 */
struct sm_board {
	int32_t creator_pid;       /* set by the creator; 0: it does not take its half */
	int32_t observed, feature; /* of in_creator */
	int32_t reserved;
	char text[512];        /* of in_creator */
	int64_t n[SM_NUMBERS]; /* free for the check */
	uint32_t word[8];      /* free, for waiting */
	char bytes[2048];      /* free */
};

/* What a half works with. Fields are to be read, but for those that say otherwise. */
struct sm_cell {
	const struct sm_check *check;
	const struct sm_ops *ops;
	const char *const *argv; /* the payload's command; in_parent may replace it */
	const char *const *envp; /* of server and children, without any job */
	const struct sm_payload
		*payload;       /* in creator and child; in the parent of SM_PARENT_LOADS */
	struct sm_board *board; /* NULL: the check has no in_creator */
	bool thorough;          /* --long */
	uint64_t seed;
	int plan_fd; /* in_parent: the plan of check->sandbox, which sm_cell_start() hands over; 0 */

	/* in_parent */
	void *self; /* of the strategy; NULL before sm_cell_start() */
	bool started;
	pid_t server;          /* 0: none */
	struct sm_fault fault; /* of the last step that failed */

	/* in_child */
	const char *arg;         /* what sm_cell_req() was given; "" for NULL */
	struct sm_answer answer; /* n may be filled before the half returns */

	/* the verdict so far */
	int observed, feature;
	char text[1024];

	struct sm_cell_inside *inside;
};

/* ---- verdicts: `return sm_holds(c, "…");` ---- */

__attribute__((format(printf, 2, 3))) int sm_holds(struct sm_cell *c, const char *format, ...);
__attribute__((format(printf, 2, 3))) int sm_fails(struct sm_cell *c, const char *format, ...);
__attribute__((format(printf, 2, 3))) int sm_broken(struct sm_cell *c, const char *format, ...);
__attribute__((format(printf, 3, 4))) int sm_skips(struct sm_cell *c, enum sm_feature feature,
						   const char *format, ...);
/* holds or fails, by a condition, with the same evidence. */
__attribute__((format(printf, 3, 4))) int sm_judge(struct sm_cell *c, bool holds,
						   const char *format, ...);
/*
 * A step of the cell went wrong: err is what it returned, what the step. Skips where the strategy
 * does not offer a field (-EOPNOTSUPP), or two children at a time (-EBUSY of one process that
 * serves all), or the creator has skipped; passes on what a creator said;
 * else fails, with stage and errno: to be spawned is what was promised.
 */
int sm_trouble(struct sm_cell *c, int err, const char *what);

/* ---- in_parent: the strategy ---- */

/*
 * Starts the strategy (and its server), and waits for in_creator. 0 or -errno with c->fault;
 * -ECANCELED when in_creator did not hold. sm_kid_spawn() does it when it was not done.
 */
int sm_cell_start(struct sm_cell *c);
/* The same with "NAME=value" entries more in the server's environment (NULL-terminated). */
int sm_cell_start_env(struct sm_cell *c, const char *const *more);
/*
 * Lets it come to rest: what it makes ahead is there again. So counts before and after compare: what
 * waits, and its descriptors, are in both. Nothing to do where nothing is made ahead.
 */
void sm_cell_rest(const struct sm_cell *c);
/* Stops it. Idempotent; the end of a check does it too. */
void sm_cell_stop(struct sm_cell *c);
/* Stops it, whatever state it is in, and starts it anew; fails as sm_cell_start(). */
int sm_cell_restart(struct sm_cell *c);

/* ---- in_parent: children ---- */

struct sm_kid {
	struct sm_child
		child;       /* pid 0: none. Descriptors may be closed and set to -1 by the check */
	struct sm_exit exit; /* after sm_kid_wait() */
	uint32_t have;       /* bytes of stdout not yet parsed */
	char buf[4096];
	bool reaped;
};

/*
 * A request for a child that will run in_child: the whole environment with its job, SM_ARG=arg and
 * `more` (NULL-terminated, or NULL). Fields may be changed before the spawn. Memory lives until
 * the check ends.
 */
struct sm_req sm_cell_req(struct sm_cell *c, const char *arg);
struct sm_req sm_cell_req_env(struct sm_cell *c, const char *arg, const char *const *more);
/* The environment alone: job NULL means none at all. NULL: no memory, a spawn then says so. */
const char *const *sm_cell_env(struct sm_cell *c, const char *job, const char *arg,
			       const char *const *more);

/* 0, or -errno with c->fault. On success the kid must be waited for or killed. */
int sm_kid_spawn(struct sm_cell *c, struct sm_kid *kid, const struct sm_req *req);
/* Its next answer. 0; -ETIMEDOUT; -EPIPE: it ended without; -EIO: it told of a setup failure (in
 * c->fault). */
int sm_kid_answer(struct sm_cell *c, struct sm_kid *kid, struct sm_answer *answer);
/* A byte on its stdin, or end of file. */
int sm_kid_say(struct sm_kid *kid, char byte);
void sm_kid_close_in(struct sm_kid *kid);
/* Its exit, within SM_STEP_MS; closes its descriptors. 0 and kid->exit, or -errno. */
int sm_kid_wait(struct sm_cell *c, struct sm_kid *kid);
/* SIGKILL, reap, close; for error paths too. Idempotent. */
void sm_kid_kill(struct sm_cell *c, struct sm_kid *kid);
/* Spawn and the first answer, of a child that then waits. On error there is none. 0 or -errno. */
int sm_kid_up(struct sm_cell *c, struct sm_kid *kid, const struct sm_req *req,
	      struct sm_answer *answer);
/* A spawn that is to fail: its error, with c->fault. A child all the same is killed. */
int sm_kid_try(struct sm_cell *c, const struct sm_req *req);
/* Spawn, one answer, wait. 0 or -errno; exit (may be NULL) is the caller's to look at. */
int sm_kid_ask(struct sm_cell *c, const char *arg, struct sm_answer *answer, struct sm_exit *exit);
int sm_kid_ask_req(struct sm_cell *c, const struct sm_req *req, struct sm_answer *answer,
		   struct sm_exit *exit);
/* As sm_kid_ask_req(), and the verdict of the child becomes the half's own: for the simple case. */
int sm_kid_verdict(struct sm_cell *c, const struct sm_req *req);

/* ---- in_child ---- */

/* An answer before the last one: c->answer.n and the text given. The last one is the verdict. */
__attribute__((format(printf, 2, 3))) int sm_child_tell(struct sm_cell *c, const char *format, ...);
/* Waits for a byte on stdin, SM_STEP_MS at most. The byte; -EPIPE at end of file; -ETIMEDOUT. */
int sm_child_await(void);
/* The request's own arguments, cloned or exec'd. NULL-terminated, never NULL. */
const char *const *sm_child_arguments(struct sm_cell *c);

/* ---- everywhere ---- */

/* The board, in a child that is no clone of its creator: opened anew. NULL: there is none. */
struct sm_board *sm_board(struct sm_cell *c);
/* Waits until the word is not `old`: 0 or -ETIMEDOUT. And the other side of it. */
int sm_board_wait(uint32_t *word, uint32_t old, int timeout_ms);
void sm_board_post(uint32_t *word);

/* Descriptors of a process; -errno. */
int sm_count_fds(pid_t pid);
/* Children of a process, zombies included; and the zombies among them. */
int sm_count_children(pid_t pid, int *zombies);
/* A number behind "Key:" in /proc/PID/status, in base 10 or 16; -1: not there. */
int64_t sm_status_of(pid_t pid, const char *key, int base);
/* Field n (3: state, 4: ppid, 5: pgrp, 6: session …) of /proc/PID/stat; -1: gone. */
int64_t sm_stat_of(pid_t pid, int n);
/* Waits until pid has ended (a zombie, or gone). 0 or -ETIMEDOUT. */
int sm_await_end(pid_t pid, int timeout_ms);
/* Waits until the process sleeps or is stopped: state is a letter of /proc/PID/stat. */
int sm_await_state(pid_t pid, char state, int timeout_ms);
/*
 * Runs fn in a fork of the caller, in its own process group, at most timeout_ms. Returns what fn
 * returned (0..120), -ETIMEDOUT, or -ECHILD when it was killed. For questions to the kernel.
 */
int sm_in_fork(int (*fn)(void *arg), void *arg, int timeout_ms);
/* A new file in memory, close-on-exec and without a name. A descriptor or -errno. */
int sm_temp_fd(void);
/* Where files of a check go: $TMPDIR, else /tmp. */
const char *sm_temp_dir(void);

/* One group's checks. */
struct sm_check_group {
	const char *name;  /* "identity" */
	const char *title; /* "Identity and parentage" */
	const struct sm_check *checks;
	unsigned int count;
};

/* In the order of the catalogue: scenarios/conformance/table.c. */
extern const struct sm_check_group *const sm_check_groups[];
extern const unsigned int sm_check_group_count;
/* NULL: there is none of that id. */
const struct sm_check *sm_check_find(const char *id);

/* One exception from what traits tell, in scenarios/conformance/expect.c. */
struct sm_expect {
	const char *check, *strategy;
	int holds;       /* false, true, or one of those below */
	const char *why; /* shown where it fails */
};
/* It fails, and that it leaves something behind is how, or a part of it. */
#define SM_FAILS_LEAVING 2
/* It fails here and holds there: what the machine has installed decides, or who comes first. */
#define SM_MAY_FAIL 3
extern const struct sm_expect sm_expects[];
extern const unsigned int sm_expect_count;

#endif
