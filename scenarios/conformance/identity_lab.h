/* SPDX-License-Identifier: MIT */
/*
 * identity_lab.h - a family in vitro: a parent, its zygote and the zygote's child, in processes
 * that hold nothing else, so that what the kernel does with CLONE_PARENT can be asked in any
 * combination. The parent is a fork of the host; every clone below it is sm_raw_clone().
 */
#ifndef SM_IDENTITY_LAB_H
#define SM_IDENTITY_LAB_H

#include "check/check.h"

/* How the child of a family ends. */
#define SM_LAB_STATUS 7

/* Applies to the strategy that is built on CLONE_PARENT, and needs only one run. */
#define SM_LAB_ONLY (SM_CHILD_OF_PARENT | SM_OWN_SERVER)

struct sm_lab;
/* In the zygote: 0 in the child, pid or -errno. */
typedef pid_t sm_lab_clone(struct sm_lab *lab);
/* The usual one: CLONE_PARENT, with SIGCHLD as the exit signal that is asked for. */
sm_lab_clone sm_lab_sibling;

/* Shared by the whole family: one page behind a descriptor, so that it outlives an exec. */
struct sm_lab {
	struct sm_cell *cell;
	int fd;
	const char *const *envp; /* for sm_lab_exec() */

	/* what to do; the first is a must, pointers do not outlive an exec */
	sm_lab_clone *clone;
	void (*zygote)(struct sm_lab *lab); /* NULL: sm_lab_zygote() */
	unsigned long zygote_flags;         /* its own clone: exit signal and CLONE_NEW… */

	/* what was seen */
	int64_t zygote_pid;
	int64_t kid;            /* what clone() returned in the zygote */
	int64_t pid, ppid;      /* as the child says */
	int64_t plain;          /* waitpid() without __WALL while it runs: 0 or -errno */
	int64_t status;         /* waitpid() with __WALL: wait status or -errno */
	int64_t signal, sender; /* that came for the child; 0: none */
	int64_t n[16];          /* free */
	char text[200];         /* what went wrong */

	uint32_t cloned, born, go, end, word; /* sm_board_wait() */
};

/* A new one. NULL: the cell is broken, and says why. */
struct sm_lab *sm_lab_new(struct sm_cell *c, unsigned long zygote_flags, sm_lab_clone *clone);
void sm_lab_free(struct sm_lab *lab);

/*
 * Runs parent(lab) in a fork, at most SM_STEP_MS. 0 when it returned 0; else the verdict, spoken:
 * `return`.
 */
int sm_lab_run(struct sm_lab *lab, int (*parent)(void *lab));

/* In the parent. Returns 1 with the text: `return sm_lab_wrong(lab, err, "…");` */
int sm_lab_wrong(struct sm_lab *lab, int err, const char *what);

/* The parent's life, as one, or as two halves: up to where the child lives, and its end. */
int sm_lab_parent(void *lab);
int sm_lab_begin(struct sm_lab *lab);
int sm_lab_collect(struct sm_lab *lab);

/* The zygote's: clones one child, which waits for its end, and waits itself. */
_Noreturn void sm_lab_zygote(struct sm_lab *lab);

/* Turns the caller into a fresh image, which takes the check's in_child. */
_Noreturn void sm_lab_exec(struct sm_lab *lab);
/* There: the family's page. NULL: not of a family. */
struct sm_lab *sm_lab_attach(void);

/* The evidence that most have in common, in lab->text. */
const char *sm_lab_seen(struct sm_lab *lab);
/* The child was the parent's, and ended as it should. */
bool sm_lab_ended_well(const struct sm_lab *lab);

#endif
