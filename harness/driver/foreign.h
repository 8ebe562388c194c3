/* SPDX-License-Identifier: MIT */
/*
 * foreign.h - hosts that are not ours: --host NAME=COMMAND, for `run`, `try` and `conform`.
 */
#ifndef SM_FOREIGN_H
#define SM_FOREIGN_H

#include "arena.h"
#include "plan.h"

struct sm_rig;

/* Strings are the arena's. */
struct sm_foreign {
	struct sm_ops
		ops; /* name, summary, traits and options, and no hook: those are the program's own */
	const char *command;
	char **argv;      /* the same in words */
	const char *path; /* its program: absolute, or relative to where we are */
};

/*
 * Understands "NAME=COMMAND"; the command is split as a shell would, variables and quotes included,
 * but runs nothing. Summary and traits are not known yet. 0, -EINVAL or -ENOMEM.
 */
int sm_foreign_parse(struct sm_foreign *f, struct sm_arena *arena, const char *text,
		     struct sm_error *error);

/*
 * Starts it, and asks for its traits. What it calls itself does not count: the name is the command
 * line's. 0; -EINVAL: nobody but a built-in strategy may have these traits; -EINTR; or -errno.
 */
int sm_foreign_hello(struct sm_foreign *f, struct sm_rig *rig, struct sm_arena *arena,
		     struct sm_error *error);

/*
 * The question alone: what the program at f->path (with f->argv) answers in the role f->ops.name. 0;
 * else 1 or -errno, and fault says why.
 */
int sm_foreign_ask(struct sm_foreign *f, struct sm_rig *rig, struct sm_msg_traits *traits,
		   struct sm_fault *fault);

/*
 * Both for all of "NAME=COMMAND", in a rig of its own. *list is the arena's, *n its length; an
 * enum sm_exit_code, with one line in error unless it is SM_EXIT_GOOD.
 */
int sm_foreign_meet(struct sm_foreign **list, int *n, struct sm_arena *arena,
		    const char *const *hosts, struct sm_error *error);

/* One printable line of what a host said, which goes to a terminal and into files. NULL: no memory. */
char *sm_foreign_line(struct sm_arena *arena, const char *text, size_t size);

#endif
