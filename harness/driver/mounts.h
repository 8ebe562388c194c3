/* SPDX-License-Identifier: MIT */
/*
 * mounts.h - what is mounted for this process: read again only when it has changed.
 */
#ifndef SM_MOUNTS_H
#define SM_MOUNTS_H

#include <stdbool.h>

struct sm_mounts {
	char *text; /* of mountinfo, as it was read last */
	int watch; /* an open mountinfo, which tells of changes; -1: none, so that each look reads */
	bool changed; /* since the text was read */
};

/* 0 or -ENOMEM. */
int sm_mounts_open(struct sm_mounts *m);
void sm_mounts_close(struct sm_mounts *m);

bool sm_mounts_changed(struct sm_mounts *m);
/* Reads it. Returns the text of before, which the caller frees; NULL: no memory for a new one. */
char *sm_mounts_read(struct sm_mounts *m);

/* Unmounts what is at dir and below. 0 or -errno. */
int sm_unmount_below(const char *dir);

#endif
