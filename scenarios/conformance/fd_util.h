/* SPDX-License-Identifier: MIT */
/*
 * fd_util.h - looking at descriptors, for the groups fd, protocol and limit.
 */
#ifndef SM_CONFORMANCE_FD_UTIL_H
#define SM_CONFORMANCE_FD_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

struct sm_cell;

/*
 * The open descriptors of a process as "0 1 2 40=/memfd:check", those from 3 on with what they
 * are. pid 0: the caller's, without the one that looks. Returns how many, or -errno.
 */
int sm_fd_list(pid_t pid, char *text, size_t size);

/* The st_ino of a descriptor; 0: not open. */
unsigned long sm_fd_inode(int fd);
/* How many descriptors of a process are a pipe, socket or the like of this inode. */
int sm_fd_holds(pid_t pid, unsigned long inode);

/* The child's half that tells its descriptors: n[0] how many, the text which. */
int sm_fd_child_lists(struct sm_cell *c);

/* A duplicate of fd at `least` or above, not close-on-exec: what a careless program has open. */
int sm_fd_expose(int fd, int least);

/* Sets the soft RLIMIT_NOFILE of a process; was (may be NULL) gets the old one. 0 or -errno. */
int sm_fd_limit(pid_t pid, rlim_t soft, struct rlimit *was);

/*
 * Does end of file come within half a step? Less than children wait for their parent: their own
 * end must not bring it. Reads and forgets what comes before.
 */
bool sm_fd_ends(int fd);

#endif
