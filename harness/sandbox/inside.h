/* SPDX-License-Identifier: MIT */
/*
 * inside.h - what the files of the sandbox's runtime share.
 */
#ifndef SM_SANDBOX_INSIDE_H
#define SM_SANDBOX_INSIDE_H

#include "plan.h"
#include "sandbox.h"

struct sm_groups;

/* A plan in the hands of a creator. */
struct sm_sandbox {
	const struct sm_box *plan;
	int mounts;               /* root: the mount namespace that every child copies; -1: none */
	struct sm_groups *groups; /* cgroup; NULL: none */
	int pidns;                /* the creator's own; -1: no pid layer */
	int err, layer;           /* what could not be prepared; 0: all is there */
};

#define SM_BIT(layer) (1u << SM_LAYER_##layer)

static inline uint32_t sm_has(const struct sm_sandbox *s, enum sm_layer layer)
{
	return (s->plan->layers >> layer) & 1;
}

/* Creator: *groups is set also when it fails, to be closed. 0 or -errno. */
int sm_groups_open(struct sm_groups **groups);
void sm_groups_close(struct sm_groups *groups); /* NULL: nothing */
/* Can a child be born there (CLONE_INTO_CGROUP)? */
int sm_groups_born_into(const struct sm_groups *groups);
/* A new group: its directory, close-on-exec, or -errno. */
int sm_groups_make(struct sm_groups *groups);
/* The child of the last one made will go there by itself: until it has ended the group stays. */
void sm_groups_await(struct sm_groups *groups, pid_t pid);
/* Removes some of those whose child has ended. */
void sm_groups_sweep(struct sm_groups *groups);

/*
 * For what the plan has below /tmp, over which a child mounts its own: a copy of an entry's tree (-1:
 * it has none), and putting it there again. Paths count from the working directory. 0 or -errno.
 */
int sm_root_take(const struct sm_box *plan, const struct sm_box_entry *entry, int *tree);
int sm_root_put(const struct sm_box *plan, const struct sm_box_entry *entry, int tree);

/* The template of the minimal root. A descriptor of the mount namespace, or -errno. */
int sm_root_template(const struct sm_box *plan);

#endif
