/* SPDX-License-Identifier: MIT */
/*
 * tree_util.h - another /proc and /sys, as meters and the doctor are given to read.
 */
#ifndef SM_TREE_UTIL_H
#define SM_TREE_UTIL_H

struct tree {
	char root[64]; /* below /tmp */
};

void tree_make(struct tree *t);
/* Writes root/path with its directories; text NULL: takes the file away. */
void tree_put(const struct tree *t, const char *path, const char *text);
void tree_free(struct tree *t);

#endif
