/* SPDX-License-Identifier: MIT */
/*
 * spawn_util.h - real processes for tests: the test program is its own payload.
 *
 * main() of such a test begins with `if (getenv("SM_JOB")) return su_payload(argc, argv);`. What
 * a child shall do is said in its environment; each key is one row of the table in spawn_util.c.
 * Everything here is bounded by SU_WAIT_MS and asserts with cmocka.
 */
#ifndef SM_TEST_SPAWN_UTIL_H
#define SM_TEST_SPAWN_UTIL_H

#include <stddef.h>

#include "spawnmark.h"

#define SU_WAIT_MS 10000

/* A started strategy, and what the process looked like before. */
struct su {
	const struct sm_ops *ops;
	void *self;
	int fds, children, plan;
	struct sm_fault fault;
	const char *envp[5]; /* of the server: valid until su_stop(), for one that replaces it */
};

/* One spawn and all that came of it. */
struct su_run {
	struct sm_child child;
	struct sm_exit exit;
	struct sm_record rec; /* magic 0: none came */
	int64_t request_ns;
	char out[8192], err[4096]; /* text before the record; all of stderr */
	size_t out_bytes, err_bytes;
};

/* The payload. Does not return in a cloned child. */
int su_payload(int argc, char **argv);
extern const struct sm_payload su_own_payload;

/* The i-th built-in strategy that makes a child for every spawn, by the table; NULL: no more. */
const char *su_real(unsigned int i);
#define SU_REAL_MAX 24

/* The payload's command: this very program. */
const char *const *su_argv(void);

/*
 * Starts strategy name with "NAME=value" extra in the server's environment (or NULL). Returns
 * what start() returned; on success su_stop() must follow, which asserts that nothing is left.
 */
int su_start(struct su *s, const char *name, const char *extra);
int su_start_argv(struct su *s, const char *name, const char *const *argv, const char *extra,
		  unsigned int timeout_ms);
/* The same in a sandbox: a plan's descriptor, which stays the caller's. */
int su_start_plan(struct su *s, const char *name, int plan_fd);
/* The same with options of the strategy; or with all of a setup but envp. */
int su_start_options(struct su *s, const char *name, const char *options);
int su_start_setup(struct su *s, const char *name, struct sm_setup setup, const char *extra);
/* The same with a setup as it was before it had options and a plan. */
int su_start_old(struct su *s, const char *name);
void su_stop(struct su *s);
/* Asserts that descriptors and children are as they were before su_start(). */
void su_nothing_left(const struct su *s);

/* env: more entries for the child's environment, NULL-terminated, or NULL. */
int su_spawn(struct su *s, struct su_run *run, const char *const *args, const char *const *env,
	     const char *cwd, unsigned int timeout_ms);
/* The same with the arguments, directory, bound and fields of a request. */
int su_spawn_req(struct su *s, struct su_run *run, const struct sm_req *like,
		 const char *const *env);
/* Reads stdout up to a record of any kind, or to its end. */
void su_read_record(struct su_run *run);
/* Closes stdin, reads everything from the pipes that there are, collects the exit, closes all. */
void su_finish(struct su *s, struct su_run *run);
/* spawn and finish with env entry one, asserting a DONE record and status 0. */
void su_good(struct su *s, struct su_run *run, const char *one);

int su_count_fds(pid_t pid); /* in /proc/PID/fd; -1: gone */
int su_lowest_free_fd(void);
/* What a server of this strategy has open between requests. */
int su_resting_fds(const char *strategy);
/* Waits until pid has n descriptors: a server may close one just after it has answered. */
void su_await_fds(pid_t pid, int n);
int su_count_children(pid_t pid); /* zombies included */

struct su;
/* What is made ahead is there again; and how many wait. */
void su_rest(const struct su *s);
int su_spares(const struct su *s);
/* The value of a line "Key:\t..." of /proc/PID/status as hex or decimal. */
unsigned long long su_status(pid_t pid, const char *key, int base);
/* Waits until pid has ended (not reaped). 0 or -ETIMEDOUT. */
int su_await_end(pid_t pid);
int64_t su_now_ms(void);
/* Runs fn in a fork of this process; asserts that it returns 0. A fresh table of descriptors. */
void su_in_fork(int (*fn)(void *arg), void *arg);

#endif
