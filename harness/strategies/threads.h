/* SPDX-License-Identifier: MIT */
/*
 * threads.h - which threads a server still has when it is about to clone itself.
 *
 * A child has the one that clones. What the others hold (locks, work given to them) is lost, unless
 * their library's fork handlers see to it: most stop their threads before the clone. A few leave
 * them running and make good in the child; those are known by name.
 */
#ifndef SM_STRATEGIES_THREADS_H
#define SM_STRATEGIES_THREADS_H

#include <stddef.h>
#include <sys/types.h>

#define SM_THREADS_KNOWN 8

/* Everything here is async-signal-safe and allocates nothing: prepare handlers may hold locks. */
struct sm_threads {
	int dir; /* /proc/self/task; -1: no /proc, then nothing is refused */
	pid_t own;
	pid_t known[SM_THREADS_KNOWN]; /* others that were looked at and may run on */
	int nknown;
};

/* For the thread that clones. 0 or -errno. */
int sm_threads_open(struct sm_threads *t);
void sm_threads_close(struct sm_threads *t);

/*
 * 0: no thread that a child would miss. Else how many there are, after a moment's patience with
 * those that are about to end; text names them. handlers: 1 when the libraries' run around
 * the clone, 0: then no other thread is tolerated.
 */
int sm_threads_missed(struct sm_threads *t, int handlers, char *text, size_t size);

#endif
