/* SPDX-License-Identifier: MIT */
/*
 * inside.h - what the files that carry a check share, and no check sees.
 */
#ifndef SM_CHECK_INSIDE_H
#define SM_CHECK_INSIDE_H

#include "call.h"
#include "check.h"

/* Vectors that requests point into, freed when the check ends. */
#define SM_INSIDE_VECTORS 4096

/* Environments that are made once: a check may ask for the same child 10^5 times. */
#define SM_INSIDE_ENVS 256

struct sm_known_env {
	const char *const *base, *const *env;
	const char *job, *arg; /* of it, behind the "="; or NULL */
};

/* What a process holds that a check must not leave behind. */
struct sm_look {
	int fds, children, zombies, tasks;
};

struct sm_cell_inside {
	const struct sm_check_call *call;
	char board_path[128];  /* "": none */
	char board_env[160];   /* "SM_BOARD=…" */
	struct sm_look before; /* of the parent, before the half */
	int server_fds;        /* when it had just started; -1: not known */
	void **vectors;
	unsigned int nvectors;
	struct sm_known_env known[SM_INSIDE_ENVS];
	unsigned int nknown;
};

/* Makes the cell for a half of a check; and frees what it holds. */
void sm_cell_init(struct sm_cell *c, struct sm_cell_inside *inside, const struct sm_check *check,
		  const struct sm_check_call *call);
void sm_cell_fini(struct sm_cell *c);

/* Memory that lives as long as the cell. NULL: none left. */
void *sm_cell_keep(struct sm_cell *c, size_t bytes);

/* Puts a verdict there, formatted; returns observed. */
int sm_verdict_set(struct sm_cell *c, int observed, int feature, const char *format,
		   __builtin_va_list args);

/* Parent: the board's file, and its mapping in c->board. 0 or -errno. */
int sm_board_make(struct sm_cell *c);
/* Parent: removes the file; idempotent. */
void sm_board_drop(struct sm_cell *c);
/* Creator: runs in_creator and tells the board. */
void sm_board_creator(struct sm_cell *c);

/* After the half: what was left behind turns a verdict that holds into one that fails. */
void sm_audit_before(struct sm_cell *c);
void sm_audit_server(struct sm_cell *c); /* while it still runs */
void sm_audit_after(struct sm_cell *c);

/* SIGKILL to every child of this process but the server, and to the server's. */
void sm_kill_children(struct sm_cell *c);

#endif
