/* SPDX-License-Identifier: MIT */
/*
 * life_util.h - children that answer as long as they are asked, servers that are killed, control
 * groups of a check's own.
 */
#ifndef SM_CONFORMANCE_LIFE_UTIL_H
#define SM_CONFORMANCE_LIFE_UTIL_H

#include "check/check.h"

/* in_child: tells its pid for each byte; at 'q' or end of file it ends with status SM_ARG. */
int sm_life_talks(struct sm_cell *c);
/* Such a child, which has told once. 0 or -errno; then there is none. */
int sm_life_spawn(struct sm_cell *c, struct sm_kid *kid, const char *arg);
/* Asks it. 0: it is the one. */
int sm_life_ask(struct sm_cell *c, struct sm_kid *kid);
/* Lets it go. */
void sm_life_quit(struct sm_kid *kid);
/* Lets n of them go and waits until they are gone, whoever their parent is by now. */
void sm_life_end(struct sm_cell *c, struct sm_kid *kids, int n);

/* SIGKILL, and until it has ended. 0 or -errno. */
int sm_life_kill_server(struct sm_cell *c);
/* SIGSTOP, and until it stands. 0 or -errno. */
int sm_life_stop_server(struct sm_cell *c);
/* SIGCONT, if the strategy has not given it up. */
void sm_life_continue_server(struct sm_cell *c);

/* An empty directory below $TMPDIR. 0 or -errno. */
int sm_life_dir(char *path, size_t size);

struct sm_life_group {
	char dir[512];
	int fd; /* -1: none */
};

/* A group as sm_group_make() makes it; "": of version 2. 0 or -errno. */
int sm_life_group_make(struct sm_life_group *g, const char *controller);
/* Writes text to a file of it. 0 or -errno. */
int sm_life_group_put(const struct sm_life_group *g, const char *file, const char *text);
/* Whether pid is listed there. */
bool sm_life_group_has(const struct sm_life_group *g, pid_t pid);
/* Removes it once it is empty. 0 or -ETIMEDOUT. */
int sm_life_group_drop(struct sm_life_group *g);

#endif
