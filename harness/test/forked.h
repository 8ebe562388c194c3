/* SPDX-License-Identifier: MIT */
/*
 * forked.h - trying in a forked child what would disturb the test program. The child answers by
 * its exit status: 0, or the line that failed.
 */
#ifndef SM_TEST_FORKED_H
#define SM_TEST_FORKED_H

#include <stdio.h>
#include <unistd.h>

/* In a child. A status has 8 bits: the line number's low ones tell where to look. */
#define FK_NEED(cond)                                                         \
	do {                                                                  \
		if (!(cond)) {                                                \
			dprintf(2, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			_exit(__LINE__ % 255 + 1);                            \
		}                                                             \
	} while (0)

/* Runs body in a child, at most 20 s; asserts that it ended well. */
void fk_in_child(void (*body)(const void *arg), const void *arg);

int fk_count_fds(void);

/* From now on these system calls answer err, as under a filter that denies them. */
void fk_refuse_calls(int err, unsigned int first, unsigned int second);
/* From now on these system calls answer ENOSYS, as on a kernel that does not have them. */
void fk_forget_calls(unsigned int first, unsigned int second);

#endif
