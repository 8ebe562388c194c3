/* SPDX-License-Identifier: MIT */
/*
 * sys.h - thin layer over the kernel: clock, raw clone, descriptors, waiting, own cgroup.
 *
 * Everything here is async-signal-safe unless its comment says otherwise.
 */
#ifndef SM_SYS_H
#define SM_SYS_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "../spawnmark.h"

/* CLOCK_MONOTONIC in ns, through the vDSO. */
static inline int64_t sm_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/*
 * clone(2) without libc: no fork handlers, no stack switch, cached TID and robust list left stale.
 * flags includes the exit signal. Returns as fork: 0 in the child, a pid, or -errno.
 */
pid_t sm_raw_clone(unsigned long flags);
/* With what CLONE_PARENT_SETTID or CLONE_PIDFD (never both: clone(2)) and CLONE_CHILD_SETTID write. */
pid_t sm_raw_clone_tids(unsigned long flags, int *parent_tid, int *child_tid);
/* clone3(2) likewise; args is a struct clone_args of size bytes, its stack zero. */
pid_t sm_raw_clone3(const void *args, size_t size);

/* Three pipes of one child, all close-on-exec. */
struct sm_stdio {
	int child[3];  /* in, out, err: the child's ends */
	int parent[3]; /* the other ends */
};

int sm_stdio_open(struct sm_stdio *io); /* 0 or -errno; on error nothing is open */
/* No pipe for a place that has its source, and the others get theirs. NULL: all three. */
struct sm_places;
int sm_stdio_open_for(struct sm_stdio *io, struct sm_places *places);
void sm_stdio_close_child(struct sm_stdio *io); /* idempotent: closed ends become -1 */
void sm_stdio_close_parent(struct sm_stdio *io);
/* Puts fds onto 0, 1, 2, right also where a source is one of them. 0 or -errno. */
int sm_stdio_install(const int fds[3]);
/* Puts from onto to, where it survives an exec, also when both are the same. 0 or -errno. */
int sm_fd_place(int from, int to);

/*
 * Closes every descriptor >= lowest but keep (-1: none). By close_range(2), else by /proc/self/fd,
 * else one by one up to RLIMIT_NOFILE. 0 or -errno.
 */
int sm_close_from(int lowest, int keep);

/* What is to stay open: every dst of fds, which are sorted by it, and two more (-1: none). */
struct sm_fd_keep {
	const struct sm_req_fd *fds;
	unsigned int n;
	int more[2];
};

int sm_close_but(int lowest, const struct sm_fd_keep *keep);
/* The index of the first of n sorted ones whose dst is not below fd. */
unsigned int sm_fd_lower_bound(const struct sm_req_fd *fds, unsigned int n, int fd);

/* Blocks every signal around a clone; old gets what was. */
int sm_signals_block(sigset_t *old);
/* The signals whose disposition is a handler: 64 system calls, so not in a measured path. */
void sm_signals_handled(sigset_t *set);
/*
 * Server: the terminal's ^C is for the parent and its children, and does nothing here. Not by SIG_IGN,
 * which a child would inherit: handlers it drops. What was ignored before stays so. 0 or -errno.
 */
int sm_signals_spare_interrupt(void);
/*
 * Child: every handler back to the default, then the mask given. handled is what
 * sm_signals_handled() found while the creator had the dispositions it still has; NULL: look now.
 */
void sm_signals_restore(const sigset_t *mask, const sigset_t *handled);

/* Waits for a direct child. timeout_ms < 0: for ever, by plain wait4. 0 or -errno. */
int sm_wait_child(pid_t pid, int timeout_ms, struct sm_exit *exit);
/* SIGKILL and reap, bounded; for error paths. */
void sm_kill_child(pid_t pid);

/*
 * Read or write all of n bytes; EINTR- and short-safe. -EPIPE at end of file. timeout_ms bounds
 * the whole read, -ETIMEDOUT; < 0: for ever.
 */
int sm_read_all(int fd, void *data, size_t n, int timeout_ms);
int sm_write_all(int fd, const void *data, size_t n);
/* As sm_write_all(), but a reader that has gone is -EPIPE without SIGPIPE. */
int sm_write_quietly(int fd, const void *data, size_t n);

/*
 * The caller's control group as a directory: of the version 1 hierarchy that has the controller, or
 * of version 2 for "". 0 or -errno, -ENOENT: not mounted. Not async-signal-safe.
 */
int sm_cgroup_own(const char *controller, char *dir, size_t size);

/* splitmix64, one step: for orders and schedules that a seed repeats, not for secrets. */
uint64_t sm_random_next(uint64_t *state);
/* Uniform in 0..n-1, without bias. */
uint32_t sm_random_below(uint64_t *state, uint32_t n);

/*
 * Fills a fault (NULL or too small a size: not) and returns -err (err positive; 0 counts as
 * EPROTO), so that a caller can `return sm_fail(...)`. text may be NULL.
 */
int sm_fail(struct sm_fault *fault, enum sm_stage stage, int err, const char *text);
/* The same for a field of the request: stage SM_STAGE_ATTR, detail the field. */
int sm_fail_field(struct sm_fault *fault, int field, int err, const char *text);
/* "clone", "exec", …: the stage's name for a person. */
const char *sm_stage_name(int stage);

#endif
