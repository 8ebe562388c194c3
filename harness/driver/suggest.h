/* SPDX-License-Identifier: MIT */
/*
 * suggest.h - messages for people: where it is wrong, and what would be right.
 */
#ifndef SM_SUGGEST_H
#define SM_SUGGEST_H

#include <stddef.h>

#include "plan.h"

/* Where a value was written; line 0: on the command line, and file says where there. */
struct sm_origin {
	const char *file;
	int line;
};

/* Fills error with "FILE:LINE: …" and returns -EINVAL. */
__attribute__((format(printf, 3, 4))) int sm_bad(struct sm_error *error, struct sm_origin at,
						 const char *format, ...);

/* The same of what was written nowhere: fills error with the text alone, and returns code. */
__attribute__((format(printf, 3, 4))) int sm_refuse(struct sm_error *error, int code,
						    const char *format, ...);

/* A set of words, by index: NULL past the end. */
typedef const char *sm_words(const void *set, int i);

/* The word of the set that is nearest to a mistyped one; NULL when none is near. */
const char *sm_nearest(const char *typed, sm_words *words, const void *set);

/*
 * "; did you mean 'blocks'?" or, when nothing is near, "; expected one of a, b, c". Cut at size.
 * Returns text.
 */
const char *sm_hint(char *text, size_t size, const char *typed, sm_words *words, const void *set);

/* "a, b, c". Returns text. */
const char *sm_join(char *text, size_t size, sm_words *words, const void *set);

/* For a NULL-terminated array of strings. */
const char *sm_words_array(const void *set, int i);

#endif
