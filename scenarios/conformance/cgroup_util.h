/* SPDX-License-Identifier: MIT */
/*
 * cgroup_util.h - a control group of a check's own, below that of its process, with one controller.
 */
#ifndef SM_CONFORMANCE_CGROUP_UTIL_H
#define SM_CONFORMANCE_CGROUP_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct sm_group {
	char dir[512];  /* "": none */
	char home[512]; /* the caller's own group in that hierarchy */
	bool v2;
};

/*
 * The group below which one with that controller can be made: the caller's own, or of version 2 the
 * nearest above it whose children have the controller. 0 or -errno; -ENOENT: no hierarchy has it.
 */
int sm_group_place(const char *controller, char *dir, size_t size, bool *v2);
/*
 * Makes the group: version 1 where it has the controller, else version 2. "" for any of version 2.
 * 0 or -errno; -ENOENT: no hierarchy has it.
 */
int sm_group_make(struct sm_group *group, const char *controller);
/* Moves a process, 0 for the caller, there or back. 0 or -errno. */
int sm_group_enter(const struct sm_group *group, pid_t pid);
int sm_group_leave(const struct sm_group *group, pid_t pid);
/* Writes one of its files. 0 or -errno. */
int sm_group_put(const struct sm_group *group, const char *file, const char *text);
/* Removes it; its last members may just be ending. Idempotent. 0 or -errno. */
int sm_group_drop(struct sm_group *group);

#endif
