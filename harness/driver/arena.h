/* SPDX-License-Identifier: MIT */
/*
 * arena.h - memory that lives and dies together: a plan's strings and arrays.
 */
#ifndef SM_ARENA_H
#define SM_ARENA_H

#include <stddef.h>

struct sm_arena;

struct sm_arena *sm_arena_new(void); /* NULL: no memory */
void sm_arena_free(struct sm_arena *arena);

/* Zeroed and aligned for any type; NULL when there is no memory. Freed with the arena. */
void *sm_arena_alloc(struct sm_arena *arena, size_t n, size_t size);
char *sm_arena_copy(struct sm_arena *arena, const char *text);
__attribute__((format(printf, 2, 3))) char *sm_arena_printf(struct sm_arena *arena,
							    const char *format, ...);

#endif
