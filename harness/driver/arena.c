/* SPDX-License-Identifier: MIT */
/*
 * arena.c - a list of allocations that are freed together; see arena.h. Plans are small, so each
 * allocation is one of malloc's: valgrind and ASan then see every overrun.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"

struct piece {
	struct piece *next;
	_Alignas(max_align_t) char data[];
};

struct sm_arena {
	struct piece *pieces;
};

struct sm_arena *sm_arena_new(void)
{
	return calloc(1, sizeof(struct sm_arena));
}

void sm_arena_free(struct sm_arena *arena)
{
	struct piece *next;

	if (!arena)
		return;
	for (struct piece *p = arena->pieces; p; p = next) {
		next = p->next;
		free(p);
	}
	free(arena);
}

void *sm_arena_alloc(struct sm_arena *arena, size_t n, size_t size)
{
	struct piece *p;
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes) ||
	    __builtin_add_overflow(bytes, sizeof(*p), &bytes))
		return NULL;
	p = calloc(1, bytes);
	if (!p)
		return NULL;
	p->next = arena->pieces;
	arena->pieces = p;
	return p->data;
}

char *sm_arena_copy(struct sm_arena *arena, const char *text)
{
	char *copy = sm_arena_alloc(arena, strlen(text) + 1, 1);

	return copy ? strcpy(copy, text) : NULL;
}

char *sm_arena_printf(struct sm_arena *arena, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n >= 0)
		text = sm_arena_alloc(arena, (size_t)n + 1, 1);
	if (!text)
		return NULL;
	va_start(args, format);
	vsnprintf(text, (size_t)n + 1, format, args);
	va_end(args);
	return text;
}
