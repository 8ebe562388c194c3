/* SPDX-License-Identifier: MIT */
/*
 * layer_util.h - children in the layers of a sandbox, seen from inside and from outside.
 */
#ifndef SM_CONFORMANCE_LAYER_UTIL_H
#define SM_CONFORMANCE_LAYER_UTIL_H

#include "check/check.h"

/* What a child in a user namespace is outside, and who it is once it is nobody's root. */
#define SM_LAYER_HOST_ID 1000000
#define SM_LAYER_USER_ID 1000

/* Looks at the child while it waits. */
typedef void sm_layer_look(const struct sm_kid *kid, void *data);

/*
 * A child that answers with sm_child_tell() and then waits: its answer, look(kid, data) meanwhile
 * (NULL: none), and its end. 0; or the verdict, when something went wrong or the child says so.
 */
int sm_layer_watch(struct sm_cell *c, const char *arg, struct sm_answer *answer,
		   sm_layer_look *look, void *data);
/* The child's side: tells c->answer.n with this text, and waits to be let go. */
__attribute__((format(printf, 2, 3))) int sm_layer_tell(struct sm_cell *c, const char *format, ...);

/*
 * What is done to a namespace must never be done to the machine's: the arguments that tell a child
 * its parent's inodes of two kinds, and the child's question whether both its own are others.
 */
void sm_layer_tell_own(char *arg, size_t size, const char *kind, const char *other);
bool sm_layer_left_both(const struct sm_cell *c, const char *kind, const char *other);

/* Is the child's namespace of that kind another than this process's? false: same, or unknown. */
bool sm_layer_apart(pid_t pid, const char *name);

/*
 * Lines of /proc/PID/cgroup (0: of this process) that differ from this process's own: how many, all
 * of which must be below it; -1: one is elsewhere, or they cannot be compared.
 */
int sm_layer_groups_below(pid_t pid);
/* The same lines that are not "/": -errno, or how many. */
int sm_layer_groups_seen(void);

/* A number for the control groups that a process is in, all of them; -1: they cannot be read. */
int64_t sm_layer_groups_of(pid_t pid);

/* 0, or the errno of opening it so. */
int sm_layer_open(const char *path, int flags);
/* Processes that are to be seen in a /proc; -1: it cannot be read. */
int sm_layer_processes(const char *proc);
/* Descriptors that are open beyond 2, without a look at /proc. */
int sm_layer_descriptors(void);
/* A number behind "Key:" of this process's status; -1: there is none. */
int64_t sm_layer_status(const char *key, int base);

#endif
