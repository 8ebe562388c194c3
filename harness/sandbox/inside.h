/* SPDX-License-Identifier: MIT */
/*
 * inside.h - what the files of the sandbox's runtime share.
 */
#ifndef SM_SANDBOX_INSIDE_H
#define SM_SANDBOX_INSIDE_H

#include "plan.h"
#include "sandbox.h"

/* A plan in the hands of a creator. */
struct sm_sandbox {
	const struct sm_box *plan;
	int mounts;     /* root: the mount namespace that every child copies; -1: none */
	int cgroup;     /* directory of the children's group; -1: none */
	int born_into;  /* 1: version 2, a child can be born there */
	int pidns;      /* the creator's own; -1: no pid layer */
	int err, layer; /* what could not be prepared; 0: all is there */
	char cgroup_dir[512];
};

#define SM_BIT(layer) (1u << SM_LAYER_##layer)

static inline uint32_t sm_has(const struct sm_sandbox *s, enum sm_layer layer)
{
	return (s->plan->layers >> layer) & 1;
}

/*
 * For what the plan has below /tmp, over which a child mounts its own: a copy of an entry's tree (-1:
 * it has none), and putting it there again. Paths count from the working directory. 0 or -errno.
 */
int sm_root_take(const struct sm_box *plan, const struct sm_box_entry *entry, int *tree);
int sm_root_put(const struct sm_box *plan, const struct sm_box_entry *entry, int tree);

/* The template of the minimal root. A descriptor of the mount namespace, or -errno. */
int sm_root_template(const struct sm_box *plan);

#endif
